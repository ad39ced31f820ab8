//! What a forward pass is told.

use candle_core::Tensor;
use candlewick_core::Key;

/// The circumstances of a forward pass.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent questions, answered by name")]
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
    /// Whether the backward pass computes the currents of synaptic layers once more instead of finding
    /// them in memory; changes no bit of a result. On the CPU only.
    pub recompute: bool,
}

impl Context {
    /// A training pass, which keeps what its backward pass needs.
    pub fn training(time_steps: usize, key: Key) -> Self {
        let (training, gradients) = (true, true);
        Self { time_steps, training, key, gradients, census: false, recompute: false }
    }

    /// An evaluation pass; nothing in it is random.
    pub fn evaluation(time_steps: usize) -> Self {
        let (training, key, gradients) = (false, Key::new(0), false);
        Self { time_steps, training, key, gradients, census: false, recompute: false }
    }

    /// A parameter as this pass sees it: part of the graph only where gradients are asked for.
    pub(crate) fn parameter(&self, parameter: &Tensor) -> Tensor {
        if self.gradients { parameter.clone() } else { parameter.detach() }
    }
}
