//! How long ranks take to sum gradients.

use candlewick_ranks::{Fold, Result, Shards};
use serde::Serialize;

use crate::timing::time;

/// The time of a sum over all ranks, as after a backward pass.
#[derive(Clone, Debug, Serialize)]
pub struct ExchangeTime {
    /// Size of the gradients that each rank has, in bytes.
    pub bytes: usize,
    /// Bytes that each rank sends to others, and receives.
    pub travels: usize,
    /// Median time of a sum.
    pub seconds: f64,
}

/// Elements of the smallest and of the largest sum: 4 KiB to 64 MiB.
const ELEMENTS: [usize; 8] = [10, 12, 14, 16, 18, 20, 22, 24];

/// Times sums of several sizes, where each rank of `shards` computes its own, `repetitions` times each.
///
/// # Errors
/// If a rank has ended.
pub fn measure_exchange(shards: &Shards, repetitions: usize) -> Result<Vec<ExchangeTime>> {
    let ranks = shards.communicator().ranks();
    let mut times = Vec::new();
    for elements in ELEMENTS.map(|power| 1 << power) {
        let values = vec![1.0_f32; elements];
        let mut fold = Fold::default();
        let mut outcome = Ok(());
        let seconds = time(repetitions, || {
            fold.restart(shards.own().start);
            shards.own().for_each(|_| fold.add(1.0, [&values[..]]));
            match shards.sum(&mut fold) {
                Ok(total) => fold.reuse(total),
                Err(error) => outcome = Err(error),
            }
        });
        outcome?;
        let bytes = 4 * elements;
        times.push(ExchangeTime { bytes, travels: 2 * bytes * (ranks - 1) / ranks, seconds });
    }
    Ok(times)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_of_each_size_is_timed() -> Result<()> {
        let times = measure_exchange(&Shards::default(), 1)?;
        assert_eq!(times.len(), ELEMENTS.len());
        assert!(times.iter().all(|time| time.seconds > 0.0 && time.travels == 0));
        Ok(())
    }
}
