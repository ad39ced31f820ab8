//! Spikes of all time steps as bits, by channel and pixel: what the sparse kernels read.
//!
//! Time is cut into groups of at most four steps.
//! For each pixel, group and channel four bits say in which steps of the group the neuron fired:
//! its *firing pattern*.
//! Inputs that are small multiples of a unit (spikes after average pooling, sums of spikes, event
//! counts) have one such *plane* of bits per binary digit.
//! With one plane this takes 1 bit per neuron and step, 1/32 of the activations in f32.

mod encode;
pub(crate) mod lists;
mod patterns;
mod pool;

pub use encode::SpikesError;
pub(crate) use patterns::{LOWEST, PER_WORD, STEPS, for_each_pattern, pack_nibbles};

use patterns::any_of_four;
use rayon::prelude::*;
use std::ops::Range;

/// Binary or small-valued activations `[time, pixels, channels]` as bits.
///
/// `pixels` counts batch and position together: `[T, B, H, W, C]` has B·H·W of them.
#[derive(Clone, Debug)]
pub struct Spikes {
    time_steps: usize,
    pixels: usize,
    channels: usize,
    planes: usize,
    unit: f32,
    /// `[groups, planes, pixels, words_per_row]`, four bits per channel, the first step lowest.
    words: Vec<u64>,
    nonzero: usize,
    active: usize,
}

impl Spikes {
    /// Activations that are all 0, with room for the bits of `planes`.
    pub(crate) fn silent(shape: [usize; 3], planes: usize, unit: f32) -> Self {
        let [time_steps, pixels, channels] = shape;
        let mut spikes = Self {
            time_steps,
            pixels,
            channels,
            planes,
            unit,
            words: Vec::new(),
            nonzero: 0,
            active: 0,
        };
        spikes.words = vec![0; pixels * spikes.rows_per_pixel() * spikes.words_per_row()];
        spikes
    }

    /// Whether the neurons of all pixels, one after the other, fill words without a gap, so that
    /// [`Self::recorded`] can be used.
    pub fn is_seamless(channels: usize) -> bool {
        channels.is_multiple_of(PER_WORD)
    }

    /// Binary spikes whose bits `record` writes: into rows of one word per 16 neurons, one row per
    /// group of steps ([`Self::group_of`]), four bits per neuron, the first step lowest.
    ///
    /// # Panics
    /// If the channels are not [seamless](Self::is_seamless).
    pub fn recorded<R>(shape: [usize; 3], record: impl FnOnce(&mut [u64]) -> R) -> (Self, R) {
        assert!(Self::is_seamless(shape[2]), "channels in whole words");
        let mut spikes = Self::silent(shape, 1, 1.0);
        let result = record(&mut spikes.words);
        spikes.count();
        (spikes, result)
    }

    /// Counts the bits again.
    pub(crate) fn count(&mut self) {
        let channels = self.channels;
        let plane = (self.pixels * self.words_per_row()).max(1);
        let all: Vec<&[u64]> = self.words.chunks_exact(plane).collect();
        let mut nonzero = 0;
        let mut active = 0;
        for planes in all.chunks_exact(self.planes) {
            for index in 0..plane {
                let mut any = 0;
                for words in planes {
                    any |= words[index];
                    active += any_of_four(words[index]).count_ones() as usize;
                }
                nonzero += any.count_ones() as usize;
            }
        }
        debug_assert!(nonzero <= self.time_steps * self.pixels * channels, "bits of neurons");
        (self.nonzero, self.active) = (nonzero, active);
    }

