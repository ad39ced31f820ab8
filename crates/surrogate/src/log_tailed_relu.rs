//! The log-tailed rectifier.

use candlewick_kernels::real::Real;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Shape;

/// A rectifier with a logarithmic tail: `sg(x) = α` for `x <= 0`, 1 for `0 < x <= 1`, else `1/x`
/// (Cai et al., Deep Learning with Low Precision by Half-wave Gaussian Quantization, CVPR 2017).
///
/// `LogTailedReLU` in SpikingJelly.
///
/// ```
/// use candlewick_surrogate::{LogTailedRelu, Shape};
///
/// let sg = LogTailedRelu { alpha: 0.0 };
/// assert_eq!(sg.derivative(-0.5_f32), 0.0);
/// assert_eq!(sg.derivative(0.5_f32), 1.0);
/// assert_eq!(sg.derivative(2.0_f32), 0.5);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LogTailedRelu {
    /// The derivative at and below the threshold, at least 0. Default 0 (SpikingJelly).
    pub alpha: f32,
}

impl Default for LogTailedRelu {
    fn default() -> Self {
        Self { alpha: 0.0 }
    }
}

impl Shape for LogTailedRelu {
    fn primitive(&self, x: f32) -> f32 {
        if x > 1.0 {
            1.0 + x.ln()
        } else if x > 0.0 {
            x
        } else {
            self.alpha * x
        }
    }

    #[inline(always)]
    fn derivative<V: Real>(&self, x: V) -> V {
        let above = x.clone().heaviside(false);
        let tail = ((x - 1.0).relu() + 1.0).recip();
        above.clone() * tail + (-above + 1.0) * self.alpha
    }

    fn problem(&self) -> Option<(&'static str, &'static str)> {
        let usable = self.alpha.is_finite() && self.alpha >= 0.0;
        (!usable).then_some(("alpha", "a number, at least 0"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_by_hand() {
        let surrogate = LogTailedRelu { alpha: 0.5 };
        assert_eq!(
            [-1.0, 0.0, 0.5, 2.0].map(|x: f32| surrogate.derivative(x)),
            [0.5, 0.5, 1.0, 0.5]
        );
    }
}
