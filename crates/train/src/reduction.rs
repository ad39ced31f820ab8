//! What the shards of a batch compute, summed over all ranks in an order that depends on their number alone.

mod travel;

use candle_core::{Result as CandleResult, Tensor};
use candlewick_core::host::{self, Read};
use candlewick_core::parameters::{Parameter, Parameters, Role};
use candlewick_ranks::{Fold, Seat, Shards};

use crate::error::Result;
use crate::gradients::Gradients;
use crate::shard::{Found, Part, ShardReport};

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
            // What does not travel needs no pieces, and one array leaves no gaps.
            let travels = self.shards.communicator().ranks() > 1;
            self.buckets = buckets(parameters, if travels { BUCKET } else { usize::MAX });
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
        found: Found,
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

/// Parameters in buckets of about so many elements.
fn buckets(parameters: &Parameters, elements: usize) -> Vec<Bucket> {
    let mut buckets: Vec<Bucket> = Vec::new();
    let mut room = 0;
    for (index, parameter) in parameters.learned().enumerate() {
        let length = parameter.variable.elem_count();
        if let Some(bucket) = buckets.last_mut().filter(|_| length < room) {
            bucket.parameters.push((index, length));
        } else {
            let parameters = vec![(index, length)];
            buckets.push(Bucket { parameters, fold: Fold::default(), total: None });
            room = elements;
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
