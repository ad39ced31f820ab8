//! Numbers that carry a derivative: whatever is computed with them is differentiated on the way.
//!
//! ```text
//! (a, a′) · (b, b′) = (a·b, a′·b + a·b′),   eᵃ ↦ (eᵃ, a′·eᵃ),   …
//! ```
//!
//! A derivative that is 0 because nothing moves is absent, not a number: after inlining, nothing is left of
//! it, so that a derivative costs what it would cost if it were written by hand.

use std::ops::{Add, Div, Mul, Neg, Sub};

use crate::real::Real;

/// A number and its derivative along one direction.
///
/// ```
/// use candlewick_kernels::{dual::Dual, real::Real};
///
/// let x = Dual::moving(3.0_f32);
/// let y = x.clone() * x + 1.0; // x² + 1
/// assert_eq!((y.value, y.tangent), (10.0, Some(6.0)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dual<V> {
    /// The number.
    pub value: V,
    /// Its derivative; `None` if the number does not depend on what moves.
    pub tangent: Option<V>,
}

impl<V: Real> Dual<V> {
    /// A number that stands still.
    #[inline(always)]
    pub fn still(value: V) -> Self {
        Self { value, tangent: None }
    }

    /// The number with respect to which is differentiated.
    #[inline(always)]
    pub fn moving(value: V) -> Self {
        Self { value, tangent: Some(V::constant(1.0)) }
    }

    /// A function of the number with its derivative, of which `slope` is asked for only if it is needed.
    #[inline(always)]
    fn through(self, value: V, slope: impl FnOnce(V) -> V) -> Self {
        let Self { value: at, tangent } = self;
        Self { value, tangent: tangent.map(|tangent| tangent * slope(at)) }
    }
}

/// The sum of what is there.
#[inline(always)]
fn sum<V: Real>(a: Option<V>, b: Option<V>) -> Option<V> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a + b),
        (a, b) => a.or(b),
    }
}

impl<V: Real> Neg for Dual<V> {
    type Output = Self;

    #[inline(always)]
    fn neg(self) -> Self {
        Self { value: -self.value, tangent: self.tangent.map(|tangent| -tangent) }
    }
}

impl<V: Real> Add for Dual<V> {
    type Output = Self;

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self { value: self.value + other.value, tangent: sum(self.tangent, other.tangent) }
    }
}

impl<V: Real> Sub for Dual<V> {
    type Output = Self;

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        let tangent = match (self.tangent, other.tangent) {
            (Some(a), Some(b)) => Some(a - b),
            (a, b) => a.or(b.map(|b| -b)),
        };
        Self { value: self.value - other.value, tangent }
    }
}

impl<V: Real> Mul for Dual<V> {
    type Output = Self;

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        let left = self.tangent.map(|tangent| tangent * other.value.clone());
        let right = other.tangent.map(|tangent| tangent * self.value.clone());
        Self { value: self.value * other.value, tangent: sum(left, right) }
    }
}

impl<V: Real> Div for Dual<V> {
    type Output = Self;

    #[inline(always)]
    fn div(self, other: Self) -> Self {
        let value = self.value / other.value.clone();
        let left = self.tangent.map(|tangent| tangent / other.value.clone());
        let right = other.tangent.map(|tangent| -(tangent / other.value).mul(value.clone()));
        Self { value, tangent: sum(left, right) }
    }
}

impl<V: Real> Add<f32> for Dual<V> {
    type Output = Self;

    #[inline(always)]
    fn add(self, constant: f32) -> Self {
        Self { value: self.value + constant, tangent: self.tangent }
    }
}

impl<V: Real> Sub<f32> for Dual<V> {
    type Output = Self;

    #[inline(always)]
    fn sub(self, constant: f32) -> Self {
        Self { value: self.value - constant, tangent: self.tangent }
    }
}

impl<V: Real> Mul<f32> for Dual<V> {
    type Output = Self;

    #[inline(always)]
    fn mul(self, constant: f32) -> Self {
        let tangent = self.tangent.map(|tangent| tangent * constant);
        Self { value: self.value * constant, tangent }
    }
}

impl<V: Real> Div<f32> for Dual<V> {
    type Output = Self;

    #[inline(always)]
    fn div(self, constant: f32) -> Self {
        let tangent = self.tangent.map(|tangent| tangent / constant);
        Self { value: self.value / constant, tangent }
    }
}

impl<V: Real> Real for Dual<V> {
    #[inline(always)]
    fn constant(value: f32) -> Self {
        Self::still(V::constant(value))
    }

    #[inline(always)]
    fn abs(self) -> Self {
        let value = self.value.clone().abs();
        self.through(value, Real::sign)
    }

    #[inline(always)]
    fn exp(self) -> Self {
        let value = self.value.clone().exp();
        self.through(value.clone(), |_| value)
    }

    #[inline(always)]
    fn ln(self) -> Self {
        let value = self.value.clone().ln();
        self.through(value, Real::recip)
    }

    #[inline(always)]
    fn cos(self) -> Self {
        let value = self.value.clone().cos();
        self.through(value, |at| (at + std::f32::consts::FRAC_PI_2).cos())
    }

    #[inline(always)]
    fn relu(self) -> Self {
        let value = self.value.clone().relu();
        self.through(value, |at| at.heaviside(false))
    }

    #[inline(always)]
    fn heaviside(self, inclusive: bool) -> Self {
        Self::still(self.value.heaviside(inclusive))
    }

    #[inline(always)]
    fn recip(self) -> Self {
        let value = self.value.clone().recip();
        self.through(value.clone(), |_| -(value.clone() * value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Central differences of every operation, alone and with another number that moves.
    #[test]
    fn every_operation_has_its_derivative() {
        fn all<V: Real>(x: &V) -> Vec<(&'static str, V)> {
            let x = || x.clone();
            vec![
                ("neg", -x()),
                ("add", x() + x() * 3.0),
                ("sub", x() * 3.0 - x()),
                ("mul", x() * x() * x()),
                ("div", (x() + 1.0) / (x() * x() + 2.0)),
                ("constants", ((x() + 2.0) * 3.0 - 1.0) / 4.0),
                ("one side", V::constant(2.0) - x() * V::constant(3.0)),
                ("abs", (x() - 0.9).abs()),
                ("exp", x().exp()),
                ("ln", (x() + 2.0).ln()),
                ("cos", (x() * 2.0).cos()),
                ("relu", (x() - 0.2).relu()),
                ("heaviside", (x() - 0.2).heaviside(true) * x()),
                ("sigmoid", x().sigmoid()),
                ("tanh", x().tanh()),
                ("recip", (x() + 2.0).recip()),
            ]
        }
        let mut visited = 0;
        for x in [-0.7_f32, 0.35, 1.4] {
            let step = 1e-2;
            let (before, after) = (all(&(x - step)), all(&(x + step)));
            let exact = all(&Dual::moving(x));
            for ((before, after), (name, exact)) in before.iter().zip(&after).zip(exact) {
                let expected = (after.1 - before.1) / (2.0 * step);
                let got = exact.tangent.expect("it moves");
                assert!((got - expected).abs() < 3e-3 * (1.0 + got.abs()), "{name} at {x}: {got}");
                visited += 1;
            }
        }
        assert_eq!(visited, 3 * 16);
        assert_eq!(Dual::moving(1.0_f32).heaviside(false).tangent, None);
    }
}
