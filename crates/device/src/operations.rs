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
    const PARTS: usize = 256;
    const LEAST: usize = 4;
    rows.div_ceil(PARTS).max(LEAST)
}

impl Queue {
    /// Threads of a kernel in which each owns a channel of a span of rows, and its parts.
    pub fn parts(rows: usize) -> (u32, usize) {
        let span = span(rows);
        (span as u32, rows.div_ceil(span))
    }

    /// Folds parts `[kinds, chunks, channels]`, which start so many elements behind the first, into sums `[kinds, channels]`, or adds them to those that are there.
    ///
    /// # Errors
    /// If the launch fails.
    pub fn fold(
        &self,
        parts: &Doubles,
        first: usize,
        [kinds, chunks, channels]: [usize; 3],
        add: bool,
        sums: &Tensor,
    ) -> Result<()> {
        let arguments = [
            Argument::In(parts.flat(), first),
            Argument::U32(kinds as u32),
            Argument::U32(chunks as u32),
            Argument::U32(channels as u32),
            Argument::U32(u32::from(add)),
            Argument::Out(sums),
        ];
        self.call("fold", kinds * channels, &arguments)
    }

    /// The sum of each of the last `channels` of x.
    ///
    /// # Errors
    /// If the launch fails.
    pub fn column_sums(&self, x: &Floats, channels: usize) -> Result<Floats> {
        let rows = x.len() / channels;
        let (span, chunks) = Self::parts(rows);
        let (parts, sums) = (self.doubles(chunks * channels)?, self.doubles(channels)?);
        let arguments = [
            Argument::In(x.flat(), 0),
            Argument::U32(rows as u32),
            Argument::U32(channels as u32),
            Argument::U32(span),
            Argument::Out(parts.flat()),
        ];
        self.call("column_sums", chunks * channels, &arguments)?;
        self.fold(&parts, 0, [1, chunks, channels], false, sums.flat())?;
        let out = self.floats(channels)?;
        let arguments = [
            Argument::In(sums.flat(), 0),
            Argument::U32(channels as u32),
            Argument::Out(out.flat()),
        ];
        self.call("rounded", channels, &arguments)?;
        Ok(out)
    }
}
