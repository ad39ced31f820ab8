//! The gradient of a convolution to its input, where it is needed.
//!
//! The gradient of a spike is always multiplied by the surrogate derivative, so it is needed only
//! where that is not 0.
//! The channels of a pixel are sorted by the pattern of the steps in which they are needed, and four
//! neighbors in this order are computed at a time, in all steps in which one of them is needed: up to
//! sixteen sums in registers, for which each vector that is loaded serves up to four products.

use crate::convolution::Conv2d;
use crate::scratch::with_floats;
use crate::shared::Shared;
use crate::simd::vector::{Panels, multiply_add, with_vectors};
use crate::spikes::lists::PATTERNS;
use crate::spikes::{PER_WORD, STEPS, Spikes, for_each_pattern};
use pulp::{Simd, WithSimd};
use rayon::prelude::*;
use std::ops::Range;

/// Channels at a time.
const CHANNELS: usize = 4;
/// Input pixels per task, about.
const PIXELS: usize = 64;
/// Bytes of the weight that tasks beside each other share.
const WEIGHT_BYTES: usize = 1 << 20;

impl Conv2d {
    /// `grad_input[images, height, width, in]` where `mask` has a bit; `self.images` counts time steps
    /// times batch.
    ///
    /// Equal to [`Self::input_gradient`] up to rounding wherever the mask has a bit. Elsewhere it may be
    /// 0 instead, and is if the neuron has no bit in the same group of steps.
    ///
    /// # Panics
    /// If the mask or a slice do not have the number of elements of their shape, or a stride is 0.
    pub fn masked_input_gradient(
        &self,
        grad_output: &[f32],
        weight: &[f32],
        mask: &Spikes,
        grad_input: &mut [f32],
    ) {
        self.check_spikes(mask);
        self.check(grad_input.len(), weight.len(), grad_output.len());
        if grad_input.is_empty() {
            return;
        }
        if grad_output.is_empty() {
            grad_input.fill(0.0);
            return;
        }
        let row = Panels::new(self.out_channels, usize::MAX).width;
        let words = self.in_channels.div_ceil(PER_WORD);
        let word_bytes = size_of::<f32>() * PER_WORD * self.taps() * row;
        let per_block = (WEIGHT_BYTES / word_bytes).clamp(1, words);
        let blocks = words.div_ceil(per_block);
        let lines = PIXELS.div_ceil(self.width).min(self.height);
        let strips = self.height.div_ceil(lines);
        let tasks = self.images / mask.shape()[0] * strips;
        let [output_height, output_width] = self.output_size();
        let most_lines = ((lines + self.kernel[0]) / self.stride[0] + 1).min(output_height);
        let grad_input = Shared::new(grad_input);
        with_floats(self.patch_len() * row, |by_channel| {
            self.rows_by_channel(weight, row, by_channel);
            let by_channel = &*by_channel;
            // Tasks of one block of channels are neighbors, so that its weight stays in cache.
            (0..blocks * tasks).into_par_iter().for_each(|task| {
                let (block, image, first) =
                    (task / tasks, task / strips % (tasks / strips), task % strips * lines);
                with_floats(most_lines * output_width * row * STEPS, |region| {
                    with_vectors(Strip {
                        convolution: self,
                        grad_output,
                        by_channel,
                        row,
                        mask,
                        words: block * per_block..words.min((block + 1) * per_block),
                        image,
                        lines: first..self.height.min(first + lines),
                        region,
                        grad_input,
                    });
                });
            });
        });
    }

    /// Writes the weight as `[in, taps, row]`, the last tap first, with zeros behind the last output
    /// channel: from tap to tap the outputs that a pixel reaches then go up.
    fn rows_by_channel(&self, weight: &[f32], row: usize, by_channel: &mut [f32]) {
        let taps = self.taps();
        by_channel.par_chunks_exact_mut(taps * row).enumerate().for_each(|(channel, rows)| {
            for (tap, target) in rows.chunks_exact_mut(row).enumerate() {
                let from = ((taps - 1 - tap) * self.in_channels + channel) * self.out_channels;
                target[..self.out_channels].copy_from_slice(&weight[from..][..self.out_channels]);
                target[self.out_channels..].fill(0.0);
            }
        });
    }

    /// The output lines that input lines reach.
    fn lines_reached(&self, lines: &Range<usize>) -> Range<usize> {
        let first = (lines.start + self.padding[0] + 1).saturating_sub(self.kernel[0]);
        let last = (lines.end - 1 + self.padding[0]) / self.stride[0] + 1;
        let end = last.min(self.output_size()[0]);
        first.div_ceil(self.stride[0]).min(end)..end
    }

