//! Spikes of all time steps as bits, by channel and pixel: what the sparse kernels read.
//!
//! Time is cut into groups of at most four steps.
//! For each pixel, group and channel four bits say in which steps of the group the neuron fired:
//! its *firing pattern*.
//! Inputs that are small multiples of a unit (spikes after average pooling, sums of spikes, event
//! counts) have one such *plane* of bits per binary digit.
//! With one plane this takes 1 bit per neuron and step, 1/32 of the activations in f32.

pub(crate) mod lists;
mod pool;

use crate::simd::{Kernel, dispatch};
use rayon::prelude::*;
use std::ops::Range;

/// Steps per group, at most: bits of a pattern.
pub(crate) const STEPS: usize = 4;
/// Channels per word.
pub(crate) const PER_WORD: usize = 16;
/// The bit of the first step of each channel of a word.
const LOWEST: u64 = 0x1111_1111_1111_1111;
/// Most planes of bits: multiples up to 15 units.
const MOST_PLANES: usize = 4;

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

/// Why activations cannot be written as bits.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SpikesError {
    /// A value is not one of the multiples that were announced.
    #[error("activations are not multiples 0 to {levels} of {unit}")]
    NotAMultiple {
        /// The unit.
        unit: f32,
        /// The largest multiple.
        levels: u32,
    },
}

/// What one task found.
#[derive(Clone, Copy)]
struct Counts {
    nonzero: usize,
    active: usize,
    faults: usize,
}

impl Spikes {
    /// Reads activations that are 0 or 1, `[time, pixels, channels]`.
    ///
    /// # Errors
    /// If a value is neither 0 nor 1.
    ///
    /// # Panics
    /// If the slice does not have the number of elements of `shape`.
    pub fn binary(shape: [usize; 3], values: &[f32]) -> Result<Self, SpikesError> {
        Self::multiples(shape, values, 1.0, 1)
    }

    /// Reads activations that are 0, 1, … or `levels` times `unit`, `[time, pixels, channels]`.
    ///
    /// Spikes after average pooling of windows of n pixels: unit 1/n, n levels; at most 15 levels.
    ///
    /// # Errors
    /// If a value is not one of these multiples, to 10⁻⁵ of the unit.
    ///
    /// # Panics
    /// If the slice does not have the number of elements of `shape`, or `levels` is not in 1..=15,
    /// or `unit` is not positive.
    pub fn multiples(
        shape: [usize; 3],
        values: &[f32],
        unit: f32,
        levels: u32,
    ) -> Result<Self, SpikesError> {
        assert!(unit > 0.0, "the unit of activations must be positive");
        let planes = (u32::BITS - levels.leading_zeros()) as usize;
        assert!((1..=MOST_PLANES).contains(&planes), "activations have 1 to 15 levels");
        let inverse = 1.0 / unit;
        let multiple = move |value: f32| {
            // Next to 2²³ floats are the integers, so the sum rounds, and its low bits are the level.
            const INTEGERS: f32 = 8_388_608.0;
            let scaled = value * inverse;
            let rounded = scaled + INTEGERS;
            let level = rounded.to_bits() ^ INTEGERS.to_bits();
            let exact = (rounded - INTEGERS - scaled).abs() <= 1e-5;
            (level, exact & (level <= levels))
        };
        let (spikes, faults) = Self::encode(shape, values, planes, unit, multiple);
        if faults > 0 {
            return Err(SpikesError::NotAMultiple { unit, levels });
        }
        Ok(spikes)
    }

    /// Marks where `inside` holds: for instance where a surrogate derivative is not 0.
    ///
    /// # Panics
    /// If the slice does not have the number of elements of `shape`.
    pub fn support(
        shape: [usize; 3],
        values: &[f32],
        inside: impl Fn(f32) -> bool + Copy + Send + Sync,
    ) -> Self {
        Self::encode(shape, values, 1, 1.0, |value| (u32::from(inside(value)), true)).0
    }

    /// Encodes the levels of all values; also returns the number of values without a level.
    fn encode(
        shape: [usize; 3],
        values: &[f32],
        planes: usize,
        unit: f32,
        level: impl Fn(f32) -> (u32, bool) + Copy + Send + Sync,
    ) -> (Self, usize) {
        let [time_steps, pixels, channels] = shape;
        assert_eq!(values.len(), time_steps * pixels * channels, "elements of the activations");
        let mut spikes = Self::silent(shape, planes, unit);
        let mut faults = 0;
        if !spikes.words.is_empty() {
            let chunk = (4096 / channels).max(1);
            let parts: Vec<(Counts, Vec<u64>)> = (0..pixels.div_ceil(chunk))
                .into_par_iter()
                .map(|index| {
                    let first = index * chunk;
                    let count = chunk.min(pixels - first);
                    let mut words =
                        vec![0; count * spikes.rows_per_pixel() * spikes.words_per_row()];
                    let task = Encode { spikes: &spikes, values, first, words: &mut words, level };
                    (dispatch(task), words)
                })
                .collect();
            let row = spikes.words_per_row();
            for (index, (counts, words)) in parts.into_iter().enumerate() {
                spikes.nonzero += counts.nonzero;
                spikes.active += counts.active;
                faults += counts.faults;
                let rows = words.len() / spikes.rows_per_pixel();
                for (plane, words) in words.chunks_exact(rows).enumerate() {
                    let at = (plane * pixels + index * chunk) * row;
                    spikes.words[at..at + rows].copy_from_slice(words);
                }
            }
        }
        debug_assert_eq!(time_steps, spikes.time_steps, "time steps");
        (spikes, faults)
    }

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

