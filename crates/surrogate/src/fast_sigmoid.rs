//! The fast sigmoid.

use candlewick_kernels::real::Real;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Shape;

/// The fast sigmoid of snnTorch: `sg(x) = 1 / (1 + k|x|)²`, height 1, area 2/k
/// (Zenke and Ganguli, Neural Computation 2018).
///
/// `fast_sigmoid` in snnTorch. SpikingJelly's `SoftSign` is k/2 times as high. Releases of Norse
/// before 1.1 have this one, with k = 100, behind the name "super".
///
/// ```
/// use candlewick_surrogate::{FastSigmoid, Shape};
///
/// let sg = FastSigmoid { slope: 25.0 };
/// assert_eq!(sg.derivative(0.0_f32), 1.0);
/// assert_eq!(sg.derivative(0.04_f32), 0.25);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FastSigmoid {
    /// Sharpness, above 0; the height does not depend on it. Default 25 (snnTorch).
    pub slope: f32,
}

impl Default for FastSigmoid {
    fn default() -> Self {
        Self { slope: 25.0 }
    }
}

impl Shape for FastSigmoid {
    /// x / (1 + k|x|), from -1/k to 1/k.
    fn primitive(&self, x: f32) -> f32 {
        x / (1.0 + self.slope * x.abs())
    }

    #[inline(always)]
    fn derivative<V: Real>(&self, x: V) -> V {
        let y = x.abs() * self.slope + 1.0;
        (y.clone() * y).recip()
    }

    crate::macros::positive_parameter!(slope);

    /// -x|x| · sg(x).
    #[inline(always)]
    fn parameter_derivative<V: Real>(&self, x: V) -> V {
        -(Shape::derivative(self, x.clone()) * x.clone() * x.abs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_by_hand() {
        // 1 / (1 + 25 · 0.04)².
        assert!((FastSigmoid::default().derivative(0.04_f32) - 0.25).abs() < 1e-6);
        // ∂/∂k of x / (1 + kx) = -x² / (1 + kx)² at k = x = 1.
        assert_eq!(FastSigmoid { slope: 1.0 }.parameter_derivative(1.0_f32), -0.25);
    }
}
