//! Sums of one array per shard, in an order that depends on the number of shards alone.

use std::ops::Range;

use rayon::prelude::*;

/// A weighted sum of one array per shard, over a fixed binary tree.
///
/// Neighbours are added first, then neighbouring pairs, and so on: ((0 + 1) + (2 + 3)) + (4 + 5). Whoever has
/// computed some of the shards therefore adds these alone, and what they add up to ([`sums`](Self::sums)) can
/// be added by anybody, to the same bits. Of n shards at most log₂ n + 1 arrays are kept.
#[derive(Debug, Default)]
pub struct Fold {
    /// From the first shard to the last one, without gaps.
    sums: Vec<Sum>,
    /// Number of the shard that comes next.
    next: usize,
    free: Vec<Vec<f32>>,
}

#[derive(Debug)]
struct Sum {
    first: usize,
    shards: usize,
    values: Vec<f32>,
}

impl Sum {
    /// Whether `next`, which follows, is the other half of a node of the tree.
    fn joins(&self, next: usize) -> bool {
        self.shards == next && self.first.is_multiple_of(2 * next)
    }
}

impl Fold {
    /// A sum that begins with shard number `first`.
    pub fn new(first: usize) -> Self {
        Self { sums: Vec::new(), next: first, free: Vec::new() }
    }

    /// Starts again with shard number `first`; the memory is kept.
    pub fn restart(&mut self, first: usize) {
        self.free.extend(self.sums.drain(..).map(|sum| sum.values));
        self.next = first;
    }

    /// Adds `weight` times the values of the next shard, which come in pieces.
    pub fn add<'a>(&mut self, weight: f32, pieces: impl IntoIterator<Item = &'a [f32]>) {
        let second = self.sums.last().is_some_and(|last| last.joins(1));
        let mut sum = if second { self.sums.pop().map(|sum| sum.values) } else { self.free.pop() }
            .unwrap_or_default();
        let pieces: Vec<&[f32]> = pieces.into_iter().collect();
        let all: usize = pieces.iter().map(|piece| piece.len()).sum();
        sum.reserve_exact(all.saturating_sub(sum.len()));
        let mut length = 0;
        for piece in pieces {
            let end = length + piece.len();
            if second {
                combine(&mut sum[length..end], piece, |sum, value| *sum += weight * value);
            } else {
                sum.resize(sum.len().max(end), 0.0);
                combine(&mut sum[length..end], piece, |sum, value| *sum = weight * value);
            }
            length = end;
        }
        sum.truncate(length);
        let first = self.next - usize::from(second);
        self.sums.push(Sum { first, shards: 1 + usize::from(second), values: sum });
        self.next += 1;
        self.join();
    }

    /// Adds the sum of the next `shards` shards, one of the [`nodes`](Self::nodes) of those who computed them.
    pub fn add_sum(&mut self, shards: usize, values: &[f32]) {
        let mut copy = self.free.pop().unwrap_or_default();
        copy.clear();
        copy.extend_from_slice(values);
        self.sums.push(Sum { first: self.next, shards, values: copy });
        self.next += shards;
        self.join();
    }

    /// Adds up what has become both halves of a node.
    fn join(&mut self) {
        while let [.., left, right] = &mut self.sums[..]
            && left.joins(right.shards)
        {
            combine(&mut left.values, &right.values, |sum, value| *sum += value);
            left.shards *= 2;
            self.free.extend(self.sums.pop().map(|sum| sum.values));
        }
    }

    /// The sums so far, each of a node of the tree, in their order.
    pub fn sums(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.sums.iter().map(|sum| &sum.values[..])
    }

    /// The sum of all; nothing is left.
    pub fn take(&mut self) -> Vec<f32> {
        while let [.., left, right] = &mut self.sums[..] {
            combine(&mut left.values, &right.values, |sum, value| *sum += value);
            left.shards += right.shards;
            self.free.extend(self.sums.pop().map(|sum| sum.values));
        }
        self.sums.pop().map(|sum| sum.values).unwrap_or_default()
    }

    /// Gives memory back to be used again.
    pub fn reuse(&mut self, values: Vec<f32>) {
        self.free.push(values);
    }

    /// How many shards each of the [`sums`](Self::sums) covers when those of `shards` have been added.
    pub fn nodes(shards: Range<usize>) -> Vec<usize> {
        let mut fold = Self::new(shards.start);
        shards.for_each(|_| fold.add(1.0, []));
        fold.sums.iter().map(|sum| sum.shards).collect()
    }
}

/// Changes each element of `sum` by that of `values`.
fn combine(sum: &mut [f32], values: &[f32], change: impl Fn(&mut f32, f32) + Sync) {
    /// Values per task.
    const TASK: usize = 1 << 14;
    assert_eq!(sum.len(), values.len(), "elements of a sum");
    sum.par_chunks_mut(TASK).zip(values.par_chunks(TASK)).for_each(|(sum, values)| {
        sum.iter_mut().zip(values).for_each(|(sum, &value)| change(sum, value));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One array per shard, whose sum depends on the order of the additions.
    fn values(shard: usize) -> Vec<f32> {
        (0..40).map(|i| ((shard * 40 + i) as f32 * 0.7).sin() * 10_f32.powi(i as i32 % 5)).collect()
    }

    #[test]
    fn the_sum_is_that_of_the_tree() {
        let mut fold = Fold::new(0);
        (0..6).for_each(|shard| fold.add(0.5, [&values(shard)[..7], &values(shard)[7..]]));
        let found = fold.take();
        let mut differs = 0;
        for i in 0..40 {
            let [a, b, c, d, e, f] = std::array::from_fn(|shard| 0.5 * values(shard)[i]);
            assert_eq!(found[i], ((a + b) + (c + d)) + (e + f));
            differs += usize::from(found[i] != ((((a + b) + c) + d) + e) + f);
        }
        // The order matters, so that the comparison means something.
        assert!(differs > 5);
    }

    #[test]
    fn parts_of_any_size_have_the_same_sum() {
        let mut visited = 0;
        for shards in 1..=24 {
            let mut all = Fold::new(0);
            (0..shards).for_each(|shard| all.add(1.0 / 3.0, [&values(shard)[..]]));
            let expected = all.take();
            for ranks in (1..=shards).filter(|&ranks| shards % ranks == 0) {
                let mut together = Fold::new(0);
                let own = shards / ranks;
                let mut part = Fold::new(0);
                for rank in 0..ranks {
                    let range = rank * own..(rank + 1) * own;
                    part.restart(range.start);
                    range.clone().for_each(|shard| part.add(1.0 / 3.0, [&values(shard)[..]]));
                    let nodes = Fold::nodes(range);
                    assert_eq!(nodes.iter().sum::<usize>(), own);
                    assert_eq!(nodes.len(), part.sums().len());
                    if own.is_power_of_two() {
                        assert_eq!(nodes.len(), 1);
                    }
                    for (&shards, sum) in nodes.iter().zip(part.sums()) {
                        together.add_sum(shards, sum);
                    }
                }
                assert_eq!(together.take(), expected, "{shards} shards on {ranks} ranks");
                visited += 1;
            }
        }
        assert_eq!(visited, 84);
    }
}
