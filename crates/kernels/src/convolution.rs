//! Dense 2-D convolution on channels-last slices, by tiles of patches multiplied with `gemm`.
//!
//! Activations are `[images, height, width, channels]`, weights `[kernel_h, kernel_w, in, out]`.
//! A tile copies the patches of some pixels to one matrix (`im2col`) and multiplies it by the
//! weight; kernels of one pixel and stride 1 need no copy.
//! The work is cut by the shapes alone, so the bits do not depend on the number of threads.

mod algorithm;
mod coincidences;
mod dense;
mod sparse;
mod tiles;
mod winograd;

pub use algorithm::{Activity, Path};

use crate::linear::Linear;
use crate::matrix::{Matrix, multiply};
use crate::reduce::column_sums;
use crate::scratch::with_floats;
use rayon::prelude::*;
use std::ops::Range;

/// Bytes of patches per tile: most of a level-2 cache.
const TILE_BYTES: usize = 1 << 20;
/// Pixels per tile of the weight gradient.
const GRADIENT_PIXELS: usize = 256;
/// Floats of the weight gradient that one task accumulates, so that they stay in cache.
const GRADIENT_FLOATS: usize = 1 << 18;
/// Pixels up to which the weight gradient of a linear layer is not cut by pixels.
const FEW_PIXELS: usize = 2048;
/// Tasks into which the weight gradient is cut, about.
const GRADIENT_TASKS: usize = 16;

/// The shape of a convolution: a correlation with zero padding, as deep learning means it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv2d {
    /// Number of images: time steps times batch.
    pub images: usize,
    /// Height of the input, in pixels.
    pub height: usize,
    /// Width of the input, in pixels.
    pub width: usize,
    /// Channels of the input.
    pub in_channels: usize,
    /// Channels of the output.
    pub out_channels: usize,
    /// Height and width of the kernel.
    pub kernel: [usize; 2],
    /// Step between outputs, down and right; at least 1.
    pub stride: [usize; 2],
    /// Zeros added on each side, above and below, left and right.
    pub padding: [usize; 2],
}

impl Conv2d {
    /// A linear layer, as a convolution of images of one pixel; `rows` is time steps times batch.
    pub fn linear(rows: usize, inputs: usize, outputs: usize) -> Self {
        Self {
            images: rows,
            height: 1,
            width: 1,
            in_channels: inputs,
            out_channels: outputs,
            kernel: [1, 1],
            stride: [1, 1],
            padding: [0, 0],
        }
    }

    /// Height and width of the output; 0 where the kernel is larger than the padded input.
    pub fn output_size(&self) -> [usize; 2] {
        let side = |size: usize, axis: usize| match (size + 2 * self.padding[axis])
            .checked_sub(self.kernel[axis])
        {
            Some(room) => room / self.stride[axis] + 1,
            None => 0,
        };
        [side(self.height, 0), side(self.width, 1)]
    }

    /// Elements of the input, `[images, height, width, in]`.
    pub fn input_len(&self) -> usize {
        self.images * self.height * self.width * self.in_channels
    }

    /// Elements of the weight, `[kernel_h, kernel_w, in, out]`.
    pub fn weight_len(&self) -> usize {
        self.patch_len() * self.out_channels
    }

    /// Elements of the output, `[images, output_h, output_w, out]`.
    pub fn output_len(&self) -> usize {
        self.output_pixels() * self.out_channels
    }

    /// Inputs of one output pixel.
    pub fn patch_len(&self) -> usize {
        self.kernel[0] * self.kernel[1] * self.in_channels
    }

    /// Multiply-adds of a forward pass, without those of the zeros around the images.
    pub fn multiplications(&self) -> usize {
        let outputs = self.output_size();
        let inside = |axis: usize| {
            let size = [self.height, self.width][axis];
            let first = |output: usize| output * self.stride[axis];
            let taps = |output: usize| {
                let taps = first(output)..first(output) + self.kernel[axis];
                taps.filter(|tap| (self.padding[axis]..size + self.padding[axis]).contains(tap))
            };
            (0..outputs[axis]).map(|output| taps(output).count()).sum::<usize>()
        };
        self.images * inside(0) * inside(1) * self.in_channels * self.out_channels
    }

    fn output_pixels(&self) -> usize {
        let [height, width] = self.output_size();
        self.images * height * width
    }

    /// Whether the patches are the input itself.
    fn is_pointwise(&self) -> bool {
        self.kernel == [1, 1] && self.stride == [1, 1] && self.padding == [0, 0]
    }

