//! Convolution of spikes, grouped by their pattern over time.
//!
//! For each output pixel the active inputs of all taps are put in order of their firing pattern.
//! The weight rows of a pattern are summed once, in registers, and the sum is added to the outputs
//! of the steps in the pattern: the cost follows the union of the spikes over a group of four
//! steps, not their number.
//! A linear layer is the case of one pixel and one tap.

use crate::convolution::Conv2d;
use crate::scratch::with_floats;
use crate::shared::Shared;
use crate::simd::vector::{
    MOST_VECTORS, Panels, add_row, lanes, rows, rows_mut, with_count, with_vectors,
};
use crate::simd::{Kernel, dispatch};
use crate::spikes::lists::{Lists, PATTERNS, SLACK};
use crate::spikes::{STEPS, Spikes};
use pulp::{Simd, WithSimd};
use rayon::prelude::*;
use std::ops::Range;

/// Bytes of a panel of the weight, at most, where the kernel allows it.
const PANEL_BYTES: usize = 5 << 18;
/// Output pixels per task, about.
const PIXELS: usize = 64;
/// Tasks into which the work is cut, at least, where the panels allow it.
const TASKS: usize = 16;
/// Most weight rows that a list can name; beyond it the dense kernel does the work.
const MOST_ROWS: usize = 1 << u16::BITS;
/// Floats of the widest output of a group of steps.
const SUMS: usize = STEPS * MOST_VECTORS * 16;

impl Conv2d {
    /// `output = input ⋆ weight + bias` for an input of spikes; `self.images` counts time steps
    /// times batch, and the spikes are those of all of them.
    ///
    /// Equal to [`Self::forward`] up to rounding.
    ///
    /// # Panics
    /// If the spikes or a slice do not have the number of elements of their shape, or a stride is 0.
    pub fn sparse_forward(
        &self,
        input: &Spikes,
        weight: &[f32],
        bias: Option<&[f32]>,
        output: &mut [f32],
    ) {
        self.check_spikes(input);
        self.check(input.len(), weight.len(), output.len());
        if let Some(bias) = bias {
            assert_eq!(bias.len(), self.out_channels, "elements of the bias");
        }
        if output.is_empty() {
            return;
        }
        if self.patch_len() > MOST_ROWS {
            with_floats(input.len(), |values| {
                input.decode(values);
                self.forward(values, weight, bias, output);
            });
            return;
        }
        let panels = self.sparse_panels();
        let lists = Lists::new(input);
        let [height, width] = self.output_size();
        let batch = self.images / input.shape()[0];
        let strip = PIXELS.div_ceil(width).min(height);
        let strips = height.div_ceil(strip);
        // A task merges the lists of its strip once for all of its panels; few strips share the panels
        // among more tasks.
        let strips_of_all = batch * strips;
        let parts = TASKS.div_ceil(strips_of_all.max(1)).clamp(1, panels.count);
        let output = Shared::new(output);
        with_floats(panels.count * self.patch_len() * panels.width, |packed| {
            panels.pack(weight, packed);
            let packed = &*packed;
            (0..parts * strips_of_all).into_par_iter().for_each(|task| {
                let (part, image) = (task / strips_of_all, task / strips % batch);
                let first = task % strips * strip;
                let lines = first..height.min(first + strip);
                let lists = &lists;
                let merged = dispatch(Merge { convolution: self, input, lists, image, lines });
                let size = self.patch_len() * panels.width;
                for panel in part * panels.count / parts..(part + 1) * panels.count / parts {
                    with_vectors(Strip {
                        convolution: self,
                        input,
                        merged: &merged,
                        weight: &packed[panel * size..][..size],
                        bias,
                        panels,
                        panel,
                        image,
                        first: first * width,
                        output,
                    });
                }
            });
        });
    }

