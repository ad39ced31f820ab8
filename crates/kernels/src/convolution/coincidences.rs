//! How often the inputs and the outputs of a layer spike at the same places, by counting bits.
//!
//! For a synapse and two steps that is the number of output pixels where both of its ends have a bit:
//! 64 pixels are one `and` and one population count, whatever the firing rates.
//! Bits are stored by pixel, with channels side by side, so blocks of 64 pixels are transposed first.

use crate::convolution::Conv2d;
use crate::scratch::with_floats;
use crate::simd::{Kernel, dispatch_counting};
use crate::spikes::{PER_WORD, STEPS, Spikes};
use rayon::prelude::*;
use std::ops::Range;

/// Bits of a word.
const BITS: usize = u64::BITS as usize;
/// Words of pixels per block, whose counts are added up in registers.
const WORDS: usize = 32;
/// In place of an input pixel: outside of the image.
const NONE: u32 = u32::MAX;
/// Output channels that are counted at once.
const LANES: usize = 8;

/// The bits of one input channel of a block, by word and step.
type Pre = [[u64; STEPS]; WORDS];
/// The bits of some output channels of a block, by word, step and channel.
type Post = [[[u64; LANES]; STEPS]; WORDS];

impl Conv2d {
    /// Correlates sums of the input's steps with sums of the output's steps, in the shape of the
    /// weight: for each row of `weights`, which has one weight per time step, both sums are by that row.
    ///
    /// `out` is `[kernel_h, kernel_w, in, rows, out]`. `self.images` counts time steps times batch.
    /// Counts are exact; they are weighted and added in `f32`, in an order that depends on the shapes
    /// alone.
    ///
    /// # Panics
    /// If the spikes, a row or `out` do not have the number of elements of their shape, or a stride is
    /// 0.
    pub fn coincidences(&self, pre: &Spikes, post: &Spikes, weights: &[Vec<f32>], out: &mut [f32]) {
        self.check_spikes(pre);
        let [height, width] = self.output_size();
        let time_steps = pre.shape()[0];
        let pixels = self.images / time_steps.max(1) * height * width;
        assert_eq!(post.shape(), [time_steps, pixels, self.out_channels], "shape of the output");
        assert!(weights.iter().all(|row| row.len() == time_steps), "a weight per time step");
        assert_eq!(out.len(), self.weight_len() * weights.len(), "elements of the coincidences");
        if out.is_empty() {
            return;
        }
        let panels = Panels::new(post, pixels);
        let row = weights.len() * self.out_channels;
        out.par_chunks_mut(self.in_channels * row).enumerate().for_each(|(tap, out)| {
            let inputs = self.inputs_of_tap(tap, self.images / time_steps);
            out.par_chunks_mut(PER_WORD * row).enumerate().for_each(|(word, out)| {
                let task = Task { pre, post, weights, panels: &panels, inputs: &inputs, word, out };
                let size = PER_WORD * weights.len() * panels.channels();
                with_floats(size, |sums| dispatch_counting(Count { task, sums }));
            });
        });
    }

    /// The input pixel that a tap sees from each output pixel of `images`; [`NONE`] around them.
    fn inputs_of_tap(&self, tap: usize, images: usize) -> Vec<u32> {
        let [height, width] = self.output_size();
        let [down, right] = [tap / self.kernel[1], tap % self.kernel[1]];
        let area = self.height * self.width;
        let mut inputs = Vec::with_capacity(images * height * width);
        for image in 0..images {
            for y in 0..height {
                let row = (y * self.stride[0] + down).wrapping_sub(self.padding[0]);
                for x in 0..width {
                    let column = (x * self.stride[1] + right).wrapping_sub(self.padding[1]);
                    let inside = row < self.height && column < self.width;
                    let pixel = || (image * area + row * self.width + column) as u32;
                    inputs.push(if inside { pixel() } else { NONE });
                }
            }
        }
        inputs
    }
}

/// The bits of the outputs, ready to be counted.
struct Panels {
    pixels: usize,
    /// Groups of [`LANES`] channels.
    lanes: usize,
    /// Planes of all groups of steps.
    rows: usize,
    /// `[blocks, rows, lanes]`.
    bits: Vec<Post>,
}

impl Panels {
    fn new(post: &Spikes, pixels: usize) -> Self {
        let lanes = post.words_per_row() * PER_WORD / LANES;
        let rows = post.rows_per_pixel();
        let blocks = pixels.div_ceil(WORDS * BITS);
        let mut bits = vec![[[[0; LANES]; STEPS]; WORDS]; blocks * rows * lanes];
        bits.par_chunks_mut(rows * lanes).enumerate().for_each(|(block, panels)| {
            for (row, panels) in panels.chunks_exact_mut(lanes).enumerate() {
                for word in 0..lanes * LANES / PER_WORD {
                    for (slot, range) in words_of(block, pixels).enumerate() {
                        let bits = transposed(range.map(|pixel| post.word(row, pixel, word)));
                        for (channel, bits) in bits.as_chunks::<STEPS>().0.iter().enumerate() {
                            let channel = word * PER_WORD + channel;
                            let panel = &mut panels[channel / LANES][slot];
                            for (step, &bits) in panel.iter_mut().zip(bits) {
                                step[channel % LANES] = bits;
                            }
                        }
                    }
                }
            }
        });
        Self { pixels, lanes, rows, bits }
    }

    /// Channels, with those that fill the last lanes.
    fn channels(&self) -> usize {
        self.lanes * LANES
    }
}

