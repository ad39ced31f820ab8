//! The signed logarithm.

use candlewick_kernels::real::Real;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Shape;

/// The signed logarithm: `sg(x) = 1 / (1/α + |x|)`, height α, no finite area.
///
/// `NonzeroSignLogAbs` in SpikingJelly, its only source.
///
/// ```
/// use candlewick_surrogate::{NonzeroSignLogAbs, Shape};
///
/// let sg = NonzeroSignLogAbs { alpha: 1.0 };
/// assert_eq!(sg.derivative(0.0_f32), 1.0);
/// assert_eq!(sg.derivative(3.0_f32), 0.25);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NonzeroSignLogAbs {
    /// Sharpness, above 0. Default 1 (SpikingJelly).
    pub alpha: f32,
}

impl Default for NonzeroSignLogAbs {
    fn default() -> Self {
        Self { alpha: 1.0 }
    }
}

impl Shape for NonzeroSignLogAbs {
    /// sign(x) · ln(1 + α|x|), not bounded.
    fn primitive(&self, x: f32) -> f32 {
        (self.alpha * x.abs()).ln_1p().copysign(x)
    }

    #[inline(always)]
    fn derivative<V: Real>(&self, x: V) -> V {
        (x.abs() + 1.0 / self.alpha).recip()
    }

    crate::macros::sharpness!(alpha);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_by_hand() {
        // 1 / (1/2 + 3/2).
        assert_eq!(NonzeroSignLogAbs { alpha: 2.0 }.derivative(-1.5_f32), 0.5);
    }
}