    /// Panels of the weight that stay in a level-2 cache where they can.
    pub(crate) fn sparse_panels(&self) -> Panels {
        let vector_bytes = self.patch_len() * lanes() * size_of::<f32>();
        let most = (PANEL_BYTES / vector_bytes.max(1)).clamp(2, MOST_VECTORS);
        Panels::new(self.out_channels, most)
    }
}

/// The active inputs of the output pixels of some lines of one image.
struct Merge<'a> {
    convolution: &'a Conv2d,
    input: &'a Spikes,
    lists: &'a Lists,
    image: usize,
    lines: Range<usize>,
}

/// For each output pixel and group of steps, the weight rows of its active inputs by key.
#[derive(Default)]
struct Merged {
    rows: Vec<u16>,
    /// Per pixel and group, a bit for each key that has rows.
    masks: Vec<u64>,
    /// Where the rows of each of these keys end.
    ends: Vec<u32>,
}

impl Kernel for Merge<'_> {
    type Output = Merged;

    #[inline(always)]
    fn call(self) -> Merged {
        let Self { convolution, input, lists, image, lines } = self;
        let [_, width] = convolution.output_size();
        let most = input.planes() * convolution.patch_len() + SLACK;
        let mut taps = Vec::with_capacity(convolution.taps());
        let mut inputs = Vec::with_capacity(convolution.taps());
        let mut merged = Merged::default();
        let mut end = 0;
        for y in lines {
            for x in 0..width {
                convolution.taps_of(image, y, x, &mut taps);
                for group in 0..input.groups() {
                    let mut mask = 0;
                    inputs.clear();
                    for &(pixel, base) in &taps {
                        let sorted = lists.of(pixel, group);
                        mask |= sorted.mask;
                        inputs.push(Cursor {
                            channels: sorted.channels,
                            counts: sorted.counts,
                            base: [base; SLACK],
                        });
                    }
                    merged.masks.push(mask);
                    if merged.rows.len() < end + most {
                        merged.rows.resize(2 * end + most, 0);
                    }
                    let mut left = mask;
                    while left != 0 {
                        let key = left.trailing_zeros() as usize;
                        left &= left - 1;
                        for input in &mut inputs {
                            end = input.append(key, &mut merged.rows, end);
                        }
                        merged.ends.push(end as u32);
                    }
                }
            }
        }
        merged
    }
}

/// Some lines of one image, for the columns of one panel.
struct Strip<'a> {
    convolution: &'a Conv2d,
    input: &'a Spikes,
    merged: &'a Merged,
    weight: &'a [f32],
    bias: Option<&'a [f32]>,
    panels: Panels,
    panel: usize,
    image: usize,
    /// The first output pixel of the image.
    first: usize,
    output: Shared<'a>,
}

/// Starts at a cache line, so that no vector lies in two.
#[repr(align(64))]
struct Aligned([f32; SUMS]);

impl WithSimd for Strip<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        with_count!(self.panels.vectors, simd, strip(simd, &self));
    }
}

#[inline(always)]
fn strip<S: Simd, const N: usize>(simd: S, strip: &Strip<'_>) {
    let Strip { convolution, input, merged, panels, .. } = *strip;
    let [height, width] = convolution.output_size();
    let weight = rows::<S, N>(strip.weight);
    let (column, columns) = panels.columns_of(strip.panel);
    let batch = convolution.images / input.shape()[0];
    let mut sums = Aligned([0.0; SUMS]);
    let mut ends = merged.ends.iter();
    let mut start = 0;
    for (index, &mask) in merged.masks.iter().enumerate() {
        let (pixel, group) = (strip.first + index / input.groups(), index % input.groups());
        let steps = input.steps(group);
        let sums = &mut sums.0[..steps.len() * panels.width];
        match strip.bias {
            Some(bias) => {
                for sums in sums.chunks_exact_mut(panels.width) {
                    sums[..columns].copy_from_slice(&bias[column..column + columns]);
                }
            }
            None => sums.fill(0.0),
        }
        let mut left = mask;
        while left != 0 {
            let key = left.trailing_zeros() as usize;
            left &= left - 1;
            let end = ends.next().map_or(start, |&end| end as usize);
            let sum = sum_of_rows(simd, weight, &merged.rows[start..end]);
            start = end;
            let scale = simd.splat_f32s(input.weight_of(key / PATTERNS));
            for (step, sums) in rows_mut::<S, N>(sums).iter_mut().enumerate() {
                if key >> step & 1 == 1 {
                    for (total, sum) in sums.iter_mut().zip(&sum) {
                        *total = simd.add_f32s(*total, simd.mul_f32s(*sum, scale));
                    }
                }
            }
        }
        for (t, sums) in steps.zip(sums.chunks_exact(panels.width)) {
            let pixel = (t * batch + strip.image) * height * width + pixel;
            let first = pixel * convolution.out_channels + column;
            // SAFETY: each task has its own image, lines and columns, and visits each pixel and
            // step once.
            let output = unsafe { strip.output.part(first..first + columns) };
            output.copy_from_slice(&sums[..columns]);
        }
    }
}

