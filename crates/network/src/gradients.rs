//! Gradients with respect to parameters, as the backward passes of layers find them.

use candle_core::Tensor;
use candlewick_core::Result;

/// The place of a parameter among those that a pass has met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot(pub(crate) usize);

/// The gradients with respect to the parameters that a pass has met.
#[derive(Debug, Default)]
pub struct ParameterGradients(Vec<Option<Tensor>>);

impl ParameterGradients {
    /// Adds a gradient with respect to the parameter of `slot`, of its shape.
    ///
    /// # Errors
    /// If an earlier gradient has another shape.
    pub fn add(&mut self, slot: Slot, gradient: Tensor) -> Result<()> {
        let sum = match self.take(slot) {
            Some(other) => (other + gradient)?,
            None => gradient,
        };
        self.set(slot, sum);
        Ok(())
    }

    /// Replaces what was added for `slot`.
    pub(crate) fn set(&mut self, slot: Slot, gradient: Tensor) {
        if self.0.len() <= slot.0 {
            self.0.resize(slot.0 + 1, None);
        }
        self.0[slot.0] = Some(gradient);
    }

    /// Takes out what was added for `slot`.
    pub(crate) fn take(&mut self, slot: Slot) -> Option<Tensor> {
        self.0.get_mut(slot.0)?.take()
    }
}
