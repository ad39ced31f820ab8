//! The leaky spike operator.

use candlewick_kernels::real::Real;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Shape;

/// The leaky spike operator: `sg(x) = 1` for a spike (`x > 0`), else `slope`.
///
/// `LeakySpikeOperator` in snnTorch, its only source. Its factory function `LSO` returns the
/// stochastic operator (`SSO`) by mistake (snnTorch 1.0), so that runs made with it used another one.
///
/// ```
/// use candlewick_surrogate::{LeakySpikeOperator, Shape};
///
/// let sg = LeakySpikeOperator { slope: 0.1 };
/// assert!((sg.derivative(-0.5_f32) - 0.1).abs() < 1e-4);
/// assert!((sg.derivative(0.5_f32) - 1.0).abs() < 1e-4);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LeakySpikeOperator {
    /// The derivative below the threshold, at least 0. Default 0.1 (snnTorch).
    pub slope: f32,
}

impl Default for LeakySpikeOperator {
    fn default() -> Self {
        Self { slope: 0.1 }
    }
}

impl Shape for LeakySpikeOperator {
    fn primitive(&self, x: f32) -> f32 {
        if x > 0.0 { x } else { self.slope * x }
    }

    #[inline(always)]
    fn derivative<V: Real>(&self, x: V) -> V {
        x.heaviside(false) * (1.0 - self.slope) + self.slope
    }

    fn problem(&self) -> Option<(&'static str, &'static str)> {
        let usable = self.slope.is_finite() && self.slope >= 0.0;
        (!usable).then_some(("slope", "a number, at least 0"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_by_hand() {
        let surrogate = LeakySpikeOperator { slope: 0.25 };
        assert_eq!([-3.0, 0.0, 0.1].map(|x: f32| surrogate.derivative(x)), [0.25, 0.25, 1.0]);
    }
}