    /// The linear layer that this is, where each pixel is its own patch.
    pub(crate) fn as_linear(&self) -> Option<Linear> {
        self.is_pointwise().then(|| Linear {
            rows: self.output_pixels(),
            inputs: self.in_channels,
            outputs: self.out_channels,
        })
    }

    pub(crate) fn check(&self, input: usize, weight: usize, output: usize) {
        assert!(self.stride[0] > 0 && self.stride[1] > 0, "the stride of a convolution is 0");
        assert_eq!(input, self.input_len(), "elements of the input");
        assert_eq!(weight, self.weight_len(), "elements of the weight");
        assert_eq!(output, self.output_len(), "elements of the output");
    }

    /// `output = input ⋆ weight + bias`.
    ///
    /// # Panics
    /// If a slice does not have the number of elements of its shape, or a stride is 0.
    pub fn forward(&self, input: &[f32], weight: &[f32], bias: Option<&[f32]>, output: &mut [f32]) {
        self.check(input.len(), weight.len(), output.len());
        if let Some(bias) = bias {
            assert_eq!(bias.len(), self.out_channels, "elements of the bias");
        }
        if let Some(linear) = self.as_linear() {
            linear.forward(input, weight, bias, output);
            return;
        }
        if output.is_empty() {
            return;
        }
        let (patch, out) = (self.patch_len(), self.out_channels);
        let weight = Matrix::new(weight, [patch, out]);
        let tile = (TILE_BYTES / (4 * patch.max(1))).clamp(64, 256);
        output.par_chunks_mut(tile * out).enumerate().for_each(|(index, output)| {
            let first = index * tile;
            let pixels = output.len() / out;
            if let Some(bias) = bias {
                output.chunks_exact_mut(out).for_each(|row| row.copy_from_slice(bias));
            }
            with_floats(pixels * patch, |patches| {
                self.patches(input, first, 0..self.taps(), patches);
                multiply(Matrix::new(patches, [pixels, patch]), weight, bias.is_some(), output);
            });
        });
    }

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

    /// `grad_bias[out] = Σ grad_output`.
    ///
    /// # Panics
    /// If a slice does not have the number of elements of its shape.
    pub fn bias_gradient(&self, grad_output: &[f32], grad_bias: &mut [f32]) {
        assert_eq!(grad_output.len(), self.output_len(), "elements of the output gradient");
        assert_eq!(grad_bias.len(), self.out_channels, "elements of the bias gradient");
        column_sums(grad_output, grad_bias);
    }

    pub(crate) fn taps(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }

    /// Copies the patches of the output pixels from `first` on, `[pixels, taps, in]`.
    fn patches(&self, input: &[f32], first: usize, taps: Range<usize>, patches: &mut [f32]) {
        let channels = self.in_channels;
        if patches.is_empty() {
            return;
        }
        let [output_height, output_width] = self.output_size();
        let (mut x, mut y) = (first % output_width, first / output_width % output_height);
        let mut image = first / (output_width * output_height);
        for patch in patches.chunks_exact_mut(taps.len() * channels) {
            let mut patch = patch;
            let mut tap = taps.clone();
            // Taps of one kernel row are neighbors in the input as well.
            while !tap.is_empty() {
                let (ky, kx) = (tap.start / self.kernel[1], tap.start % self.kernel[1]);
                let run = (self.kernel[1] - kx).min(tap.len());
                let (part, rest) = patch.split_at_mut(run * channels);
                patch = rest;
                tap.start += run;
                let row = (y * self.stride[0] + ky).wrapping_sub(self.padding[0]);
                if row >= self.height {
                    part.fill(0.0);
                    continue;
                }
                let base = (image * self.height + row) * self.width;
                // Columns start..start + run of the padded row; the inner ones exist.
                let start = x * self.stride[1] + kx;
                let left = self.padding[1].saturating_sub(start).min(run);
                let right =
                    (start + run).saturating_sub(self.padding[1] + self.width).min(run - left);
                let inner = run - left - right;
                part[..left * channels].fill(0.0);
                if inner > 0 {
                    let from = (base + start + left - self.padding[1]) * channels;
                    part[left * channels..(left + inner) * channels]
                        .copy_from_slice(&input[from..from + inner * channels]);
                }
                part[(left + inner) * channels..].fill(0.0);
            }
            x += 1;
            if x == output_width {
                x = 0;
                y += 1;
                if y == output_height {
                    y = 0;
                    image += 1;
                }
            }
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
