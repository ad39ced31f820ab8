//! One training step and one inference, timed: the step that other libraries are compared by.
//!
//! A step is forward over T, the TET loss with λ = 0, backward, and SGD (learning rate 0.01, momentum
//! 0.9, weight decay 5e-4), in f32, for LIF neurons with `v ← 0.5 v + x`, threshold 1, hard reset that
//! is not detached, and the triangular surrogate. The batch is made beforehand.

use std::ops::Range;
use std::path::PathBuf;
use std::time::Instant;

use candle_core::{Device, Tensor};
use candlewick_core::parameters::seeded;
use candlewick_core::{Key, Result as CoreResult};
use candlewick_encode::Batch;
use candlewick_experiment::{Error, Experiment, Machine, RawRecipe, Recipe, Result, parts};
use candlewick_methods::Methods;
use candlewick_network::{Algorithms, Context, Features, Network};
use candlewick_ranks::Shards;
use candlewick_train::{Checkpoint, Optimizer, Reduction, Settings, StepSettings, step_in_shards};
use serde::Serialize;

use crate::timing::{memory, summary};

/// The networks that have such a step, with the recipe that trains them.
const STEPS: [(&str, &str); 3] = [
    ("convnet", include_str!("../steps/convnet.toml")),
    ("resnet-19", include_str!("../steps/resnet-19.toml")),
    ("vggsnn", include_str!("../steps/vggsnn.toml")),
];

/// What to measure.
#[derive(Clone, Debug)]
pub struct StepBench {
    /// `convnet`, `resnet-19` or `vggsnn`.
    pub net: String,
    /// Samples per batch; that of the recipe if absent (32, 8, 8).
    pub batch: Option<usize>,
    /// Number of time steps; that of the recipe if absent (4, 4, 10).
    pub time_steps: Option<usize>,
    /// Timed repetitions of each phase, after two that are not.
    pub steps: usize,
    /// Whether to time inference.
    pub infer: bool,
    /// Whether to time training.
    pub train: bool,
    /// Whether the backward pass computes the currents once more, for less memory.
    pub recompute: bool,
    /// A checkpoint of the network: firing rates of a trained one instead of a fresh one.
    pub weights: Option<PathBuf>,
    /// Real images instead of random numbers: the folder of the data sets (`vggsnn` uses an embedded
    /// one).
    pub data: Option<PathBuf>,
    /// How the batches of the training steps are divided, and the ranks that share them.
    pub shards: Shards,
}

/// What was measured. Times are in seconds, sizes in MiB.
#[derive(Clone, Debug, Serialize)]
pub struct StepReport {
    /// Name of the network.
    pub net: String,
    /// Samples per batch.
    pub batch: usize,
    /// Number of time steps.
    pub time_steps: usize,
    /// Shards of a batch.
    pub shards: usize,
    /// Ranks that share them.
    pub ranks: usize,
    /// Compute threads of each rank.
    pub threads: usize,
    /// Parameters that are learned.
    pub parameters: usize,
    /// Median time of a training step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub train_s: Option<f64>,
    /// Shortest training step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub train_min_s: Option<f64>,
    /// Median time of an inference.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub infer_s: Option<f64>,
    /// Shortest inference.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub infer_min_s: Option<f64>,
    /// Median time of one time step of a stream of one sample.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream_s: Option<f64>,
    /// Samples per second: of training if it was timed, else of inference.
    pub images_per_s: f64,
    /// Resident memory before the network was built.
    pub rss_base_mib: Option<f64>,
    /// Peak of the resident memory.
    pub rss_peak_mib: Option<f64>,
    /// The most that activations and gradients with respect to them took at once, without the bits of spikes.
    pub buffers_peak_mib: f64,
    /// Loss of the first training step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loss: Option<f64>,
    /// The synaptic layers in order.
    pub layers: Vec<StepLayer>,
}

/// What a synaptic layer did in the last step.
#[derive(Clone, Debug, Serialize)]
pub struct StepLayer {
    /// Path of the layer.
    pub name: String,
    /// Share of its inputs that are not 0; 1 for an input that is not made of spikes.
    pub density: f64,
    /// Firing rate of the neurons of the same name; absent for a branch that shares its neurons.
    pub firing_rate: Option<f64>,
    /// Kernels of the forward pass, the weight gradient and the input gradient.
    pub algorithms: String,
}

