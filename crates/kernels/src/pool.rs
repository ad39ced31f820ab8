//! Average and maximum pooling on channels-last slices `[images, height, width, channels]`.
//!
//! Windows that reach beyond the last row or column are left out (floor mode).
//! Padding counts as zeros for the average and never wins a maximum, as in PyTorch.

use crate::simd::{Kernel, dispatch};
use rayon::prelude::*;
use std::ops::Range;

/// The shape of a pooling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pool2d {
    /// Number of images: time steps times batch.
    pub images: usize,
    /// Height of the input, in pixels.
    pub height: usize,
    /// Width of the input, in pixels.
    pub width: usize,
    /// Channels of input and output.
    pub channels: usize,
    /// Height and width of a window.
    pub kernel: [usize; 2],
    /// Step between windows, down and right; at least 1.
    pub stride: [usize; 2],
    /// Pixels added on each side; less than the kernel.
    pub padding: [usize; 2],
}

impl Pool2d {
    /// The pooling over all pixels of each image.
    pub fn global(images: usize, height: usize, width: usize, channels: usize) -> Self {
        let kernel = [height, width];
        Self { images, height, width, channels, kernel, stride: [1, 1], padding: [0, 0] }
    }

    /// Height and width of the output; 0 where the window is larger than the padded input.
    pub fn output_size(&self) -> [usize; 2] {
        let side = |size: usize, axis: usize| match (size + 2 * self.padding[axis])
            .checked_sub(self.kernel[axis])
        {
            Some(room) => room / self.stride[axis] + 1,
            None => 0,
        };
        [side(self.height, 0), side(self.width, 1)]
    }

    /// Elements of the input.
    pub fn input_len(&self) -> usize {
        self.images * self.height * self.width * self.channels
    }

    /// Elements of the output.
    pub fn output_len(&self) -> usize {
        let [height, width] = self.output_size();
        self.images * height * width * self.channels
    }

    fn check(&self, input: usize, output: usize) {
        for axis in 0..2 {
            assert!(self.stride[axis] > 0, "the stride of a pooling is 0");
            assert!(
                self.padding[axis] < self.kernel[axis],
                "the padding of a pooling must be less than its kernel"
            );
        }
        assert_eq!(input, self.input_len(), "elements of the input");
        assert_eq!(output, self.output_len(), "elements of the output");
    }

    /// The input rows or columns of window number `index`.
    #[inline(always)]
    fn window(&self, index: usize, axis: usize) -> Range<usize> {
        let size = [self.height, self.width][axis];
        let start = index * self.stride[axis];
        let end = (start + self.kernel[axis]).saturating_sub(self.padding[axis]).min(size);
        start.saturating_sub(self.padding[axis])..end
    }

    /// The windows that contain input row or column `index`.
    #[inline(always)]
    fn windows_of(&self, index: usize, axis: usize) -> Range<usize> {
        let last = (index + self.padding[axis]) / self.stride[axis] + 1;
        let before = (index + self.padding[axis] + 1).saturating_sub(self.kernel[axis]);
        before.div_ceil(self.stride[axis])..last.min(self.output_size()[axis])
    }

    /// The mean of each window.
    ///
    /// # Panics
    /// If a slice does not have the number of elements of its shape, a stride is 0, or the padding
    /// is not less than the kernel.
    pub fn average(&self, input: &[f32], output: &mut [f32]) {
        self.check(input.len(), output.len());
        self.for_each_output_row(output, |image, y, row| {
            dispatch(Average { pool: self, input, image, y, row });
        });
    }

    /// The gradient of [`Self::average`].
    ///
    /// # Panics
    /// As [`Self::average`].
    pub fn average_gradient(&self, grad_output: &[f32], grad_input: &mut [f32]) {
        self.check(grad_input.len(), grad_output.len());
        let row = self.width * self.channels;
        if grad_input.is_empty() {
            return;
        }
        grad_input.par_chunks_exact_mut(row).enumerate().with_min_len(8).for_each(
            |(index, row)| {
                let (image, y) = (index / self.height, index % self.height);
                dispatch(AverageGradient { pool: self, grad_output, image, y, row });
            },
        );
    }

    /// The largest value of each window; a window with a NaN gives NaN.
    ///
    /// # Panics
    /// As [`Self::average`].
    pub fn maximum(&self, input: &[f32], output: &mut [f32]) {
        self.check(input.len(), output.len());
        self.for_each_output_row(output, |image, y, row| {
            dispatch(Maximum { pool: self, input, image, y, row });
        });
    }

    /// The gradient of [`Self::maximum`]: it goes to the first maximum of each window, alone.
    ///
    /// # Panics
    /// As [`Self::average`].
    pub fn maximum_gradient(&self, input: &[f32], grad_output: &[f32], grad_input: &mut [f32]) {
        self.check(grad_input.len(), grad_output.len());
        assert_eq!(input.len(), self.input_len(), "elements of the input");
        let image = self.height * self.width * self.channels;
        if grad_input.is_empty() {
            return;
        }
        grad_input
            .par_chunks_exact_mut(image)
            .zip(input.par_chunks_exact(image))
            .enumerate()
            .for_each(|(image, (grad_input, input))| {
                dispatch(MaximumGradient { pool: self, image, input, grad_output, grad_input });
            });
    }

