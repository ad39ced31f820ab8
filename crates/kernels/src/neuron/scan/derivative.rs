//! The stand-in for the derivative of the spike.

use std::fmt::Debug;

/// What the backward pass takes for the derivative of the spike, evaluated on whole blocks.
pub trait Derivative: Debug + Send + Sync {
    /// Writes the derivative at the distances `x` into `out`.
    ///
    /// `first` is the index of `x[0]` in the layer's `[T, N]` array of distances, for derivatives
    /// that differ from element to element (random masks).
    fn derivative(&self, first: u64, x: &[f32], out: &mut [f32]);

    /// Writes the derivative of the smooth spike with respect to the surrogate's own learnable
    /// parameter into `out`; 0 where a mask sets the derivative to 0.
    fn parameter_derivative(&self, first: u64, x: &[f32], out: &mut [f32]);
}