/// Reads the active channels of one tap, key by key.
struct Cursor<'a> {
    channels: &'a [u16],
    counts: &'a [u16],
    /// The first weight row of the tap, repeated.
    base: [u16; SLACK],
}

impl Cursor<'_> {
    /// Writes the weight rows of a key, and up to [`SLACK`] more, from `end` on; returns where they
    /// end.
    #[inline(always)]
    fn append(&mut self, key: usize, merged: &mut [u16], end: usize) -> usize {
        let count = usize::from(self.counts[key]);
        // Lists are short: one copy of fixed length has no branch to mispredict.
        let mut done = 0;
        loop {
            let source = &self.channels[done..done + SLACK];
            let target = &mut merged[end + done..end + done + SLACK];
            for ((target, &channel), &base) in target.iter_mut().zip(source).zip(&self.base) {
                // Wraps behind the end of the list only.
                *target = base.wrapping_add(channel);
            }
            done += SLACK;
            if done >= count {
                break;
            }
        }
        self.channels = &self.channels[count..];
        end + count
    }
}

/// The sum of the rows with these indices.
#[inline(always)]
fn sum_of_rows<S: Simd, const N: usize>(
    simd: S,
    rows: &[[S::f32s; N]],
    indices: &[u16],
) -> [S::f32s; N] {
    let zero = [simd.splat_f32s(0.0); N];
    let mut sum = zero;
    let (pairs, rest) = indices.as_chunks::<2>();
    if N > 4 {
        for [first, second] in pairs {
            add_row(simd, &mut sum, &rows[usize::from(*first)]);
            add_row(simd, &mut sum, &rows[usize::from(*second)]);
        }
    } else {
        // Few sums wait for each other: twice as many do not.
        let mut other = zero;
        for [first, second] in pairs {
            add_row(simd, &mut sum, &rows[usize::from(*first)]);
            add_row(simd, &mut other, &rows[usize::from(*second)]);
        }
        add_row(simd, &mut sum, &other);
    }
    for index in rest {
        add_row(simd, &mut sum, &rows[usize::from(*index)]);
    }
    sum
}

impl Conv2d {
    /// The input pixels of an output pixel of an image, each with the weight row of its tap.
    #[inline(always)]
    fn taps_of(&self, image: usize, y: usize, x: usize, taps: &mut Vec<(usize, u16)>) {
        taps.clear();
        for ky in 0..self.kernel[0] {
            let row = (y * self.stride[0] + ky).wrapping_sub(self.padding[0]);
            if row >= self.height {
                continue;
            }
            for kx in 0..self.kernel[1] {
                let column = (x * self.stride[1] + kx).wrapping_sub(self.padding[1]);
                if column < self.width {
                    let pixel = (image * self.height + row) * self.width + column;
                    let base = (ky * self.kernel[1] + kx) * self.in_channels;
                    taps.push((pixel, base as u16));
                }
            }
        }
    }
}