/// The recipe of a step.
pub(crate) fn recipe(bench: &StepBench) -> Result<Recipe> {
    let Some((name, text)) = STEPS.iter().find(|(name, _)| *name == bench.net) else {
        return Err(Error::Field {
            name: "bench step".into(),
            field: "net".into(),
            expected: format!("one of {}", STEPS.map(|(name, _)| name).join(", ")),
        });
    };
    let mut recipe = RawRecipe::parse(text, name)?.resolve(name)?;
    if let Some(batch) = bench.batch {
        recipe.input.batch_size = batch;
    }
    if let Some(time_steps) = bench.time_steps {
        for stage in &mut recipe.train.stages {
            stage.time_steps = time_steps;
        }
    }
    recipe.train.recompute = bench.recompute;
    recipe.check(name)?;
    Ok(recipe)
}

/// Random numbers in place of data: normal for images, counts of events for frames.
pub(crate) fn random_batch(recipe: &Recipe, net: &str) -> CoreResult<(Features, Batch)> {
    let (batch, steps) = (recipe.input.batch_size, recipe.train.stages[0].time_steps);
    let events = net == "vggsnn";
    let (side, channels, time) = if events { (48, 2, steps) } else { (32, 3, 1) };
    let mut stream = Key::new(recipe.seed).named("batch").stream();
    let count = time * batch * side * side * channels;
    let values: Vec<f32> = if events {
        // Poisson numbers of mean 0.3, by Knuth's product of uniform ones.
        let limit = (-0.3_f32).exp();
        let mut events = || {
            let (mut count, mut product) = (0.0, stream.uniform());
            while product > limit {
                count += 1.0;
                product *= stream.uniform();
            }
            count
        };
        (0..count).map(|_| events()).collect()
    } else {
        (0..count).map(|_| stream.normal()).collect()
    };
    let labels: Vec<u32> = (0..batch).map(|sample| (sample % 10) as u32).collect();
    let features = Features::Map { height: side, width: side, channels };
    let input = Tensor::from_vec(values, (time, batch, side, side, channels), &Device::Cpu)?;
    let labels = Tensor::from_vec(labels, batch, &Device::Cpu)?;
    Ok((
        features,
        Batch { input, labels, indices: (0..batch).collect(), mixed: None, total: batch },
    ))
}

/// Times the step.
///
/// # Errors
/// If there is no such network, data or checkpoint.
pub fn measure(bench: &StepBench) -> Result<StepReport> {
    let base = memory("VmRSS:");
    let recipe = recipe(bench)?;
    let (batch_size, time_steps) = (recipe.input.batch_size, recipe.train.stages[0].time_steps);
    let failed = |source| Error::Network { name: bench.net.clone(), source };
    let mut of_random = recipe.training_methods();
    let (built, mut prepared);
    let (network, methods, batch) = if let Some(data) = &bench.data {
        let machine = Machine { data: Some(data.clone()), ..Machine::default() };
        prepared = Experiment::prepare(recipe.clone(), &bench.net, &machine)?;
        let batch = prepared.first_batch()?;
        let (network, methods) = prepared.parts();
        (network, methods, batch)
    } else {
        let (features, batch) = random_batch(&recipe, &bench.net).map_err(failed)?;
        built = network(&recipe, &of_random, features).map_err(failed)?;
        (&built, &mut of_random, batch)
    };
    if let Some(path) = &bench.weights {
        Checkpoint::open(path)?.load_parameters(network.parameters())?;
    }
    let mut report = StepReport {
        net: bench.net.clone(),
        batch: batch_size,
        time_steps,
        shards: bench.shards.count(),
        ranks: bench.shards.communicator().ranks(),
        threads: rayon::current_num_threads(),
        parameters: network.parameters().count(),
        train_s: None,
        train_min_s: None,
        infer_s: None,
        infer_min_s: None,
        stream_s: None,
        images_per_s: 0.0,
        rss_base_mib: base,
        rss_peak_mib: None,
        buffers_peak_mib: 0.0,
        loss: None,
        layers: Vec::new(),
    };
    let repetitions = || (0..bench.steps + WARM_UP).map(|number| number >= WARM_UP);
    if bench.infer {
        let mut seconds = Vec::new();
        for timed in repetitions() {
            let start = Instant::now();
            infer(network, &batch.input, time_steps).map_err(failed)?;
            seconds.extend(timed.then(|| start.elapsed().as_secs_f64()));
        }
        (report.infer_s, report.infer_min_s) = summary(seconds).unzip();
        let activity = network.take_observations().into_iter();
        let activity = activity.map(|layer| (layer.counts.spikes, layer.counts.elements));
        report.layers = layers(network, &activity.collect::<Vec<_>>());
        let frame = batch
            .part(0, 1)
            .and_then(|one| one.input.get(0))
            .map_err(|error| failed(error.into()))?;
        let (mut stream, mut seconds) = (network.stream(1), Vec::new());
        for timed in repetitions() {
            let start = Instant::now();
            stream.step(&frame).map_err(failed)?;
            seconds.extend(timed.then(|| start.elapsed().as_secs_f64()));
        }
        report.stream_s = summary(seconds).map(|(median, _)| median);
    }
    if bench.train {
        let Settings { optimizer, groups, recompute, .. } = &recipe.train;
        let mut optimizer = Optimizer::new(optimizer, *groups, network.parameters())?;
        let mut reduction = Reduction::new(bench.shards.clone());
        let Range { start, end } = bench.shards.own_samples(batch_size);
        let own = batch.part(start, end).map_err(|error| failed(error.into()))?;
        let (mut seconds, mut activity) = (Vec::new(), Vec::new());
        for (number, timed) in repetitions().enumerate() {
            let key = Key::new(recipe.seed).named("step").at(number as u64);
            let mut settings = StepSettings::new(time_steps, key);
            settings.context.recompute = *recompute;
            settings.update_in_backward = true;
            let start = Instant::now();
            let optimizer = &mut optimizer;
            let made =
                step_in_shards(network, methods, optimizer, &own, &settings, &mut reduction)?;
            seconds.extend(timed.then(|| start.elapsed().as_secs_f64()));
            report.loss = report.loss.or(Some(made.loss));
            activity = made.layers.iter().map(|layer| (layer.spikes, layer.elements)).collect();
        }
        (report.train_s, report.train_min_s) = summary(seconds).unzip();
        report.layers = layers(network, &activity);
    }
    let median = report.train_s.or(report.infer_s).unwrap_or(f64::INFINITY);
    report.images_per_s = batch_size as f64 / median;
    report.rss_peak_mib = memory("VmHWM:");
    report.buffers_peak_mib = network.most_buffered() as f64 / f64::from(1 << 20);
    Ok(report)
}

