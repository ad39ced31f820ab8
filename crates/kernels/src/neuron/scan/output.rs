//! What a forward scan writes: values, or bits packed by groups of steps.

use super::derivative::Derivative;
use super::layout::{TASK, by_task, cut};
use crate::neuron::block::{Block, LANES};
use crate::simd::{self, Kernel};
use crate::spikes::{PER_WORD, pack_nibbles};

/// Where a forward scan writes the spikes.
#[derive(Debug)]
pub enum Output<'a> {
    /// `[T, N]`.
    Values(&'a mut [f32]),
    /// In the form that [`Spikes::recorded`](crate::spikes::Spikes::recorded) lends.
    Bits {
        /// Number of neurons N.
        neurons: usize,
        /// The spikes.
        spikes: &'a mut [u64],
        /// Where a derivative is not 0, in the same form.
        support: Option<(&'a dyn Derivative, &'a mut [u64])>,
    },
}

/// What a task writes of the output.
pub(super) enum OutputPart<'a> {
    /// One row per step.
    Values(Vec<&'a mut [f32]>),
    /// One row of words per group of steps.
    Bits { spikes: Vec<&'a mut [u64]>, support: Option<(&'a dyn Derivative, Vec<&'a mut [u64]>)> },
}

impl<'a> Output<'a> {
    /// Number of neurons.
    pub(super) fn neurons(&self, steps: usize) -> usize {
        match self {
            Self::Values(values) => {
                assert!(values.len().is_multiple_of(steps), "output: [T, N]");
                values.len() / steps
            }
            Self::Bits { neurons, .. } => *neurons,
        }
    }

    pub(super) fn by_task(self, n: usize) -> Vec<OutputPart<'a>> {
        let (spikes, support) = match self {
            Self::Values(values) => {
                return by_task(values, n).into_iter().map(OutputPart::Values).collect();
            }
            Self::Bits { spikes, support, .. } => (spikes, support),
        };
        assert!(n.is_multiple_of(PER_WORD), "neurons in whole words");
        let tasks = |words| cut(words, n / PER_WORD, TASK / PER_WORD);
        let spikes = tasks(spikes);
        match support {
            None => spikes
                .into_iter()
                .map(|spikes| OutputPart::Bits { spikes, support: None })
                .collect(),
            Some((derivative, words)) => spikes
                .into_iter()
                .zip(tasks(words))
                .map(|(spikes, words)| OutputPart::Bits {
                    spikes,
                    support: Some((derivative, words)),
                })
                .collect(),
        }
    }
}

/// Four bits per neuron of a block, one per step of a group.
pub(super) struct Patterns(pub(super) [u32; LANES]);

impl Patterns {
    /// Sets the bit of `step` where the value is not 0.
    pub(super) fn record(&mut self, step: usize, values: &Block) {
        simd::dispatch(Record { patterns: &mut self.0, step, values });
    }

    /// Packs the patterns into words, and starts again.
    pub(super) fn flush(&mut self, words: &mut [u64]) {
        for (word, patterns) in words.iter_mut().zip(self.0.as_chunks::<PER_WORD>().0) {
            *word = pack_nibbles(patterns.map(|pattern| pattern as u8));
        }
        self.0 = [0; LANES];
    }
}

struct Record<'a> {
    patterns: &'a mut [u32; LANES],
    step: usize,
    values: &'a Block,
}

impl Kernel for Record<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { patterns, step, values } = self;
        let bit = 1_u32 << step;
        for (pattern, value) in patterns.iter_mut().zip(values) {
            *pattern |= if *value == 0.0 { 0 } else { bit };
        }
    }
}
