//! The fused scan of a layer of neurons over all time steps, and its exact backward pass.
//!
//! Potentials are not stored: the backward pass runs the forward equations again, block by block in
//! the first-level cache, and walks back through time at once (one read of the input and of the
//! output gradient, one write of the input gradient).
//! A virtual call per block and step lets the surrogate fill its derivative, so that neurons and
//! surrogates add up in compile time instead of multiplying.

mod backward;
mod derivative;
mod forward;
mod layout;
mod output;
mod step;
mod sums;

pub use backward::{Backward, BackwardSums};
pub use derivative::Derivative;
pub use forward::Forward;
pub use output::Output;
pub use sums::{ActivityGradient, ForwardSums, Measure, Potentials};

use crate::neuron::Neuron;
use crate::neuron::traced::NeuronTrace;
use std::fmt::Debug;

/// A neuron behind a pointer: what layers call.
pub trait Scan: Debug + Send + Sync {
    /// Number of state variables S.
    fn states(&self) -> usize;
    /// Number of learnable scalars P.
    fn parameters(&self) -> usize;
    /// The neuron's functions, written down for other devices.
    fn trace(&self) -> NeuronTrace;
    /// Runs the neurons over all time steps.
    ///
    /// # Panics
    /// If a slice does not have the documented length.
    fn forward(&self, args: Forward<'_>) -> ForwardSums;
    /// Walks back through all time steps.
    ///
    /// # Panics
    /// If a slice does not have the documented length.
    fn backward(&self, args: Backward<'_>) -> BackwardSums;
}

/// The fused scan of the neuron `N`.
#[derive(Clone, Debug)]
pub struct Fused<N, const S: usize, const P: usize>(pub N);

impl<N: Neuron<S, P>, const S: usize, const P: usize> Scan for Fused<N, S, P> {
    fn states(&self) -> usize {
        S
    }

    fn parameters(&self) -> usize {
        P
    }

    fn trace(&self) -> NeuronTrace {
        NeuronTrace::new(&self.0)
    }

    fn forward(&self, args: Forward<'_>) -> ForwardSums {
        forward::forward(&self.0, args)
    }

    fn backward(&self, args: Backward<'_>) -> BackwardSums {
        backward::backward(&self.0, args)
    }
}
