//! What all layers have in common.

use std::fmt::Debug;

use candle_core::Tensor;
use candlewick_core::Result;

use crate::{Context, Features, Spiking};

/// A part of a network that maps an activation to an activation.
pub trait Layer: Debug + Send + Sync {
    /// Applies the layer to `[T, B, …]`, or to `[1, B, …]` for an input that is the same at every
    /// step.
    fn forward(&self, x: &Tensor, context: &Context) -> Result<Tensor>;

    /// The shape of a sample of the output.
    fn output(&self) -> Features;

    /// The spiking layers inside, in order.
    fn spiking(&self) -> Vec<&Spiking> {
        Vec::new()
    }
}
