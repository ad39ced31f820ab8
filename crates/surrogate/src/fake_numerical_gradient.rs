//! The clipped numerical gradient.

use candlewick_kernels::real::Real;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Shape;

/// The clipped numerical gradient of the step: `sg(x) = min(1/|x|, α)`, height α, no finite area.
///
/// `FakeNumericalGradient` in SpikingJelly, its only source; the library states no primitive for it,
/// the one here is the integral of `sg`.
///
/// ```
/// use candlewick_surrogate::{FakeNumericalGradient, Shape};
///
/// let sg = FakeNumericalGradient { alpha: 0.3 };
/// assert!((sg.derivative(1.0_f32) - 0.3).abs() < 1e-4);
/// assert!((sg.derivative(10.0_f32) - 0.1).abs() < 1e-4);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FakeNumericalGradient {
    /// Height, above 0; the flat part is as wide as 2/α. Default 0.3 (SpikingJelly).
    pub alpha: f32,
}

impl Default for FakeNumericalGradient {
    fn default() -> Self {
        Self { alpha: 0.3 }
    }
}

impl Shape for FakeNumericalGradient {
    /// αx in the middle, sign(x)(1 + ln(α|x|)) outside.
    fn primitive(&self, x: f32) -> f32 {
        let y = self.alpha * x;
        if y.abs() <= 1.0 { y } else { (1.0 + y.abs().ln()).copysign(y) }
    }

    #[inline(always)]
    fn derivative<V: Real>(&self, x: V) -> V {
        let flat = 1.0 / self.alpha;
        ((x.abs() - flat).relu() + flat).recip()
    }

    crate::macros::sharpness!(alpha);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_by_hand() {
        let surrogate = FakeNumericalGradient { alpha: 0.5 };
        assert_eq!([-4.0, 0.0, 1.0].map(|x: f32| surrogate.derivative(x)), [0.25, 0.5, 0.5]);
        // ∂/∂α of αx, and of 1 + ln(αx).
        assert_eq!([1.5, 4.0].map(|x: f32| surrogate.parameter_derivative(x)), [1.5, 2.0]);
    }
}
