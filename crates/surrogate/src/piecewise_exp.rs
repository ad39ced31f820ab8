//! The two-sided exponential.

use candlewick_kernels::real::Real;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Shape;

/// The two-sided exponential: `sg(x) = (α/2) e^(-α|x|)`, area 1, height α/2
/// (SLAYER: Shrestha and Orchard 2018, arXiv:1810.08646).
///
/// `PiecewiseExp` in SpikingJelly.
///
/// ```
/// use candlewick_surrogate::{PiecewiseExp, Shape};
///
/// let sg = PiecewiseExp { alpha: 1.0 };
/// assert!((sg.derivative(0.0_f32) - 0.5).abs() < 1e-4);
/// assert!((sg.derivative(1.0_f32) - 0.1839).abs() < 1e-4);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PiecewiseExp {
    /// Sharpness, above 0. Default 1 (SpikingJelly).
    pub alpha: f32,
}

impl Default for PiecewiseExp {
    fn default() -> Self {
        Self { alpha: 1.0 }
    }
}

impl Shape for PiecewiseExp {
    fn primitive(&self, x: f32) -> f32 {
        let tail = 0.5 * (-self.alpha * x.abs()).exp();
        if x < 0.0 { tail } else { 1.0 - tail }
    }

    #[inline(always)]
    fn derivative<V: Real>(&self, x: V) -> V {
        (x.abs() * -self.alpha).exp() * (0.5 * self.alpha)
    }

    crate::macros::sharpness!(alpha);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_by_hand() {
        assert_eq!(PiecewiseExp::default().derivative(0.0_f32), 0.5);
        // α|x| = ln 4: a quarter of the height 2/2.
        let x = -(4.0_f32.ln()) / 2.0;
        assert!((PiecewiseExp { alpha: 2.0 }.derivative(x) - 0.25).abs() < 1e-6);
    }
}
