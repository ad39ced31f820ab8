//! The gradient of a dense convolution to its input.
//!
//! Input pixels fall into `stride_h · stride_w` classes by their position modulo the stride; each
//! class sees its own subset of the taps, so that no product with a zero is computed:
//! for each class a tile gathers the output gradients and multiplies them by the transposed taps.

use crate::convolution::Conv2d;
use crate::matrix::{Matrix, multiply};
use crate::scratch::with_floats;
use rayon::prelude::*;

/// Bytes of gathered gradients per tile: most of a level-2 cache.
const TILE_BYTES: usize = 1 << 20;

/// The taps that reach the input pixels of one class.
struct Class {
    /// Position modulo the stride.
    offset: [usize; 2],
    /// Kernel rows and columns that meet it.
    taps: Vec<[usize; 2]>,
    /// Where its transposed weight starts.
    start: usize,
}

impl Conv2d {
    /// `grad_input[images, height, width, in]`: the gradient of the input.
    ///
    /// # Panics
    /// If a slice does not have the number of elements of its shape, or a stride is 0.
    pub fn input_gradient(&self, grad_output: &[f32], weight: &[f32], grad_input: &mut [f32]) {
        self.check(grad_input.len(), weight.len(), grad_output.len());
        if let Some(linear) = self.as_linear() {
            linear.input_gradient(grad_output, weight, grad_input);
            return;
        }
        if grad_input.is_empty() {
            return;
        }
        let classes = self.classes();
        let patch = classes.iter().map(|class| class.taps.len()).max().unwrap_or(0);
        let tile = (TILE_BYTES / (4 * (patch * self.out_channels).max(1))).clamp(64, 256);
        let tile = tile * classes.len();
        with_floats(weight.len(), |transposed| {
            self.transpose(weight, &classes, transposed);
            let transposed = &*transposed;
            let chunk = tile * self.in_channels;
            grad_input.par_chunks_mut(chunk).enumerate().for_each(|(index, grad_input)| {
                for class in &classes {
                    self.add_class(class, grad_output, transposed, index * tile, grad_input);
                }
            });
        });
    }

    fn classes(&self) -> Vec<Class> {
        let mut start = 0;
        let mut classes = Vec::with_capacity(self.stride[0] * self.stride[1]);
        for y in 0..self.stride[0] {
            for x in 0..self.stride[1] {
                let offset = [y, x];
                let meets = |axis: usize, k: usize| {
                    (offset[axis] + self.padding[axis]) % self.stride[axis] == k % self.stride[axis]
                };
                let mut taps = Vec::new();
                for ky in (0..self.kernel[0]).filter(|&k| meets(0, k)) {
                    taps.extend((0..self.kernel[1]).filter(|&k| meets(1, k)).map(|kx| [ky, kx]));
                }
                let length = taps.len() * self.in_channels * self.out_channels;
                classes.push(Class { offset, taps, start });
                start += length;
            }
        }
        classes
    }

    /// Writes the weight as `[classes: [taps, out, in]]`.
    fn transpose(&self, weight: &[f32], classes: &[Class], transposed: &mut [f32]) {
        let (inputs, outputs) = (self.in_channels, self.out_channels);
        let size = inputs * outputs;
        if size == 0 {
            return;
        }
        let order: Vec<[usize; 2]> =
            classes.iter().flat_map(|class| class.taps.iter().copied()).collect();
        transposed.par_chunks_exact_mut(size).zip(&order).for_each(|(target, [ky, kx])| {
            let source = &weight[(ky * self.kernel[1] + kx) * size..][..size];
            // Blocks keep both sides in cache.
            for first in (0..inputs).step_by(16) {
                let last = inputs.min(first + 16);
                for o in 0..outputs {
                    for i in first..last {
                        target[o * inputs + i] = source[i * outputs + o];
                    }
                }
            }
        });
    }

    /// Writes the gradients of the pixels of one class among those from `first` on.
    fn add_class(
        &self,
        class: &Class,
        grad_output: &[f32],
        transposed: &[f32],
        first: usize,
        grad_input: &mut [f32],
    ) {
        let (inputs, outputs) = (self.in_channels, self.out_channels);
        let position = |pixel: usize| {
            let row = pixel / self.width;
            [row / self.height, row % self.height, pixel % self.width]
        };
        // Row by row, so that no pixel costs a division.
        let all = first..first + grad_input.len() / inputs;
        let mut pixels = Vec::with_capacity(all.len() / (self.stride[0] * self.stride[1]) + 1);
        for row in all.start / self.width..all.end.div_ceil(self.width) {
            if row % self.height % self.stride[0] == class.offset[0] {
                let columns = (class.offset[1]..self.width).step_by(self.stride[1]);
                let places = columns.map(|column| row * self.width + column);
                pixels.extend(places.filter(|pixel| all.contains(pixel)));
            }
        }
        let patch = class.taps.len() * outputs;
        if pixels.is_empty() {
            return;
        }
        let whole = pixels.len() * inputs == grad_input.len();
        let weight = Matrix::new(&transposed[class.start..], [patch, inputs]);
        with_floats(pixels.len() * patch, |patches| {
            if patch > 0 {
                for (&pixel, patch) in pixels.iter().zip(patches.chunks_exact_mut(patch)) {
                    self.gather(position(pixel), class, grad_output, patch);
                }
            }
            let patches = Matrix::new(patches, [pixels.len(), patch]);
            if whole {
                multiply(patches, weight, false, grad_input);
                return;
            }
            with_floats(pixels.len() * inputs, |result| {
                multiply(patches, weight, false, result);
                for (&pixel, result) in pixels.iter().zip(result.chunks_exact(inputs)) {
                    grad_input[(pixel - first) * inputs..][..inputs].copy_from_slice(result);
                }
            });
        });
    }

    /// Copies the output gradients that reach one input pixel, `[taps, out]`.
    fn gather(
        &self,
        [image, y, x]: [usize; 3],
        class: &Class,
        grad_output: &[f32],
        patch: &mut [f32],
    ) {
        let outputs = self.out_channels;
        let [output_height, output_width] = self.output_size();
        for (&[ky, kx], target) in class.taps.iter().zip(patch.chunks_exact_mut(outputs)) {
            // A kernel that reaches beyond the padding wraps to a huge number.
            let row = (y + self.padding[0]).wrapping_sub(ky);
            let column = (x + self.padding[1]).wrapping_sub(kx);
            let (row, column) = (row / self.stride[0], column / self.stride[1]);
            if row < output_height && column < output_width {
                let from = ((image * output_height + row) * output_width + column) * outputs;
                target.copy_from_slice(&grad_output[from..from + outputs]);
            } else {
                target.fill(0.0);
            }
        }
    }
}
