//! The straight-through estimator.

use candlewick_kernels::real::Real;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Shape;

/// The straight-through estimator: `sg(x) = 1` everywhere
/// (Bengio, Léonard and Courville, arXiv:1308.3432).
///
/// `straight_through_estimator` in snnTorch, `DeterministicPass` in SpikingJelly.
///
/// ```
/// use candlewick_surrogate::{Shape, StraightThrough};
///
/// let sg = StraightThrough {};
/// assert_eq!(sg.derivative(-3.0_f32), 1.0);
/// assert_eq!(sg.derivative(0.5_f32), 1.0);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StraightThrough {}

impl Shape for StraightThrough {
    fn primitive(&self, x: f32) -> f32 {
        x + 0.5
    }

    #[inline(always)]
    fn derivative<V: Real>(&self, x: V) -> V {
        x * 0.0 + 1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_by_hand() {
        assert_eq!([-9.0, 0.0, 9.0].map(|x: f32| StraightThrough {}.derivative(x)), [1.0; 3]);
    }
}
