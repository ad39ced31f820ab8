//! Which samples make up which batch of an epoch.

use candlewick_core::Key;

use super::Settings;
use crate::{Error, Result};

/// The part of each batch that one of several processes gets.
///
/// Batch k of `world` shards together holds the samples of batch k of a single process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Number of this process, below `world`.
    pub rank: usize,
    /// The number of processes.
    pub world: usize,
}

impl Default for Shard {
    fn default() -> Self {
        Self { rank: 0, world: 1 }
    }
}

impl Shard {
    /// The part of `count` samples: contiguous, and as even as can be.
    fn range(self, count: usize) -> std::ops::Range<usize> {
        self.rank * count / self.world..(self.rank + 1) * count / self.world
    }
}

/// The order of the samples.
#[derive(Debug)]
pub(super) struct Order {
    samples: Vec<usize>,
    batch_size: usize,
    shuffle: bool,
    drop_last: bool,
    shard: Shard,
}

impl Order {
    pub(super) fn new(len: usize, settings: &Settings) -> Result<Self> {
        let Shard { rank, world } = settings.shard;
        if rank >= world {
            let expected = format!("below the {world} processes");
            return Err(Error::setting("rank", expected, rank));
        }
        let samples = match &settings.subset {
            None => (0..len).collect(),
            Some(subset) => {
                if let Some(bad) = subset.iter().find(|&&index| index >= len) {
                    let expected = format!("below the {len} samples of the data set");
                    return Err(Error::setting("subset", expected, bad));
                }
                subset.clone()
            }
        };
        let order = Self {
            samples,
            batch_size: settings.batch_size,
            shuffle: settings.shuffle,
            drop_last: settings.drop_last,
            shard: settings.shard,
        };
        if order.batches() == 0 {
            let got = format!("{} samples", order.samples.len());
            return Err(Error::setting("data set", "at least one batch", got));
        }
        let last = order.samples() - (order.batches() - 1) * order.batch_size;
        if last < world {
            let expected = format!("at least {world} samples, one for each process");
            return Err(Error::setting("last batch", expected, last));
        }
        Ok(order)
    }

    pub(super) fn batches(&self) -> usize {
        let len = self.samples.len();
        if self.drop_last { len / self.batch_size } else { len.div_ceil(self.batch_size) }
    }

    pub(super) fn samples(&self) -> usize {
        let len = self.samples.len();
        len.min(self.batches() * self.batch_size)
    }

    /// The samples of this shard of each batch of `epoch`, from batch `first` on.
    pub(super) fn epoch(&self, key: Key, epoch: u64, first: usize) -> Vec<Vec<usize>> {
        let mut samples = self.samples.clone();
        if self.shuffle {
            key.named("shuffle").at(epoch).stream().shuffle(&mut samples);
        }
        samples
            .chunks(self.batch_size)
            .take(self.batches())
            .skip(first)
            .map(|batch| batch[self.shard.range(batch.len())].to_vec())
            .collect()
    }
}
