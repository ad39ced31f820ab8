//! The transform of the 3×3 kernel, for the forward pass and, turned, for the gradient of the input.

use super::filter::{PRODUCTS, REACH, load};
use super::product::{panel_width, panels};
use crate::convolution::Conv2d;
use crate::scratch::with_floats;
use crate::shared::Shared;
use crate::simd::vector::{multiply_add, with_vectors};
use pulp::{Simd, WithSimd};
use rayon::prelude::*;
use std::ops::Range;

/// Rows that are transformed at a time.
const ROWS: usize = 16;
/// Values of a kernel.
const TAPS: usize = 9;

impl Conv2d {
    /// Writes the kernel transformed as `[products, panels, in, panel width]` for some output channels, or
    /// turned as `[products, panels, out, panel width]` for some input channels.
    pub(super) fn transform_kernel(
        &self,
        weight: &[f32],
        turned: bool,
        channels: Range<usize>,
        kernel: &mut [f32],
    ) {
        let rows = if turned { self.out_channels } else { self.in_channels };
        let kernel = Shared::new(kernel);
        (0..rows.div_ceil(ROWS)).into_par_iter().for_each(|block| {
            let block = block * ROWS..rows.min((block + 1) * ROWS);
            let width = channels.len();
            with_floats(TAPS * block.len() * width, |taps| {
                if turned {
                    self.turn(weight, block.clone(), channels.clone(), taps);
                } else {
                    self.cut(weight, block.clone(), channels.clone(), taps);
                }
                with_vectors(Transform { taps, width, rows, block, kernel });
            });
        });
    }

    /// Copies the taps of some input and output channels, `[taps, in, out]`.
    fn cut(&self, weight: &[f32], inputs: Range<usize>, outputs: Range<usize>, taps: &mut [f32]) {
        let mut rows = taps.chunks_exact_mut(outputs.len());
        for tap in 0..TAPS {
            for (input, row) in inputs.clone().zip(&mut rows) {
                let from = (tap * self.in_channels + input) * self.out_channels;
                row.copy_from_slice(&weight[from..][outputs.clone()]);
            }
        }
    }

    /// Copies the taps of some output and input channels, `[taps, out, in]`, the last tap first.
    fn turn(&self, weight: &[f32], outputs: Range<usize>, inputs: Range<usize>, taps: &mut [f32]) {
        let size = outputs.len() * inputs.len();
        for (tap, part) in taps.chunks_exact_mut(size).enumerate() {
            for (column, input) in inputs.clone().enumerate() {
                let from = ((TAPS - 1 - tap) * self.in_channels + input) * self.out_channels;
                let values = &weight[from..][outputs.clone()];
                for (row, value) in part.chunks_exact_mut(inputs.len()).zip(values) {
                    row[column] = *value;
                }
            }
        }
    }
}

struct Transform<'a> {
    /// `[taps, rows of the block, width]`.
    taps: &'a [f32],
    width: usize,
    /// Rows of all blocks.
    rows: usize,
    block: Range<usize>,
    kernel: Shared<'a>,
}

impl WithSimd for Transform<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { taps, width, rows, block, kernel } = self;
        let (panel_width, panels) = (panel_width(), panels(width));
        for (index, row) in block.clone().enumerate() {
            let taps: [&[f32]; TAPS] =
                std::array::from_fn(|tap| &taps[(tap * block.len() + index) * width..][..width]);
            for vector in 0..panels * panel_width / S::F32_LANES {
                let first = vector * S::F32_LANES;
                let mut values = [simd.splat_f32s(0.0); TAPS];
                for (value, tap) in values.iter_mut().zip(&taps) {
                    *value = load(simd, tap, vector);
                }
                let values = transformed(simd, values);
                for (number, value) in values.as_flattened().iter().enumerate() {
                    let panel = number * panels + first / panel_width;
                    let at = (panel * rows + row) * panel_width + first % panel_width;
                    // SAFETY: each task has its own rows.
                    let to = unsafe { kernel.part(at..at + S::F32_LANES) };
                    S::as_mut_simd_f32s(to).0[0] = *value;
                }
            }
        }
    }
}

/// Floats of a transformed kernel.
pub(super) fn kernel_len(rows: usize, columns: usize) -> usize {
    PRODUCTS * panels(columns) * rows * panel_width()
}

/// G k Gᵀ: rows, then columns.
#[inline(always)]
fn transformed<S: Simd>(simd: S, taps: [S::f32s; TAPS]) -> [[S::f32s; REACH]; REACH] {
    let mut half = [[simd.splat_f32s(0.0); 3]; REACH];
    for column in 0..3 {
        let rows = spread(simd, [taps[column], taps[3 + column], taps[6 + column]]);
        for (half, row) in half.iter_mut().zip(rows) {
            half[column] = row;
        }
    }
    let mut whole = [[simd.splat_f32s(0.0); REACH]; REACH];
    for (whole, half) in whole.iter_mut().zip(half) {
        *whole = spread(simd, half);
    }
    whole
}

/// G: from three taps to six.
#[inline(always)]
fn spread<S: Simd>(simd: S, k: [S::f32s; 3]) -> [S::f32s; REACH] {
    let scale = |scale: f32, a| simd.mul_f32s(simd.splat_f32s(scale), a);
    let add = |scale: f32, a, b| multiply_add(simd, simd.splat_f32s(scale), a, b);
    let even = scale(-1.0 / 6.0, simd.add_f32s(k[0], k[2]));
    let far = add(1.0 / 24.0, k[0], scale(1.0 / 6.0, k[2]));
    [
        scale(0.25, k[0]),
        add(-1.0 / 6.0, k[1], even),
        add(1.0 / 6.0, k[1], even),
        add(1.0 / 12.0, k[1], far),
        add(-1.0 / 12.0, k[1], far),
        k[2],
    ]
}
