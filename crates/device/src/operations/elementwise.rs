//! Operations on each element by itself: `elementwise.cu`.

use std::sync::Arc;

use candle_core::Result;
use candlewick_core::Key;

use crate::{Argument, Floats, Queue};

impl Queue {
    /// x, so many times one after the other.
    ///
    /// # Errors
    /// If the launch fails.
    pub fn repeat(&self, x: &Floats, times: usize) -> Result<Floats> {
        let count = x.len() * times;
        let out = self.floats(count)?;
        let arguments = [
            Argument::In(x.flat(), 0),
            Argument::U64(x.len() as u64),
            Argument::U64(count as u64),
            Argument::Out(out.flat()),
        ];
        self.call("repeat", count, &arguments)?;
        Ok(out)
    }

    /// x, to be written into: itself where nobody else has it.
    ///
    /// # Errors
    /// If the launch fails.
    pub fn unique(&self, x: Arc<Floats>) -> Result<Floats> {
        match Arc::try_unwrap(x) {
            Ok(own) if own.is_own() => Ok(own),
            Ok(other) => self.repeat(&other, 1),
            Err(shared) => self.repeat(&shared, 1),
        }
    }

    /// `sum += other`; the shorter other is repeated.
    ///
    /// # Errors
    /// If the launch fails.
    pub fn add(&self, sum: &Floats, other: &Floats) -> Result<()> {
        if other.is_empty() || !sum.len().is_multiple_of(other.len()) {
            candle_core::bail!("cannot add {} values to {}", other.len(), sum.len());
        }
        let arguments = [
            Argument::In(other.flat(), 0),
            Argument::U64(other.len() as u64),
            Argument::U64(sum.len() as u64),
            Argument::Out(sum.flat()),
        ];
        self.call("add", sum.len(), &arguments)
    }

    /// The sum over the first axis of x `[steps, …]`.
    ///
    /// # Errors
    /// If the launch fails.
    pub fn sum_steps(&self, x: &Floats, steps: usize) -> Result<Floats> {
        let length = x.len() / steps;
        let out = self.floats(length)?;
        let arguments = [
            Argument::In(x.flat(), 0),
            Argument::U32(steps as u32),
            Argument::U64(length as u64),
            Argument::Out(out.flat()),
        ];
        self.call("sum_steps", length, &arguments)?;
        Ok(out)
    }

    /// Exchanges rows and columns of each `[rows, columns]` of x.
    ///
    /// # Errors
    /// If the launch fails.
    pub fn transpose(&self, x: &Floats, [rows, columns]: [usize; 2]) -> Result<Floats> {
        let out = self.floats(x.len())?;
        let arguments = [
            Argument::In(x.flat(), 0),
            Argument::U32(rows as u32),
            Argument::U32(columns as u32),
            Argument::U64(x.len() as u64),
            Argument::Out(out.flat()),
        ];
        self.call("transpose", x.len(), &arguments)?;
        Ok(out)
    }

    /// x `[steps, length]` with elements set to 0 with probability `p`, one mask for all steps, and the others
    /// multiplied by 1/(1-p).
    ///
    /// # Errors
    /// If the launch fails.
    pub fn dropout(&self, x: &Floats, key: Key, p: f32, length: usize) -> Result<Floats> {
        let out = self.floats(x.len())?;
        let [low, high] = key.halves();
        let arguments = [
            Argument::In(x.flat(), 0),
            Argument::U32(low),
            Argument::U32(high),
            Argument::F32(p),
            Argument::F32(1.0 / (1.0 - p)),
            Argument::U64(length as u64),
            Argument::U64(x.len() as u64),
            Argument::Out(out.flat()),
        ];
        self.call("dropout", x.len(), &arguments)?;
        Ok(out)
    }

    /// `x · a`, or `x · (1 - a)` if it is `inverted`.
    ///
    /// # Errors
    /// If the launch fails.
    pub fn multiply(&self, x: &Floats, a: &Floats, inverted: bool) -> Result<Floats> {
        let out = self.floats(x.len())?;
        let arguments = [
            Argument::In(x.flat(), 0),
            Argument::In(a.flat(), 0),
            Argument::U32(u32::from(inverted)),
            Argument::U64(x.len() as u64),
            Argument::Out(out.flat()),
        ];
        self.call("multiply", x.len(), &arguments)?;
        Ok(out)
    }

    /// The gradients of [`multiply`](Self::multiply) with respect to x and a.
    ///
    /// # Errors
    /// If the launch fails.
    pub fn multiply_gradient(
        &self,
        x: &Floats,
        a: &Floats,
        gradient: &Floats,
        inverted: bool,
    ) -> Result<[Floats; 2]> {
        let [of_x, of_a] = [self.floats(x.len())?, self.floats(x.len())?];
        let arguments = [
            Argument::In(x.flat(), 0),
            Argument::In(a.flat(), 0),
            Argument::In(gradient.flat(), 0),
            Argument::U32(u32::from(inverted)),
            Argument::U64(x.len() as u64),
            Argument::Out(of_x.flat()),
            Argument::Out(of_a.flat()),
        ];
        self.call("multiply_gradient", x.len(), &arguments)?;
        Ok([of_x, of_a])
    }
}
