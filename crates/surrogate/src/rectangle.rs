//! The rectangle.

use candlewick_kernels::real::Real;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Shape;

/// The rectangle: `sg(x) = 1/a` for `|x| < a/2`, else 0, area 1
/// (STBP: Wu et al., Front. Neurosci. 2018, eq. 24).
///
/// SpikingJelly's `Rect(alpha)` is this one with a = 1/alpha; the codes of STBP and LTMD write
/// 1/(2a) on |x| < a.
///
/// ```
/// use candlewick_surrogate::{Rectangle, Shape};
///
/// let sg = Rectangle { a: 1.0 };
/// assert_eq!(sg.derivative(0.4_f32), 1.0);
/// assert_eq!(sg.derivative(0.6_f32), 0.0);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Rectangle {
    /// Full width of the support, above 0. Default 1 (STBP).
    pub a: f32,
}

impl Default for Rectangle {
    fn default() -> Self {
        Self { a: 1.0 }
    }
}

impl Shape for Rectangle {
    fn primitive(&self, x: f32) -> f32 {
        (0.5 + x / self.a).clamp(0.0, 1.0)
    }

    #[inline(always)]
    fn derivative<V: Real>(&self, x: V) -> V {
        (-(x.abs()) + 0.5 * self.a).heaviside(false) * (1.0 / self.a)
    }

    crate::macros::width!(a);

    fn support(&self) -> Option<f32> {
        Some(0.5 * self.a)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_by_hand() {
        // Height 1/2 on |x| < 1.
        assert_eq!(Rectangle { a: 2.0 }.derivative(0.9_f32), 0.5);
        assert_eq!(Rectangle { a: 2.0 }.derivative(1.0_f32), 0.0);
    }
}
