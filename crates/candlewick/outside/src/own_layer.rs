//! A layer of one's own, composed of candle operations: lateral inhibition, which takes a share of the
//! mean over all channels away from each, `x ← x - strength · mean(x)`.
//!
//! The gradients are candle's, also that with respect to the learned strength.

use candlewick::candle::{D, Tensor};
use candlewick::core::Result;
use candlewick::core::initializer::Initializer;
use candlewick::core::parameters::{Role, Scope};
use candlewick::network::{Backward, Features, Layer, Pass, Signal};

/// Lateral inhibition between the channels of a pixel.
#[derive(Debug)]
pub struct LateralInhibition {
    features: Features,
    strength: Tensor,
}

impl LateralInhibition {
    /// Creates the parameter `strength` at `scope`, for activations of the shape `features`.
    ///
    /// # Errors
    /// If it cannot be created.
    pub fn new(features: Features, scope: &Scope<'_>) -> Result<Self> {
        let start = Initializer::Constant(0.5);
        let strength = scope.create("strength", Role::Weight, &[1], start)?.tensor();
        Ok(Self { features, strength })
    }
}

impl Layer for LateralInhibition {
    fn run(&self, x: Signal, pass: &Pass) -> Result<(Signal, Option<Backward>)> {
        let strength = self.strength.clone();
        pass.compose(&x, self.features, move |x| {
            let mean = x.mean_keepdim(D::Minus1)?;
            Ok(x.broadcast_sub(&mean.broadcast_mul(&strength)?)?)
        })
    }

    fn output(&self) -> Features {
        self.features
    }
}