    /// Writes the activations back, `[time, pixels, channels]`.
    ///
    /// # Panics
    /// If the slice does not have the number of elements of the shape.
    pub fn decode(&self, values: &mut [f32]) {
        assert_eq!(values.len(), self.len(), "elements of the activations");
        if values.is_empty() {
            return;
        }
        let step = self.pixels * self.channels;
        let chunk = (4096 / self.channels).max(1);
        values.par_chunks_exact_mut(step).enumerate().for_each(|(t, values)| {
            values.par_chunks_mut(chunk * self.channels).enumerate().for_each(|(index, values)| {
                dispatch(Decode { spikes: self, t, first: index * chunk, values });
            });
        });
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

    /// Bytes of the bits.
    pub fn bytes(&self) -> usize {
        self.words.len() * size_of::<u64>()
    }

    /// Groups of steps, as equal as possible.
    pub(crate) fn groups(&self) -> usize {
        self.time_steps.div_ceil(STEPS)
    }

    /// The steps of a group.
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

/// Calls `body(channel, pattern)` for each pattern that is not empty, channels ascending.
#[inline(always)]
pub(crate) fn for_each_pattern(words: &[u64], mut body: impl FnMut(usize, usize)) {
    for (index, &word) in words.iter().enumerate() {
        let mut left = any_of_four(word);
        while left != 0 {
            let bit = left.trailing_zeros() as usize;
            body(index * PER_WORD + bit / STEPS, (word >> bit) as usize & 0xF);
            left &= left - 1;
        }
    }
}

/// The lowest bit of each nibble: whether any bit of it is set.
#[inline(always)]
fn any_of_four(word: u64) -> u64 {
    let pairs = word | word >> 1;
    (pairs | pairs >> 2) & LOWEST
}

/// The low nibbles of 16 bytes, one after the other.
#[inline(always)]
pub(crate) fn pack_nibbles(bytes: [u8; PER_WORD]) -> u64 {
    let half = |bytes: [u8; 8]| {
        let mut x = u64::from_le_bytes(bytes);
        x = (x | x >> 4) & 0x00FF_00FF_00FF_00FF;
        x = (x | x >> 8) & 0x0000_FFFF_0000_FFFF;
        (x | x >> 16) & 0xFFFF_FFFF
    };
    let [low, high] = [0, 8].map(|first| std::array::from_fn(|byte| bytes[first + byte]));
    half(low) | half(high) << 32
}

struct Encode<'a, F> {
    spikes: &'a Spikes,
    values: &'a [f32],
    first: usize,
    words: &'a mut [u64],
    level: F,
}

impl<F: Fn(f32) -> (u32, bool)> Kernel for Encode<'_, F> {
    type Output = Counts;

    #[inline(always)]
    fn call(self) -> Counts {
        let Self { spikes, values, first, words, level } = self;
        let (channels, planes) = (spikes.channels, spikes.planes);
        let row = spikes.words_per_row();
        let pixels = words.len() / (row * spikes.rows_per_pixel());
        let mut active = 0;
        // One count per lane, so that the loops over lanes have no sums across.
        let mut faults = [0_u32; PER_WORD];
        let mut nonzero = [0_u32; PER_WORD];
        for (group, words) in words.chunks_exact_mut(planes * pixels * row).enumerate() {
            for pixel in 0..pixels {
                for word in 0..row {
                    let c = word * PER_WORD;
                    let count = PER_WORD.min(channels - c);
                    let mut patterns = [[0_u32; PER_WORD]; MOST_PLANES];
                    for (step, t) in spikes.steps(group).enumerate() {
                        let at = (t * spikes.pixels + first + pixel) * channels + c;
                        let mut lanes = [0.0; PER_WORD];
                        if let Some(whole) = values[at..at + count].as_array() {
                            lanes = *whole;
                        } else {
                            lanes[..count].copy_from_slice(&values[at..at + count]);
                        }
                        let mut levels = [0; PER_WORD];
                        for lane in 0..PER_WORD {
                            let (found, exact) = level(lanes[lane]);
                            levels[lane] = found;
                            faults[lane] += u32::from(!exact);
                            nonzero[lane] += u32::from(found != 0);
                        }
                        for (plane, patterns) in patterns.iter_mut().enumerate().take(planes) {
                            for (pattern, &level) in patterns.iter_mut().zip(&levels) {
                                *pattern |= (level >> plane & 1) << step;
                            }
                        }
                    }
                    for (plane, patterns) in patterns.iter().enumerate().take(planes) {
                        let packed = pack_nibbles(patterns.map(|pattern| pattern as u8));
                        words[(plane * pixels + pixel) * row + word] = packed;
                        active += any_of_four(packed).count_ones() as usize;
                    }
                }
            }
        }
        let total = |lanes: [u32; PER_WORD]| lanes.iter().map(|&lane| lane as usize).sum();
        Counts { nonzero: total(nonzero), active, faults: total(faults) }
    }
}

struct Decode<'a> {
    spikes: &'a Spikes,
    t: usize,
    first: usize,
    values: &'a mut [f32],
}

impl Kernel for Decode<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { spikes, t, first, values } = self;
        let (group, step) = Spikes::group_of(spikes.time_steps, t);
        for (pixel, values) in values.chunks_exact_mut(spikes.channels).enumerate() {
            values.fill(0.0);
            for plane in 0..spikes.planes {
                let weight = spikes.weight_of(plane);
                let words = spikes.patterns(first + pixel, group, plane);
                for (values, word) in values.chunks_mut(PER_WORD).zip(words) {
                    for (channel, value) in values.iter_mut().enumerate() {
                        let bit = word >> (channel * STEPS + step) & 1;
                        *value += if bit == 1 { weight } else { 0.0 };
                    }
                }
            }
        }
    }
}
