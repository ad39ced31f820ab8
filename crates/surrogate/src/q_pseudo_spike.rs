//! The q-PseudoSpike.

use candlewick_kernels::real::Real;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Shape;

/// The q-PseudoSpike: `sg(x) = (1 + 2|x|/(α - 1))^(-α)`, height 1, area 1; α sets how heavy the
/// tails are (Herranz-Celotti and Rouat, arXiv:2202.00282).
///
/// `QPseudoSpike` in SpikingJelly.
///
/// ```
/// use candlewick_surrogate::{QPseudoSpike, Shape};
///
/// let sg = QPseudoSpike { alpha: 2.0 };
/// assert_eq!(sg.derivative(0.0_f32), 1.0);
/// assert_eq!(sg.derivative(0.5_f32), 0.25);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct QPseudoSpike {
    /// Exponent of the tails, above 1. Default 2 (SpikingJelly).
    pub alpha: f32,
}

impl Default for QPseudoSpike {
    fn default() -> Self {
        Self { alpha: 2.0 }
    }
}

impl QPseudoSpike {
    /// 2|x|/(α - 1).
    #[inline(always)]
    fn scaled<V: Real>(&self, x: &V) -> V {
        x.clone().abs() * (2.0 / (self.alpha - 1.0))
    }
}

impl Shape for QPseudoSpike {
    fn primitive(&self, x: f32) -> f32 {
        let tail = 0.5 * (1.0 + self.scaled(&x)).powf(1.0 - self.alpha);
        if x < 0.0 { tail } else { 1.0 - tail }
    }

    #[inline(always)]
    fn derivative<V: Real>(&self, x: V) -> V {
        ((self.scaled(&x) + 1.0).ln() * -self.alpha).exp()
    }

    fn parameter(&self) -> Option<f32> {
        Some(self.alpha)
    }

    fn with_parameter(&self, alpha: f32) -> Self {
        Self { alpha }
    }

    /// With q = 1 + 2|x|/(α - 1): ½ sign(x) q^(1-α) · (ln q - (q - 1)/q).
    #[inline(always)]
    fn parameter_derivative<V: Real>(&self, x: V) -> V {
        let rise = self.scaled(&x);
        let q = rise.clone() + 1.0;
        let logarithm = q.clone().ln();
        let power = (logarithm.clone() * (1.0 - self.alpha)).exp();
        x.sign() * power * (logarithm - rise / q) * 0.5
    }

    fn problem(&self) -> Option<(&'static str, &'static str)> {
        let usable = self.alpha.is_finite() && self.alpha > 1.0;
        (!usable).then_some(("alpha", "a number above 1"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_by_hand() {
        // (1 + 2 · 0.5)⁻², and (1 + 1)⁻³ for α = 3.
        assert!((QPseudoSpike::default().derivative(0.5_f32) - 0.25).abs() < 1e-6);
        assert!((QPseudoSpike { alpha: 3.0 }.derivative(-1.0_f32) - 0.125).abs() < 1e-6);
    }
}
