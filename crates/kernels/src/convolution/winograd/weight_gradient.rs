//! The gradient of the 3×3 kernel, with a quarter of the products.
//!
//! The forward pass of a tile is `Aᵀ [(G k Gᵀ) ⊙ (Bᵀ d B)] A`, so that its gradient to the kernel is
//! `Gᵀ [(A g Aᵀ) ⊙ (Bᵀ d B)] G` for the gradient `g` of the 4×4 results: 36 products per pair of channels
//! as well, summed over all tiles before they are transformed back.

use super::filter::{Filter, LINE, PRODUCTS, REACH, TILE, load, store};
use super::input_transform::Forth;
use super::product::{Product, ROWS, panel_width, panels};
use crate::convolution::Conv2d;
use crate::scratch::with_floats;
use crate::shared::Shared;
use crate::simd::vector::{multiply_add, with_vectors};
use pulp::{Simd, WithSimd};
use rayon::prelude::*;
use std::ops::Range;

/// Bytes of the transformed gradient, at most: those of more output channels are made one part after the
/// other.
const GRADIENT_BYTES: usize = 10 << 20;
/// Tiles that a task transforms.
const TILES: usize = 16;
/// Tiles that are summed at a time, at least and at most.
pub(in crate::convolution) const FEWEST_TILES: usize = 96;
const MOST_TILES: usize = 256;
/// Bytes of these, about.
const BYTES: usize = 3 << 20;
/// Input channels that are transformed back at a time.
const CHANNELS: usize = 16;

impl Conv2d {
    /// `grad_weight[3, 3, in, out]`: the gradient of the weight.
    ///
    /// Equal to [`Self::weight_gradient`] up to rounding.
    ///
    /// # Panics
    /// As [`Self::winograd_forward`].
    pub fn winograd_weight_gradient(
        &self,
        input: &[f32],
        grad_output: &[f32],
        grad_weight: &mut [f32],
    ) {
        assert!(self.has_winograd(), "a 3×3 convolution of stride 1");
        self.check(input.len(), grad_weight.len(), grad_output.len());
        if grad_weight.is_empty() {
            return;
        }
        let (from, to) = self.maps();
        let filter = Filter { images: self.images, from, to, before: self.padding };
        let rows = self.in_channels.next_multiple_of(ROWS);
        let most = GRADIENT_BYTES / (size_of::<f32>() * PRODUCTS * rows);
        let most = (most / panel_width()).max(1) * panel_width();
        let grad_weight = Shared::new(grad_weight);
        for first in (0..self.out_channels).step_by(most) {
            let channels = first..self.out_channels.min(first + most);
            let width = panels(channels.len()) * panel_width();
            with_floats(PRODUCTS * rows * width, |sums| {
                filter.sum_over_tiles(input, grad_output, channels.clone(), sums);
                let sums = &*sums;
                (0..self.in_channels.div_ceil(CHANNELS)).into_par_iter().for_each(|block| {
                    let inputs = block * CHANNELS..self.in_channels.min((block + 1) * CHANNELS);
                    let (shape, outputs) = (self, channels.clone());
                    with_vectors(ToKernel {
                        shape,
                        sums,
                        rows,
                        width,
                        inputs,
                        outputs,
                        grad_weight,
                    });
                });
            });
        }
    }
}

impl Filter {
    /// Writes `Σ (A g Aᵀ) ⊙ (Bᵀ d B)` over all tiles, `[products, in in whole blocks, panels]`, for some
    /// output channels.
    fn sum_over_tiles(
        &self,
        values: &[f32],
        grads: &[f32],
        channels: Range<usize>,
        sums: &mut [f32],
    ) {
        let tiles = self.tiles();
        if tiles == 0 {
            sums.fill(0.0);
            return;
        }
        let row = self.from.row();
        let width = panels(channels.len()) * panel_width();
        let at_a_time = BYTES / (size_of::<f32>() * PRODUCTS * (row + width));
        let at_a_time = at_a_time.clamp(FEWEST_TILES, MOST_TILES).min(tiles);
        let zeros = vec![0.0; self.from.channels.max(self.to.channels)];
        let (plane, grad_plane) = (at_a_time * row + LINE, at_a_time * width);
        with_floats(PRODUCTS * plane, |transformed| {
            with_floats(PRODUCTS * grad_plane, |grad_transformed| {
                for first in (0..tiles).step_by(at_a_time) {
                    let tiles = first..tiles.min(first + at_a_time);
                    let count = tiles.len();
                    let to = Shared::new(transformed);
                    let grads_to = Shared::new(grad_transformed);
                    (0..count.div_ceil(TILES)).into_par_iter().for_each(|block| {
                        let index = block * TILES;
                        let tiles = first + index..tiles.end.min(first + index + TILES);
                        let (filter, zeros, channels) = (self, &zeros[..], channels.clone());
                        let part = tiles.clone();
                        with_vectors(Forth {
                            filter,
                            values,
                            tiles: part,
                            index,
                            to,
                            plane,
                            zeros,
                        });
                        let (values, to) = (grads, grads_to);
                        let grads =
                            Grads { filter, values, tiles, index, count, channels, to, zeros };
                        with_vectors(grads);
                    });
                    let (left, right) = (&*transformed, &*grad_transformed);
                    let size = sums.len() / PRODUCTS;
                    sums.par_chunks_exact_mut(size).enumerate().for_each(|(number, sums)| {
                        with_vectors(Product {
                            left: &left[number * plane..][..count * row],
                            strides: [1, row],
                            rows: self.from.channels,
                            depth: count,
                            right: &right[number * count * width..][..count * width],
                            sums,
                            accumulate: first > 0,
                        });
                    });
                }
            });
        });
    }
}

