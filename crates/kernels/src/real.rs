//! The numbers that equations of neurons and surrogates are written in.
//!
//! An equation that is generic over [`Real`] runs as fused, vectorized code on `f32`, differentiates itself on
//! [`Dual`](crate::dual::Dual), is written down for other devices by
//! [`Traced`](crate::trace::Traced), and runs as tensor operations where nothing else can.

use std::ops::{Add, Div, Mul, Neg, Sub};

/// A number: `f32`, or what stands for many of them.
pub trait Real:
    Clone
    + Neg<Output = Self>
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Add<f32, Output = Self>
    + Sub<f32, Output = Self>
    + Mul<f32, Output = Self>
    + Div<f32, Output = Self>
{
    /// The same number everywhere; its derivative is 0.
    #[must_use]
    fn constant(value: f32) -> Self;

    /// |x|.
    #[must_use]
    fn abs(self) -> Self;

    /// eˣ.
    #[must_use]
    fn exp(self) -> Self;

    /// The natural logarithm of a number above 0.
    #[must_use]
    fn ln(self) -> Self;

    /// The cosine of an angle in radians, at most a few thousand turns.
    #[must_use]
    fn cos(self) -> Self;

    /// The larger of the number and 0.
    #[must_use]
    fn relu(self) -> Self;

    /// `1` where the number is above 0 (`inclusive`: at or above), else 0; its derivative is 0.
    #[must_use]
    fn heaviside(self, inclusive: bool) -> Self;

    /// 1 / (1 + e⁻ˣ).
    #[must_use]
    fn sigmoid(self) -> Self {
        ((-self).exp() + 1.0).recip()
    }

    /// The hyperbolic tangent.
    #[must_use]
    fn tanh(self) -> Self {
        (self * 2.0).sigmoid() * 2.0 - 1.0
    }

    /// -1, 0 or 1; its derivative is 0.
    #[must_use]
    fn sign(self) -> Self {
        self.clone().heaviside(false) - (-self).heaviside(false)
    }

    /// 1 / x.
    #[must_use]
    fn recip(self) -> Self;
}

impl Real for f32 {
    #[inline(always)]
    fn constant(value: f32) -> Self {
        value
    }

    #[inline(always)]
    fn abs(self) -> Self {
        self.abs()
    }

    #[inline(always)]
    fn exp(self) -> Self {
        exp(self)
    }

    #[inline(always)]
    fn ln(self) -> Self {
        ln(self)
    }

    #[inline(always)]
    fn cos(self) -> Self {
        cos(self)
    }

    #[inline(always)]
    fn relu(self) -> Self {
        if self > 0.0 { self } else { 0.0 }
    }

    #[inline(always)]
    fn heaviside(self, inclusive: bool) -> Self {
        if (self > 0.0) | (inclusive & (self == 0.0)) { 1.0 } else { 0.0 }
    }

    #[inline(always)]
    fn recip(self) -> Self {
        1.0 / self
    }
}

/// eˣ to within 2 units in the last place, without a call or a branch, so that it vectorizes and
/// gives the same bits on every machine; arguments are clamped to [-87, 88].
///
/// eˣ = 2ⁿ · eʳ with n = round(x / ln 2), |r| ≤ ln 2 / 2, and the Taylor polynomial of degree 7.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    let x = x.clamp(-87.0, 88.0);
    let n = (x * std::f32::consts::LOG2_E + ROUND) - ROUND;
    let r = x - n * LN_2.0 - n * LN_2.1;
    let mut sum = 1.0 / 5040.0;
    for coefficient in [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        sum = sum * r + coefficient;
    }
    let power = f32::from_bits(((n as i32 + 127) as u32) << 23);
    sum * power
}

/// Adding and subtracting 1.5 · 2²³ rounds to the nearest integer.
const ROUND: f32 = 12_582_912.0;
/// ln 2 in two parts, the first with trailing zeros so that its product with an integer is exact.
const LN_2: (f32, f32) = (355.0 / 512.0, -2.121_944_4e-4);

