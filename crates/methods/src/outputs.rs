//! What a network gives to methods and losses.

use candle_core::Tensor;

/// What a network gives: logits of all time steps, and those of its side heads in training.
#[derive(Clone, Debug)]
pub struct Outputs {
    /// The logits `[T, B, K]`.
    pub logits: Tensor,
    /// The logits `[T, B, K]` of each side head; empty in evaluation, or without side heads.
    pub side: Vec<Tensor>,
}
