//! The transform of products, back to tiles of results.

use super::filter::{Filter, Map, PRODUCTS, REACH, TILE, store};
use crate::shared::Shared;
use crate::simd::vector::multiply_add;
use pulp::{Simd, WithSimd};
use std::ops::Range;

/// Transforms the products of some tiles and channels back.
pub(super) struct Back<'a> {
    pub(super) filter: &'a Filter,
    /// `[products, tiles, row]` with planes of `plane` floats for each product.
    pub(super) from: &'a [f32],
    pub(super) plane: usize,
    pub(super) row: usize,
    pub(super) bias: Option<&'a [f32]>,
    pub(super) tiles: Range<usize>,
    pub(super) channels: Range<usize>,
    pub(super) results: Shared<'a>,
}

impl WithSimd for Back<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { filter, from, plane, row, bias, tiles, channels, results } = self;
        let Map { height, width, channels: all } = filter.to;
        for (index, tile) in tiles.enumerate() {
            let [image, y, x] = filter.place(tile);
            let (rows, columns) = (TILE.min(height - y), TILE.min(width - x));
            let products: [&[S::f32s]; PRODUCTS] = std::array::from_fn(|number| {
                S::as_simd_f32s(&from[number * plane + index * row..][..row]).0
            });
            for (vector, first) in channels.clone().step_by(S::F32_LANES).enumerate() {
                let lanes = first..channels.end.min(first + S::F32_LANES);
                let mut half = [[simd.splat_f32s(0.0); REACH]; TILE];
                for column in 0..REACH {
                    let mut found = [simd.splat_f32s(0.0); REACH];
                    for (line, found) in found.iter_mut().enumerate() {
                        *found = products[line * REACH + column][vector];
                    }
                    for (half, value) in half.iter_mut().zip(gather(simd, found)) {
                        half[column] = value;
                    }
                }
                let bias = match bias {
                    Some(bias) => simd.partial_load_f32s(&bias[lanes.clone()]),
                    None => simd.splat_f32s(0.0),
                };
                for (line, half) in half.iter().enumerate().take(rows) {
                    for (column, value) in gather(simd, *half).iter().enumerate().take(columns) {
                        let pixel = (image * height + y + line) * width + x + column;
                        let at = pixel * all + lanes.start;
                        // SAFETY: each tile is of one task, and tiles do not overlap.
                        let to = unsafe { results.part(at..at + lanes.len()) };
                        store(simd, simd.add_f32s(*value, bias), to);
                    }
                }
            }
        }
    }
}

/// Aᵀ: from six products to four sums.
#[inline(always)]
fn gather<S: Simd>(simd: S, m: [S::f32s; REACH]) -> [S::f32s; TILE] {
    let add = |scale: f32, a, b| multiply_add(simd, simd.splat_f32s(scale), a, b);
    let (s, d) = (simd.add_f32s(m[1], m[2]), simd.sub_f32s(m[1], m[2]));
    let (far_s, far_d) = (simd.add_f32s(m[3], m[4]), simd.sub_f32s(m[3], m[4]));
    [
        simd.add_f32s(m[0], simd.add_f32s(s, far_s)),
        add(2.0, far_d, d),
        add(4.0, far_s, s),
        add(8.0, far_d, simd.add_f32s(d, m[5])),
    ]
}
