//! The iterator over the batches of an epoch, and the threads behind it.
//!
//! Worker w of n prepares batches w, w + n, w + 2n, …, each worker has a bounded channel of its
//! own, and the consumer asks them in turn: so the order is fixed without sorting, and the memory
//! is bounded. Dropping the iterator closes the channels, which ends the workers.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use candle_core::{Device, Tensor};

use super::order::Chosen;
use super::plan::{Plan, Prepared, Scratch};
use crate::{Error, Result};

/// The samples of one training or evaluation step.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Input of the network, `[T, B, H, W, C]`, or `[T, B, N]` for spike trains and vectors; T is 1 for one that is the same at all steps.
    pub input: Tensor,
    /// Class of each sample, `[B]`, u32.
    pub labels: Tensor,
    /// Number of each sample in its split.
    pub indices: Vec<usize>,
    /// The second labels, where the samples are mixed.
    pub mixed: Option<Mixed>,
    /// The number of samples over all ranks; those here are of the rank's own shards.
    pub total: usize,
}

impl Batch {
    /// The samples from number `from` to before number `to`.
    ///
    /// # Errors
    /// If there are not so many.
    pub fn part(&self, from: usize, to: usize) -> candle_core::Result<Self> {
        let labels = |labels: &Tensor| labels.narrow(0, from, to - from)?.contiguous();
        let mixed = |mixed: &Mixed| -> candle_core::Result<Mixed> {
            Ok(Mixed { labels: labels(&mixed.labels)?, share: mixed.share })
        };
        if (from, to) == (0, self.indices.len()) {
            return Ok(self.clone());
        }
        Ok(Self {
            input: self.input.narrow(1, from, to - from)?.contiguous()?,
            labels: labels(&self.labels)?,
            indices: self.indices[from..to].to_vec(),
            mixed: self.mixed.as_ref().map(mixed).transpose()?,
            total: self.total,
        })
    }
}

/// What a mixed batch has besides: `share · loss(labels) + (1 - share) · loss(mixed.labels)` is its
/// loss.
#[derive(Clone, Debug)]
pub struct Mixed {
    /// Class of the partner of each sample, `[B]`, u32.
    pub labels: Tensor,
    /// Weight of the samples' own labels, in [0, 1].
    pub share: f32,
}

impl Batch {
    /// Moves a batch to `device`; the memory comes back where it was copied and not taken over.
    fn new(prepared: Prepared, plan: &Plan, device: &Device) -> Result<(Self, Option<Vec<f32>>)> {
        let Prepared { values, labels, indices, partners, total } = prepared;
        let mut dims = vec![plan.steps(), indices.len()];
        dims.extend_from_slice(plan.dims());
        let (input, used) = if device.is_cpu() {
            (Tensor::from_vec(values, dims, device)?, None)
        } else {
            (Tensor::from_slice(&values, dims, device)?, Some(values))
        };
        let mixed = match partners {
            None => None,
            Some((partners, share)) => {
                let labels: Vec<u32> = partners.iter().map(|&partner| labels[partner]).collect();
                let labels = Tensor::from_vec(labels, indices.len(), device)?;
                Some(Mixed { labels, share })
            }
        };
        let labels = Tensor::from_vec(labels, indices.len(), device)?;
        let batch = Self { input, labels, indices, mixed, total };
        Ok((batch, used))
    }
}

/// The batches of an epoch from number `first` on: the samples of each.
pub(super) struct Work {
    pub(super) plan: Arc<Plan>,
    pub(super) epoch: u64,
    pub(super) first: usize,
    pub(super) batches: Vec<Chosen>,
}

impl Work {
    /// Divides the work among `count` threads, in turn.
    fn divide(self, count: usize) -> impl Iterator<Item = Share> {
        let mut shares = vec![Vec::new(); count];
        for (number, batch) in self.batches.into_iter().enumerate() {
            shares[number % count].push((self.first + number, batch));
        }
        shares.into_iter().map(move |batches| Share {
            plan: Arc::clone(&self.plan),
            epoch: self.epoch,
            batches,
        })
    }
}

/// The part of the work that one thread has: numbers and samples of its batches.
struct Share {
    plan: Arc<Plan>,
    epoch: u64,
    batches: Vec<(usize, Chosen)>,
}

impl Share {
    /// Prepares each batch when it is asked for, in memory that `used` has to give.
    fn run(self, mut used: impl FnMut() -> Vec<f32>) -> impl Iterator<Item = Result<Prepared>> {
        let mut scratch = Scratch::default();
        self.batches.into_iter().map(move |(number, samples)| {
            self.plan.prepare(self.epoch, number, samples, used(), &mut scratch)
        })
    }
}

