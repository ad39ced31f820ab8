//! Evaluation: loss, accuracy per time step and firing rates over a data set, without gradients.

use std::sync::atomic::{AtomicBool, Ordering};

use candlewick_encode::{Batch, Loader};
use candlewick_methods::{Methods, Moment, Outputs, Scores};
use candlewick_network::{Census, Context, LayerObservation, Operations};
use candlewick_ranks::{Communicator, Shards, numbers};
use candlewick_run::{EvaluationMetrics, LayerMetrics, SynapticOperations};

use crate::checkpoint::Checkpoint;
use crate::divergence::Symptom;
use crate::error::{Error, Result};
use crate::loaders;
use crate::model::Model;
use crate::shard::parts;

/// The result of an evaluation.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// Time steps T.
    pub time_steps: usize,
    /// Number of samples.
    pub samples: u64,
    /// Loss and accuracies.
    pub metrics: EvaluationMetrics,
    /// One entry per spiking layer, in the order of the network.
    pub layers: Vec<LayerMetrics>,
}

/// Evaluates `model` at `time_steps` on an epoch of the loader that fits; `None` if `stop` was set
/// in the middle. `on_batch` is called after each batch with the batches done and in all.
///
/// A sample's class is that of its largest mean logit over time, or of the weighted mean if a method weights the
/// steps. Nothing in an evaluation is random, and no graph is kept.
///
/// ```
/// use std::sync::atomic::AtomicBool;
///
/// use candle_core::Device;
/// use candlewick_core::{Key, parameters::seeded};
/// use candlewick_methods::Methods;
/// use candlewick_network::Network;
/// use candlewick_train::{Data, evaluate};
///
/// let data = Data::open("digits")?.time_steps(2);
/// let untrained = Network::spec("FC32-FC10");
/// let untrained = untrained.build(data.features()?, 10, seeded(&Device::Cpu, Key::new(1)))?;
/// let test = data.loaders(&[2])?.test;
/// let never = AtomicBool::new(false);
/// let evaluation = evaluate(&untrained, &Methods::new(), &test, 2, &never, |_, _| {})?;
/// let evaluation = evaluation.expect("nobody stops it");
/// assert_eq!((evaluation.samples, evaluation.layers.len()), (500, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If no loader gives inputs for that many time steps, or a layer fails.
pub fn evaluate(
    model: &dyn Model,
    methods: &Methods,
    data: &[Loader],
    time_steps: usize,
    stop: &AtomicBool,
    mut on_batch: impl FnMut(u64, u64),
) -> Result<Option<Evaluation>> {
    let loader = loaders::fitting(data, time_steps)?;
    let shards = loader.shards();
    let batches = loader.batches() as u64;
    // What was observed before this evaluation is not part of it.
    model.take_observations();
    model.take_operations();
    let mut sums = vec![Sums { right: vec![0; time_steps], ..Sums::default() }; shards.own().len()];
    for (number, batch) in loader.epoch(0, 0).map_err(loaders::failed)?.enumerate() {
        let [stopped] = shards.communicator().any([stop.load(Ordering::Relaxed)])?;
        if stopped {
            return Ok(None);
        }
        let parts = parts(&batch.map_err(loaders::failed)?, shards)?;
        for (sums, part) in sums.iter_mut().zip(&parts) {
            if let Some(batch) = &part.batch {
                sums.add(model, methods, batch, time_steps)?;
            }
        }
        on_batch(number as u64 + 1, batches);
    }
    let mut layers = model.take_observations();
    add_other_ranks(&mut layers, shards.communicator())?;
    Ok(Some(Sums::over_shards(&sums, shards)?.evaluation(time_steps, layers)))
}

/// Loads the weights of a checkpoint and evaluates them at each of `time_steps` (the time
/// scalability of TET, section 5.3).
///
/// # Errors
/// If the checkpoint does not fit the network, and as [`evaluate`].
pub fn evaluate_checkpoint(
    checkpoint: &Checkpoint,
    model: &dyn Model,
    methods: &mut Methods,
    data: &[Loader],
    time_steps: &[usize],
) -> Result<Vec<Evaluation>> {
    checkpoint.load_parameters(model.parameters())?;
    checkpoint.load_methods(methods)?;
    let never = AtomicBool::new(false);
    let mut evaluations = Vec::new();
    for &time_steps in time_steps {
        let evaluation = evaluate(model, methods, data, time_steps, &never, |_, _| ())?;
        evaluations.extend(evaluation);
    }
    Ok(evaluations)
}

/// Sums over the batches of a shard.
#[derive(Clone, Default)]
struct Sums {
    samples: u64,
    loss: f64,
    cross_entropy: f64,
    operations: Operations,
    right: Vec<u64>,
    confusion: Vec<Vec<u32>>,
}

impl Sums {
    /// Runs a batch and adds what it shows.
    fn add(
        &mut self,
        model: &dyn Model,
        methods: &Methods,
        batch: &Batch,
        time_steps: usize,
    ) -> Result<()> {
        let moment = Moment { epoch: 0, step: 0, progress: 1.0, training: false };
        let weights = methods.output_weights(time_steps);
        let context = Context { census: true, ..Context::evaluation(time_steps) };
        let outputs = model.forward(&batch.input, &context)?;
        // Whatever graph the network kept ends here.
        let outputs = Outputs { logits: outputs.logits.detach(), side: Vec::new() };
        let labels = batch.labels.to_vec1::<u32>()?;
        let scores = Scores::new(&outputs.logits)?;
        loaders::same_time_steps(scores.time_steps(), time_steps)?;
        let loss = methods.loss(&outputs, &batch.labels, &moment)?.to_scalar::<f32>()?;
        let operations = model.take_operations().unwrap_or_default();
        self.operations.additions += operations.additions;
        self.operations.multiply_adds += operations.multiply_adds;
        self.samples += labels.len() as u64;
        self.loss += f64::from(loss) * labels.len() as f64;
        self.cross_entropy += scores.cross_entropy(&weights, &labels) * labels.len() as f64;
        self.count(scores.classes(), &scores.classes_of(&weights), &labels);
        for (sum, right) in self.right.iter_mut().zip(scores.right_up_to(&weights, &labels)) {
            *sum += right;
        }
        Ok(())
    }

