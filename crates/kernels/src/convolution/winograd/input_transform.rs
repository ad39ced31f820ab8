//! The transform of tiles of values, before they are multiplied.

use super::filter::{Filter, LANES, Lane, Map, REACH};
use crate::simd::Kernel;

/// Transforms the values of the tile at a place into number `tile` of `to: [products, count, from]`.
pub(super) struct Forth<'a> {
    pub(super) filter: &'a Filter,
    pub(super) values: &'a [f32],
    pub(super) place: [usize; 3],
    pub(super) tile: usize,
    pub(super) count: usize,
    pub(super) to: &'a mut [f32],
}

impl Kernel for Forth<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { filter, values, place: [image, y, x], tile, count, to } = self;
        let Map { height, width, channels } = filter.from;
        // Where each of the 6×6 values starts; none outside of the map.
        let mut starts = [[None; REACH]; REACH];
        for (row, starts) in starts.iter_mut().enumerate() {
            let row = (y + row).wrapping_sub(filter.before[0]);
            for (column, start) in starts.iter_mut().enumerate() {
                let column = (x + column).wrapping_sub(filter.before[1]);
                if row < height && column < width {
                    *start = Some(((image * height + row) * width + column) * channels);
                }
            }
        }
        for first in (0..channels).step_by(LANES) {
            let lanes = LANES.min(channels - first);
            let mut half = [[[0.0_f32; LANES]; REACH]; REACH];
            for (row, half) in half.iter_mut().enumerate() {
                let mut found = [[0.0_f32; LANES]; REACH];
                for (value, start) in found.iter_mut().zip(starts[row]) {
                    if let Some(start) = start {
                        let from = &values[start + first..start + first + lanes];
                        if let Ok(whole) = <&Lane>::try_from(from) {
                            *value = *whole;
                        } else {
                            value[..lanes].copy_from_slice(from);
                        }
                    }
                }
                *half = meet(found);
            }
            for column in 0..REACH {
                let values = meet(std::array::from_fn(|row| half[row][column]));
                for (row, value) in values.iter().enumerate() {
                    let at = ((row * REACH + column) * count + tile) * channels + first;
                    to[at..at + lanes].copy_from_slice(&value[..lanes]);
                }
            }
        }
    }
}

/// Bᵀ: from six values to the six that are multiplied.
#[inline(always)]
fn meet(d: [Lane; REACH]) -> [Lane; REACH] {
    let mut out = [[0.0; LANES]; REACH];
    for i in 0..LANES {
        let (a, b) = (d[4][i] - 4.0 * d[2][i], d[3][i] - 4.0 * d[1][i]);
        let (c, e) = (d[4][i] - d[2][i], 2.0 * (d[3][i] - d[1][i]));
        out[0][i] = 4.0 * d[0][i] - 5.0 * d[2][i] + d[4][i];
        out[1][i] = a + b;
        out[2][i] = a - b;
        out[3][i] = c + e;
        out[4][i] = c - e;
        out[5][i] = 4.0 * d[1][i] - 5.0 * d[3][i] + d[5][i];
    }
    out
}
