//! Dense 3×3 convolution of stride 1, and its gradient to the input, with a quarter of the products.
//!
//! Winograd's minimal filtering F(4×4, 3×3): a tile of 4×4 results needs 36 products per pair of
//! channels instead of 144 (Lavin and Gray, CVPR 2016, arXiv:1509.09308, sec. 4.3).
//! Tiles of 6×6 values and the kernel are transformed, multiplied as 36 matrices, and the products
//! transformed back; the gradient to the input is the same with the kernel turned by half a turn.
//! The sums are the same numbers in another order, with factors up to 8: about one digit is lost
//! against the plain sum.

use crate::convolution::Conv2d;
use crate::matrix::{Matrix, multiply};
use crate::scratch::with_floats;
use crate::shared::Shared;
use crate::simd::{Kernel, dispatch};
use rayon::prelude::*;
use std::ops::Range;

/// Side of a tile of results.
const TILE: usize = 4;
/// Side of the tile of values that it depends on.
const REACH: usize = TILE + 2;
/// Products per tile and pair of channels.
pub(crate) const PRODUCTS: usize = REACH * REACH;
/// Channels that are transformed at a time.
const LANES: usize = 16;
/// Bytes of a transformed kernel, at most: those of more channels are made one part after the other.
const KERNEL_BYTES: usize = 9 << 20;
/// Bytes of transformed tiles that a task works on, about.
const BYTES: usize = 6 << 20;

type Lane = [f32; LANES];

/// A map of values, channels last.
#[derive(Clone, Copy)]
struct Map {
    height: usize,
    width: usize,
    channels: usize,
}

/// A convolution or its gradient: from one map to another.
#[derive(Clone, Copy)]
struct Filter {
    images: usize,
    from: Map,
    to: Map,
    /// How far above and left of a result its first value lies.
    before: [usize; 2],
}

impl Conv2d {
    /// Whether [`Self::winograd_forward`] and [`Self::winograd_input_gradient`] know this shape.
    pub fn has_winograd(&self) -> bool {
        self.kernel == [3, 3] && self.stride == [1, 1] && self.padding.iter().all(|&p| p <= 2)
    }

    /// `output = input ⋆ weight + bias`.
    ///
    /// Equal to [`Self::forward`] up to rounding.
    ///
    /// # Panics
    /// If the shape is another than [`Self::has_winograd`], or a slice does not have the number of
    /// elements of its shape.
    pub fn winograd_forward(
        &self,
        input: &[f32],
        weight: &[f32],
        bias: Option<&[f32]>,
        output: &mut [f32],
    ) {
        assert!(self.has_winograd(), "a 3×3 convolution of stride 1");
        self.check(input.len(), weight.len(), output.len());
        if let Some(bias) = bias {
            assert_eq!(bias.len(), self.out_channels, "elements of the bias");
        }
        let (from, to) = self.maps();
        let filter = Filter { images: self.images, from, to, before: self.padding };
        filter.apply(input, bias, output, |channels, kernel| {
            self.transform_kernel(weight, false, channels, kernel);
        });
    }

    /// `grad_input[images, height, width, in]`: the gradient of the input.
    ///
    /// Equal to [`Self::input_gradient`] up to rounding.
    ///
    /// # Panics
    /// As [`Self::winograd_forward`].
    pub fn winograd_input_gradient(
        &self,
        grad_output: &[f32],
        weight: &[f32],
        grad_input: &mut [f32],
    ) {
        assert!(self.has_winograd(), "a 3×3 convolution of stride 1");
        self.check(grad_input.len(), weight.len(), grad_output.len());
        let (to, from) = self.maps();
        let before = self.padding.map(|padding| 2 - padding);
        let filter = Filter { images: self.images, from, to, before };
        filter.apply(grad_output, None, grad_input, |channels, kernel| {
            self.transform_kernel(weight, true, channels, kernel);
        });
    }

    /// Input and output.
    fn maps(&self) -> (Map, Map) {
        let [height, width] = self.output_size();
        (
            Map { height: self.height, width: self.width, channels: self.in_channels },
            Map { height, width, channels: self.out_channels },
        )
    }