    /// The group of a step, and the number of the step in it.
    pub fn group_of(time_steps: usize, t: usize) -> (usize, usize) {
        let groups = time_steps.div_ceil(STEPS);
        let group = ((t + 1) * groups).div_ceil(time_steps) - 1;
        (group, t - group * time_steps / groups)
    }
    /// The activations of some of the steps.
    ///
    /// # Panics
    /// If there are no such steps.
    #[must_use]
    pub fn of_steps(&self, steps: Range<usize>) -> Self {
        assert!(steps.start < steps.end && steps.end <= self.time_steps, "steps {steps:?}");
        let shape = [steps.len(), self.pixels, self.channels];
        let mut part = Self::silent(shape, self.planes, self.unit);
        for t in steps.clone() {
            let (from, bit) = Self::group_of(self.time_steps, t);
            let (to, target) = Self::group_of(steps.len(), t - steps.start);
            let size = self.planes * self.pixels * self.words_per_row();
            let source = &self.words[from * size..][..size];
            let task = 1 << 14;
            part.group_mut(to).par_chunks_mut(task).zip(source.par_chunks(task)).for_each(
                |(part, whole)| {
                    for (part, whole) in part.iter_mut().zip(whole) {
                        *part |= (whole >> bit & LOWEST) << target;
                    }
                },
            );
        }
        part.count();
        part
    }

    /// Time steps, pixels and channels.
    pub fn shape(&self) -> [usize; 3] {
        [self.time_steps, self.pixels, self.channels]
    }

    /// Number of activations.
    pub fn len(&self) -> usize {
        self.time_steps * self.pixels * self.channels
    }

    /// Whether there is no activation at all, not even a 0.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Share of the activations that are not 0.
    pub fn density(&self) -> f64 {
        self.nonzero as f64 / self.len().max(1) as f64
    }

    /// Mean number of planes that have a bit, per neuron and group of steps: for binary spikes, the
    /// share of neurons that fire at least once in a group; what the sparse kernels cost.
    pub fn union_density(&self) -> f64 {
        self.active as f64 / (self.pixels * self.groups() * self.channels).max(1) as f64
    }

    /// Whether all values are 0 or 1 unit.
    pub fn is_binary(&self) -> bool {
        self.planes == 1
    }

    /// Bits that are 1.
    pub(crate) fn bits(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Bytes of the bits.
    pub fn bytes(&self) -> usize {
        self.words.len() * size_of::<u64>()
    }

    /// Groups of steps, as equal as possible.
    pub(crate) fn groups(&self) -> usize {
        self.time_steps.div_ceil(STEPS)
    }

    /// The steps of a group.
    #[inline]
    pub(crate) fn steps(&self, group: usize) -> Range<usize> {
        let bound = |group: usize| group * self.time_steps / self.groups();
        bound(group)..bound(group + 1)
    }

    pub(crate) fn planes(&self) -> usize {
        self.planes
    }

    /// The value of a bit of a plane.
    pub(crate) fn weight_of(&self, plane: usize) -> f32 {
        self.unit * (1_u32 << plane) as f32
    }

    pub(crate) fn pixels(&self) -> usize {
        self.pixels
    }

    pub(crate) fn channels(&self) -> usize {
        self.channels
    }

    /// The patterns of one plane of a pixel, 16 channels per word.
    #[inline(always)]
    pub(crate) fn patterns(&self, pixel: usize, group: usize, plane: usize) -> &[u64] {
        let row = self.words_per_row();
        let first = ((group * self.planes + plane) * self.pixels + pixel) * row;
        &self.words[first..first + row]
    }

    /// A word of a row of [`Self::rows_per_pixel`].
    #[inline(always)]
    pub(crate) fn word(&self, row: usize, pixel: usize, word: usize) -> u64 {
        self.words[(row * self.pixels + pixel) * self.words_per_row() + word]
    }

    /// The bits of all planes of a group.
    pub(crate) fn group_mut(&mut self, group: usize) -> &mut [u64] {
        let size = self.planes * self.pixels * self.words_per_row();
        &mut self.words[group * size..][..size]
    }

    pub(crate) fn words_per_row(&self) -> usize {
        self.channels.div_ceil(PER_WORD)
    }

    /// The bits of one plane of a group, pixel by pixel.
    pub(crate) fn plane(&self, group: usize, plane: usize) -> &[u64] {
        let size = self.pixels * self.words_per_row();
        &self.words[(group * self.planes + plane) * size..][..size]
    }

    /// Rows of words of a pixel: planes of all groups.
    pub(crate) fn rows_per_pixel(&self) -> usize {
        self.groups() * self.planes
    }
}
