//! Dense 3×3 convolution of stride 1, and its gradients, with a quarter of the products.
//!
//! Winograd's minimal filtering F(4×4, 3×3): a tile of 4×4 results needs 36 products per pair of
//! channels instead of 144 (Lavin and Gray, CVPR 2016, arXiv:1509.09308, sec. 4.3).
//! Tiles of 6×6 values and the kernel are transformed, multiplied as 36 matrices, and the products
//! transformed back; the gradient to the input is the same with the kernel turned by half a turn, and
//! that to the weight the transposed map (`winograd/weight_gradient.rs`).
//! The sums are the same numbers in another order, with factors up to 8: about one digit is lost
//! against the plain sum.

mod filter;
mod input_transform;
mod kernel_transform;
mod output_transform;
mod product;
mod weight_gradient;

pub(super) use filter::PRODUCTS;
pub(super) use weight_gradient::FEWEST_TILES as TILES_SUMMED;

use crate::convolution::Conv2d;
use crate::scratch::with_floats;
use crate::shared::Shared;
use crate::simd::vector::with_vectors;
use filter::{Filter, LINE, Map, TILE};
use input_transform::Forth;
use kernel_transform::kernel_len;
use output_transform::Back;
use product::{Product, ROWS, panel_width, panels};
use rayon::prelude::*;
use std::ops::Range;

/// Bytes of a transformed kernel, at most: those of more channels are made one part after the other.
const KERNEL_BYTES: usize = 10 << 20;
/// Bytes of a transformed kernel that stays in a shared cache, so that it can be read for few tiles at a
/// time.
const SHARED_BYTES: usize = 6 << 20;
/// Bytes of transformed tiles that stay in the level-2 cache.
const TILE_BYTES: usize = 512 << 10;
/// Tiles of a task for which reading a larger kernel pays; also the most.
const MANY_TILES: usize = 72;

impl Conv2d {
    /// Whether [`Self::winograd_forward`] and its gradients know this shape.
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
}

/// Tiles per task, of so many in all, for so many channels of values and results.
fn tiles_per_task(tiles: usize, inputs: usize, outputs: usize) -> usize {
    if reads_kernel(inputs, outputs) {
        // Equal shares, in the blocks of rows that 16 registers hold; measured with AVX2.
        let tasks = tiles.div_ceil(MANY_TILES).max(1);
        return tiles.div_ceil(tasks).next_multiple_of(ROWS / 2);
    }
    let tile = size_of::<f32>() * PRODUCTS * (inputs + outputs).max(1);
    (TILE_BYTES / tile).clamp(ROWS, MANY_TILES) / ROWS * ROWS
}

/// Whether the transformed kernel is so large that each task reads it from memory.
pub(super) fn reads_kernel(inputs: usize, outputs: usize) -> bool {
    size_of::<f32>() * PRODUCTS * inputs * outputs > SHARED_BYTES
}

/// Tiles per result.
pub(super) fn tiles_per_pixel(height: usize, width: usize) -> f64 {
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
        let tiles = self.tiles();
        let per_task = tiles_per_task(tiles, inputs, outputs);
        let zeros = vec![0.0; inputs];
        let results = Shared::new(results);
        let most = KERNEL_BYTES / (size_of::<f32>() * PRODUCTS * inputs.max(1));
        let most = (most / panel_width()).max(1) * panel_width();
        for first in (0..outputs).step_by(most) {
            let channels = first..outputs.min(first + most);
            with_floats(kernel_len(inputs, channels.len()), |kernel| {
                transform_kernel(channels.clone(), kernel);
                let kernel = &*kernel;
                let zeros = &zeros[..];
                let part = Part { filter: self, values, zeros, bias, channels, kernel, results };
                (0..tiles.div_ceil(per_task)).into_par_iter().for_each(|task| {
                    part.compute(task * per_task..tiles.min((task + 1) * per_task));
                });
            });
        }
    }
}

/// Some channels of the results.
struct Part<'a> {
    filter: &'a Filter,
    values: &'a [f32],
    /// Zeros for the channels of a pixel.
    zeros: &'a [f32],
    bias: Option<&'a [f32]>,
    channels: Range<usize>,
    /// Transformed, `[products, panels, inputs, panel width]`.
    kernel: &'a [f32],
    results: Shared<'a>,
}

impl Part<'_> {
    /// Computes some tiles.
    fn compute(&self, tiles: Range<usize>) {
        let Self { filter, values, zeros, bias, kernel, results, .. } = *self;
        let channels = self.channels.clone();
        let rows = tiles.len().next_multiple_of(ROWS);
        let row = filter.from.row();
        let result_row = panels(channels.len()) * panel_width();
        // One line more, so that the planes do not start in the same set of a cache.
        let plane = rows * row + LINE;
        let result_plane = rows * result_row + LINE;
        with_floats(PRODUCTS * plane, |transformed| {
            with_floats(PRODUCTS * result_plane, |products| {
                let (to, all) = (Shared::new(transformed), tiles.clone());
                with_vectors(Forth { filter, values, tiles: all, index: 0, to, plane, zeros });
                let size = kernel.len() / PRODUCTS;
                for number in 0..PRODUCTS {
                    let left = &mut transformed[number * plane..][..rows * row];
                    left[tiles.len() * row..].fill(0.0);
                    with_vectors(Product {
                        left,
                        strides: [row, 1],
                        rows: tiles.len(),
                        depth: filter.from.channels,
                        right: &kernel[number * size..][..size],
                        sums: &mut products[number * result_plane..][..rows * result_row],
                        accumulate: false,
                    });
                }
                with_vectors(Back {
                    filter,
                    from: products,
                    plane: result_plane,
                    row: result_row,
                    bias,
                    tiles,
                    channels,
                    results,
                });
            });
        });
    }
}
