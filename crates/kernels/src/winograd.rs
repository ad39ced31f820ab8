//! The dense gradient of a 3×3 convolution of stride 1 to its input, with a quarter of the products.
//!
//! Winograd's minimal filtering F(4×4, 3×3): a tile of 4×4 gradients needs 36 products per pair of
//! channels instead of 144 (Lavin and Gray, CVPR 2016, arXiv:1509.09308, sec. 4.3).
//! Tiles of 6×6 output gradients and the turned kernel are transformed, multiplied as 36 matrices,
//! and the products transformed back.
//! The sums are the same numbers in another order, with factors up to 8: about one digit is lost
//! against the plain sum.

use crate::convolution::Conv2d;
use crate::matrix::{Matrix, multiply};
use crate::scratch::with_floats;
use crate::shared::Shared;
use crate::simd::{Kernel, dispatch};
use rayon::prelude::*;

/// Side of a tile of gradients by the input.
pub(crate) const TILE: usize = 4;
/// Side of the tile of output gradients that it depends on.
const REACH: usize = TILE + 2;
/// Products per tile and pair of channels.
pub(crate) const PRODUCTS: usize = REACH * REACH;
/// Channels that are transformed at a time.
const LANES: usize = 16;
/// Bytes of transformed tiles that a task works on, about.
const BYTES: usize = 6 << 20;

type Lane = [f32; LANES];

impl Conv2d {
    /// Whether [`Self::winograd_input_gradient`] knows this shape.
    pub fn has_winograd(&self) -> bool {
        self.kernel == [3, 3] && self.stride == [1, 1] && self.padding.iter().all(|&p| p <= 2)
    }

    /// `grad_input[images, height, width, in]`: the gradient of the input.
    ///
    /// Equal to [`Self::input_gradient`] up to rounding.
    ///
    /// # Panics
    /// If the shape is another than [`Self::has_winograd`], or a slice does not have the number of
    /// elements of its shape.
    pub fn winograd_input_gradient(
        &self,
        grad_output: &[f32],
        weight: &[f32],
        grad_input: &mut [f32],
    ) {
        assert!(self.has_winograd(), "a 3×3 convolution of stride 1");
        self.check(grad_input.len(), weight.len(), grad_output.len());
        if grad_input.is_empty() {
            return;
        }
        if grad_output.is_empty() {
            grad_input.fill(0.0);
            return;
        }
        let (inputs, outputs) = (self.in_channels, self.out_channels);
        let [down, across] = self.winograd_tiles();
        let tiles = self.images * down * across;
        let per_task = self.winograd_tiles_per_task();
        let grad_input = Shared::new(grad_input);
        with_floats(PRODUCTS * inputs * outputs, |kernel| {
            self.transform_kernel(weight, kernel);
            let kernel = &*kernel;
            (0..tiles.div_ceil(per_task)).into_par_iter().for_each(|task| {
                let first = task * per_task;
                let count = per_task.min(tiles - first);
                with_floats(PRODUCTS * count * outputs, |transformed| {
                    with_floats(PRODUCTS * count * inputs, |products| {
                        for tile in 0..count {
                            let place = self.place(first + tile);
                            let to = &mut *transformed;
                            dispatch(Forward { shape: self, grad_output, place, tile, count, to });
                        }
                        let sizes = [count * outputs, outputs * inputs, count * inputs];
                        for number in 0..PRODUCTS {
                            let [tiles, weights, sums] = sizes;
                            let tiles = &transformed[number * tiles..][..tiles];
                            let weights = &kernel[number * weights..][..weights];
                            multiply(
                                Matrix::new(tiles, [count, outputs]),
                                Matrix::new(weights, [outputs, inputs]),
                                false,
                                &mut products[number * sums..][..sums],
                            );
                        }
                        for tile in 0..count {
                            let place = self.place(first + tile);
                            let from = &*products;
                            dispatch(Back { shape: self, from, place, tile, count, grad_input });
                        }
                    });
                });
            });
        });
    }

    /// Tiles per task: enough that reading the transformed kernel pays.
    pub(crate) fn winograd_tiles_per_task(&self) -> usize {
        (BYTES / (4 * PRODUCTS * (self.in_channels + self.out_channels)).max(1)).clamp(72, 256)
    }

    /// Tiles of an image, down and across.
    pub(crate) fn winograd_tiles(&self) -> [usize; 2] {
        [self.height.div_ceil(TILE), self.width.div_ceil(TILE)]
    }

    /// Image, first row and first column of a tile.
    fn place(&self, tile: usize) -> [usize; 3] {
        let [down, across] = self.winograd_tiles();
        let (image, tile) = (tile / (down * across), tile % (down * across));
        [image, tile / across * TILE, tile % across * TILE]
    }

    /// Writes the transformed kernel, turned by half a turn, as `[products, out, in]`.
    fn transform_kernel(&self, weight: &[f32], kernel: &mut [f32]) {
        let blocks = self.out_channels.div_ceil(LANES);
        let kernel = Shared::new(kernel);
        (0..blocks).into_par_iter().for_each(|block| {
            dispatch(TransformKernel { shape: self, weight, first: block * LANES, kernel });
        });
    }
}

struct TransformKernel<'a> {
    shape: &'a Conv2d,
    weight: &'a [f32],
    /// First output channel of the block.
    first: usize,
    kernel: Shared<'a>,
}

