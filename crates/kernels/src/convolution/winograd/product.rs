//! Products of transformed matrices, summed in registers.

use crate::simd::vector::{lanes, multiply_add, rows, rows_mut};
use pulp::{Simd, WithSimd};

/// Rows of sums are computed in blocks that divide this number.
pub(super) const ROWS: usize = 12;
/// Depth at a time, so that a part of a panel stays in the level-1 cache.
const DEPTH: usize = 128;
/// Vectors per row of a panel.
pub(super) const VECTORS: usize = 2;

/// Floats per row of a panel.
pub(super) fn panel_width() -> usize {
    VECTORS * lanes()
}

/// Panels that hold so many columns.
pub(super) fn panels(columns: usize) -> usize {
    columns.div_ceil(panel_width())
}

/// `sums = left · right`, or `sums += left · right` with `accumulate`; for the panels of the right side.
///
/// Each sum is taken in the order of the depth, whatever the number of rows and panels.
pub(super) struct Product<'a> {
    /// Element (row, depth) lies at `row * strides[0] + depth * strides[1]`; there are elements for whole
    /// blocks of rows.
    pub(super) left: &'a [f32],
    pub(super) strides: [usize; 2],
    pub(super) rows: usize,
    pub(super) depth: usize,
    /// `[panels, depth, panel width]`.
    pub(super) right: &'a [f32],
    /// `[rows in whole blocks, panels, panel width]`.
    pub(super) sums: &'a mut [f32],
    pub(super) accumulate: bool,
}

impl WithSimd for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        if S::REGISTER_COUNT >= 32 {
            product::<S, ROWS>(simd, &mut self);
        } else {
            product::<S, { ROWS / 2 }>(simd, &mut self);
        }
    }
}

#[inline(always)]
fn product<S: Simd, const R: usize>(simd: S, product: &mut Product<'_>) {
    let Product { left, strides: [row, step], depth, accumulate, .. } = *product;
    if depth == 0 && !accumulate {
        product.sums.fill(0.0);
        return;
    }
    let right = rows::<S, VECTORS>(product.right);
    let sums = rows_mut::<S, VECTORS>(product.sums);
    let panels = right.len() / depth.max(1);
    let blocks = product.rows.div_ceil(R);
    let last = (blocks * R).saturating_sub(1) * row + depth.saturating_sub(1) * step;
    assert!(last < left.len(), "a product reaches beyond its left side");
    for first in (0..depth).step_by(DEPTH) {
        let part = first..depth.min(first + DEPTH);
        let accumulate = accumulate || first > 0;
        for (panel, right) in right.chunks_exact(depth.max(1)).enumerate() {
            for block in 0..blocks {
                let left = &left[block * R * row + first * step..];
                let mut totals = [[simd.splat_f32s(0.0); VECTORS]; R];
                for (k, right) in right[part.clone()].iter().enumerate() {
                    for (r, totals) in totals.iter_mut().enumerate() {
                        // SAFETY: `r < R` and `first + k < depth`, and the last element of the last block
                        // is inside, as asserted above.
                        let factor = unsafe { *left.get_unchecked(r * row + k * step) };
                        let factor = simd.splat_f32s(factor);
                        for (total, right) in totals.iter_mut().zip(right) {
                            *total = multiply_add(simd, factor, *right, *total);
                        }
                    }
                }
                for (r, totals) in totals.iter().enumerate() {
                    let sums = &mut sums[(block * R + r) * panels + panel];
                    for (sum, total) in sums.iter_mut().zip(totals) {
                        *sum = if accumulate { simd.add_f32s(*sum, *total) } else { *total };
                    }
                }
            }
        }
    }
}
