//! The arctangent.

use std::f32::consts::{FRAC_PI_2, PI};

use candlewick_kernels::real::Real;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Shape;

/// The arctangent: `sg(x) = (α/2) / (1 + (π α x / 2)²)`, area 1, height α/2
/// (PLIF: Fang et al., ICCV 2021, arXiv:2007.05785).
///
/// `ATan` in SpikingJelly, `atan` in snnTorch; MSG's `atan` lacks the factor 1/2.
///
/// ```
/// use candlewick_surrogate::{Arctan, Shape};
///
/// let sg = Arctan { alpha: 2.0 };
/// assert!((sg.derivative(0.0_f32) - 1.0).abs() < 1e-4);
/// assert!((sg.derivative(0.5_f32) - 0.2884).abs() < 1e-4);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Arctan {
    /// Sharpness, above 0. Default 2 (SpikingJelly, snnTorch).
    pub alpha: f32,
}

impl Default for Arctan {
    fn default() -> Self {
        Self { alpha: 2.0 }
    }
}

impl Shape for Arctan {
    fn primitive(&self, x: f32) -> f32 {
        (FRAC_PI_2 * self.alpha * x).atan() / PI + 0.5
    }

    #[inline(always)]
    fn derivative<V: Real>(&self, x: V) -> V {
        let y = x * (FRAC_PI_2 * self.alpha);
        (y.clone() * y + 1.0).recip() * (0.5 * self.alpha)
    }

    crate::macros::sharpness!(alpha);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_by_hand() {
        assert_eq!(Arctan::default().derivative(0.0_f32), 1.0);
        // x = 1/π gives y = 1: half of the height.
        assert!((Arctan::default().derivative(1.0 / PI) - 0.5).abs() < 1e-6);
    }
}
