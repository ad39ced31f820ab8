//! The escape rate.

use candlewick_kernels::real::Real;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Shape;

/// The escape rate: `sg(x) = k e^(-β|x - 1|)`, highest one unit *above* the threshold
/// (after Gerstner and Kistler, Spiking Neuron Models, 2002).
///
/// `spike_rate_escape` in snnTorch, where `x` is already the distance to the threshold, so that the
/// peak is not at the threshold. The height 25 is snnTorch's default too: expect large gradients.
///
/// ```
/// use candlewick_surrogate::{Shape, SpikeRateEscape};
///
/// let sg = SpikeRateEscape { beta: 1.0, slope: 25.0 };
/// assert!((sg.derivative(0.0_f32) - 9.197).abs() < 1e-4);
/// assert!((sg.derivative(1.0_f32) - 25.0).abs() < 1e-4);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SpikeRateEscape {
    /// Sharpness, above 0. Default 1 (snnTorch).
    pub beta: f32,
    /// Height k, above 0. Default 25 (snnTorch).
    pub slope: f32,
}

impl Default for SpikeRateEscape {
    fn default() -> Self {
        Self { beta: 1.0, slope: 25.0 }
    }
}

impl Shape for SpikeRateEscape {
    /// k/β · (1 + sign(y)(1 - e^(-β|y|))) with y = x - 1, from 0 to 2k/β.
    fn primitive(&self, x: f32) -> f32 {
        self.smooth(x)
    }

    #[inline(always)]
    fn derivative<V: Real>(&self, x: V) -> V {
        ((x - 1.0).abs() * -self.beta).exp() * self.slope
    }

    fn parameter(&self) -> Option<f32> {
        Some(self.beta)
    }

    fn with_parameter(&self, beta: f32) -> Self {
        Self { beta, slope: self.slope }
    }

    /// (y · sg - primitive) / β.
    #[inline(always)]
    fn parameter_derivative<V: Real>(&self, x: V) -> V {
        let primitive = self.smooth(x.clone());
        let by_distance = Shape::derivative(self, x.clone());
        ((x - 1.0) * by_distance - primitive) * (1.0 / self.beta)
    }

    fn problem(&self) -> Option<(&'static str, &'static str)> {
        if !(self.beta.is_finite() && self.beta > 0.0) {
            Some(("beta", "a number above 0"))
        } else if !(self.slope.is_finite() && self.slope > 0.0) {
            Some(("slope", "a number above 0"))
        } else {
            None
        }
    }
}

impl SpikeRateEscape {
    #[inline(always)]
    fn smooth<V: Real>(&self, x: V) -> V {
        let y = x - 1.0;
        let rise = -((y.clone().abs() * -self.beta).exp()) + 1.0;
        (y.sign() * rise + 1.0) * (self.slope / self.beta)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_by_hand() {
        assert_eq!(SpikeRateEscape::default().derivative(1.0_f32), 25.0);
        // At the threshold: 25/e.
        assert!((SpikeRateEscape::default().derivative(0.0_f32) - 9.196_986).abs() < 1e-5);
    }
}