/// A thread that prepares batches ahead.
struct Worker {
    prepared: Receiver<Result<Prepared>>,
    used: Sender<Vec<f32>>,
    thread: JoinHandle<()>,
}

impl Worker {
    fn start(number: usize, share: Share, prefetch: usize) -> Result<Self> {
        let (hand_over, prepared) = sync_channel(prefetch);
        let (used, free) = channel();
        let prepare = move || {
            let memory = || free.try_recv().unwrap_or_default();
            for prepared in share.run(memory) {
                // After an error, or when the consumer has gone, nothing more is wanted.
                let last = prepared.is_err();
                if hand_over.send(prepared).is_err() || last {
                    return;
                }
            }
        };
        let thread = thread::Builder::new()
            .name(format!("loader {number}"))
            .spawn(prepare)
            .map_err(|source| Error::Spawn { source })?;
        Ok(Self { prepared, used, thread })
    }
}

/// Who prepares the batches.
enum Source {
    /// The consumer itself, when it asks.
    Consumer(Box<dyn Iterator<Item = Result<Prepared>> + Send>),
    /// Threads, asked in turn.
    Workers { workers: Vec<Worker>, turn: usize },
}

/// The batches of an epoch, in order.
///
/// After an error the iterator has ended. Dropping it ends the worker threads.
pub struct Batches {
    source: Source,
    plan: Arc<Plan>,
    device: Device,
    next: usize,
    end: usize,
    waited: Duration,
}

impl Batches {
    pub(super) fn start(
        work: Work,
        workers: usize,
        prefetch: usize,
        device: Device,
    ) -> Result<Self> {
        let (plan, first) = (Arc::clone(&work.plan), work.first);
        let end = first + work.batches.len();
        let mut shares = work.divide(workers.clamp(1, (end - first).max(1))).enumerate();
        let source = match (workers, shares.next()) {
            (0, Some((_, share))) => Source::Consumer(Box::new(share.run(Vec::new))),
            (_, share) => {
                let workers = share
                    .into_iter()
                    .chain(shares)
                    .map(|(number, share)| Worker::start(number, share, prefetch))
                    .collect::<Result<_>>()?;
                Source::Workers { workers, turn: 0 }
            }
        };
        Ok(Self { source, plan, device, next: first, end, waited: Duration::ZERO })
    }

    /// How long the consumer has waited in [`Iterator::next`] so far. The rest of the preparation
    /// was hidden behind the consumer's own work: where this is a large part of an epoch, the
    /// loader is the limit.
    pub fn waited(&self) -> Duration {
        self.waited
    }

    /// The number in the epoch of the batch that comes next.
    pub fn position(&self) -> usize {
        self.next
    }

    fn batch(&mut self) -> Result<Batch> {
        let lost = Error::Worker { batch: self.next };
        match &mut self.source {
            Source::Consumer(prepared) => {
                let prepared = prepared.next().ok_or(lost)??;
                Ok(Batch::new(prepared, &self.plan, &self.device)?.0)
            }
            Source::Workers { workers, turn } => {
                let worker = &workers[*turn];
                *turn = (*turn + 1) % workers.len();
                let prepared = worker.prepared.recv().map_err(|_| lost)??;
                let (batch, used) = Batch::new(prepared, &self.plan, &self.device)?;
                if let Some(used) = used {
                    // A worker that is through needs no memory.
                    let _ = worker.used.send(used);
                }
                Ok(batch)
            }
        }
    }
}

impl Iterator for Batches {
    type Item = Result<Batch>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next >= self.end {
            return None;
        }
        let start = Instant::now();
        let batch = self.batch();
        self.waited += start.elapsed();
        match batch {
            Ok(_) => self.next += 1,
            Err(_) => self.end = self.next,
        }
        Some(batch)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.end - self.next;
        (left, Some(left))
    }
}

impl ExactSizeIterator for Batches {}

impl Drop for Batches {
    fn drop(&mut self) {
        let Source::Workers { workers, .. } = &mut self.source else {
            return;
        };
        // All channels are closed before the first thread is waited for.
        let threads: Vec<_> = workers.drain(..).map(|worker| worker.thread).collect();
        for thread in threads {
            // A panic in a worker was reported as `Error::Worker`.
            let _ = thread.join();
        }
    }
}

impl std::fmt::Debug for Batches {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Batches")
            .field("next", &self.next)
            .field("end", &self.end)
            .field("waited", &self.waited)
            .finish_non_exhaustive()
    }
}
