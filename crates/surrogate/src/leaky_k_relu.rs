//! The leaky rectifier.

use candlewick_kernels::real::Real;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Shape;

/// A slope on each side: `sg(x) = k` for `x >= 0`, else `leak`; the derivative of a leaky rectifier.
///
/// `LeakyKReLU` in SpikingJelly, its only source. The step itself stays binary.
///
/// ```
/// use candlewick_surrogate::{LeakyKRelu, Shape};
///
/// let sg = LeakyKRelu { leak: 0.2, k: 1.0 };
/// assert!((sg.derivative(-0.5_f32) - 0.2).abs() < 1e-4);
/// assert!((sg.derivative(0.5_f32) - 1.0).abs() < 1e-4);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LeakyKRelu {
    /// The derivative below the threshold, at least 0. Default 0 (SpikingJelly).
    pub leak: f32,
    /// The derivative at and above the threshold, at least 0. Default 1 (SpikingJelly).
    pub k: f32,
}

impl Default for LeakyKRelu {
    fn default() -> Self {
        Self { leak: 0.0, k: 1.0 }
    }
}

impl Shape for LeakyKRelu {
    fn primitive(&self, x: f32) -> f32 {
        x * if x < 0.0 { self.leak } else { self.k }
    }

    #[inline(always)]
    fn derivative<V: Real>(&self, x: V) -> V {
        x.heaviside(true) * (self.k - self.leak) + self.leak
    }

    fn problem(&self) -> Option<(&'static str, &'static str)> {
        if !(self.leak.is_finite() && self.leak >= 0.0) {
            Some(("leak", "a number, at least 0"))
        } else if !(self.k.is_finite() && self.k >= 0.0) {
            Some(("k", "a number, at least 0"))
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_by_hand() {
        let surrogate = LeakyKRelu { leak: 0.25, k: 2.0 };
        assert_eq!([-0.1, 0.0, 0.1].map(|x: f32| surrogate.derivative(x)), [0.25, 2.0, 2.0]);
    }
}
