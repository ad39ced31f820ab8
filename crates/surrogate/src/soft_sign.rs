//! The soft sign.

use candlewick_kernels::real::Real;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Shape;

/// The soft sign: `sg(x) = (α/2) / (1 + α|x|)²`, area 1, height α/2
/// (Zenke and Vogels, Neural Computation 2021, as normalized by SpikingJelly).
///
/// `SoftSign` in SpikingJelly. snnTorch's `fast_sigmoid` has height 1 and is another surrogate.
///
/// ```
/// use candlewick_surrogate::{Shape, SoftSign};
///
/// let sg = SoftSign { alpha: 2.0 };
/// assert_eq!(sg.derivative(0.0_f32), 1.0);
/// assert_eq!(sg.derivative(0.5_f32), 0.25);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SoftSign {
    /// Sharpness, above 0. Default 2 (SpikingJelly).
    pub alpha: f32,
}

impl Default for SoftSign {
    fn default() -> Self {
        Self { alpha: 2.0 }
    }
}

impl Shape for SoftSign {
    fn primitive(&self, x: f32) -> f32 {
        let y = self.alpha * x;
        0.5 * (y / (1.0 + y.abs()) + 1.0)
    }

    #[inline(always)]
    fn derivative<V: Real>(&self, x: V) -> V {
        let y = x.abs() * self.alpha + 1.0;
        (y.clone() * y).recip() * (0.5 * self.alpha)
    }

    crate::macros::sharpness!(alpha);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_by_hand() {
        // (2/2) / (1 + 2 · 0.5)².
        assert_eq!(SoftSign::default().derivative(-0.5_f32), 0.25);
        assert_eq!(Shape::primitive(&SoftSign::default(), 0.5), 0.75);
    }
}
