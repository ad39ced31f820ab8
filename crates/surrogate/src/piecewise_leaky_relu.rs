//! The leaky rectangle.

use candlewick_kernels::real::Real;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Shape;

/// The leaky rectangle: `sg(x) = 1/(2w)` for `|x| < w`, else `c`
/// (Yin et al. 2017, Huh and Sejnowski 2018, as collected by SpikingJelly).
///
/// `PiecewiseLeakyReLU` in SpikingJelly.
///
/// ```
/// use candlewick_surrogate::{PiecewiseLeakyRelu, Shape};
///
/// let sg = PiecewiseLeakyRelu { w: 1.0, c: 0.01 };
/// assert!((sg.derivative(0.5_f32) - 0.5).abs() < 1e-4);
/// assert!((sg.derivative(2.0_f32) - 0.01).abs() < 1e-4);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PiecewiseLeakyRelu {
    /// Half-width of the rectangle, above 0. Default 1 (SpikingJelly).
    pub w: f32,
    /// The derivative outside of it, at least 0. Default 0.01 (SpikingJelly).
    pub c: f32,
}

impl Default for PiecewiseLeakyRelu {
    fn default() -> Self {
        Self { w: 1.0, c: 0.01 }
    }
}

impl PiecewiseLeakyRelu {
    #[inline(always)]
    fn inside<V: Real>(&self, x: V) -> V {
        (-(x.abs()) + self.w).heaviside(false)
    }
}

impl Shape for PiecewiseLeakyRelu {
    fn primitive(&self, x: f32) -> f32 {
        let inside = x.clamp(-self.w, self.w);
        0.5 + inside / (2.0 * self.w) + self.c * (x - inside)
    }

    #[inline(always)]
    fn derivative<V: Real>(&self, x: V) -> V {
        self.inside(x) * (0.5 / self.w - self.c) + self.c
    }

    fn parameter(&self) -> Option<f32> {
        Some(self.w)
    }

    fn with_parameter(&self, w: f32) -> Self {
        Self { w, c: self.c }
    }

    /// -x / (2w²) inside, -c · sign(x) outside.
    #[inline(always)]
    fn parameter_derivative<V: Real>(&self, x: V) -> V {
        let inside = self.inside(x.clone());
        let outside = -inside.clone() + 1.0;
        inside * x.clone() * (-0.5 / (self.w * self.w)) - outside * x.sign() * self.c
    }

    fn support(&self) -> Option<f32> {
        (self.c == 0.0).then_some(self.w)
    }

    fn problem(&self) -> Option<(&'static str, &'static str)> {
        if !(self.w.is_finite() && self.w > 0.0) {
            Some(("w", "a number above 0"))
        } else if !(self.c.is_finite() && self.c >= 0.0) {
            Some(("c", "a number, at least 0"))
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
        let surrogate = PiecewiseLeakyRelu { w: 2.0, c: 0.5 };
        assert_eq!(surrogate.derivative(1.9_f32), 0.25);
        assert_eq!(surrogate.derivative(-2.0_f32), 0.5);
        // 1 at x = w, then 0.5 per unit.
        assert_eq!(Shape::primitive(&surrogate, 3.0), 1.5);
    }
}
