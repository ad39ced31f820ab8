//! SuperSpike.

use candlewick_kernels::real::Real;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Shape;

/// SuperSpike as SpikingJelly and Norse 1.1 write it: `sg(x) = α / (1 + |x|)²`, height α, area 2α
/// (after Zenke and Ganguli, Neural Computation 2018).
///
/// `SuperSpike` in SpikingJelly, where α is an amplitude; "super" in Norse, whose `alpha` has had no
/// effect on the gradient since 1.1. With a sharpness it is [`FastSigmoid`](crate::FastSigmoid).
///
/// ```
/// use candlewick_surrogate::{Shape, SuperSpike};
///
/// let sg = SuperSpike { alpha: 1.0 };
/// assert_eq!(sg.derivative(0.0_f32), 1.0);
/// assert_eq!(sg.derivative(1.0_f32), 0.25);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SuperSpike {
    /// Height, above 0. Default 1 (SpikingJelly).
    pub alpha: f32,
}

impl Default for SuperSpike {
    fn default() -> Self {
        Self { alpha: 1.0 }
    }
}

impl Shape for SuperSpike {
    /// α x / (1 + |x|), from -α to α.
    fn primitive(&self, x: f32) -> f32 {
        self.alpha * x / (1.0 + x.abs())
    }

    #[inline(always)]
    fn derivative<V: Real>(&self, x: V) -> V {
        let y = x.abs() + 1.0;
        (y.clone() * y).recip() * self.alpha
    }

    fn problem(&self) -> Option<(&'static str, &'static str)> {
        let usable = self.alpha.is_finite() && self.alpha > 0.0;
        (!usable).then_some(("alpha", "a number above 0"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_by_hand() {
        assert_eq!(SuperSpike { alpha: 3.0 }.derivative(0.0_f32), 3.0);
        assert_eq!(SuperSpike::default().derivative(-1.0_f32), 0.25);
    }
}
