//! What a forward pass is told.

use candle_core::Tensor;
use candlewick_core::Key;

/// The circumstances of a forward pass.
#[derive(Clone, Copy, Debug)]
pub struct Context {
    /// Number of time steps T.
    pub time_steps: usize,
    /// Whether this is training: batch statistics, dropout, random masks, side heads.
    pub training: bool,
    /// The random stream of this step, from which each layer derives its own.
    pub key: Key,
    /// Whether a gradient will be asked for; without it no graph is built and nothing is kept.
    pub gradients: bool,
    /// Whether to count the spikes of every single neuron, to find dead and saturated ones.
    pub census: bool,
}

impl Context {
    /// A training pass.
    pub fn training(time_steps: usize, key: Key) -> Self {
        Self { time_steps, training: true, key, gradients: true, census: false }
    }

    /// An evaluation pass; nothing in it is random.
    pub fn evaluation(time_steps: usize) -> Self {
        Self { time_steps, training: false, key: Key::new(0), gradients: false, census: false }
    }

    /// A parameter as this pass sees it: part of the graph only where gradients are asked for.
    pub(crate) fn parameter(&self, parameter: &Tensor) -> Tensor {
        if self.gradients { parameter.clone() } else { parameter.detach() }
    }
}