    /// Writes the kernel transformed as `[products, in, out]`, or turned as `[products, out, in]`, for
    /// some channels of the last axis.
    fn transform_kernel(
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

/// Tiles per task, for so many channels of values and results together: enough that reading the
/// transformed kernel pays.
pub(crate) fn tiles_per_task(channels: usize) -> usize {
    (BYTES / (4 * PRODUCTS * channels).max(1)).clamp(72, 256)
}

/// Tiles per result.
pub(crate) fn tiles_per_pixel(height: usize, width: usize) -> f64 {
    let tiles = height.div_ceil(TILE) * width.div_ceil(TILE);
    tiles as f64 / (height * width).max(1) as f64
}

impl Filter {
    fn apply(
        &self,
        values: &[f32],
        bias: Option<&[f32]>,
        results: &mut [f32],
        transform_kernel: impl Fn(Range<usize>, &mut [f32]),
    ) {
        let (inputs, outputs) = (self.from.channels, self.to.channels);
        if results.is_empty() {
            return;
        }
        let [down, across] = self.tiles();
        let tiles = self.images * down * across;
        let per_task = tiles_per_task(inputs + outputs);
        let results = Shared::new(results);
        let most = KERNEL_BYTES / (size_of::<f32>() * PRODUCTS * inputs.max(1));
        let most = (most / LANES).max(1) * LANES;
        for first in (0..outputs).step_by(most) {
            let channels = first..outputs.min(first + most);
            let width = channels.len();
            with_floats(PRODUCTS * inputs * width, |kernel| {
                transform_kernel(channels.clone(), kernel);
                let kernel = &*kernel;
                (0..tiles.div_ceil(per_task)).into_par_iter().for_each(|task| {
                    let first = task * per_task;
                    let count = per_task.min(tiles - first);
                    with_floats(PRODUCTS * count * inputs, |transformed| {
                        with_floats(PRODUCTS * count * width, |products| {
                            for tile in 0..count {
                                let place = self.place(first + tile);
                                let to = &mut *transformed;
                                dispatch(Forth { filter: self, values, place, tile, count, to });
                            }
                            let sizes = [count * inputs, inputs * width, count * width];
                            for number in 0..PRODUCTS {
                                let [tiles, weights, sums] = sizes;
                                let tiles = &transformed[number * tiles..][..tiles];
                                let weights = &kernel[number * weights..][..weights];
                                multiply(
                                    Matrix::new(tiles, [count, inputs]),
                                    Matrix::new(weights, [inputs, width]),
                                    false,
                                    &mut products[number * sums..][..sums],
                                );
                            }
                            for tile in 0..count {
                                let back = Back {
                                    filter: self,
                                    from: products,
                                    bias,
                                    place: self.place(first + tile),
                                    tile,
                                    count,
                                    channels: channels.clone(),
                                    results,
                                };
                                dispatch(back);
                            }
                        });
                    });
                });
            });
        }
    }

    /// Tiles of an image, down and across.
    fn tiles(&self) -> [usize; 2] {
        [self.to.height.div_ceil(TILE), self.to.width.div_ceil(TILE)]
    }

    /// Image, first row and first column of a tile.
    fn place(&self, tile: usize) -> [usize; 3] {
        let [down, across] = self.tiles();
        let (image, tile) = (tile / (down * across), tile % (down * across));
        [image, tile / across * TILE, tile % across * TILE]
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

/// Transforms the values of the tile at a place into number `tile` of `to: [products, count, from]`.
struct Forth<'a> {
    filter: &'a Filter,
    values: &'a [f32],
    place: [usize; 3],
    tile: usize,
    count: usize,
    to: &'a mut [f32],
}

impl Kernel for Forth<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { filter, values, place: [image, y, x], tile, count, to } = self;
        let Map { height, width, channels } = filter.from;
        // Where each of the 6×6 values starts; none outside of the map.
        let mut starts = [[None; REACH]; REACH];
        for (row, starts) in starts.iter_mut().enumerate() {
            let row = (y + row).wrapping_sub(filter.before[0]);
            for (column, start) in starts.iter_mut().enumerate() {
                let column = (x + column).wrapping_sub(filter.before[1]);
                if row < height && column < width {
                    *start = Some(((image * height + row) * width + column) * channels);
                }
            }
        }
        for first in (0..channels).step_by(LANES) {
            let lanes = LANES.min(channels - first);
            let mut half = [[[0.0_f32; LANES]; REACH]; REACH];
            for (row, half) in half.iter_mut().enumerate() {
                let mut found = [[0.0_f32; LANES]; REACH];
                for (value, start) in found.iter_mut().zip(starts[row]) {
                    if let Some(start) = start {
                        let from = &values[start + first..start + first + lanes];
                        if let Ok(whole) = <&Lane>::try_from(from) {
                            *value = *whole;
                        } else {
                            value[..lanes].copy_from_slice(from);
                        }
                    }
                }
                *half = meet(found);
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

/// Transforms number `tile` of the products of some channels, `[products, count, channels]`, back.
struct Back<'a> {
    filter: &'a Filter,
    from: &'a [f32],
    bias: Option<&'a [f32]>,
    place: [usize; 3],
    tile: usize,
    count: usize,
    channels: Range<usize>,
    results: Shared<'a>,
}

impl Kernel for Back<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { filter, from, bias, place: [image, y, x], tile, count, channels, results } =
            self;
        let Map { height, width, channels: all } = filter.to;
        let (rows, columns) = (TILE.min(height - y), TILE.min(width - x));
        for first in channels.clone().step_by(LANES) {
            let lanes = LANES.min(channels.end - first);
            let mut half = [[[0.0_f32; LANES]; REACH]; TILE];
            for column in 0..REACH {
                let products = std::array::from_fn(|row| {
                    let row = ((row * REACH + column) * count + tile) * channels.len();
                    let at = row + first - channels.start;
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
            let mut added = [0.0; LANES];
            if let Some(bias) = bias {
                added[..lanes].copy_from_slice(&bias[first..first + lanes]);
            }
            for (row, half) in half.iter().enumerate().take(rows) {
                for (column, value) in gather(*half).iter().enumerate().take(columns) {
                    let pixel = (image * height + y + row) * width + x + column;
                    let at = pixel * all + first;
                    // SAFETY: each tile is of one task, and tiles do not overlap.
                    let to = unsafe { results.part(at..at + lanes) };
                    for lane in 0..lanes {
                        to[lane] = value[lane] + added[lane];
                    }
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
