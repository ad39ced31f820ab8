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

use crate::convolution::Conv2d;
use crate::scratch::with_floats;
use crate::simd::vector::with_vectors;
use crate::spikes::{PER_WORD, STEPS, Spikes};
use counts::Counts;
use lists::{Lists, Places, Site};
use pulp::bytemuck::cast_slice_mut;
use pulp::{Simd, WithSimd};
use rayon::prelude::*;
use std::ops::Range;

/// Bytes of a cache line, which no vector is longer than.
const LINE: usize = 64;

impl Conv2d {
    /// Correlates the traces of the input's spikes with those of the output's, in the shape of the
    /// weight: products summed over batch and space. A trace is `r[t] = decay · r[t-1] + s[t]`.
    ///
    /// `out` is `[kernel_h, kernel_w, in, steps, out]`, for the traces of some of the steps.
    /// `self.images` counts time steps times batch.
    /// Counts are exact; they are weighted and added in `f32`, in an order that depends on the shapes
    /// alone.
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
            out.par_chunks_mut(self.in_channels * row).enumerate().for_each(|(tap, out)| {
                out.par_chunks_mut(PER_WORD * row).enumerate().for_each(|(word, out)| {
                    let site = places.of_tap(tap);
                    let lists = lists.iter().skip(word).step_by(pre.words_per_row());
                    let lists: Vec<&Lists> = lists.collect();
                    with_floats(steps.len() * table.channels(), |sums| {
                        let (lists, powers, steps) = (&lists[..], &powers[..], steps.clone());
                        let task = Task { pre, post, table, lists, site, powers, steps, sums, out };
                        with_vectors(task);
                    });
                });
            });
        });
    }
}

/// The bits of the outputs at all places.
struct Table<'a> {
    places: usize,
    /// Words of a place: one vector.
    words: usize,
    /// Vectors that hold all channels.
    panels: usize,
    /// `[groups, planes, panels, places, words]`.
    bits: &'a [u64],
}

impl Table<'_> {
    /// Calls `body` with the table of the outputs.
    fn with(places: &Places, post: &Spikes, body: impl FnOnce(&Table<'_>)) {
        struct Words;
        impl WithSimd for Words {
            type Output = usize;

            fn with_simd<S: Simd>(self, _: S) -> usize {
                S::U64_LANES
            }
        }
        let words = with_vectors(Words);
        let panels = post.words_per_row().div_ceil(words);
        let image = places.per_image();
        let size = places.count() * words;
        let length = post.rows_per_pixel() * panels * size;
        with_floats(2 * length, |bits| {
            let bits: &mut [u64] = cast_slice_mut(bits);
            bits.par_chunks_mut(size).enumerate().for_each(|(index, bits)| {
                let (row, first) = (index / panels, index % panels * words);
                let count = words.min(post.words_per_row() - first);
                bits.par_chunks_mut(image * words).enumerate().for_each(|(image, bits)| {
                    bits.fill(0);
                    for (place, pixel) in places.outputs(image) {
                        let bits = &mut bits[place * words..][..count];
                        for (word, bits) in bits.iter_mut().enumerate() {
                            *bits = post.word(row, pixel, first + word);
                        }
                    }
                });
            });
            body(&Table { places: places.count(), words, panels, bits });
        });
    }

    /// The vectors of a plane of a group of steps, of the channels of a panel.
    fn of(&self, row: usize, panel: usize) -> &[u64] {
        let size = self.places * self.words;
        &self.bits[(row * self.panels + panel) * size..][..size]
    }

    /// Channels of a panel, with those that fill the last one.
    fn channels(&self) -> usize {
        self.words * PER_WORD
    }
}

/// The coincidences of one tap with the input channels of one word.
struct Task<'a> {
    pre: &'a Spikes,
    post: &'a Spikes,
    table: &'a Table<'a>,
    /// The lists of the word, part by part.
    lists: &'a [&'a Lists],
    site: Site,
    /// Of the decay, the zeroth first.
    powers: &'a [f32],
    steps: Range<usize>,
    /// Room for `[steps, channels of a panel]`.
    sums: &'a mut [f32],
    /// `[in, steps, out]`.
    out: &'a mut [f32],
}

impl WithSimd for Task<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let outputs = self.post.channels();
        let out = std::mem::take(&mut self.out);
        out.fill(0.0);
        for lists in self.lists {
            for (channel, out) in out.chunks_exact_mut(self.steps.len() * outputs).enumerate() {
                for panel in 0..self.table.panels {
                    self.sum(simd, lists, channel, panel);
                    let first = panel * self.table.channels();
                    let count = self.table.channels().min(outputs - first);
                    let sums = self.sums.chunks_exact(self.table.channels());
                    for (out, sums) in out.chunks_exact_mut(outputs).zip(sums) {
                        counts::add_in_order(sums, &mut out[first..first + count]);
                    }
                }
            }
        }
    }
}

impl Task<'_> {
    /// Writes the sums of an input channel with the output channels of a panel, in the places of some
    /// lists.
    #[inline(always)]
    fn sum<S: Simd>(&mut self, simd: S, lists: &Lists, channel: usize, panel: usize) {
        let Self { pre, post, table, site, powers, .. } = *self;
        let channels = table.channels();
        self.sums.fill(0.0);
        let mut counts = Counts::<S>::new(simd);
        for t in 0..pre.shape()[0] {
            if lists.are_empty(site.class, channel, t) {
                continue;
            }
            // The trace of the outputs where the input spikes in step `t`.
            let mut trace = [0.0; LINE / size_of::<u64>() * PER_WORD];
            for group in 0..post.groups() {
                let mut of_steps = [[0.0; LINE / size_of::<u64>() * PER_WORD]; STEPS];
                for (row, plane) in (group * post.planes()..).zip(0..post.planes()) {
                    let bits = &table.of(row, panel)[site.shift * table.words..];
                    for pre_plane in 0..pre.planes() {
                        let worth = pre.weight_of(pre_plane) * post.weight_of(plane);
                        for places in lists.of(site.class, channel, t, pre_plane) {
                            counts.count(simd, bits, places);
                            for (step, sums) in of_steps.iter_mut().enumerate() {
                                counts.add(step, worth, &mut sums[..channels]);
                            }
                        }
                    }
                }
                for (step, sums) in post.steps(group).zip(&of_steps) {
                    for (trace, sum) in trace[..channels].iter_mut().zip(sums) {
                        *trace = powers[1] * *trace + sum;
                    }
                    if step >= t && self.steps.contains(&step) {
                        let sums = &mut self.sums[(step - self.steps.start) * channels..];
                        for (sum, trace) in sums[..channels].iter_mut().zip(&trace) {
                            *sum += powers[step - t] * trace;
                        }
                    }
                }
            }
        }
    }
}
