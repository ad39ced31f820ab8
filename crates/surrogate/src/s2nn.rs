//! S2NN.

use candlewick_kernels::real::Real;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Shape, Sigmoid};

/// Sigmoid below, hyperbola above: `sg(x) = α σ(αx)(1 - σ(αx))` for `x < 0`, else `β / (x + 1)`
/// (Suetake et al., S²NN: Time Step Reduction of Spiking Surrogate Gradients, arXiv:2201.10879).
///
/// `S2NN` in SpikingJelly (whose primitive adds 10⁻⁵ inside its logarithm).
///
/// ```
/// use candlewick_surrogate::{S2nn, Shape};
///
/// let sg = S2nn { alpha: 4.0, beta: 1.0 };
/// assert!((sg.derivative(-0.5_f32) - 0.42).abs() < 1e-4);
/// assert!((sg.derivative(1.0_f32) - 0.5).abs() < 1e-4);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct S2nn {
    /// Sharpness below the threshold, above 0. Default 4 (SpikingJelly).
    pub alpha: f32,
    /// Height at the threshold, above 0. Default 1 (SpikingJelly).
    pub beta: f32,
}

impl Default for S2nn {
    fn default() -> Self {
        Self { alpha: 4.0, beta: 1.0 }
    }
}

impl S2nn {
    /// The sigmoid's part, 0 at and above the threshold.
    #[inline(always)]
    fn below<V: Real>(&self, x: V) -> V {
        let below = -x.clone().heaviside(true) + 1.0;
        Sigmoid { alpha: self.alpha }.derivative(x) * below
    }
}

impl Shape for S2nn {
    fn primitive(&self, x: f32) -> f32 {
        if x < 0.0 { Real::sigmoid(self.alpha * x) } else { self.beta * x.ln_1p() + 0.5 }
    }

    #[inline(always)]
    fn derivative<V: Real>(&self, x: V) -> V {
        let above = x.clone().heaviside(true) * self.beta / (x.clone().relu() + 1.0);
        self.below(x) + above
    }

    fn parameter(&self) -> Option<f32> {
        Some(self.alpha)
    }

    fn with_parameter(&self, alpha: f32) -> Self {
        Self { alpha, beta: self.beta }
    }

    /// That of the sigmoid below the threshold, 0 above.
    #[inline(always)]
    fn parameter_derivative<V: Real>(&self, x: V) -> V {
        self.below(x.clone()) * x * (1.0 / self.alpha)
    }

    fn problem(&self) -> Option<(&'static str, &'static str)> {
        if !(self.alpha.is_finite() && self.alpha > 0.0) {
            Some(("alpha", "a number above 0"))
        } else if !(self.beta.is_finite() && self.beta > 0.0) {
            Some(("beta", "a number above 0"))
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
        let surrogate = S2nn { alpha: 4.0, beta: 3.0 };
        assert_eq!([0.0, 0.5].map(|x: f32| surrogate.derivative(x)), [3.0, 2.0]);
        // αx = -ln 3: σ = 1/4, so 4 · 1/4 · 3/4.
        assert!((surrogate.derivative(-(3.0_f32.ln()) / 4.0) - 0.75).abs() < 1e-6);
        // Where β/(x + 1) would be infinite.
        assert!(surrogate.derivative(-1.0_f32) < 0.1);
    }
}
