//! MSG's rectangle.

use candlewick_kernels::real::Real;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Shape;

/// The rectangle of MSG's code: `sg(x) = α` for `|x| <= 1/α`, else 0, area 2: twice as wide as
/// [`Rectangle`](crate::Rectangle) at its height (Li et al., arXiv:2406.19645, `Brain-Cog-Lab/msg`).
///
/// ```
/// use candlewick_surrogate::{MsgRectangle, Shape};
///
/// let sg = MsgRectangle { alpha: 2.0 };
/// assert_eq!(sg.derivative(0.4_f32), 2.0);
/// assert_eq!(sg.derivative(0.6_f32), 0.0);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MsgRectangle {
    /// Height, and the inverse of the half-width; above 0. Default 2 (MSG).
    pub alpha: f32,
}

impl Default for MsgRectangle {
    fn default() -> Self {
        Self { alpha: 2.0 }
    }
}

impl Shape for MsgRectangle {
    /// From 0 to 2.
    fn primitive(&self, x: f32) -> f32 {
        (self.alpha * x).clamp(-1.0, 1.0) + 1.0
    }

    #[inline(always)]
    fn derivative<V: Real>(&self, x: V) -> V {
        (-(x.abs()) + 1.0 / self.alpha).heaviside(true) * self.alpha
    }

    crate::macros::sharpness!(alpha);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_by_hand() {
        let surrogate = MsgRectangle::default();
        assert_eq!([-0.6, -0.5, 0.0].map(|x: f32| surrogate.derivative(x)), [0.0, 2.0, 2.0]);
    }
}
