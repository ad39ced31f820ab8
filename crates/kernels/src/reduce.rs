//! Sums in a fixed order, whatever the number of threads.

use crate::simd::{Kernel, dispatch};
use rayon::prelude::*;

/// Elements per task: large enough to hide the scheduling, small enough to balance.
const TASK: usize = 1 << 15;

/// Rows per task for rows of `channels` elements.
pub(crate) fn rows_per_task(channels: usize) -> usize {
    (TASK / channels.max(1)).max(8)
}

/// Folds the parts of a fixed partition in their order: `total[i] += part[i]`.
pub(crate) fn add_in_order(parts: &[Vec<f64>], total: &mut [f64]) {
    for part in parts {
        for (total, part) in total.iter_mut().zip(part) {
            *total += part;
        }
    }
}

/// `total = Σ parts` for `parts: [n, total.len()]`, in the order of the parts.
pub(crate) fn add_parts(parts: &[f32], total: &mut [f32]) {
    const CHUNK: usize = 4096;
    let length = total.len();
    total.par_chunks_mut(CHUNK).enumerate().for_each(|(index, total)| {
        let first = index * CHUNK;
        let range = first..first + total.len();
        total.copy_from_slice(&parts[range.clone()]);
        for part in parts.chunks_exact(length).skip(1) {
            total.iter_mut().zip(&part[range.clone()]).for_each(|(total, part)| *total += part);
        }
    });
}

/// `sums[c] = Σ_rows values[row, c]` for `values: [rows, sums.len()]`, in f64.
pub(crate) fn column_sums(values: &[f32], sums: &mut [f32]) {
    let channels = sums.len();
    if channels == 0 {
        return;
    }
    let parts: Vec<Vec<f64>> = values
        .par_chunks(rows_per_task(channels) * channels)
        .map(|rows| dispatch(Columns { rows, channels }))
        .collect();
    let mut total = vec![0.0; channels];
    add_in_order(&parts, &mut total);
    for (sum, total) in sums.iter_mut().zip(total) {
        *sum = total as f32;
    }
}

struct Columns<'a> {
    rows: &'a [f32],
    channels: usize,
}

impl Kernel for Columns<'_> {
    type Output = Vec<f64>;

    #[inline(always)]
    fn call(self) -> Vec<f64> {
        let mut sums = vec![0.0; self.channels];
        for row in self.rows.chunks_exact(self.channels) {
            for (sum, value) in sums.iter_mut().zip(row) {
                *sum += f64::from(*value);
            }
        }
        sums
    }
}
