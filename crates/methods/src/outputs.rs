//! The output of a network, as methods and losses see it.

use candle_core::Tensor;

/// The logits of all time steps, and in training those of the side heads.
#[derive(Clone, Debug)]
pub struct Outputs {
    /// The logits `[T, B, K]`.
    pub logits: Tensor,
    /// The logits `[T, B, K]` of each side head; empty in evaluation, or without side heads.
    pub side: Vec<Tensor>,
}
