//! The scaled triangle.

use candlewick_kernels::real::Real;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Shape;

/// A triangle of any height: `sg(x) = h · max(0, 1 - |x|/w)`, area h·w
/// (Esser et al., PNAS 2016; Bellec et al., Nature Communications 2020, where h = 0.3 and w = 1).
///
/// Norse's `triangle` is this one with h = `alpha` = 0.3; Spyx's has h = 1, w = 0.5; the shortcut
/// paper's (arXiv:2401.04486) has h = γ, w = `v_threshold`. [`Triangle`](crate::Triangle) has area 1.
///
/// ```
/// use candlewick_surrogate::{ScaledTriangle, Shape};
///
/// let sg = ScaledTriangle { height: 0.3, half_width: 1.0 };
/// assert!((sg.derivative(0.0_f32) - 0.3).abs() < 1e-4);
/// assert!((sg.derivative(0.5_f32) - 0.15).abs() < 1e-4);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ScaledTriangle {
    /// Height, above 0. Default 0.3 (Bellec et al. 2020, Norse).
    pub height: f32,
    /// Half-width of the support, above 0. Default 1 (Norse).
    pub half_width: f32,
}

impl Default for ScaledTriangle {
    fn default() -> Self {
        Self { height: 0.3, half_width: 1.0 }
    }
}

impl Shape for ScaledTriangle {
    /// From 0 to the area.
    fn primitive(&self, x: f32) -> f32 {
        let y = (x / self.half_width).clamp(-1.0, 1.0);
        self.height * self.half_width * (0.5 + y - 0.5 * y * y.abs())
    }

    #[inline(always)]
    fn derivative<V: Real>(&self, x: V) -> V {
        (-(x.abs()) + self.half_width).relu() * (self.height / self.half_width)
    }

    fn parameter(&self) -> Option<f32> {
        Some(self.half_width)
    }

    fn with_parameter(&self, half_width: f32) -> Self {
        Self { height: self.height, half_width }
    }

    /// h/2 · (1 + y|y|) with y = x/w, clamped to -1 and 1.
    #[inline(always)]
    fn parameter_derivative<V: Real>(&self, x: V) -> V {
        let y = x.clone().abs() * (1.0 / self.half_width);
        let y = -((-y + 1.0).relu()) + 1.0;
        (x.sign() * y.clone() * y + 1.0) * (0.5 * self.height)
    }

    fn support(&self) -> Option<f32> {
        Some(self.half_width)
    }

    fn problem(&self) -> Option<(&'static str, &'static str)> {
        if !(self.height.is_finite() && self.height > 0.0) {
            Some(("height", "a number above 0"))
        } else if !(self.half_width.is_finite() && self.half_width > 0.0) {
            Some(("half_width", "a number above 0"))
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
        // Spyx: max(0, 1 - |2x|).
        let spyx = ScaledTriangle { height: 1.0, half_width: 0.5 };
        assert_eq!([-0.25, 0.5].map(|x: f32| spyx.derivative(x)), [0.5, 0.0]);
    }
}
