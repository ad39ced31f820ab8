//! Tensors as [`Real`] numbers: equations of neurons and surrogates as candle operations.

use std::ops::{Add, Div, Mul, Neg, Sub};

use candle_core::{Result, Tensor};
use candlewick_kernels::real::Real;

/// A tensor, or a number that is the same everywhere, in an equation; the first error is kept and returned at
/// the end of the equation.
#[derive(Debug)]
pub struct Value(Result<Operand>);

#[derive(Clone, Debug)]
enum Operand {
    Tensor(Tensor),
    Number(f32),
}

impl Value {
    /// The result of the equation, which has the shape of `like`.
    ///
    /// # Errors
    /// The first error of the equation.
    pub fn tensor(self, like: &Tensor) -> Result<Tensor> {
        match self.0? {
            Operand::Tensor(tensor) => Ok(tensor),
            Operand::Number(value) => like.zeros_like()?.affine(0.0, f64::from(value)),
        }
    }

    fn map(
        self,
        of_tensor: impl FnOnce(Tensor) -> Result<Tensor>,
        of_number: impl FnOnce(f32) -> f32,
    ) -> Self {
        Self(self.0.and_then(|operand| match operand {
            Operand::Tensor(tensor) => of_tensor(tensor).map(Operand::Tensor),
            Operand::Number(value) => Ok(Operand::Number(of_number(value))),
        }))
    }
}

impl From<Tensor> for Value {
    fn from(tensor: Tensor) -> Self {
        Self(Ok(Operand::Tensor(tensor)))
    }
}

impl Clone for Value {
    fn clone(&self) -> Self {
        Self(match &self.0 {
            Ok(operand) => Ok(operand.clone()),
            Err(error) => Err(candle_core::Error::Msg(error.to_string())),
        })
    }
}

impl Neg for Value {
    type Output = Self;

    fn neg(self) -> Self {
        self.map(|x| x.neg(), |x| -x)
    }
}

/// Binary operators, between tensors (with broadcasting) and with constants; `swapped` is the operator between
/// a number and a tensor.
macro_rules! operators {
    ($($trait:ident $method:ident $broadcast:ident $affine:expr, $swapped:expr;)+) => { $(
        impl $trait for Value {
            type Output = Self;

            fn $method(self, other: Self) -> Self {
                let (a, b) = match (self.0, other.0) {
                    (Ok(a), Ok(b)) => (a, b),
                    (Err(error), _) | (_, Err(error)) => return Self(Err(error)),
                };
                match (a, b) {
                    (Operand::Tensor(a), Operand::Tensor(b)) => {
                        Self(a.$broadcast(&b).map(Operand::Tensor))
                    }
                    (a, Operand::Number(b)) => Self(Ok(a)).$method(b),
                    (Operand::Number(a), b) => {
                        let swapped: fn(Self, f32) -> Self = $swapped;
                        swapped(Self(Ok(b)), a)
                    }
                }
            }
        }

        impl $trait<f32> for Value {
            type Output = Self;

            fn $method(self, constant: f32) -> Self {
                let affine: fn(f64) -> (f64, f64) = $affine;
                let (scale, shift) = affine(f64::from(constant));
                self.map(|x| x.affine(scale, shift), |x| x.$method(constant))
            }
        }
    )+ };
}

operators! {
    Add add broadcast_add |c| (1.0, c), |b, a| b + a;
    Sub sub broadcast_sub |c| (1.0, -c), |b, a| -b + a;
    Mul mul broadcast_mul |c| (c, 0.0), |b, a| b * a;
    Div div broadcast_div |c| (1.0 / c, 0.0), |b, a| b.recip() * a;
}

impl Real for Value {
    fn constant(value: f32) -> Self {
        Self(Ok(Operand::Number(value)))
    }

    fn abs(self) -> Self {
        self.map(|x| x.abs(), f32::abs)
    }

    fn exp(self) -> Self {
        self.map(|x| x.clamp(-87.0, 88.0)?.exp(), Real::exp)
    }

    fn ln(self) -> Self {
        self.map(|x| x.log(), Real::ln)
    }

    fn cos(self) -> Self {
        self.map(|x| x.cos(), Real::cos)
    }

    fn relu(self) -> Self {
        self.map(|x| x.relu(), Real::relu)
    }

    fn heaviside(self, inclusive: bool) -> Self {
        let of_tensor = |x: Tensor| {
            let x = x.detach();
            let fires = if inclusive { x.ge(0.0)? } else { x.gt(0.0)? };
            fires.to_dtype(x.dtype())
        };
        self.map(of_tensor, |x| Real::heaviside(x, inclusive))
    }

    fn recip(self) -> Self {
        self.map(|x| x.recip(), Real::recip)
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    /// Both sides of every operator may be a number.
    #[test]
    fn numbers_and_tensors_mix() -> Result<()> {
        let x = Tensor::new(&[2.0_f32, -4.0], &Device::Cpu)?;
        let value = || Value::from(x.clone());
        let c = Value::constant;
        let mut visited = 0;
        for (result, expected) in [
            (c(3.0) + value(), [5.0, -1.0]),
            (c(3.0) - value(), [1.0, 7.0]),
            (c(3.0) * value(), [6.0, -12.0]),
            (c(3.0) / value(), [1.5, -0.75]),
            (value() / c(2.0), [1.0, -2.0]),
            (value() - c(1.0), [1.0, -5.0]),
            ((c(1.0) + c(2.0)) / 4.0, [0.75, 0.75]),
            (-c(1.0).relu().heaviside(true), [-1.0, -1.0]),
        ] {
            assert_eq!(result.tensor(&x)?.to_vec1::<f32>()?, expected);
            visited += 1;
        }
        assert_eq!(visited, 8);
        Ok(())
    }
}
