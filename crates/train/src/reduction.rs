//! What the shards of a batch compute, summed over all ranks in an order that depends on their number alone.

use std::sync::mpsc::{Receiver, channel};

use candle_core::{Result as CandleResult, Tensor, TensorId};
use candlewick_core::host::{self, Read};
use candlewick_core::parameters::{Parameter, Parameters, Role};
use candlewick_encode::Batch;
use candlewick_methods::Scores;
use candlewick_network::{LayerObservation, watch_gradients};
use candlewick_ranks::{Fold, Seat, Shards};
use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::gradients::Gradients;

/// A shard of a batch.
pub(crate) struct Part {
    /// Its number over all ranks.
    pub(crate) shard: usize,
    /// Its share of the samples of the whole batch.
    pub(crate) weight: f64,
    /// Its samples; `None` if the batch has fewer samples than shards, and this is one without.
    pub(crate) batch: Option<Batch>,
}

/// The own shards of a batch.
pub(crate) fn parts(batch: &Batch, shards: &Shards) -> Result<Vec<Part>> {
    if shards.count() == 1 {
        return Ok(vec![Part { shard: 0, weight: 1.0, batch: Some(batch.clone()) }]);
    }
    let part = |(shard, range): (usize, std::ops::Range<usize>)| {
        let weight = range.len() as f64 / batch.total as f64;
        let samples = (!range.is_empty()).then(|| batch.part(range.start, range.end));
        Ok(Part { shard, weight, batch: samples.transpose()? })
    };
    shards.own_parts(batch.total).map(part).collect()
}

/// The first and the second half of every own shard of a batch; `None` if a shard has no two halves.
pub(crate) fn halves(batch: &Batch, shards: &Shards) -> Result<Option<[Vec<Part>; 2]>> {
    let sizes = (0..shards.count()).map(|shard| shards.samples(shard, batch.total).len());
    if sizes.clone().any(|size| size < 2) {
        return Ok(None);
    }
    let first = sizes.map(|size| size / 2).sum::<usize>();
    let mut halves = [Vec::new(), Vec::new()];
    for Part { shard, batch: samples, .. } in parts(batch, shards)? {
        let Some(samples) = samples else { continue };
        let size = samples.indices.len();
        let ends = [(0, size / 2, first), (size / 2, size, batch.total - first)];
        for (half, (start, end, of_all)) in halves.iter_mut().zip(ends) {
            let weight = (end - start) as f64 / of_all as f64;
            half.push(Part { shard, weight, batch: Some(samples.part(start, end)?) });
        }
    }
    Ok(Some(halves))
}

/// What is known of a shard after its forward and backward pass.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ShardReport {
    pub(crate) weight: f64,
    pub(crate) loss: f64,
    pub(crate) scores: Scores,
    /// By which accuracy is counted.
    pub(crate) labels: Vec<u32>,
    /// Of each spiking layer, from input to output.
    pub(crate) layers: Vec<LayerActivity>,
}

/// The activity of a spiking layer in a step.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LayerActivity {
    /// The penalty on its activity, as part of the loss.
    pub penalty: f64,
    /// Number of spikes.
    pub spikes: u64,
    /// Elements T·B·N that could have spiked.
    pub elements: u64,
    /// Elements T·B·N whose surrogate derivative was 0.
    pub zero_derivatives: u64,
    /// Elements T·B·N that the backward pass visited.
    pub backward_elements: u64,
}

impl LayerActivity {
    pub(crate) fn of(layer: &LayerObservation) -> Self {
        let counts = &layer.counts;
        Self {
            penalty: counts.penalty,
            spikes: counts.spikes,
            elements: counts.elements,
            zero_derivatives: counts.zero_derivatives,
            backward_elements: counts.backward_elements,
        }
    }
}

impl LayerActivity {
    /// The activity of all shards: penalties averaged by their samples, counts summed.
    pub(crate) fn mean(reports: &[ShardReport]) -> Vec<Self> {
        let layers = reports.iter().map(|report| report.layers.len()).max().unwrap_or(0);
        let mut all = vec![Self::default(); layers];
        for report in reports {
            for (sum, layer) in all.iter_mut().zip(&report.layers) {
                sum.penalty += report.weight * layer.penalty;
                sum.spikes += layer.spikes;
                sum.elements += layer.elements;
                sum.zero_derivatives += layer.zero_derivatives;
                sum.backward_elements += layer.backward_elements;
            }
        }
        all
    }
}