    fn for_each_output_row(
        &self,
        output: &mut [f32],
        body: impl Fn(usize, usize, &mut [f32]) + Send + Sync,
    ) {
        let [height, width] = self.output_size();
        if output.is_empty() {
            return;
        }
        output
            .par_chunks_exact_mut(width * self.channels)
            .enumerate()
            .with_min_len(4)
            .for_each(|(index, row)| body(index / height, index % height, row));
    }

    #[inline(always)]
    fn pixel<'a>(&self, values: &'a [f32], image: usize, y: usize, x: usize) -> &'a [f32] {
        &values[((image * self.height + y) * self.width + x) * self.channels..][..self.channels]
    }
}

struct Average<'a> {
    pool: &'a Pool2d,
    input: &'a [f32],
    image: usize,
    y: usize,
    row: &'a mut [f32],
}

impl Kernel for Average<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { pool, input, image, y, row } = self;
        let scale = 1.0 / (pool.kernel[0] * pool.kernel[1]) as f32;
        for (x, output) in row.chunks_exact_mut(pool.channels).enumerate() {
            output.fill(0.0);
            for from_y in pool.window(y, 0) {
                for from_x in pool.window(x, 1) {
                    let input = pool.pixel(input, image, from_y, from_x);
                    output.iter_mut().zip(input).for_each(|(sum, value)| *sum += value);
                }
            }
            for sum in output {
                *sum *= scale;
            }
        }
    }
}

struct AverageGradient<'a> {
    pool: &'a Pool2d,
    grad_output: &'a [f32],
    image: usize,
    y: usize,
    row: &'a mut [f32],
}

impl Kernel for AverageGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { pool, grad_output, image, y, row } = self;
        let [height, width] = pool.output_size();
        let scale = 1.0 / (pool.kernel[0] * pool.kernel[1]) as f32;
        for (x, grad) in row.chunks_exact_mut(pool.channels).enumerate() {
            grad.fill(0.0);
            for window_y in pool.windows_of(y, 0) {
                for window_x in pool.windows_of(x, 1) {
                    let from = ((image * height + window_y) * width + window_x) * pool.channels;
                    let from = &grad_output[from..][..pool.channels];
                    grad.iter_mut().zip(from).for_each(|(sum, value)| *sum += value * scale);
                }
            }
        }
    }
}

struct Maximum<'a> {
    pool: &'a Pool2d,
    input: &'a [f32],
    image: usize,
    y: usize,
    row: &'a mut [f32],
}

impl Kernel for Maximum<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { pool, input, image, y, row } = self;
        for (x, output) in row.chunks_exact_mut(pool.channels).enumerate() {
            output.fill(f32::NEG_INFINITY);
            for from_y in pool.window(y, 0) {
                for from_x in pool.window(x, 1) {
                    let input = pool.pixel(input, image, from_y, from_x);
                    for (best, &value) in output.iter_mut().zip(input) {
                        *best = if wins(value, *best) { value } else { *best };
                    }
                }
            }
        }
    }
}

/// Whether `value` replaces the maximum so far; a NaN stays.
#[inline(always)]
fn wins(value: f32, best: f32) -> bool {
    value > best || value.is_nan()
}

struct MaximumGradient<'a> {
    pool: &'a Pool2d,
    image: usize,
    input: &'a [f32],
    grad_output: &'a [f32],
    grad_input: &'a mut [f32],
}

impl Kernel for MaximumGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { pool, image, input, grad_output, grad_input } = self;
        let [height, width] = pool.output_size();
        let channels = pool.channels;
        let mut best = vec![0.0_f32; channels];
        let mut place = vec![0_u32; channels];
        grad_input.fill(0.0);
        for y in 0..height {
            for x in 0..width {
                let (rows, columns) = (pool.window(y, 0), pool.window(x, 1));
                // The first pixel of the window holds the maximum until another exceeds it.
                let first = rows.start * pool.width + columns.start;
                best.copy_from_slice(&input[first * channels..][..channels]);
                place.fill(first as u32);
                for row in rows.clone() {
                    for column in columns.clone() {
                        let pixel = row * pool.width + column;
                        let input = &input[pixel * channels..][..channels];
                        for ((best, place), &value) in best.iter_mut().zip(&mut place).zip(input) {
                            let wins = value > *best || (value.is_nan() && !best.is_nan());
                            *best = if wins { value } else { *best };
                            *place = if wins { pixel as u32 } else { *place };
                        }
                    }
                }
                let grad =
                    &grad_output[((image * height + y) * width + x) * channels..][..channels];
                for row in rows {
                    for column in columns.clone() {
                        let pixel = row * pool.width + column;
                        let target = &mut grad_input[pixel * channels..][..channels];
                        for ((target, &place), &grad) in target.iter_mut().zip(&place).zip(grad) {
                            *target += if place == pixel as u32 { grad } else { 0.0 };
                        }
                    }
                }
            }
        }
    }
}
