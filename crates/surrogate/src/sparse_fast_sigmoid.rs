//! The sparse fast sigmoid.

use candlewick_kernels::real::Real;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Shape;

/// The sparse fast sigmoid: `sg(x) = 1 / (1 + k|x|)²` for `x > B`, else 0
/// (Perez-Nieves and Goodman, Sparse Spiking Gradient Descent, arXiv:2105.08810).
///
/// `SFS` in snnTorch, whose default B = 1 starts one unit above the threshold.
///
/// ```
/// use candlewick_surrogate::{Shape, SparseFastSigmoid};
///
/// let sg = SparseFastSigmoid { slope: 25.0, b: 1.0 };
/// assert!((sg.derivative(0.0_f32) - 0.0).abs() < 1e-4);
/// assert!((sg.derivative(1.4_f32) - 0.0008).abs() < 1e-4);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SparseFastSigmoid {
    /// Sharpness k, above 0. Default 25 (snnTorch).
    pub slope: f32,
    /// Distance to the threshold from which on the derivative is not 0. Default 1 (snnTorch).
    pub b: f32,
}

impl Default for SparseFastSigmoid {
    fn default() -> Self {
        Self { slope: 25.0, b: 1.0 }
    }
}

impl Shape for SparseFastSigmoid {
    /// x / (1 + k|x|) counted from x = B; 0 below.
    fn primitive(&self, x: f32) -> f32 {
        let smooth = |x: f32| x / (1.0 + self.slope * x.abs());
        if x > self.b { smooth(x) - smooth(self.b) } else { 0.0 }
    }

    #[inline(always)]
    fn derivative<V: Real>(&self, x: V) -> V {
        let y = x.clone().abs() * self.slope + 1.0;
        (y.clone() * y).recip() * (x - self.b).heaviside(false)
    }

    fn parameter(&self) -> Option<f32> {
        Some(self.slope)
    }

    fn with_parameter(&self, slope: f32) -> Self {
        Self { slope, b: self.b }
    }

    /// -x|x| / (1 + k|x|)², minus the same at B.
    #[inline(always)]
    fn parameter_derivative<V: Real>(&self, x: V) -> V {
        let at_b = self.b * self.b.abs() / (1.0 + self.slope * self.b.abs()).powi(2);
        let inside = (x.clone() - self.b).heaviside(false);
        inside * at_b - Shape::derivative(self, x.clone()) * x.clone() * x.abs()
    }

    fn problem(&self) -> Option<(&'static str, &'static str)> {
        if !(self.slope.is_finite() && self.slope > 0.0) {
            Some(("slope", "a number above 0"))
        } else if !self.b.is_finite() {
            Some(("b", "a finite number"))
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
        let surrogate = SparseFastSigmoid { slope: 1.0, b: 0.5 };
        assert_eq!([-1.0, 0.5, 1.0].map(|x: f32| surrogate.derivative(x)), [0.0, 0.0, 0.25]);
    }
}