impl ShardReport {
    /// As numbers, for the other ranks.
    fn encode(&self) -> Vec<f64> {
        let Self { weight, loss, scores, labels, layers } = self;
        let dims = [scores.time_steps(), scores.samples(), scores.classes(), layers.len()];
        let mut all = vec![*weight, *loss];
        all.extend(dims.map(|dim| dim as f64));
        for layer in layers {
            let LayerActivity { penalty, spikes, elements, zero_derivatives, backward_elements } =
                *layer;
            all.push(penalty);
            let counts = [spikes, elements, zero_derivatives, backward_elements];
            all.extend(counts.map(|count| count as f64));
        }
        all.extend(labels.iter().map(|&label| f64::from(label)));
        all.extend(scores.values().iter().map(|&score| f64::from(score)));
        all
    }

    /// From what [`encode`](Self::encode) gives; `None` for a shard without samples.
    fn decode(values: &[f64]) -> Option<Self> {
        let (&[weight, loss, time_steps, samples, classes, layers], rest) =
            values.split_first_chunk()?;
        let (of_layers, rest) = rest.split_at(5 * layers as usize);
        let (labels, scores) = rest.split_at(samples as usize);
        let layers = of_layers.chunks_exact(5).map(|layer| LayerActivity {
            penalty: layer[0],
            spikes: layer[1] as u64,
            elements: layer[2] as u64,
            zero_derivatives: layer[3] as u64,
            backward_elements: layer[4] as u64,
        });
        let dims = [time_steps, samples, classes].map(|dim| dim as usize);
        let scores = scores.iter().map(|&score| score as f32).collect();
        Some(Self {
            weight,
            loss,
            scores: Scores::of(scores, dims),
            labels: labels.iter().map(|&label| label as u32).collect(),
            layers: layers.collect(),
        })
    }
}

/// Sums over the shards of the batches of a training, and keeps the memory for it.
#[derive(Debug, Default)]
pub struct Reduction {
    shards: Shards,
    /// Whether normalizations have the statistics of all shards.
    synchronized: bool,
    /// The gradients of each bucket of parameters, one behind the other.
    buckets: Vec<Bucket>,
    /// How each shard has changed the buffers.
    buffers: Fold,
    /// The buffers before the step.
    before: Vec<Vec<f32>>,
    /// Whether any own shard has a gradient with respect to each parameter.
    present: Vec<bool>,
    /// The gradients of a batch that is not divided.
    undivided: Option<Gradients>,
    /// Whether gradients travel while the backward pass runs; `None` before the first step has shown that they
    /// are complete when the network shows them.
    travels: Option<bool>,
}

/// Parameters whose gradients travel together.
#[derive(Debug)]
struct Bucket {
    /// Number and elements of each learned parameter.
    parameters: Vec<(usize, usize)>,
    fold: Fold,
    /// The sum over all ranks, once it is known.
    total: Option<Vec<f32>>,
}

impl Bucket {
    /// Adds the next shard, of the gradients that are there.
    fn add<'a>(
        &mut self,
        weight: f64,
        gradient: impl Fn(usize) -> Option<&'a Tensor>,
    ) -> Result<()> {
        let piece = |&(index, length): &(usize, usize)| match gradient(index) {
            Some(gradient) => host::read(gradient),
            None => Ok(Read::Copied(vec![0.0; length])),
        };
        let pieces = self.parameters.iter().map(piece).collect::<CandleResult<Vec<_>>>()?;
        self.fold.add(weight as f32, pieces.iter().map(|piece| &piece[..]));
        Ok(())
    }
}

/// Elements from which on a bucket takes no further parameter, and a parameter has one of its own: 1 MiB.
const BUCKET: usize = 1 << 18;

impl Reduction {
    /// Sums over `shards`.
    pub fn new(shards: Shards) -> Self {
        Self { shards, ..Self::default() }
    }

    /// The same, where the shards run at the same time and normalizations have the statistics of all of them.
    #[must_use]
    pub fn synchronized(self, synchronized: bool) -> Self {
        Self { synchronized, ..self }
    }

    /// One like this, with memory of its own.
    pub(crate) fn another(&self) -> Self {
        Self::new(self.shards.clone()).synchronized(self.synchronized)
    }

    /// The seats at which the own shards exchange statistics, if they do.
    pub(crate) fn seats(&self) -> Option<Vec<Seat>> {
        (self.synchronized && self.shards.count() > 1).then(|| Seat::all(&self.shards))
    }

    /// The shards of every batch.
    pub fn shards(&self) -> &Shards {
        &self.shards
    }

    /// Starts a step.
    pub(crate) fn start(&mut self, parameters: &Parameters) -> Result<()> {
        if self.shards.count() == 1 {
            return Ok(());
        }
        if self.buckets.is_empty() {
            self.buckets = buckets(parameters);
        }
        let first = self.shards.own().start;
        self.buckets.iter_mut().for_each(|bucket| bucket.fold.restart(first));
        self.buffers.restart(first);
        self.present = vec![false; parameters.learned().count()];
        if !self.synchronized {
            self.before = buffers(parameters).map(values).collect::<Result<_>>()?;
        }
        Ok(())
    }

