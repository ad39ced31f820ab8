//! Which samples make up which batch of an epoch.

use candlewick_core::Key;
use candlewick_ranks::Shards;

use super::Settings;
use crate::{Error, Result};

/// The samples of a batch.
#[derive(Clone, Debug)]
pub(super) struct Chosen {
    /// Those that this rank prepares.
    pub(super) own: Vec<usize>,
    /// How many it has over all ranks.
    pub(super) total: usize,
}

/// The order of the samples.
#[derive(Debug)]
pub(super) struct Order {
    samples: Vec<usize>,
    batch_size: usize,
    shuffle: bool,
    drop_last: bool,
    shards: Shards,
}

impl Order {
    pub(super) fn new(len: usize, settings: &Settings) -> Result<Self> {
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
            shards: settings.shards.clone(),
        };
        if order.batches() == 0 {
            let got = format!("{} samples", order.samples.len());
            return Err(Error::setting("data set", "at least one batch", got));
        }
        Ok(order)
    }

    pub(super) fn shards(&self) -> &Shards {
        &self.shards
    }

    pub(super) fn batches(&self) -> usize {
        let len = self.samples.len();
        if self.drop_last { len / self.batch_size } else { len.div_ceil(self.batch_size) }
    }

    pub(super) fn smallest_batch(&self) -> usize {
        self.samples() - (self.batches() - 1) * self.batch_size.min(self.samples())
    }

    pub(super) fn samples(&self) -> usize {
        let len = self.samples.len();
        len.min(self.batches() * self.batch_size)
    }

    /// The samples of each batch of `epoch`, from batch `first` on.
    pub(super) fn epoch(&self, key: Key, epoch: u64, first: usize) -> Vec<Chosen> {
        let mut samples = self.samples.clone();
        if self.shuffle {
            key.named("shuffle").at(epoch).stream().shuffle(&mut samples);
        }
        samples
            .chunks(self.batch_size)
            .take(self.batches())
            .skip(first)
            .map(|batch| {
                let total = batch.len();
                Chosen { own: batch[self.shards.own_samples(total)].to_vec(), total }
            })
            .collect()
    }
}
