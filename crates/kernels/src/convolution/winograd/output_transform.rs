//! The transform of products, back to tiles of results.

use super::filter::{Filter, LANES, Lane, Map, REACH, TILE};
use crate::shared::Shared;
use crate::simd::Kernel;
use std::ops::Range;

/// Transforms number `tile` of the products of some channels, `[products, count, channels]`, back.
pub(super) struct Back<'a> {
    pub(super) filter: &'a Filter,
    pub(super) from: &'a [f32],
    pub(super) bias: Option<&'a [f32]>,
    pub(super) place: [usize; 3],
    pub(super) tile: usize,
    pub(super) count: usize,
    pub(super) channels: Range<usize>,
    pub(super) results: Shared<'a>,
}

impl Kernel for Back<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { filter, from, bias, place: [image, y, x], tile, count, channels, results } =
            self;
        let Map { height, width, channels: all } = filter.to;
        let (rows, columns) = (TILE.min(height - y), TILE.min(width - x));
        for first in channels.clone().step_by(LANES) {
            let lanes = LANES.min(channels.end - first);
            let mut half = [[[0.0_f32; LANES]; REACH]; TILE];
            for column in 0..REACH {
                let products = std::array::from_fn(|row| {
                    let row = ((row * REACH + column) * count + tile) * channels.len();
                    let at = row + first - channels.start;
                    let from = &from[at..at + lanes];
                    if let Ok(whole) = <&Lane>::try_from(from) {
                        return *whole;
                    }
                    let mut padded = [0.0; LANES];
                    padded[..lanes].copy_from_slice(from);
                    padded
                });
                for (half, value) in half.iter_mut().zip(gather(products)) {
                    half[column] = value;
                }
            }
            let mut added = [0.0; LANES];
            if let Some(bias) = bias {
                added[..lanes].copy_from_slice(&bias[first..first + lanes]);
            }
            for (row, half) in half.iter().enumerate().take(rows) {
                for (column, value) in gather(*half).iter().enumerate().take(columns) {
                    let pixel = (image * height + y + row) * width + x + column;
                    let at = pixel * all + first;
                    // SAFETY: each tile is of one task, and tiles do not overlap.
                    let to = unsafe { results.part(at..at + lanes) };
                    for lane in 0..lanes {
                        to[lane] = value[lane] + added[lane];
                    }
                }
            }
        }
    }
}

/// Aᵀ: from six products to four sums.
#[inline(always)]
fn gather(m: [Lane; REACH]) -> [Lane; TILE] {
    let mut out = [[0.0; LANES]; TILE];
    for i in 0..LANES {
        let (s, d) = (m[1][i] + m[2][i], m[1][i] - m[2][i]);
        let (far_s, far_d) = (m[3][i] + m[4][i], m[3][i] - m[4][i]);
        out[0][i] = m[0][i] + s + far_s;
        out[1][i] = d + 2.0 * far_d;
        out[2][i] = s + 4.0 * far_s;
        out[3][i] = d + 8.0 * far_d + m[5][i];
    }
    out
}