/// The network of a step's recipe for samples that are `features`, with its initial parameters.
pub(crate) fn network(
    recipe: &Recipe,
    methods: &Methods,
    features: Features,
) -> CoreResult<Network> {
    let builder = seeded(&Device::Cpu, Key::new(recipe.seed));
    Network::new(&*recipe.network, &parts(recipe), methods, features, 10, builder)
}

fn infer(network: &Network, input: &Tensor, time_steps: usize) -> CoreResult<Tensor> {
    let outputs = network.forward(input, &Context::evaluation(time_steps))?;
    Ok(outputs.logits.mean(0)?)
}

/// Repetitions that are not timed.
const WARM_UP: usize = 2;

/// The synaptic layers, where the spiking layers had so many spikes among so many elements.
fn layers(network: &Network, activity: &[(u64, u64)]) -> Vec<StepLayer> {
    let rate = |&(spikes, elements): &(u64, u64)| spikes as f64 / elements.max(1) as f64;
    let rates: Vec<(String, f64)> =
        network.layer_names().into_iter().zip(activity.iter().map(rate)).collect();
    network
        .synapses()
        .into_iter()
        .map(|synapse| StepLayer {
            density: synapse.algorithms.and_then(|algorithms| algorithms.density).unwrap_or(1.0),
            firing_rate: rates
                .iter()
                .find(|(name, _)| *name == synapse.name)
                .map(|(_, rate)| *rate),
            algorithms: synapse.algorithms.as_ref().map(Algorithms::to_string).unwrap_or_default(),
            name: synapse.name,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bench(net: &str) -> StepBench {
        StepBench {
            net: net.to_owned(),
            batch: Some(1),
            time_steps: Some(1),
            steps: 1,
            infer: true,
            train: net == "convnet",
            recompute: false,
            weights: None,
            data: None,
            shards: Shards::default(),
        }
    }

    #[test]
    fn every_step_runs_and_names_its_layers() -> Result<()> {
        let mut visited = 0;
        for ((net, _), layers) in STEPS.iter().zip([4, 21, 8]) {
            let report = measure(&bench(net))?;
            assert_eq!(report.layers.len(), layers, "{net}");
            assert!(report.infer_s.is_some_and(|seconds| seconds > 0.0));
            assert!(report.stream_s.is_some_and(|seconds| seconds > 0.0));
            assert!(report.layers.iter().all(|layer| !layer.algorithms.is_empty()));
            visited += 1;
        }
        assert_eq!(visited, 3);
        Ok(())
    }

    #[test]
    fn a_recomputed_step_has_the_same_loss_in_less_memory() -> Result<()> {
        let mut reports = Vec::new();
        for recompute in [false, true] {
            let time_steps = Some(4);
            let bench = StepBench { recompute, time_steps, infer: false, ..bench("convnet") };
            reports.push(measure(&bench)?);
        }
        assert!(reports[0].loss.is_some());
        assert_eq!(reports[0].loss, reports[1].loss);
        let [kept, again] = [0, 1].map(|index| reports[index].buffers_peak_mib);
        assert!(again > 0.0 && again < kept, "{again} MiB, {kept} MiB");
        Ok(())
    }
}
