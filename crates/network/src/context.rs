//! The settings of a forward pass.

use candlewick_core::Key;
use candlewick_device::Precision;

/// The settings of a forward pass: [`Network::forward`](crate::Network::forward) takes them, `forward_t` chooses
/// them.
///
/// ```
/// use candlewick_core::Key;
/// use candlewick_network::Context;
///
/// let step = 17;
/// let context = Context::training(4, Key::new(1).named("steps").at(step));
/// assert!(context.training && context.gradients);
/// let context = Context { census: true, ..Context::evaluation(4) };
/// assert!(!context.training && !context.gradients);
/// ```
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent questions, answered by name")]
pub struct Context {
    /// Number of time steps T.
    pub time_steps: usize,
    /// Whether this is training: batch statistics, dropout, random masks, side heads.
    pub training: bool,
    /// The random stream of this step, from which each layer derives its own.
    pub key: Key,
    /// Whether a backward pass will follow; without it nothing is kept for one, and a backward pass
    /// from the result fails.
    pub gradients: bool,
    /// Whether to count synaptic operations, and the spikes of every single neuron to find dead and
    /// saturated ones.
    pub census: bool,
    /// Whether the backward pass recomputes the currents of synaptic layers instead of keeping them in
    /// memory; changes no bit of a result.
    pub recompute: bool,
    /// Whether each time step is computed by itself, so that its bits do not depend on the other
    /// steps, as in a [`Stream`](crate::Stream); slower, and different by rounding only.
    pub stepwise: bool,
    /// How matrix products round on devices that have a choice; the CPU has `f32` alone.
    pub precision: Precision,
}

impl Context {
    /// A training pass, which keeps what its backward pass needs.
    pub fn training(time_steps: usize, key: Key) -> Self {
        let evaluation = Self::evaluation(time_steps);
        Self { training: true, key, gradients: true, ..evaluation }
    }

    /// An evaluation pass; nothing in it is random.
    pub fn evaluation(time_steps: usize) -> Self {
        Self {
            time_steps,
            training: false,
            key: Key::new(0),
            gradients: false,
            census: false,
            recompute: false,
            stepwise: false,
            precision: Precision::F32,
        }
    }
}
