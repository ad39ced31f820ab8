//! The truncated tangent.

use candlewick_kernels::real::Real;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Shape;

/// A hyperbolic tangent truncated at `|x| = w`: `sg(x) = k (1 - tanh²(kx)) / (2 tanh(kw))` inside,
/// else 0, area 1 (Guo et al., code `yfguo91/MPBN`, `models/spike_layer.py`).
///
/// That code writes `(tanh(3(clamp(u, 0, 1) - 0.5)) + tanh 1.5) / (2 tanh 1.5)` with the threshold
/// 0.5: k = 3 and w = 0.5 here.
///
/// ```
/// use candlewick_surrogate::{Shape, TruncatedTanh};
///
/// let sg = TruncatedTanh { k: 3.0, w: 0.5 };
/// assert!((sg.derivative(0.0_f32) - 1.6572).abs() < 1e-4);
/// assert!((sg.derivative(0.6_f32) - 0.0).abs() < 1e-4);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TruncatedTanh {
    /// Sharpness, above 0. Default 3 (MPBN).
    pub k: f32,
    /// Half-width of the support, above 0. Default 0.5 (MPBN).
    pub w: f32,
}

impl Default for TruncatedTanh {
    fn default() -> Self {
        Self { k: 3.0, w: 0.5 }
    }
}

impl TruncatedTanh {
    /// Twice the difference of the primitive between the middle and the edge.
    fn range(&self) -> f32 {
        2.0 * (self.k * self.w).tanh()
    }

    #[inline(always)]
    fn inside<V: Real>(&self, x: V) -> V {
        (-(x.abs()) + self.w).heaviside(false)
    }
}

impl Shape for TruncatedTanh {
    fn primitive(&self, x: f32) -> f32 {
        (self.k * x.clamp(-self.w, self.w)).tanh() / self.range() + 0.5
    }

    #[inline(always)]
    fn derivative<V: Real>(&self, x: V) -> V {
        let tanh = (x.clone() * self.k).tanh();
        self.inside(x) * (-(tanh.clone() * tanh) + 1.0) * (self.k / self.range())
    }

    fn parameter(&self) -> Option<f32> {
        Some(self.k)
    }

    fn with_parameter(&self, k: f32) -> Self {
        Self { k, w: self.w }
    }

    /// Inside: (x (1 - tanh²(kx)) - tanh(kx) · w (1 - tanh²(kw)) / tanh(kw)) / (2 tanh(kw)).
    #[inline(always)]
    fn parameter_derivative<V: Real>(&self, x: V) -> V {
        let edge = (self.k * self.w).tanh();
        let range_slope = self.w * (1.0 - edge * edge) / edge;
        let tanh = (x.clone() * self.k).tanh();
        let slope = x.clone() * (-(tanh.clone() * tanh.clone()) + 1.0);
        self.inside(x) * (slope - tanh * range_slope) * (1.0 / self.range())
    }

    fn support(&self) -> Option<f32> {
        Some(self.w)
    }

    fn problem(&self) -> Option<(&'static str, &'static str)> {
        if !(self.k.is_finite() && self.k > 0.0) {
            Some(("k", "a number above 0"))
        } else if !(self.w.is_finite() && self.w > 0.0) {
            Some(("w", "a number above 0"))
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
        // 3 / (2 · tanh 1.5) = 3 / (2 · 0.905148).
        assert!((TruncatedTanh::default().derivative(0.0_f32) - 1.657_187).abs() < 1e-5);
        assert_eq!(TruncatedTanh::default().derivative(0.5_f32), 0.0);
        assert_eq!(Shape::primitive(&TruncatedTanh::default(), 0.7), 1.0);
    }
}