/// Writes the gradients of some tiles transformed, `[products, panels, tiles, panel width]`.
struct Grads<'a> {
    filter: &'a Filter,
    values: &'a [f32],
    tiles: Range<usize>,
    /// The first of these among the `count` tiles that are written.
    index: usize,
    count: usize,
    channels: Range<usize>,
    to: Shared<'a>,
    zeros: &'a [f32],
}

impl WithSimd for Grads<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { filter, values, tiles, index, count, channels, to, zeros } = self;
        let (panel_width, panels) = (panel_width(), panels(channels.len()));
        for (index, tile) in (index..).zip(tiles) {
            let mut pixels: [[_; TILE]; TILE] = filter.to.tile(values, zeros, filter.place(tile));
            for pixel in pixels.as_flattened_mut() {
                *pixel = &pixel[channels.clone()];
            }
            for vector in 0..panels * panel_width / S::F32_LANES {
                let mut half = [[simd.splat_f32s(0.0); REACH]; TILE];
                for (half, pixels) in half.iter_mut().zip(&pixels) {
                    let mut found = [simd.splat_f32s(0.0); TILE];
                    for (found, pixel) in found.iter_mut().zip(pixels) {
                        *found = load(simd, pixel, vector);
                    }
                    *half = scatter(simd, found);
                }
                let first = vector * S::F32_LANES;
                for column in 0..REACH {
                    let [a, b, c, d] = &half;
                    let found = scatter(simd, [a[column], b[column], c[column], d[column]]);
                    for (line, found) in found.into_iter().enumerate() {
                        let panel = (line * REACH + column) * panels + first / panel_width;
                        let at = (panel * count + index) * panel_width + first % panel_width;
                        // SAFETY: each task has its own tiles.
                        let to = unsafe { to.part(at..at + S::F32_LANES) };
                        S::as_mut_simd_f32s(to).0[0] = found;
                    }
                }
            }
        }
    }
}

/// A: from the gradients of four results to those of six products.
#[inline(always)]
fn scatter<S: Simd>(simd: S, g: [S::f32s; TILE]) -> [S::f32s; REACH] {
    let add = |scale: f32, a, b| multiply_add(simd, simd.splat_f32s(scale), a, b);
    let (even, odd) = (simd.add_f32s(g[0], g[2]), simd.add_f32s(g[1], g[3]));
    let (far_even, far_odd) = (add(4.0, g[2], g[0]), add(4.0, g[3], g[1]));
    [
        g[0],
        simd.add_f32s(even, odd),
        simd.sub_f32s(even, odd),
        add(2.0, far_odd, far_even),
        add(-2.0, far_odd, far_even),
        g[3],
    ]
}

/// Transforms the sums of some input channels back to gradients of the weight.
struct ToKernel<'a> {
    shape: &'a Conv2d,
    /// `[products, rows, width]`.
    sums: &'a [f32],
    rows: usize,
    width: usize,
    inputs: Range<usize>,
    outputs: Range<usize>,
    grad_weight: Shared<'a>,
}

impl WithSimd for ToKernel<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { shape, sums, rows, width, inputs, outputs, grad_weight } = self;
        for input in inputs {
            let sums: [&[S::f32s]; PRODUCTS] = std::array::from_fn(|number| {
                S::as_simd_f32s(&sums[(number * rows + input) * width..][..width]).0
            });
            for (vector, first) in outputs.clone().step_by(S::F32_LANES).enumerate() {
                let lanes = S::F32_LANES.min(outputs.end - first);
                let mut half = [[simd.splat_f32s(0.0); 3]; REACH];
                for (line, half) in half.iter_mut().enumerate() {
                    let mut found = [simd.splat_f32s(0.0); REACH];
                    for (column, found) in found.iter_mut().enumerate() {
                        *found = sums[line * REACH + column][vector];
                    }
                    *half = to_taps(simd, found);
                }
                for column in 0..3 {
                    let [a, b, c, d, e, f] = &half;
                    let found = [a[column], b[column], c[column], d[column], e[column], f[column]];
                    for (line, value) in to_taps(simd, found).into_iter().enumerate() {
                        let tap = (line * 3 + column) * shape.in_channels + input;
                        let at = tap * shape.out_channels + first;
                        // SAFETY: each task has its own input channels.
                        let to = unsafe { grad_weight.part(at..at + lanes) };
                        store(simd, value, to);
                    }
                }
            }
        }
    }
}

/// Gᵀ: from the gradients of six products to those of three taps.
#[inline(always)]
fn to_taps<S: Simd>(simd: S, u: [S::f32s; REACH]) -> [S::f32s; 3] {
    let scale = |scale: f32, a| simd.mul_f32s(simd.splat_f32s(scale), a);
    let add = |scale: f32, a, b| multiply_add(simd, simd.splat_f32s(scale), a, b);
    let (near, far) = (simd.add_f32s(u[1], u[2]), simd.add_f32s(u[3], u[4]));
    let (near_difference, far_difference) = (simd.sub_f32s(u[2], u[1]), simd.sub_f32s(u[3], u[4]));
    [
        add(0.25, u[0], add(-1.0 / 6.0, near, scale(1.0 / 24.0, far))),
        add(1.0 / 6.0, near_difference, scale(1.0 / 12.0, far_difference)),
        add(1.0 / 6.0, simd.sub_f32s(far, near), u[5]),
    ]
}
