//! How much the inputs and the outputs of a layer spike together.
//!
//! The product of two traces is a weighted sum of counts: at how many output pixels the two ends of a
//! synapse have a bit, for each pair of steps.
//! For each input channel and step there is a list of the pixels where it spikes; the bits of the
//! outputs at these pixels, of all output channels and of four steps, are counted side by side
//! ([`Counts`]).
//! The same list serves all taps, which differ by a shift in the table of the outputs only; zeros
//! around the image make up for pixels without a partner.
mod counts;
mod lists;
mod table;

use crate::convolution::Conv2d;
use crate::scratch::with_floats;
use crate::simd::vector::{multiply_add, rows_mut, with_vectors};
use crate::spikes::{PER_WORD, Spikes};
use counts::{Counts, Row, VECTORS};
use lists::{Lists, Places, Site};
use pulp::{Simd, WithSimd};
use rayon::prelude::*;
use std::ops::Range;
use table::Table;

/// Taps at a time: neighbors see almost the same outputs.
const TAPS: usize = 3;

impl Conv2d {
    /// Correlates the traces of the input's spikes with those of the output's, in the shape of the
    /// weight: products summed over batch and space. A trace is `r[t] = decay · r[t-1] + s[t]`.
    ///
    /// `out` is `[kernel_h, kernel_w, in, steps, out]`, for the traces of some of the steps.
    /// `self.images` counts time steps times batch.
    /// Counts are exact; they are weighted and added in `f32`, in an order that depends on shapes and
    /// spikes alone.
    ///
    /// # Panics
    /// If the spikes or `out` do not have the number of elements of their shape, there are no such
    /// steps, or a stride is 0.
    pub fn coincidences(
        &self,
        pre: &Spikes,
        post: &Spikes,
        decay: f32,
        steps: Range<usize>,
        out: &mut [f32],
    ) {
        self.check_spikes(pre);
        assert!(self.stride[0] > 0 && self.stride[1] > 0, "the stride of a convolution is 0");
        let [height, width] = self.output_size();
        let time_steps = pre.shape()[0];
        let pixels = self.images / time_steps.max(1) * height * width;
        assert_eq!(post.shape(), [time_steps, pixels, self.out_channels], "shape of the output");
        assert!(steps.start <= steps.end && steps.end <= time_steps, "steps {steps:?}");
        assert_eq!(out.len(), self.weight_len() * steps.len(), "elements of the coincidences");
        if out.is_empty() {
            return;
        }
        let places = Places::new(self, self.images / time_steps);
        if places.count() == 0 || post.is_empty() {
            out.fill(0.0);
            return;
        }
        let lists = Lists::of_all(&places, pre);
        let powers = std::iter::successors(Some(1.0), |power| Some(power * decay));
        let powers: Vec<f32> = powers.take(time_steps.max(2)).collect();
        let row = steps.len() * self.out_channels;
        Table::with(&places, post, |table| {
            let line = self.kernel[1] * self.in_channels * row;
            out.par_chunks_mut(line).enumerate().for_each(|(line, out)| {
                let tap = line * self.kernel[1];
                let words = by_word(out, self.in_channels * row, PER_WORD * row);
                words.into_par_iter().enumerate().for_each(|(word, out)| {
                    let lists = lists.iter().skip(word).step_by(pre.words_per_row());
                    let lists: Vec<&Lists> = lists.collect();
                    let mut taps: Vec<(Site, &mut [f32])> = out
                        .into_iter()
                        .enumerate()
                        .map(|(kx, out)| (places.of_tap(tap + kx), out))
                        .collect();
                    taps.sort_by_key(|(site, _)| site.class);
                    for same in taps.chunk_by_mut(|(a, _), (b, _)| a.class == b.class) {
                        for taps in same.chunks_mut(TAPS) {
                            with_floats(TAPS * steps.len() * table.channels(), |sums| {
                                let (lists, powers, steps) =
                                    (&lists[..], &powers[..], steps.clone());
                                with_vectors(Task {
                                    pre,
                                    post,
                                    table,
                                    lists,
                                    taps,
                                    powers,
                                    steps,
                                    sums,
                                });
                            });
                        }
                    }
                });
            });
        });
    }
}

/// The parts of each word in the rows of some taps: of `[taps, tap]`, where a word has `size` elements of
/// a tap, the last one perhaps fewer.
fn by_word(taps: &mut [f32], tap: usize, size: usize) -> Vec<Vec<&mut [f32]>> {
    let mut words: Vec<Vec<&mut [f32]>> = (0..tap.div_ceil(size)).map(|_| Vec::new()).collect();
    for tap in taps.chunks_mut(tap) {
        for (word, part) in words.iter_mut().zip(tap.chunks_mut(size)) {
            word.push(part);
        }
    }
    words
}

