//! The Fourier series of a square wave.

use std::f32::consts::{FRAC_2_PI, TAU};

use candlewick_kernels::real::Real;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Shape;

/// The truncated Fourier series of a square wave:
/// `sg(x) = 4/T · Σ cos((2i - 1) · 2π x / T)` for i from 1 to n - 1; it is negative in places.
///
/// `SquarewaveFourierSeries` in SpikingJelly, its only source, whose `n` counts one more than the
/// terms it adds.
///
/// ```
/// use candlewick_surrogate::{Shape, SquarewaveFourierSeries};
///
/// let sg = SquarewaveFourierSeries { n: 2, period: 8.0 };
/// assert_eq!(sg.derivative(0.0_f32), 0.5);
/// assert_eq!(sg.derivative(4.0_f32), -0.5);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SquarewaveFourierSeries {
    /// One more than the number of terms, at least 2. Default 2 (SpikingJelly).
    pub n: u32,
    /// Period T, above 0. Default 8 (SpikingJelly).
    pub period: f32,
}

impl Default for SquarewaveFourierSeries {
    fn default() -> Self {
        Self { n: 2, period: 8.0 }
    }
}

impl SquarewaveFourierSeries {
    /// The angular frequencies of the terms.
    fn frequencies(&self) -> impl Iterator<Item = f32> {
        let lowest = TAU / self.period;
        (1..self.n).map(move |i| (2 * i - 1) as f32 * lowest)
    }
}

impl Shape for SquarewaveFourierSeries {
    fn primitive(&self, x: f32) -> f32 {
        let lowest = TAU / self.period;
        let sum: f32 = self.frequencies().map(|w| (w * x).sin() * lowest / w).sum();
        0.5 + FRAC_2_PI * sum
    }

    /// May be negative.
    #[inline(always)]
    fn derivative<V: Real>(&self, x: V) -> V {
        let mut sum = x.clone() * 0.0;
        for w in self.frequencies() {
            sum = sum + (x.clone() * w).cos();
        }
        sum * (4.0 / self.period)
    }

    fn problem(&self) -> Option<(&'static str, &'static str)> {
        if !(2..=1000).contains(&self.n) {
            Some(("n", "a number from 2 to 1000"))
        } else if !(self.period.is_finite() && self.period > 0.0) {
            Some(("period", "a number above 0"))
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
        // cos 0 + cos 0, and cos π + cos 3π, times 4/8.
        let surrogate = SquarewaveFourierSeries { n: 3, period: 8.0 };
        assert_eq!(surrogate.derivative(0.0_f32), 1.0);
        assert!((surrogate.derivative(4.0_f32) + 1.0).abs() < 1e-5);
    }
}
