//! The triangle.

use candlewick_kernels::real::Real;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Shape;

/// The triangle: `sg(x) = max(0, γ - |x|) / γ²`, area 1, height 1/γ, half-width γ
/// (Bellec et al. 2018; TET, arXiv:2202.11946, eq. 5).
///
/// SpikingJelly's `PiecewiseQuadratic(alpha)` and MSG's `PL` are this one with γ = 1/alpha;
/// TET's code calls it `ZIF`. Norse's and Spyx's "triangle" have other widths and heights.
///
/// ```
/// use candlewick_surrogate::{Shape, Triangle};
///
/// let sg = Triangle { gamma: 1.0 };
/// assert_eq!(sg.derivative(0.0_f32), 1.0);
/// assert_eq!(sg.derivative(0.25_f32), 0.75);
/// assert_eq!(sg.derivative(2.0_f32), 0.0);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Triangle {
    /// Half-width of the support, above 0. Default 1 (code of TET).
    pub gamma: f32,
}

impl Default for Triangle {
    fn default() -> Self {
        Self { gamma: 1.0 }
    }
}

impl Shape for Triangle {
    fn primitive(&self, x: f32) -> f32 {
        let y = (x / self.gamma).clamp(-1.0, 1.0);
        0.5 + y - 0.5 * y * y.abs()
    }

    #[inline(always)]
    fn derivative<V: Real>(&self, x: V) -> V {
        (-(x.abs()) + self.gamma).relu() * (1.0 / (self.gamma * self.gamma))
    }

    crate::macros::width!(gamma);

    fn support(&self) -> Option<f32> {
        Some(self.gamma)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_by_hand() {
        // (2 - 0.5) / 4, and 0 at the edge of the support.
        assert_eq!(Triangle { gamma: 2.0 }.derivative(-0.5_f32), 0.375);
        assert_eq!(Triangle { gamma: 2.0 }.derivative(2.0_f32), 0.0);
        // MSG's PL with alpha = 2: alpha - alpha² |x| = 2 - 4 · 0.25.
        assert_eq!(Triangle { gamma: 0.5 }.derivative(0.25_f32), 1.0);
    }
}
