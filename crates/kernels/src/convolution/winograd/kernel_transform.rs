//! The transform of the 3×3 kernel, for the forward pass and, turned, for the gradient of the input.

use super::filter::{LANES, Lane, REACH};
use crate::convolution::Conv2d;
use crate::shared::Shared;
use crate::simd::{Kernel, dispatch};
use rayon::prelude::*;
use std::ops::Range;

impl Conv2d {
    /// Writes the kernel transformed as `[products, in, out]`, or turned as `[products, out, in]`, for
    /// some channels of the last axis.
    pub(super) fn transform_kernel(
        &self,
        weight: &[f32],
        turned: bool,
        channels: Range<usize>,
        kernel: &mut [f32],
    ) {
        let rows = if turned { self.out_channels } else { self.in_channels };
        let kernel = Shared::new(kernel);
        (0..rows.div_ceil(LANES)).into_par_iter().for_each(|block| {
            let (first, channels) = (block * LANES, channels.clone());
            if turned {
                dispatch(TransformTurned { shape: self, weight, first, channels, kernel });
            } else {
                let rows = first..rows.min(first + LANES);
                dispatch(TransformKernel { shape: self, weight, rows, channels, kernel });
            }
        });
    }
}

struct TransformKernel<'a> {
    shape: &'a Conv2d,
    weight: &'a [f32],
    /// Input channels.
    rows: Range<usize>,
    /// Output channels.
    channels: Range<usize>,
    kernel: Shared<'a>,
}

impl Kernel for TransformKernel<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { shape, weight, rows, channels, kernel } = self;
        let (inputs, outputs) = (shape.in_channels, shape.out_channels);
        for input in rows {
            for first in channels.clone().step_by(LANES) {
                let width = LANES.min(channels.end - first);
                let mut taps = [[0.0_f32; LANES]; 9];
                for (tap, values) in taps.iter_mut().enumerate() {
                    let from = (tap * inputs + input) * outputs + first;
                    values[..width].copy_from_slice(&weight[from..from + width]);
                }
                for (number, values) in transformed(&taps).iter().flatten().enumerate() {
                    let row = (number * inputs + input) * channels.len();
                    let at = row + first - channels.start;
                    // SAFETY: each task has its own input channels.
                    let to = unsafe { kernel.part(at..at + width) };
                    to.copy_from_slice(&values[..width]);
                }
            }
        }
    }
}

struct TransformTurned<'a> {
    shape: &'a Conv2d,
    weight: &'a [f32],
    /// First output channel of the block.
    first: usize,
    /// Input channels.
    channels: Range<usize>,
    kernel: Shared<'a>,
}

impl Kernel for TransformTurned<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { shape, weight, first, channels, kernel } = self;
        let (inputs, outputs) = (shape.in_channels, shape.out_channels);
        let count = LANES.min(outputs - first);
        for start in channels.clone().step_by(LANES) {
            let width = LANES.min(channels.end - start);
            // [output channel][taps][input channel], the last tap first.
            let mut turned = [[[0.0_f32; LANES]; 9]; LANES];
            for tap in 0..9 {
                for input in 0..width {
                    let from = (tap * inputs + start + input) * outputs + first;
                    for (output, value) in weight[from..from + count].iter().enumerate() {
                        turned[output][8 - tap][input] = *value;
                    }
                }
            }
            for (output, taps) in turned.iter().enumerate().take(count) {
                for (number, values) in transformed(taps).iter().flatten().enumerate() {
                    let row = (number * outputs + first + output) * channels.len();
                    let at = row + start - channels.start;
                    // SAFETY: each task has its own output channels.
                    let to = unsafe { kernel.part(at..at + width) };
                    to.copy_from_slice(&values[..width]);
                }
            }
        }
    }
}

/// G k Gᵀ: rows, then columns.
#[inline(always)]
fn transformed(taps: &[Lane; 9]) -> [[Lane; REACH]; REACH] {
    let mut half = [[[0.0; LANES]; 3]; REACH];
    for column in 0..3 {
        let rows = spread(std::array::from_fn(|row| taps[3 * row + column]));
        for row in 0..REACH {
            half[row][column] = rows[row];
        }
    }
    half.map(spread)
}

/// G: from three taps to six.
#[inline(always)]
fn spread(k: [Lane; 3]) -> [Lane; REACH] {
    let mut out = [[0.0; LANES]; REACH];
    for i in 0..LANES {
        let (even, odd) = ((k[0][i] + k[2][i]) / -6.0, k[1][i] / 6.0);
        let (far, middle) = (k[0][i] / 24.0 + k[2][i] / 6.0, k[1][i] / 12.0);
        out[0][i] = k[0][i] / 4.0;
        out[1][i] = even - odd;
        out[2][i] = even + odd;
        out[3][i] = far + middle;
        out[4][i] = far - middle;
        out[5][i] = k[2][i];
    }
    out
}