impl Kernel for TransformKernel<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { shape, weight, first, kernel } = self;
        let (inputs, outputs) = (shape.in_channels, shape.out_channels);
        let count = LANES.min(outputs - first);
        for start in (0..inputs).step_by(LANES) {
            let width = LANES.min(inputs - start);
            // [taps][output channel][input channel], the last tap first.
            let mut turned = [[[0.0_f32; LANES]; LANES]; 9];
            for (tap, block) in turned.iter_mut().rev().enumerate() {
                for input in 0..width {
                    let from = (tap * inputs + start + input) * outputs + first;
                    for (output, value) in weight[from..from + count].iter().enumerate() {
                        block[output][input] = *value;
                    }
                }
            }
            for output in 0..count {
                // G k Gᵀ: rows, then columns.
                let mut half = [[[0.0; LANES]; 3]; REACH];
                for column in 0..3 {
                    let taps = std::array::from_fn(|row| turned[3 * row + column][output]);
                    let rows = spread(taps);
                    for row in 0..REACH {
                        half[row][column] = rows[row];
                    }
                }
                for (row, half) in half.iter().enumerate() {
                    for (column, values) in spread(*half).iter().enumerate() {
                        let number = row * REACH + column;
                        let at = (number * outputs + first + output) * inputs + start;
                        // SAFETY: each task has its own output channels.
                        let to = unsafe { kernel.part(at..at + width) };
                        to.copy_from_slice(&values[..width]);
                    }
                }
            }
        }
    }
}

/// Transforms the tile at a place into number `tile` of `to: [products, count, out]`.
struct Forward<'a> {
    shape: &'a Conv2d,
    grad_output: &'a [f32],
    place: [usize; 3],
    tile: usize,
    count: usize,
    to: &'a mut [f32],
}

impl Kernel for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { shape, grad_output, place: [image, y, x], tile, count, to } = self;
        let [height, width] = shape.output_size();
        let channels = shape.out_channels;
        // Where each of the 6×6 output gradients starts; none outside of the map.
        let mut starts = [[None; REACH]; REACH];
        for (row, starts) in starts.iter_mut().enumerate() {
            let row = (y + row + shape.padding[0]).wrapping_sub(2);
            for (column, start) in starts.iter_mut().enumerate() {
                let column = (x + column + shape.padding[1]).wrapping_sub(2);
                if row < height && column < width {
                    *start = Some(((image * height + row) * width + column) * channels);
                }
            }
        }
        for first in (0..channels).step_by(LANES) {
            let lanes = LANES.min(channels - first);
            let mut half = [[[0.0_f32; LANES]; REACH]; REACH];
            for (row, half) in half.iter_mut().enumerate() {
                let mut values = [[0.0_f32; LANES]; REACH];
                for (value, start) in values.iter_mut().zip(starts[row]) {
                    if let Some(start) = start {
                        let from = &grad_output[start + first..start + first + lanes];
                        if let Ok(whole) = <&Lane>::try_from(from) {
                            *value = *whole;
                        } else {
                            value[..lanes].copy_from_slice(from);
                        }
                    }
                }
                *half = meet(values);
            }
            for column in 0..REACH {
                let values = meet(std::array::from_fn(|row| half[row][column]));
                for (row, value) in values.iter().enumerate() {
                    let at = ((row * REACH + column) * count + tile) * channels + first;
                    to[at..at + lanes].copy_from_slice(&value[..lanes]);
                }
            }
        }
    }
}

/// Transforms number `tile` of the products `[products, count, in]` back.
struct Back<'a> {
    shape: &'a Conv2d,
    from: &'a [f32],
    place: [usize; 3],
    tile: usize,
    count: usize,
    grad_input: Shared<'a>,
}

impl Kernel for Back<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { shape, from, place: [image, y, x], tile, count, grad_input } = self;
        let channels = shape.in_channels;
        let rows = TILE.min(shape.height - y);
        let columns = TILE.min(shape.width - x);
        for first in (0..channels).step_by(LANES) {
            let lanes = LANES.min(channels - first);
            let mut half = [[[0.0_f32; LANES]; REACH]; TILE];
            for column in 0..REACH {
                let products = std::array::from_fn(|row| {
                    let at = ((row * REACH + column) * count + tile) * channels + first;
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
            for (row, half) in half.iter().enumerate().take(rows) {
                for (column, value) in gather(*half).iter().enumerate().take(columns) {
                    let pixel = (image * shape.height + y + row) * shape.width + x + column;
                    let at = pixel * channels + first;
                    // SAFETY: each tile is of one task, and tiles do not overlap.
                    let to = unsafe { grad_input.part(at..at + lanes) };
                    to.copy_from_slice(&value[..lanes]);
                }
            }
        }
    }
}

/// Bᵀ: from six values to the six that are multiplied.
#[inline(always)]
fn meet(d: [Lane; REACH]) -> [Lane; REACH] {
    let mut out = [[0.0; LANES]; REACH];
    for i in 0..LANES {
        let (a, b) = (d[4][i] - 4.0 * d[2][i], d[3][i] - 4.0 * d[1][i]);
        let (c, e) = (d[4][i] - d[2][i], 2.0 * (d[3][i] - d[1][i]));
        out[0][i] = 4.0 * d[0][i] - 5.0 * d[2][i] + d[4][i];
        out[1][i] = a + b;
        out[2][i] = a - b;
        out[3][i] = c + e;
        out[4][i] = c - e;
        out[5][i] = 4.0 * d[1][i] - 5.0 * d[3][i] + d[5][i];
    }
    out
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
