//! The transform of tiles of values, before they are multiplied.

use super::filter::{Filter, REACH, load};
use crate::shared::Shared;
use crate::simd::vector::multiply_add;
use pulp::{Simd, WithSimd};
use std::ops::Range;

/// Writes some tiles transformed, `[products, tiles, row]` with planes of `plane` floats for each product.
pub(super) struct Forth<'a> {
    pub(super) filter: &'a Filter,
    pub(super) values: &'a [f32],
    pub(super) tiles: Range<usize>,
    /// Where the first of these stands among the tiles that are written.
    pub(super) index: usize,
    pub(super) to: Shared<'a>,
    pub(super) plane: usize,
    /// Zeros for the channels of a pixel.
    pub(super) zeros: &'a [f32],
}

impl WithSimd for Forth<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { filter, values, tiles, index, to, plane, zeros } = self;
        let row = filter.from.row();
        for (index, tile) in (index..).zip(tiles) {
            let pixels: [[_; REACH]; REACH] =
                filter.from.tile(values, zeros, filter.place_of_values(tile));
            for vector in 0..filter.from.channels.div_ceil(S::F32_LANES) {
                let mut half = [[simd.splat_f32s(0.0); REACH]; REACH];
                for (half, pixels) in half.iter_mut().zip(&pixels) {
                    let mut found = [simd.splat_f32s(0.0); REACH];
                    for (found, pixel) in found.iter_mut().zip(pixels) {
                        *found = load(simd, pixel, vector);
                    }
                    *half = meet(simd, found);
                }
                for column in 0..REACH {
                    let [a, b, c, d, e, f] = &half;
                    let found = [a[column], b[column], c[column], d[column], e[column], f[column]];
                    for (line, found) in meet(simd, found).into_iter().enumerate() {
                        let at = (line * REACH + column) * plane + index * row;
                        let at = at + vector * S::F32_LANES;
                        // SAFETY: no two tasks write the same tile.
                        let to = unsafe { to.part(at..at + S::F32_LANES) };
                        S::as_mut_simd_f32s(to).0[0] = found;
                    }
                }
            }
        }
    }
}

/// Bᵀ: from six values to the six that are multiplied.
#[inline(always)]
fn meet<S: Simd>(simd: S, d: [S::f32s; REACH]) -> [S::f32s; REACH] {
    let add = |scale: f32, a, b| multiply_add(simd, simd.splat_f32s(scale), a, b);
    let (a, b) = (add(-4.0, d[2], d[4]), add(-4.0, d[1], d[3]));
    let (c, e) = (simd.sub_f32s(d[4], d[2]), simd.sub_f32s(d[3], d[1]));
    [
        add(4.0, d[0], add(-5.0, d[2], d[4])),
        simd.add_f32s(a, b),
        simd.sub_f32s(a, b),
        add(2.0, e, c),
        add(-2.0, e, c),
        add(4.0, d[1], add(-5.0, d[3], d[5])),
    ]
}
