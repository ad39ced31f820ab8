//! MSG's arctangent.

use std::f32::consts::{FRAC_2_PI, FRAC_PI_2};

use candlewick_kernels::real::Real;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Shape;

/// The arctangent of MSG's code: `sg(x) = α / (1 + (π α x / 2)²)`, area 2, height α: twice
/// [`Arctan`](crate::Arctan) (Li et al., arXiv:2406.19645, code `Brain-Cog-Lab/msg`, surrogate.py).
///
/// `AtanGrad` in BrainCog and `mixedatangrad` in MSG; elsewhere "atan" has the factor 1/2.
///
/// ```
/// use candlewick_surrogate::{MsgArctan, Shape};
///
/// let sg = MsgArctan { alpha: 2.0 };
/// assert!((sg.derivative(0.0_f32) - 2.0).abs() < 1e-4);
/// assert!((sg.derivative(0.5_f32) - 0.5768).abs() < 1e-4);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MsgArctan {
    /// Sharpness and height, above 0. Default 2 (MSG).
    pub alpha: f32,
}

impl Default for MsgArctan {
    fn default() -> Self {
        Self { alpha: 2.0 }
    }
}

impl Shape for MsgArctan {
    /// From 0 to 2.
    fn primitive(&self, x: f32) -> f32 {
        FRAC_2_PI * (FRAC_PI_2 * self.alpha * x).atan() + 1.0
    }

    #[inline(always)]
    fn derivative<V: Real>(&self, x: V) -> V {
        let y = x * (FRAC_PI_2 * self.alpha);
        (y.clone() * y + 1.0).recip() * self.alpha
    }

    crate::macros::sharpness!(alpha);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_by_hand() {
        assert_eq!(MsgArctan::default().derivative(0.0_f32), 2.0);
        // x = 1/π gives y = 1: half of the height.
        assert!((MsgArctan::default().derivative(-0.5 * FRAC_2_PI) - 1.0).abs() < 1e-6);
    }
}
