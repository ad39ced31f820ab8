//! From activations in f32 to bits, and back.

use super::Spikes;
use super::patterns::{PER_WORD, STEPS, any_of_four, pack_nibbles};
use crate::simd::{Kernel, dispatch};
use rayon::prelude::*;

/// Most planes of bits: multiples up to 15 units.
const MOST_PLANES: usize = 4;
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
}

/// What one task found.
#[derive(Clone, Copy)]
struct Counts {
    nonzero: usize,
    active: usize,
    faults: usize,
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
            for plane in 0..spikes.planes {
                let weight = spikes.weight_of(plane);
                let words = spikes.patterns(first + pixel, group, plane);
                for (values, word) in values.chunks_mut(PER_WORD).zip(words) {
                    let lanes = weighted_bits(word >> step, weight);
                    // Chunks of whole words have a loop of fixed length.
                    match values.as_mut_array::<PER_WORD>() {
                        Some(values) if plane == 0 => *values = lanes,
                        Some(values) => add(values, &lanes),
                        None if plane == 0 => values.copy_from_slice(&lanes[..values.len()]),
                        None => add(values, &lanes),
                    }
                }
            }
        }
    }
}

/// `weight` for each channel whose lowest bit is set, 0 for the others.
#[inline(always)]
fn weighted_bits(word: u64, weight: f32) -> [f32; PER_WORD] {
    const HALF: usize = PER_WORD / 2;
    let mut lanes = [0.0; PER_WORD];
    for (half, lanes) in lanes.as_chunks_mut::<HALF>().0.iter_mut().enumerate() {
        // Lanes of 32 bits are as wide as the floats that they become.
        let bits = (word >> (half * HALF * STEPS)) as u32;
        for (lane, value) in lanes.iter_mut().enumerate() {
            let bit = bits >> (lane * STEPS) & 1;
            *value = f32::from_bits(weight.to_bits() & bit.wrapping_neg());
        }
    }
    lanes
}

#[inline(always)]
fn add(values: &mut [f32], lanes: &[f32; PER_WORD]) {
    for (value, lane) in values.iter_mut().zip(lanes) {
        *value += lane;
    }
}
