//! What the loop needs of a network.

use candle_core::Tensor;
use candlewick_core::parameters::Parameters;
use candlewick_core::{Key, Result};

/// A network that the loop can train.
pub trait Model {
    /// Its parameters and buffers.
    fn parameters(&self) -> &Parameters;

    /// Runs `input`, `[T, B, …]`, or `[1, B, …]` if it is the same at all time steps.
    ///
    /// Outside of training the outputs should carry no graph: use
    /// [`Var::as_detached_tensor`](candle_core::Var::as_detached_tensor).
    fn forward(&self, input: &Tensor, pass: &mut Pass) -> Result<Outputs>;
}

/// The circumstances of one forward pass, and what it observed.
#[derive(Debug)]
pub struct Pass {
    /// Time steps T.
    pub time_steps: usize,
    /// Whether gradients will be asked for: batch statistics, dropout and masks are active.
    pub training: bool,
    /// The random streams of this pass; layers derive their masks from it.
    pub key: Key,
    /// Whether to fill `layers`.
    pub observe: bool,
    /// One entry per spiking layer, in the order of the network.
    pub layers: Vec<LayerCounts>,
}

/// What a forward pass gave.
#[derive(Clone, Debug)]
pub struct Outputs {
    /// Scores of the classes, `[T, B, K]`.
    pub logits: Tensor,
    /// Scores of side heads, `[T, B, K]` each; in training only.
    pub side: Vec<Tensor>,
}

/// What one spiking layer did in one pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerCounts {
    /// Path of the layer in the network.
    pub name: String,
    /// Number of spikes.
    pub spikes: u64,
    /// Number of chances to spike: T · B · neurons.
    pub chances: u64,
}
