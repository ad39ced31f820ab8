//! The step itself as its own derivative.

use candlewick_kernels::real::Real;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Shape;

/// The step itself as its own derivative: `sg(x) = 1` for a spike (`x > 0`), else 0.
///
/// `heaviside` in snnTorch: only neurons that fire learn.
///
/// ```
/// use candlewick_surrogate::{Heaviside, Shape};
///
/// let sg = Heaviside {};
/// assert_eq!(sg.derivative(-0.5_f32), 0.0);
/// assert_eq!(sg.derivative(0.5_f32), 1.0);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Heaviside {}

impl Shape for Heaviside {
    fn primitive(&self, x: f32) -> f32 {
        x.max(0.0)
    }

    #[inline(always)]
    fn derivative<V: Real>(&self, x: V) -> V {
        x.heaviside(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_by_hand() {
        assert_eq!([-0.1, 0.0, 0.1].map(|x: f32| Heaviside {}.derivative(x)), [0.0, 0.0, 1.0]);
    }
}