/// The pixels of the words of a block.
fn words_of(block: usize, pixels: usize) -> impl Iterator<Item = Range<usize>> {
    let first = block * WORDS * BITS;
    let last = pixels.min(first + WORDS * BITS);
    (first..last).step_by(BITS).map(move |start| start..last.min(start + BITS))
}

/// Some words as rows of bits, exchanged with its columns: bit p of word b is bit b of word p.
#[inline(always)]
fn transposed(words: impl Iterator<Item = u64>) -> [u64; BITS] {
    let mut bits = [0; BITS];
    for (slot, word) in bits.iter_mut().zip(words) {
        *slot = word;
    }
    let mut mask = u64::MAX >> 32;
    let mut width = BITS / 2;
    while width > 0 {
        for pair in bits.chunks_exact_mut(2 * width) {
            let (low, high) = pair.split_at_mut(width);
            for (low, high) in low.iter_mut().zip(high) {
                let exchanged = (*low >> width ^ *high) & mask;
                *low ^= exchanged << width;
                *high ^= exchanged;
            }
        }
        width /= 2;
        mask ^= mask << width;
    }
    bits
}

/// The coincidences of one tap with the input channels of one word.
struct Task<'a> {
    pre: &'a Spikes,
    post: &'a Spikes,
    weights: &'a [Vec<f32>],
    panels: &'a Panels,
    /// See [`Conv2d::inputs_of_tap`].
    inputs: &'a [u32],
    word: usize,
    /// `[in, rows, out]`.
    out: &'a mut [f32],
}

struct Count<'a> {
    task: Task<'a>,
    /// Room for `[PER_WORD, rows, channels]`.
    sums: &'a mut [f32],
}

impl Kernel for Count<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { task, sums } = self;
        let Task { pre, post, weights, panels, inputs, word, out } = task;
        let results = weights.len();
        let width = panels.channels();
        sums.fill(0.0);
        let mut bits: [Pre; PER_WORD] = [[[0; STEPS]; WORDS]; PER_WORD];
        for block in 0..panels.pixels.div_ceil(WORDS * BITS) {
            for pre_row in 0..pre.rows_per_pixel() {
                let mut used = 0;
                for (slot, range) in words_of(block, panels.pixels).enumerate() {
                    let words = inputs[range].iter().map(|&pixel| match pixel {
                        NONE => 0,
                        pixel => pre.word(pre_row, pixel as usize, word),
                    });
                    let transposed = transposed(words);
                    for (bits, steps) in bits.iter_mut().zip(transposed.as_chunks().0) {
                        bits[slot] = *steps;
                    }
                    used = slot + 1;
                }
                for post_row in 0..panels.rows {
                    let products = products(weights, [(pre, pre_row), (post, post_row)]);
                    let first = (block * panels.rows + post_row) * panels.lanes;
                    let panels = &panels.bits[first..first + panels.lanes];
                    for (lane, panel) in panels.iter().enumerate() {
                        for (channel, bits) in bits.iter().enumerate() {
                            let counts = count(&bits[..used], &panel[..used]);
                            let sums = &mut sums[channel * results * width..][..results * width];
                            for &(row, ref products) in &products {
                                let first = row * width + lane * LANES;
                                add(&counts, products, &mut sums[first..first + LANES]);
                            }
                        }
                    }
                }
            }
        }
        let channels = post.shape()[2];
        for (out, sums) in out.chunks_exact_mut(channels).zip(sums.chunks_exact(width)) {
            out.copy_from_slice(&sums[..channels]);
        }
    }
}

/// The number of each row of weights, with the factors of all pairs of steps of two groups: those of
/// the first by those of the second. Rows without any are left out.
fn products(
    weights: &[Vec<f32>],
    ends: [(&Spikes, usize); 2],
) -> Vec<(usize, [[f32; STEPS]; STEPS])> {
    let factors = |row: &[f32], (spikes, index): (&Spikes, usize)| {
        let (group, plane) = (index / spikes.planes(), index % spikes.planes());
        let mut factors = [0.0; STEPS];
        for (factor, weight) in factors.iter_mut().zip(&row[spikes.steps(group)]) {
            *factor = weight * spikes.weight_of(plane);
        }
        factors
    };
    let both = |row: &Vec<f32>| {
        let [pre, post] = ends.map(|end| factors(row, end));
        pre.map(|pre| post.map(|post| pre * post))
    };
    let rows = weights.iter().map(both).enumerate();
    rows.filter(|(_, products)| products.iter().flatten().any(|&product| product != 0.0)).collect()
}

/// For each pair of steps and each channel, in how many pixels both ends have a bit.
#[inline(always)]
fn count(pre: &[[u64; STEPS]], post: &[[[u64; LANES]; STEPS]]) -> [[[u64; LANES]; STEPS]; STEPS] {
    let mut counts = [[[0; LANES]; STEPS]; STEPS];
    for (pre, post) in pre.iter().zip(post) {
        if *pre == [0; STEPS] {
            continue;
        }
        for (counts, &pre) in counts.iter_mut().zip(pre) {
            for (counts, post) in counts.iter_mut().zip(post) {
                for (count, post) in counts.iter_mut().zip(post) {
                    *count += u64::from((pre & post).count_ones());
                }
            }
        }
    }
    counts
}

/// Adds the weighted counts.
#[inline(always)]
fn add(
    counts: &[[[u64; LANES]; STEPS]; STEPS],
    products: &[[f32; STEPS]; STEPS],
    sums: &mut [f32],
) {
    for (counts, products) in counts.iter().zip(products) {
        for (counts, &product) in counts.iter().zip(products) {
            if product != 0.0 {
                for (sum, &count) in sums.iter_mut().zip(counts) {
                    *sum += product * count as u32 as f32;
                }
            }
        }
    }
}
