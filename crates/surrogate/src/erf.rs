//! The Gaussian bell.

use candlewick_kernels::real::Real;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Shape;

/// The Gaussian bell: `sg(x) = α/√π · e^(-α²x²)`, area 1, height α/√π
/// (Yin et al., ICONS 2020; Esser et al., PNAS 2016).
///
/// `Erf` in SpikingJelly. It is a normal density of standard deviation 1/(α√2).
///
/// ```
/// use candlewick_surrogate::{Erf, Shape};
///
/// let sg = Erf { alpha: 2.0 };
/// assert!((sg.derivative(0.0_f32) - 1.1284).abs() < 1e-4);
/// assert!((sg.derivative(0.5_f32) - 0.4151).abs() < 1e-4);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Erf {
    /// Sharpness, above 0. Default 2 (SpikingJelly).
    pub alpha: f32,
}

impl Default for Erf {
    fn default() -> Self {
        Self { alpha: 2.0 }
    }
}

impl Shape for Erf {
    fn primitive(&self, x: f32) -> f32 {
        (0.5 + 0.5 * erf(f64::from(self.alpha) * f64::from(x))) as f32
    }

    #[inline(always)]
    fn derivative<V: Real>(&self, x: V) -> V {
        let y = x * self.alpha;
        (-(y.clone() * y)).exp() * (0.5 * self.alpha * std::f32::consts::FRAC_2_SQRT_PI)
    }

    crate::macros::sharpness!(alpha);
}

/// The error function, by its series of positive terms
/// `erf(y) = 2/√π · e^(-y²) · (y + 2y³/3 + 4y⁵/15 + …)`.
fn erf(y: f64) -> f64 {
    if y.abs() > 6.0 {
        return 1.0_f64.copysign(y);
    }
    let (mut term, mut sum, mut k) = (y, y, 1.0);
    while term.abs() > 1e-17 * sum.abs() {
        term *= 2.0 * y * y / (2.0 * k + 1.0);
        sum += term;
        k += 1.0;
    }
    std::f64::consts::FRAC_2_SQRT_PI * (-y * y).exp() * sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_by_hand() {
        // 2/√π at the peak, and e⁻¹ of it where αx = 1.
        assert!(
            (Erf::default().derivative(0.0_f32) - std::f32::consts::FRAC_2_SQRT_PI).abs() < 1e-6
        );
        assert!((Erf::default().derivative(0.5_f32) - 0.415_107_5).abs() < 1e-6);
        // Tables of the error function.
        assert!((erf(0.5) - 0.520_499_877_8).abs() < 1e-10);
        assert!((erf(-3.0) + 0.999_977_909_5).abs() < 1e-10);
    }
}