    /// Adds what a shard found, unless it has no samples: its gradients, if it has some, and what its forward
    /// pass made of the buffers, which are then as they were before the step. Its report goes to `reports`.
    pub(crate) fn add(
        &mut self,
        parameters: &Parameters,
        part: &Part,
        found: Option<(ShardReport, Option<Gradients>)>,
        reports: &mut Vec<(usize, ShardReport)>,
    ) -> Result<()> {
        let (report, gradients) = found.unzip();
        reports.extend(
            report.map(|report| (part.shard, ShardReport { weight: part.weight, ..report })),
        );
        let (weight, gradients) = (part.weight, gradients.flatten());
        if self.shards.count() == 1 {
            self.undivided = gradients;
            return Ok(());
        }
        let gradient = |index: usize| gradients.as_ref().and_then(|all| all.get(index));
        for (index, present) in self.present.iter_mut().enumerate() {
            *present |= gradient(index).is_some();
        }
        for bucket in self.buckets.iter_mut().filter(|bucket| bucket.total.is_none()) {
            bucket.add(weight, gradient)?;
        }
        let mut changes = Vec::with_capacity(self.before.len());
        for (buffer, before) in buffers(parameters).zip(&self.before) {
            let after = values(buffer)?;
            changes.push(
                after.iter().zip(before).map(|(after, before)| after - before).collect::<Vec<_>>(),
            );
            buffer.variable.set(&Tensor::from_slice(
                before,
                buffer.variable.shape(),
                parameters.device(),
            )?)?;
        }
        self.buffers.add(weight as f32, changes.iter().map(|change| &change[..]));
        Ok(())
    }

    /// Whether the gradients of the last own shard may travel while its backward pass runs.
    pub(crate) fn may_travel(&self) -> bool {
        let several = self.shards.communicator().ranks() > 1;
        several && !self.synchronized && self.travels != Some(false)
    }

    /// Runs the last own shard, of that weight, and sends its gradients to the other ranks as soon as they are
    /// complete, bucket by bucket. In the first step they are only compared.
    pub(crate) fn while_running<T>(
        &mut self,
        parameters: &Parameters,
        weight: f64,
        run: impl FnOnce() -> Result<T>,
        gradients_of: impl Fn(&T) -> Option<&Gradients>,
    ) -> Result<T> {
        let variables: Vec<TensorId> =
            parameters.learned().map(|parameter| parameter.variable.as_tensor().id()).collect();
        let learned = variables.len();
        let (shown, arrives) = channel();
        let rest = shown.clone();
        let watcher = move |parameter: &Tensor, gradient: &Tensor| {
            if let Some(index) = variables.iter().position(|id| *id == parameter.id()) {
                // Who does not receive has failed, and says so itself.
                let _ = shown.send((index, Some(gradient.detach())));
            }
        };
        let (travels, shards, buckets) = (self.travels, &self.shards, &mut self.buckets);
        let (found, early) = std::thread::scope(|scope| {
            let exchange = scope.spawn(move || match travels {
                Some(true) => travel(buckets, shards, weight, learned, &arrives),
                _ => Ok(arrives.iter().collect()),
            });
            let found = watch_gradients(watcher, run)?;
            // What was not shown follows; what was stays as it was.
            for index in 0..learned {
                let gradient = gradients_of(&found).and_then(|gradients| gradients.get(index));
                let _ = rest.send((index, gradient.cloned()));
            }
            drop(rest);
            let early = exchange.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            Ok::<_, Error>((found, early?))
        })?;
        let mut complete = true;
        for (index, gradient) in early {
            let last = gradients_of(&found).and_then(|gradients| gradients.get(index));
            complete &= same(gradient.as_ref(), last)?;
        }
        if self.travels.is_none() {
            let [incomplete] = self.shards.communicator().any([!complete])?;
            self.travels = Some(!incomplete);
        } else if !complete {
            return Err(Error::Core(candlewick_core::Error::Setting {
                field: "gradient".into(),
                expected: "the one that the network has shown".into(),
                got: "another one".into(),
            }));
        }
        Ok(found)
    }

