//! Dense 3×3 convolution of stride 1, and its gradient to the input, with a quarter of the products.
//!
//! Winograd's minimal filtering F(4×4, 3×3): a tile of 4×4 results needs 36 products per pair of
//! channels instead of 144 (Lavin and Gray, CVPR 2016, arXiv:1509.09308, sec. 4.3).
//! Tiles of 6×6 values and the kernel are transformed, multiplied as 36 matrices, and the products
//! transformed back; the gradient to the input is the same with the kernel turned by half a turn.
//! The sums are the same numbers in another order, with factors up to 8: about one digit is lost
//! against the plain sum.

mod filter;
mod input_transform;
mod kernel_transform;
mod output_transform;

pub(super) use filter::PRODUCTS;

use crate::convolution::Conv2d;
use crate::matrix::{Matrix, multiply};
use crate::scratch::with_floats;
use crate::shared::Shared;
use crate::simd::dispatch;
use filter::{Filter, LANES, Map, TILE};
use input_transform::Forth;
use output_transform::Back;
use rayon::prelude::*;
use std::ops::Range;

/// Bytes of a transformed kernel, at most: those of more channels are made one part after the other.
const KERNEL_BYTES: usize = 9 << 20;
/// Bytes of transformed tiles that a task works on, about.
const BYTES: usize = 6 << 20;

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
}

/// Tiles per task, for so many channels of values and results together: enough that reading the
/// transformed kernel pays.
pub(super) fn tiles_per_task(channels: usize) -> usize {
    (BYTES / (4 * PRODUCTS * channels).max(1)).clamp(72, 256)
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
}