    /// The taps (counted from the last) through which an input pixel reaches an output pixel, with
    /// that, as runs of neighbors.
    #[inline(always)]
    fn runs_of(&self, y: usize, x: usize, runs: &mut Vec<Run>) {
        let [output_height, output_width] = self.output_size();
        runs.clear();
        for ky in (0..self.kernel[0]).rev() {
            // Beyond the padding the difference wraps to a huge number.
            let row = (y + self.padding[0]).wrapping_sub(ky);
            if !row.is_multiple_of(self.stride[0]) || row / self.stride[0] >= output_height {
                continue;
            }
            for kx in (0..self.kernel[1]).rev() {
                let column = (x + self.padding[1]).wrapping_sub(kx);
                if !column.is_multiple_of(self.stride[1]) || column / self.stride[1] >= output_width
                {
                    continue;
                }
                let pixel = row / self.stride[0] * output_width + column / self.stride[1];
                let tap = self.taps() - 1 - (ky * self.kernel[1] + kx);
                match runs.last_mut() {
                    Some(run) if [run.tap, run.pixel].map(|at| at + run.length) == [tap, pixel] => {
                        run.length += 1;
                    }
                    _ => runs.push(Run { tap, pixel, length: 1 }),
                }
            }
        }
    }
}

/// Neighboring taps that reach neighboring output pixels.
#[derive(Clone, Copy)]
struct Run {
    tap: usize,
    pixel: usize,
    length: usize,
}

/// Some lines of one image, and some channels of them, 16 per word.
struct Strip<'a> {
    convolution: &'a Conv2d,
    grad_output: &'a [f32],
    /// `[in, taps, row]`.
    by_channel: &'a [f32],
    /// Output channels rounded up to whole vectors.
    row: usize,
    mask: &'a Spikes,
    words: Range<usize>,
    image: usize,
    lines: Range<usize>,
    /// Room for the output gradients that reach the strip.
    region: &'a mut [f32],
    grad_input: Shared<'a>,
}

