//! The shards of a batch, and the ranks that compute them.

use std::ops::Range;
use std::sync::Arc;

use crate::{Alone, Communicator, Error, Fold, Result};

/// The shards of every batch of a training, of which this rank computes a contiguous part.
#[derive(Clone, Debug)]
pub struct Shards {
    count: usize,
    communicator: Arc<dyn Communicator>,
}

impl Default for Shards {
    /// A batch that is not divided.
    fn default() -> Self {
        Self { count: 1, communicator: Arc::new(Alone) }
    }
}

impl Shards {
    /// `count` shards, divided evenly among the ranks of `communicator`.
    ///
    /// # Errors
    /// [`Error::Division`] if that is not possible.
    pub fn new(count: usize, communicator: Arc<dyn Communicator>) -> Result<Self> {
        let ranks = communicator.ranks();
        if count == 0 || !count.is_multiple_of(ranks) {
            return Err(Error::Division { shards: count, ranks });
        }
        Ok(Self { count, communicator })
    }

    /// The number of shards over all ranks.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The connection to the other ranks.
    pub fn communicator(&self) -> &dyn Communicator {
        &*self.communicator
    }

    /// The numbers of the shards that this rank computes.
    pub fn own(&self) -> Range<usize> {
        self.of_rank(self.communicator.rank())
    }

    fn of_rank(&self, rank: usize) -> Range<usize> {
        let each = self.count / self.communicator.ranks();
        rank * each..(rank + 1) * each
    }

    /// The samples of shard number `shard` of a batch of `samples`: contiguous, and as even as can be.
    pub fn samples(&self, shard: usize, samples: usize) -> Range<usize> {
        shard * samples / self.count..(shard + 1) * samples / self.count
    }

    /// The samples of this rank in a batch of `samples`.
    pub fn own_samples(&self, samples: usize) -> Range<usize> {
        let Range { start, end } = self.own();
        self.samples(start, samples).start..self.samples(end - 1, samples).end
    }

    /// The own shards of a batch of `samples`: the number of each, and its place among the
    /// [`own_samples`](Self::own_samples).
    pub fn own_parts(&self, samples: usize) -> impl Iterator<Item = (usize, Range<usize>)> {
        let first = self.own_samples(samples).start;
        self.own().map(move |shard| {
            let Range { start, end } = self.samples(shard, samples);
            (shard, start - first..end - first)
        })
    }

    /// The values of each shard, in the order of the shards, from those of the [`own`](Self::own) ones.
    ///
    /// # Errors
    /// If a rank has ended.
    pub fn gather(&self, own: Vec<Vec<f64>>) -> Result<Vec<Vec<f64>>> {
        if self.communicator.ranks() == 1 {
            return Ok(own);
        }
        // The length of each shard's values, and then all values.
        let lengths = own.iter().map(|values| values.len() as f64);
        let flat: Vec<f64> = lengths.chain(own.iter().flatten().copied()).collect();
        let each = self.count / self.communicator.ranks();
        let mut all = Vec::with_capacity(self.count);
        for bytes in self.communicator.gather(bytemuck::cast_slice(&flat))? {
            let flat = numbers(&bytes);
            let (lengths, mut values) = flat.split_at(each);
            for &length in lengths {
                let (of_shard, rest) = values.split_at(length as usize);
                all.push(of_shard.to_vec());
                values = rest;
            }
        }
        Ok(all)
    }

    /// The sum over the shards of all ranks, from that over the [`own`](Self::own) ones, on every rank: each
    /// adds up a part of the elements, in the order of the shards, and sends it to all others. All ranks have
    /// as many elements.
    ///
    /// # Errors
    /// If a rank has ended.
    pub fn sum(&self, own: &mut Fold) -> Result<Vec<f32>> {
        let ranks = self.communicator.ranks();
        if ranks == 1 {
            return Ok(own.take());
        }
        let length = own.sums().next().map_or(0, <[f32]>::len);
        let part = |rank: usize| rank * length / ranks..(rank + 1) * length / ranks;
        let width = part(self.communicator.rank()).len();
        let nodes: Vec<Vec<usize>> =
            (0..ranks).map(|rank| Fold::nodes(self.of_rank(rank))).collect();
        // received[rank][node]
        let mut received: Vec<Vec<Vec<f32>>> =
            nodes.iter().map(|nodes| vec![vec![0.0; width]; nodes.len()]).collect();
        let most = nodes.iter().map(Vec::len).max().unwrap_or(0);
        for node in 0..most {
            let sum = own.sums().nth(node);
            let send = |rank| sum.map_or(&[][..], |sum| bytemuck::cast_slice(&sum[part(rank)]));
            let send: Vec<&[u8]> = (0..ranks).map(send).collect();
            let mut receive: Vec<&mut [u8]> = Vec::with_capacity(ranks);
            for sums in &mut received {
                let sum = sums.get_mut(node).map_or(&mut [][..], |sum| &mut sum[..]);
                receive.push(bytemuck::cast_slice_mut(sum));
            }
            self.communicator.exchange(&send, &mut receive)?;
        }
        let mut sum = Fold::new(0);
        for (shards, values) in nodes.iter().flatten().zip(received.iter().flatten()) {
            sum.add_sum(*shards, values);
        }
        let sum = sum.take();
        let mut total = own.take();
        let mut receive: Vec<&mut [u8]> = Vec::with_capacity(ranks);
        let mut rest = &mut total[..];
        for rank in 0..ranks {
            let (part, after) = rest.split_at_mut(part(rank).len());
            receive.push(bytemuck::cast_slice_mut(part));
            rest = after;
        }
        self.communicator.exchange(&vec![bytemuck::cast_slice(&sum); ranks], &mut receive)?;
        Ok(total)
    }
}

/// The numbers that were sent as bytes.
pub fn numbers(bytes: &[u8]) -> Vec<f64> {
    let (numbers, _) = bytes.as_chunks();
    numbers.iter().map(|number| f64::from_ne_bytes(*number)).collect()
}