    /// The sums over all shards: the gradients come back, and the buffers are changed.
    pub(crate) fn finish(&mut self, parameters: &Parameters) -> Result<Gradients> {
        if let Some(gradients) = self.undivided.take() {
            return Ok(gradients);
        }
        let device = parameters.device();
        let ranks = self.shards.communicator();
        let own: Vec<u8> = self.present.iter().copied().map(u8::from).collect();
        let all = ranks.gather(&own)?;
        let present = |index: usize| all.iter().any(|rank| rank[index] != 0);
        let learned: Vec<&Parameter> = parameters.learned().collect();
        let mut gradients = vec![None; learned.len()];
        // The backward pass has found the last ones first.
        for bucket in self.buckets.iter_mut().rev() {
            let total = match bucket.total.take() {
                Some(total) => total,
                None => self.shards.sum(&mut bucket.fold)?,
            };
            if let [(index, _)] = bucket.parameters[..] {
                let shape = learned[index].variable.shape();
                let gradient = present(index).then(|| Tensor::from_vec(total, shape, device));
                gradients[index] = gradient.transpose()?;
                continue;
            }
            let mut rest = &total[..];
            for &(index, length) in &bucket.parameters {
                let (own, after) = rest.split_at(length);
                rest = after;
                if present(index) {
                    let shape = learned[index].variable.shape();
                    gradients[index] = Some(Tensor::from_slice(own, shape, device)?);
                }
            }
            bucket.fold.reuse(total);
        }
        let total = self.shards.sum(&mut self.buffers)?;
        let mut changes = &total[..];
        for (buffer, before) in buffers(parameters).zip(&self.before) {
            let (own, after) = changes.split_at(before.len());
            changes = after;
            let values: Vec<f32> =
                before.iter().zip(own).map(|(before, change)| before + change).collect();
            buffer.variable.set(&Tensor::from_vec(values, buffer.variable.shape(), device)?)?;
        }
        self.buffers.reuse(total);
        Ok(Gradients::new(gradients))
    }

    /// The reports of all shards that have samples, in their order, from those of the own ones.
    pub(crate) fn gather(&self, own: Vec<(usize, ShardReport)>) -> Result<Vec<ShardReport>> {
        if self.shards.communicator().ranks() == 1 {
            return Ok(own.into_iter().map(|(_, report)| report).collect());
        }
        let mut encoded = vec![Vec::new(); self.shards.own().len()];
        for (shard, report) in &own {
            encoded[shard - self.shards.own().start] = report.encode();
        }
        let all = self.shards.gather(encoded)?;
        Ok(all.iter().filter_map(|values| ShardReport::decode(values)).collect())
    }
}

/// Adds the gradients of the last own shard to the buckets as they arrive, and sums each bucket over all ranks as
/// soon as it is complete, from the last one on. What arrived first of each parameter comes back.
fn travel(
    buckets: &mut [Bucket],
    shards: &Shards,
    weight: f64,
    learned: usize,
    arrives: &Receiver<Arrival>,
) -> Result<Vec<Arrival>> {
    let mut found: Vec<Option<Option<Tensor>>> = vec![None; learned];
    let mut open = buckets.iter_mut().rev().peekable();
    for (index, gradient) in arrives {
        found[index].get_or_insert(gradient);
        let is_complete = |bucket: &&mut Bucket| {
            bucket.parameters.iter().all(|(index, _)| found[*index].is_some())
        };
        while let Some(bucket) = open.next_if(is_complete) {
            bucket.add(weight, |index| found[index].as_ref()?.as_ref())?;
            bucket.total = Some(shards.sum(&mut bucket.fold)?);
        }
    }
    let found = found.into_iter().enumerate();
    Ok(found.filter_map(|(index, gradient)| Some((index, gradient?))).collect())
}

/// Number of a learned parameter, and the gradient with respect to it, if there is one.
type Arrival = (usize, Option<Tensor>);

/// Whether two gradients are equal; one that is not a number equals another.
fn same(one: Option<&Tensor>, other: Option<&Tensor>) -> Result<bool> {
    let (Some(one), Some(other)) = (one, other) else {
        return Ok(one.is_some() == other.is_some());
    };
    let (one, other) = (host::read(one)?, host::read(other)?);
    let equal = |(one, other): (&f32, &f32)| one == other || (one.is_nan() && other.is_nan());
    Ok(one.len() == other.len() && one.par_iter().zip(&other[..]).all(equal))
}

fn buckets(parameters: &Parameters) -> Vec<Bucket> {
    let mut buckets: Vec<Bucket> = Vec::new();
    let mut room = 0;
    for (index, parameter) in parameters.learned().enumerate() {
        let length = parameter.variable.elem_count();
        match buckets.last_mut().filter(|_| length < room) {
            Some(bucket) => bucket.parameters.push((index, length)),
            None => {
                let parameters = vec![(index, length)];
                buckets.push(Bucket { parameters, fold: Fold::default(), total: None });
                room = BUCKET;
            }
        }
        room = room.saturating_sub(length);
    }
    buckets
}

fn buffers(parameters: &Parameters) -> impl Iterator<Item = &Parameter> {
    parameters.iter().filter(|entry| entry.role == Role::Buffer)
}

fn values(parameter: &Parameter) -> Result<Vec<f32>> {
    Ok(parameter.variable.flatten_all()?.to_vec1()?)
}
