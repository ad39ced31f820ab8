//! The gradient of a dense convolution to its weight: products of patches and output gradients.

use crate::convolution::Conv2d;
use crate::matrix::{Matrix, multiply};
use crate::reduce::add_parts;
use crate::scratch::with_floats;
use rayon::prelude::*;
use std::ops::Range;

/// Pixels per tile of the weight gradient.
const GRADIENT_PIXELS: usize = 256;
/// Floats of the weight gradient that one task accumulates, so that they stay in cache.
const GRADIENT_FLOATS: usize = 1 << 18;
/// Pixels up to which the weight gradient of a linear layer is not cut by pixels.
const FEW_PIXELS: usize = 2048;
/// Tasks into which the weight gradient is cut, about.
const GRADIENT_TASKS: usize = 16;

impl Conv2d {
    /// `grad_weight[kernel_h, kernel_w, in, out]`: the gradient of the weight.
    ///
    /// # Panics
    /// If a slice does not have the number of elements of its shape, or a stride is 0.
    pub fn weight_gradient(&self, input: &[f32], grad_output: &[f32], grad_weight: &mut [f32]) {
        self.check(input.len(), grad_weight.len(), grad_output.len());
        if grad_weight.is_empty() {
            return;
        }
        let (taps, pixels) = (self.taps(), self.output_pixels());
        if let Some(linear) = self.as_linear().filter(|_| pixels <= FEW_PIXELS) {
            linear.weight_gradient(input, grad_output, grad_weight);
            return;
        }
        let tap = self.in_channels * self.out_channels;
        // Cut by taps first, which needs no sums, and then by pixels.
        let per_block = (GRADIENT_FLOATS / tap).clamp(1, taps);
        let blocks = taps.div_ceil(per_block);
        let tiles = pixels.div_ceil(GRADIENT_PIXELS);
        let groups = GRADIENT_TASKS.div_ceil(blocks).min(tiles.max(1));
        let range = |group: usize| {
            let bound = |group: usize| (group * tiles / groups * GRADIENT_PIXELS).min(pixels);
            bound(group)..bound(group + 1)
        };
        let block_taps = |block: usize| block * per_block..taps.min((block + 1) * per_block);
        if groups == 1 {
            grad_weight.par_chunks_mut(per_block * tap).enumerate().for_each(|(block, part)| {
                self.add_weight_gradient(input, grad_output, block_taps(block), range(0), part);
            });
            return;
        }
        with_floats(groups * taps * tap, |partial| {
            // [groups, taps, in, out]; blocks of the last group element may be shorter.
            partial.par_chunks_mut(taps * tap).enumerate().for_each(|(group, partial)| {
                partial.par_chunks_mut(per_block * tap).enumerate().for_each(|(block, part)| {
                    let pixels = range(group);
                    self.add_weight_gradient(input, grad_output, block_taps(block), pixels, part);
                });
            });
            add_parts(partial, grad_weight);
        });
    }

    /// Writes the share of some output pixels in the gradient of some taps.
    fn add_weight_gradient(
        &self,
        input: &[f32],
        grad_output: &[f32],
        taps: Range<usize>,
        pixels: Range<usize>,
        grad_weight: &mut [f32],
    ) {
        let out = self.out_channels;
        let patch = taps.len() * self.in_channels;
        grad_weight.fill(0.0);
        for first in pixels.clone().step_by(GRADIENT_PIXELS) {
            let count = GRADIENT_PIXELS.min(pixels.end - first);
            let grad = Matrix::new(&grad_output[first * out..], [count, out]);
            if self.is_pointwise() {
                let patches = Matrix::new(&input[first * patch..], [count, patch]);
                multiply(patches.transposed(), grad, true, grad_weight);
                continue;
            }
            with_floats(count * patch, |patches| {
                self.patches(input, first, taps.clone(), patches);
                let patches = Matrix::new(patches, [count, patch]);
                multiply(patches.transposed(), grad, true, grad_weight);
            });
        }
    }
}