impl WithSimd for Strip<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { convolution, by_channel, mask, image, .. } = self;
        let batch = convolution.images / mask.shape()[0];
        let [output_height, output_width] = convolution.output_size();
        let vectors = self.row / S::F32_LANES;
        let channels =
            self.words.start * PER_WORD..convolution.in_channels.min(self.words.end * PER_WORD);
        let weight = S::as_simd_f32s(by_channel).0;
        let per_channel = convolution.taps() * vectors;
        let reached = convolution.lines_reached(&self.lines);
        let first_pixel = reached.start * output_width;
        let pixels = reached.len() * output_width;
        let mut active = Vec::with_capacity(channels.len());
        let mut runs = Vec::with_capacity(convolution.taps());
        for group in 0..mask.groups() {
            let steps = mask.steps(group);
            let regions = self.region.chunks_exact_mut((pixels * self.row).max(1));
            for (region, t) in regions.zip(steps.clone()) {
                let first = (t * batch + image) * output_height * output_width + first_pixel;
                let grads = &self.grad_output[first * convolution.out_channels..];
                let grads = grads.chunks_exact(convolution.out_channels);
                for (row, grad) in region.chunks_exact_mut(self.row).zip(grads) {
                    row[..grad.len()].copy_from_slice(grad);
                    row[grad.len()..].fill(0.0);
                }
            }
            let mut regions = [&[][..]; STEPS];
            let all = S::as_simd_f32s(self.region).0.chunks_exact((pixels * vectors).max(1));
            for (region, of_step) in regions.iter_mut().zip(all) {
                *region = of_step;
            }
            for y in self.lines.clone() {
                for x in 0..convolution.width {
                    let pixel = (image * convolution.height + y) * convolution.width + x;
                    sort(mask, pixel, group, &self.words, &mut active);
                    // Where the gradients of each step go.
                    let mut targets: [&mut [f32]; STEPS] = [&mut [], &mut [], &mut [], &mut []];
                    for (target, t) in targets.iter_mut().zip(steps.clone()) {
                        let first = (t * mask.pixels() + pixel) * convolution.in_channels;
                        let range = first + channels.start..first + channels.end;
                        // SAFETY: each task has its own image, lines and channels, and visits each
                        // pixel and step once.
                        *target = unsafe { self.grad_input.part(range) };
                        target.fill(0.0);
                    }
                    if active.is_empty() {
                        continue;
                    }
                    convolution.runs_of(y, x, &mut runs);
                    for run in &mut runs {
                        run.tap *= vectors;
                        run.pixel = (run.pixel - first_pixel) * vectors;
                        run.length *= vectors;
                    }
                    for chunk in active.chunks(CHANNELS) {
                        // A short chunk repeats its first channel.
                        let mut rows = [&weight[..0]; CHANNELS];
                        let mut pattern = 0;
                        for (index, row) in rows.iter_mut().enumerate() {
                            let (channel, steps) = chunk.get(index).unwrap_or(&chunk[0]);
                            *row = &weight[(channels.start + channel) * per_channel..];
                            pattern |= steps;
                        }
                        let mut wanted = [0; STEPS];
                        let mut count = 0;
                        for step in (0..STEPS).filter(|step| pattern >> step & 1 == 1) {
                            wanted[count] = step;
                            count += 1;
                        }
                        let of = wanted.map(|step| regions[step]);
                        let sums = match count {
                            1 => dot::<S, CHANNELS, 1>(simd, rows, of, &runs),
                            2 => dot::<S, CHANNELS, 2>(simd, rows, of, &runs),
                            3 => dot::<S, CHANNELS, 3>(simd, rows, of, &runs),
                            _ if S::REGISTER_COUNT > CHANNELS * STEPS => {
                                dot::<S, CHANNELS, STEPS>(simd, rows, of, &runs)
                            }
                            _ => {
                                // So many sums would not leave a register for what is multiplied.
                                let [a, b, c, d] = rows;
                                let first = dot::<S, 2, STEPS>(simd, [a, b], of, &runs);
                                let last = dot::<S, 2, STEPS>(simd, [c, d], of, &runs);
                                let mut sums = [[0.0; CHANNELS]; STEPS];
                                for (sums, (first, last)) in
                                    sums.iter_mut().zip(first.iter().zip(&last))
                                {
                                    *sums = [first[0], first[1], last[0], last[1]];
                                }
                                sums
                            }
                        };
                        for (step, sums) in wanted.iter().zip(&sums).take(count) {
                            for ((channel, _), sum) in chunk.iter().zip(sums) {
                                targets[*step][*channel] = *sum;
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The patterns that are not empty, each different from the one before in one step.
const ORDER: [usize; PATTERNS - 1] = [1, 3, 2, 6, 7, 5, 4, 12, 13, 15, 14, 10, 11, 9, 8];

/// Writes the channels of some words that have a bit, counted from the first word on, with their patterns,
/// in the order of these.
#[inline(always)]
fn sort(
    mask: &Spikes,
    pixel: usize,
    group: usize,
    words: &Range<usize>,
    active: &mut Vec<(usize, usize)>,
) {
    // A mask has one plane; with several, a bit in any of them counts.
    let word = |index: usize| {
        (0..mask.planes()).fold(0, |bits, plane| bits | mask.patterns(pixel, group, plane)[index])
    };
    let mut next = [0; PATTERNS];
    for_each_pattern(words.clone().map(word), |_, pattern| next[pattern] += 1);
    let mut end = 0;
    for pattern in ORDER {
        end += std::mem::replace(&mut next[pattern], end);
    }
    active.clear();
    active.resize(end, (0, 0));
    for_each_pattern(words.clone().map(word), |channel, pattern| {
        active[next[pattern]] = (channel, pattern);
        next[pattern] += 1;
    });
}

/// The gradients of `C` channels in `K` steps, `[step][channel]`: products of weight rows with the
/// `regions` of the steps, over the given runs of vectors.
#[inline(always)]
fn dot<S: Simd, const C: usize, const K: usize>(
    simd: S,
    all_rows: [&[S::f32s]; C],
    regions: [&[S::f32s]; STEPS],
    runs: &[Run],
) -> [[f32; C]; STEPS] {
    let mut sums = [[simd.splat_f32s(0.0); C]; K];
    for &Run { tap, pixel, length } in runs {
        let mut rows = all_rows;
        for row in &mut rows {
            *row = &row[tap..tap + length];
        }
        let mut grads = [&regions[0][..0]; K];
        for (grads, region) in grads.iter_mut().zip(&regions) {
            *grads = &region[pixel..pixel + length];
        }
        for vector in 0..length {
            for (sums, grads) in sums.iter_mut().zip(&grads) {
                for (sum, row) in sums.iter_mut().zip(&rows) {
                    *sum = multiply_add(simd, row[vector], grads[vector], *sum);
                }
            }
        }
    }
    let mut result = [[0.0; C]; STEPS];
    for (result, sums) in result.iter_mut().zip(&sums) {
        for (result, sum) in result.iter_mut().zip(sums) {
            *result = simd.reduce_sum_f32s(*sum);
        }
    }
    result
}
