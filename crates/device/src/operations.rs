//! The kernels of the library as calls: one file for each text.

mod convolution;
mod elementwise;
mod normalization;
mod optimizer;
mod pool;

pub use normalization::{Adjusted, Affine, Through};

use candle_core::{Result, Tensor};

use crate::{Argument, Doubles, Floats, Queue};

/// Rows that a thread works on, such that there are at most 256 parts to fold; a fixed partition.
pub(crate) fn span(rows: usize) -> usize {
    const LEAST: usize = 4;
    rows.div_ceil(PARTS).max(LEAST)
}

/// Most parts of a sum over rows.
const PARTS: usize = 256;

impl Queue {
    /// The rows that a thread works on and the parts of a sum over rows, where each thread owns a channel of a
    /// span of rows.
    pub(crate) fn parts(rows: usize) -> (u32, usize) {
        let span = span(rows);
        (span as u32, rows.div_ceil(span))
    }

    /// Folds parts `[kinds, chunks, channels]` into sums `[kinds, channels]`.
    pub(crate) fn fold(
        &self,
        parts: &Doubles,
        [kinds, chunks, channels]: [usize; 3],
        sums: &Doubles,
    ) -> Result<()> {
        let arguments = [
            Argument::In(parts.flat(), 0),
            Argument::U32(kinds as u32),
            Argument::U32(chunks as u32),
            Argument::U32(channels as u32),
            Argument::Out(sums.flat()),
        ];
        self.call("fold", kinds * channels, &arguments)
    }

    /// A counter of so many channels, at 0.
    ///
    /// # Errors
    /// If the device has no memory for it.
    pub fn counter(&self, channels: usize) -> Result<Counter> {
        let parts = self.sums(PARTS * channels)?;
        Ok(Counter { parts, channels })
    }

    /// Takes the counts of several counters, which are at 0 afterwards; the host waits once.
    ///
    /// # Errors
    /// If a launch fails.
    pub fn take(&self, counters: &[&Counter]) -> Result<Vec<f64>> {
        let mut taken = Vec::with_capacity(counters.len());
        for counter in counters {
            let sums = self.doubles(counter.channels)?;
            let arguments = [
                Argument::Out(&counter.parts),
                Argument::U32(PARTS as u32),
                Argument::U32(counter.channels as u32),
                Argument::Out(sums.flat()),
            ];
            self.call("take", counter.channels, &arguments)?;
            taken.push(sums);
        }
        let sums: Vec<&Tensor> = taken.iter().map(Doubles::flat).collect();
        let sums = self.read(&sums)?;
        let mut rest = &sums[..];
        let count = |counter: &&Counter| {
            let (own, others) = rest.split_at(counter.channels);
            rest = others;
            own.iter().sum()
        };
        Ok(counters.iter().map(count).collect())
    }

    /// The sum of each of the last `channels` of x.
    ///
    /// # Errors
    /// If the launch fails.
    pub fn column_sums(&self, x: &Floats, channels: usize) -> Result<Floats> {
        let rows = x.len() / channels;
        let (span, chunks) = Self::parts(rows);
        let parts = self.doubles(chunks * channels)?;
        let arguments = [
            Argument::In(x.flat(), 0),
            Argument::U32(rows as u32),
            Argument::U32(channels as u32),
            Argument::U32(span),
            Argument::Out(parts.flat()),
        ];
        self.call("column_sums", chunks * channels, &arguments)?;
        let out = self.floats(channels)?;
        let arguments = [
            Argument::In(parts.flat(), 0),
            Argument::U32(chunks as u32),
            Argument::U32(channels as u32),
            Argument::Out(out.flat()),
        ];
        self.call("fold_to_floats", channels, &arguments)?;
        Ok(out)
    }
}

/// Counts per channel that scans add to.
#[derive(Clone, Debug)]
pub struct Counter {
    /// `[PARTS, channels]`, which are added up when they are read.
    pub(crate) parts: Tensor,
    channels: usize,
}