    /// The sums over all shards, from those of the own ones.
    fn over_shards(own: &[Self], shards: &Shards) -> Result<Self> {
        let all = shards.gather(own.iter().map(Self::encode).collect())?;
        let steps = own[0].right.len();
        let mut total = Self { right: vec![0; steps], ..Self::default() };
        for values in all {
            let (sums, rest) = values.split_at(5);
            let (right, confusion) = rest.split_at(steps);
            total.samples += sums[0] as u64;
            total.loss += sums[1];
            total.cross_entropy += sums[2];
            total.operations.additions += sums[3];
            total.operations.multiply_adds += sums[4];
            total.right.iter_mut().zip(right).for_each(|(sum, right)| *sum += *right as u64);
            let classes = confusion.len().isqrt();
            total.confusion.resize(total.confusion.len().max(classes), vec![0; classes]);
            for (row, counts) in total.confusion.iter_mut().zip(confusion.chunks(classes.max(1))) {
                row.iter_mut().zip(counts).for_each(|(sum, count)| *sum += *count as u32);
            }
        }
        Ok(total)
    }

    fn encode(&self) -> Vec<f64> {
        let Operations { additions, multiply_adds } = self.operations;
        let samples = self.samples as f64;
        let mut all = vec![samples, self.loss, self.cross_entropy, additions, multiply_adds];
        all.extend(self.right.iter().map(|&right| right as f64));
        all.extend(self.confusion.iter().flatten().map(|&count| f64::from(count)));
        all
    }

    /// Counts which of the `classes` the samples were taken for.
    fn count(&mut self, classes: usize, choices: &[usize], labels: &[u32]) {
        if classes > EvaluationMetrics::MOST_CLASSES {
            return;
        }
        self.confusion.resize(classes, vec![0; classes]);
        for (&choice, &label) in choices.iter().zip(labels) {
            self.confusion[label as usize][choice] += 1;
        }
    }

    fn evaluation(self, time_steps: usize, layers: Vec<LayerObservation>) -> Evaluation {
        let samples = self.samples.max(1) as f64;
        let operations = Some(self.operations).filter(|sum| *sum != Operations::default());
        let operations = operations.map(|sum| SynapticOperations {
            additions: sum.additions / samples,
            multiply_adds: sum.multiply_adds / samples,
        });
        let accuracy = |right: u64| right as f64 / samples;
        Evaluation {
            time_steps,
            samples: self.samples,
            metrics: EvaluationMetrics {
                loss: self.loss / samples,
                cross_entropy: Some(self.cross_entropy / samples).filter(|mean| mean.is_finite()),
                accuracy: accuracy(self.right.last().copied().unwrap_or(0)),
                accuracy_per_step: self.right.iter().map(|&right| accuracy(right) as f32).collect(),
                synaptic_operations: operations,
                confusion: self.confusion,
            },
            layers: layers.into_iter().map(health).collect(),
        }
    }
}

/// Adds the spikes that the other ranks have counted; whole numbers, so that the order does not matter.
fn add_other_ranks(layers: &mut [LayerObservation], ranks: &dyn Communicator) -> Result<()> {
    if ranks.ranks() == 1 {
        return Ok(());
    }
    let mut values = Vec::new();
    for layer in &*layers {
        let census = layer.census.clone().unwrap_or_default();
        let counts = &layer.counts;
        let counts = [counts.spikes, counts.elements, census.steps, census.spikes.len() as u64];
        values.extend(counts.iter().chain(&census.spikes).map(|&count| count as f64));
    }
    let all = ranks.gather(bytemuck::cast_slice(&values))?;
    for (_, bytes) in all.iter().enumerate().filter(|(rank, _)| *rank != ranks.rank()) {
        let mut counts = numbers(bytes).into_iter().map(|count| count as u64);
        let mut next = || counts.next().unwrap_or(0);
        for layer in &mut *layers {
            layer.counts.spikes += next();
            layer.counts.elements += next();
            let (steps, neurons) = (next(), next());
            let spikes = (0..neurons).map(|_| next()).collect();
            if steps > 0 {
                layer.census.get_or_insert_default().add(&Census { spikes, steps });
            }
        }
    }
    Ok(())
}

/// The health of a layer, without what only a backward pass measures.
fn health(layer: LayerObservation) -> LayerMetrics {
    let LayerObservation { name, neurons, counts, census } = layer;
    let share = |count: usize| (count as f64 / neurons.max(1) as f64) as f32;
    LayerMetrics {
        name,
        firing_rate: (counts.spikes as f64 / counts.elements.max(1) as f64) as f32,
        dead: census.as_ref().map(|census| share(census.dead())),
        active_gradient: None,
        saturated: census.as_ref().map(|census| share(census.saturated())),
    }
}

impl Evaluation {
    /// The evaluation, unless its loss is not a number that can be recorded.
    pub(crate) fn finite(self, quantity: &'static str, epoch: u32, step: u64) -> Result<Self> {
        if self.metrics.loss.is_finite() {
            return Ok(self);
        }
        let symptom = Symptom::NotFinite { quantity, layer: None };
        Err(Error::Diverged { symptom, epoch, step })
    }
}
