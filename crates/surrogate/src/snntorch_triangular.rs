//! The "triangular" surrogate of snnTorch.

use candlewick_kernels::real::Real;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Shape;

/// What snnTorch calls "triangular": `sg(x) = h` for `x < 0`, else `-h`. It is the derivative of a
/// tent, not a tent: the gradient changes sign at the threshold.
///
/// `triangular` in snnTorch, where h is named `threshold`. For a tent-shaped derivative see
/// [`Triangle`](crate::Triangle).
///
/// ```
/// use candlewick_surrogate::{Shape, SnntorchTriangular};
///
/// let sg = SnntorchTriangular { threshold: 1.0 };
/// assert_eq!(sg.derivative(-0.5_f32), 1.0);
/// assert_eq!(sg.derivative(0.5_f32), -1.0);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SnntorchTriangular {
    /// Height h on both sides, above 0. Default 1 (snnTorch).
    pub threshold: f32,
}

impl Default for SnntorchTriangular {
    fn default() -> Self {
        Self { threshold: 1.0 }
    }
}

impl Shape for SnntorchTriangular {
    fn primitive(&self, x: f32) -> f32 {
        -self.threshold * x.abs()
    }

    /// Negative at and above the threshold.
    #[inline(always)]
    fn derivative<V: Real>(&self, x: V) -> V {
        x.heaviside(true) * (-2.0 * self.threshold) + self.threshold
    }

    fn problem(&self) -> Option<(&'static str, &'static str)> {
        let usable = self.threshold.is_finite() && self.threshold > 0.0;
        (!usable).then_some(("threshold", "a number above 0"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_by_hand() {
        let surrogate = SnntorchTriangular { threshold: 2.0 };
        assert_eq!([-0.1, 0.0, 0.1].map(|x: f32| surrogate.derivative(x)), [2.0, -2.0, -2.0]);
    }
}
