//! The sigmoid.

use candlewick_kernels::real::Real;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Shape;

/// The sigmoid: `sg(x) = α σ(αx) (1 - σ(αx))`, area 1, height α/4
/// (Zenke and Ganguli 2018; Neftci et al., arXiv:1901.09948).
///
/// `Sigmoid` in SpikingJelly (α = 4), `sigmoid` in snnTorch (slope 25).
///
/// ```
/// use candlewick_surrogate::{Shape, Sigmoid};
///
/// let sg = Sigmoid { alpha: 4.0 };
/// assert!((sg.derivative(0.0_f32) - 1.0).abs() < 1e-4);
/// assert!((sg.derivative(0.5_f32) - 0.42).abs() < 1e-4);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Sigmoid {
    /// Sharpness, above 0. Default 4 (SpikingJelly).
    pub alpha: f32,
}

impl Default for Sigmoid {
    fn default() -> Self {
        Self { alpha: 4.0 }
    }
}

impl Shape for Sigmoid {
    fn primitive(&self, x: f32) -> f32 {
        Real::sigmoid(self.alpha * x)
    }

    #[inline(always)]
    fn derivative<V: Real>(&self, x: V) -> V {
        // e⁻ᵃ / (1 + e⁻ᵃ)² with a = |αx|: no overflow and no cancellation.
        let e = (x.abs() * -self.alpha).exp();
        let denominator = e.clone() + 1.0;
        e * self.alpha / (denominator.clone() * denominator)
    }

    crate::macros::sharpness!(alpha);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_by_hand() {
        assert_eq!(Sigmoid::default().derivative(0.0_f32), 1.0);
        // αx = ln 3: σ = 3/4, so 4 · 3/4 · 1/4.
        let x = 3.0_f32.ln() / 4.0;
        assert!((Sigmoid::default().derivative(x) - 0.75).abs() < 1e-6);
    }
}