/// The coincidences of some taps, which have the same lists, with the input channels of one word.
struct Task<'a, 'b> {
    pre: &'a Spikes,
    post: &'a Spikes,
    table: &'a Table<'a>,
    /// The lists of the word, part by part.
    lists: &'a [&'a Lists],
    /// At most [`TAPS`], each with its `[in, steps, out]`.
    taps: &'a mut [(Site, &'b mut [f32])],
    /// Of the decay, the zeroth first.
    powers: &'a [f32],
    steps: Range<usize>,
    /// Room for `[taps, steps, channels of a panel]`.
    sums: &'a mut [f32],
}

impl WithSimd for Task<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let (outputs, width) = (self.post.channels(), self.table.channels());
        let row = self.steps.len() * outputs;
        let channels = self.taps.first().map_or(0, |(_, out)| out.len() / row);
        for (_, out) in &mut *self.taps {
            out.fill(0.0);
        }
        for lists in self.lists {
            for channel in 0..channels {
                for panel in 0..self.table.panels {
                    self.sum(simd, lists, channel, panel);
                    let first = panel * width;
                    let count = width.min(outputs - first);
                    let sums = self.sums.chunks_exact(self.steps.len() * width);
                    for ((_, out), sums) in self.taps.iter_mut().zip(sums) {
                        let out = out[channel * row..][..row].chunks_exact_mut(outputs);
                        for (out, sums) in out.zip(sums.chunks_exact(width)) {
                            let out = &mut out[first..first + count];
                            out.iter_mut().zip(sums).for_each(|(out, sum)| *out += sum);
                        }
                    }
                }
            }
        }
    }
}

impl Task<'_, '_> {
    /// Writes the sums of an input channel with the output channels of a panel, in the places of some
    /// lists.
    #[inline(always)]
    fn sum<S: Simd>(&mut self, simd: S, lists: &Lists, channel: usize, panel: usize) {
        let Self { pre, post, .. } = *self;
        let class = self.taps[0].0.class;
        self.sums.fill(0.0);
        for t in 0..pre.shape()[0] {
            for pre_plane in 0..pre.planes() {
                for places in lists.of(class, channel, t, pre_plane) {
                    for plane in 0..post.planes() {
                        let worth = pre.weight_of(pre_plane) * post.weight_of(plane);
                        self.add(simd, panel, plane, t, worth, places);
                    }
                }
            }
        }
    }

    /// Adds, for a plane of the outputs, their traces where the input spikes in step `t`, times what the
    /// input's trace is later and times `worth`.
    #[inline(always)]
    fn add<S: Simd>(
        &mut self,
        simd: S,
        panel: usize,
        plane: usize,
        t: usize,
        worth: f32,
        places: &[u32],
    ) {
        let Self { post, table, powers, .. } = *self;
        let taps = self.taps.len();
        let sums = rows_mut::<S, VECTORS>(self.sums);
        let decay = simd.splat_f32s(powers[1]);
        let mut counts = [Counts::<S>::new(simd); TAPS];
        let mut traces = [[simd.splat_f32s(0.0); VECTORS]; TAPS];
        let mut tables = [&[][..]; TAPS];
        for group in 0..post.groups() {
            if post.steps(group).start >= self.steps.end {
                break;
            }
            for (bits, (site, _)) in tables.iter_mut().zip(&*self.taps) {
                let row = group * post.planes() + plane;
                *bits = &table.of(row, panel)[site.shift * table.lanes..];
            }
            let counts = &mut counts[..taps];
            // SAFETY: the places of a list ascend.
            unsafe { counts::count(simd, counts, &tables[..taps], places) };
            for (tap, (counts, trace)) in counts.iter().zip(&mut traces).enumerate() {
                let counts = counts.by_step(simd);
                for (index, step) in post.steps(group).enumerate() {
                    let counts = counts.of(simd, index);
                    for (trace, count) in trace.iter_mut().zip(counts) {
                        *trace = multiply_add(simd, decay, *trace, count);
                    }
                    if step >= t && self.steps.contains(&step) {
                        let factor = simd.splat_f32s(worth * powers[step - t]);
                        let at = tap * self.steps.len() + step - self.steps.start;
                        add_product(simd, factor, trace, &mut sums[at]);
                    }
                }
            }
        }
    }
}

/// `sums[i] += factor · row[i]`.
#[inline(always)]
fn add_product<S: Simd>(simd: S, factor: S::f32s, row: &Row<S>, sums: &mut Row<S>) {
    for (sum, value) in sums.iter_mut().zip(row) {
        *sum = multiply_add(simd, factor, *value, *sum);
    }
}