/// The natural logarithm of a positive normal number to within 3 units in the last place, without a
/// call or a branch.
///
/// x = 2ⁿ · m with m in [2/3, 4/3), and ln m = 2 artanh(s) with s = (m - 1) / (m + 1), |s| ≤ 1/5.
#[inline(always)]
pub fn ln(x: f32) -> f32 {
    /// The bits of 2/3: what is above it counts as the next power of two.
    const TWO_THIRDS: u32 = 0x3f2a_aaab;
    let n = (x.to_bits().wrapping_sub(TWO_THIRDS) as i32) >> 23;
    let m = f32::from_bits(x.to_bits().wrapping_sub((n << 23) as u32));
    let s = (m - 1.0) / (m + 1.0);
    let square = s * s;
    let mut sum = 1.0 / 11.0;
    for coefficient in [1.0 / 9.0, 1.0 / 7.0, 1.0 / 5.0, 1.0 / 3.0, 1.0] {
        sum = sum * square + coefficient;
    }
    let n = n as f32;
    n * LN_2.0 + (n * LN_2.1 + 2.0 * s * sum)
}

/// The cosine to within 3e-7 for angles up to a few thousand, without a call or a branch.
///
/// cos x = (-1)ⁿ cos r with n = round(x / π), |r| ≤ π/2, and the Taylor polynomial of degree 12.
#[inline(always)]
pub fn cos(x: f32) -> f32 {
    /// π in two parts, the first with trailing zeros.
    const PI: (f32, f32) = (3.140_625, 9.676_536e-4);
    let n = (x * std::f32::consts::FRAC_1_PI + ROUND) - ROUND;
    let r = x - n * PI.0 - n * PI.1;
    let square = r * r;
    let mut sum = 1.0 / 479_001_600.0;
    for coefficient in
        [-1.0 / 3_628_800.0, 1.0 / 40_320.0, -1.0 / 720.0, 1.0 / 24.0, -1.0 / 2.0, 1.0]
    {
        sum = sum * square + coefficient;
    }
    let odd = (n as i32 & 1) as f32;
    sum * (1.0 - 2.0 * odd)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_accurate_over_its_range() {
        let mut visited = 0;
        let mut worst = 0.0_f64;
        for i in -8700..8800 {
            let x = i as f32 / 100.0;
            let exact = f64::from(x).exp();
            worst = worst.max((f64::from(exp(x)) / exact - 1.0).abs());
            visited += 1;
        }
        assert_eq!(visited, 17_500);
        assert!(worst < 2.4e-7, "{worst}");
        assert_eq!(exp(0.0), 1.0);
    }

    #[test]
    fn ln_is_accurate_over_its_range() {
        let mut visited = 0;
        for i in -3000..3000 {
            let x = (i as f32 / 40.0).exp();
            let exact = f64::from(x).ln();
            let bound = 2.5e-7 * exact.abs().max(0.05);
            assert!((f64::from(ln(x)) - exact).abs() < bound, "{x}");
            visited += 1;
        }
        assert_eq!(visited, 6000);
        assert_eq!(ln(1.0), 0.0);
    }

    #[test]
    fn cos_is_accurate_over_its_range() {
        let mut visited = 0;
        for i in -20_000..20_000 {
            let x = i as f32 / 100.0;
            assert!((f64::from(cos(x)) - f64::from(x).cos()).abs() < 3e-7, "{x}");
            visited += 1;
        }
        assert_eq!(visited, 40_000);
    }

    #[test]
    fn sign_and_tanh_follow_from_the_others() {
        assert_eq!([-2.0_f32, 0.0, 0.5].map(Real::sign), [-1.0, 0.0, 1.0]);
        for x in [-4.0_f32, -0.3, 0.0, 1.0] {
            assert!((Real::tanh(x) - f32::tanh(x)).abs() < 3e-7);
        }
    }

    #[test]
    fn sigmoid_is_symmetric() {
        for x in [0.0_f32, 0.5, 3.0, 20.0] {
            assert!((Real::sigmoid(x) + Real::sigmoid(-x) - 1.0).abs() < 1e-6);
        }
    }
}
