//! Input currents of neurons, as sums of what makes them: normalized outputs of synapses, spikes.
//!
//! The scan over time adds the sources up block by block in the first-level cache, so that neither
//! normalized values nor sums are ever written to memory.

use crate::neuron::block::LANES;
use crate::simd::{Kernel, dispatch};
use crate::spikes::{PER_WORD, STEPS, Spikes};
use rayon::prelude::*;

/// A summand of the input current, over `[T, N]`, or `[1, N]` if it is the same at every step.
#[derive(Clone, Copy, Debug)]
pub enum Source<'a> {
    /// As they are.
    Values(&'a [f32]),
    /// Normalized per channel, the last axis of the layer.
    Normalized(&'a [f32], &'a PerChannel),
    /// Binary spikes, which count as 1.
    Spikes(&'a Spikes),
}

/// `(x − mean) · scale + shift`, with one of each per channel.
#[derive(Clone, Debug, PartialEq)]
pub struct PerChannel {
    channels: usize,
    /// Each repeated, so that every block finds its channels in one piece.
    mean: Vec<f32>,
    scale: Vec<f32>,
    shift: Vec<f32>,
}

impl PerChannel {
    /// # Panics
    /// If the slices are not of one length, or empty.
    pub fn new(mean: &[f32], scale: &[f32], shift: &[f32]) -> Self {
        let channels = mean.len();
        assert!(channels > 0, "at least one channel");
        assert_eq!([scale.len(), shift.len()], [channels; 2], "channels of scale and shift");
        let repeated =
            |values: &[f32]| values.iter().copied().cycle().take(channels + LANES).collect();
        Self { channels, mean: repeated(mean), scale: repeated(scale), shift: repeated(shift) }
    }
}

impl PerChannel {
    /// Writes the normalized rows `[…, channels]`.
    ///
    /// # Panics
    /// If the slices are not of one length.
    pub fn apply(&self, input: &[f32], output: &mut [f32]) {
        assert_eq!(input.len(), output.len(), "elements of the output");
        output.par_chunks_mut(LANES).enumerate().for_each(|(block, out)| {
            let start = block * LANES;
            let input = &input[start..start + out.len()];
            let first = start % self.channels;
            dispatch(Normalize { input, per_channel: self, first, add: false, out });
        });
    }
}

impl Source<'_> {
    /// Number of values, T·N or N.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Values(values) | Self::Normalized(values, _) => values.len(),
            Self::Spikes(spikes) => spikes.len(),
        }
    }

    /// Writes the values of neurons `start..start + out.len()` at step `t` of `n` neurons, or adds
    /// them.
    #[inline(always)]
    fn load(&self, t: usize, n: usize, start: usize, add: bool, out: &mut [f32]) {
        let row = |values: &'_ [f32]| if values.len() > n { t * n + start } else { start };
        match self {
            Self::Values(values) => {
                let from = row(values);
                let values = &values[from..from + out.len()];
                if add {
                    out.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
                } else {
                    out.copy_from_slice(values);
                }
            }
            Self::Normalized(values, per_channel) => {
                let from = row(values);
                let input = &values[from..from + out.len()];
                let first = start % per_channel.channels;
                dispatch(Normalize { input, per_channel, first, add, out });
            }
            Self::Spikes(spikes) => dispatch(Unpack { spikes, t, start, add, out }),
        }
    }
}

/// Sums up the sources of neurons `start..start + out.len()` at step `t`.
#[inline(always)]
pub(crate) fn load(sources: &[Source<'_>], t: usize, n: usize, start: usize, out: &mut [f32]) {
    for (number, source) in sources.iter().enumerate() {
        source.load(t, n, start, number > 0, out);
    }
}

struct Normalize<'a> {
    input: &'a [f32],
    per_channel: &'a PerChannel,
    first: usize,
    add: bool,
    out: &'a mut [f32],
}

impl Kernel for Normalize<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { input, per_channel, first, add, out } = self;
        let width = out.len();
        let mean = &per_channel.mean[first..first + width];
        let scale = &per_channel.scale[first..first + width];
        let shift = &per_channel.shift[first..first + width];
        let input = &input[..width];
        if add {
            for i in 0..width {
                out[i] += (input[i] - mean[i]) * scale[i] + shift[i];
            }
        } else {
            for i in 0..width {
                out[i] = (input[i] - mean[i]) * scale[i] + shift[i];
            }
        }
    }
}

struct Unpack<'a> {
    spikes: &'a Spikes,
    t: usize,
    start: usize,
    add: bool,
    out: &'a mut [f32],
}

impl Kernel for Unpack<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { spikes, t, start, add, out } = self;
        let (group, step) = Spikes::group_of(spikes.shape()[0], t);
        let words = &spikes.plane(group, 0)[start / PER_WORD..];
        for (values, &word) in out.chunks_mut(PER_WORD).zip(words) {
            let halves = [word as u32, (word >> 32) as u32];
            for (lane, value) in values.iter_mut().enumerate() {
                let bit = halves[lane / 8] >> (lane % 8 * STEPS + step) & 1;
                let spike = bit as f32;
                *value = if add { *value + spike } else { spike };
            }
        }
    }
}
