//! Tensors as [`Real`] numbers: equations of neurons and surrogates as candle operations.

use std::ops::{Add, Div, Mul, Neg, Sub};

use candle_core::{Result, Tensor};
use candlewick_kernels::real::Real;

/// A tensor in an equation; the first error is kept and returned at the end of the equation.
#[derive(Debug)]
pub struct Value(Result<Tensor>);

impl Value {
    /// The result of the equation.
    ///
    /// # Errors
    /// The first error of the equation.
    pub fn tensor(self) -> Result<Tensor> {
        self.0
    }

    fn map(self, f: impl FnOnce(Tensor) -> Result<Tensor>) -> Self {
        Self(self.0.and_then(f))
    }

    fn with(self, other: Self, f: impl FnOnce(&Tensor, &Tensor) -> Result<Tensor>) -> Self {
        Self(self.0.and_then(|a| other.0.and_then(|b| f(&a, &b))))
    }
}

impl From<Tensor> for Value {
    fn from(tensor: Tensor) -> Self {
        Self(Ok(tensor))
    }
}

impl Clone for Value {
    fn clone(&self) -> Self {
        Self(match &self.0 {
            Ok(tensor) => Ok(tensor.clone()),
            Err(error) => Err(candle_core::Error::Msg(error.to_string())),
        })
    }
}

impl Neg for Value {
    type Output = Self;

    fn neg(self) -> Self {
        self.map(|x| x.neg())
    }
}

/// Binary operators, between tensors (with broadcasting) and with constants.
macro_rules! operators {
    ($($trait:ident $method:ident $broadcast:ident $affine:expr;)+) => { $(
        impl $trait for Value {
            type Output = Self;

            fn $method(self, other: Self) -> Self {
                self.with(other, |a, b| a.$broadcast(b))
            }
        }

        impl $trait<f32> for Value {
            type Output = Self;

            fn $method(self, constant: f32) -> Self {
                let affine: fn(f64) -> (f64, f64) = $affine;
                let (scale, shift) = affine(f64::from(constant));
                self.map(|x| x.affine(scale, shift))
            }
        }
    )+ };
}

operators! {
    Add add broadcast_add |c| (1.0, c);
    Sub sub broadcast_sub |c| (1.0, -c);
    Mul mul broadcast_mul |c| (c, 0.0);
    Div div broadcast_div |c| (1.0 / c, 0.0);
}

impl Real for Value {
    fn abs(self) -> Self {
        self.map(|x| x.abs())
    }

    fn exp(self) -> Self {
        self.map(|x| x.clamp(-87.0, 88.0)?.exp())
    }

    fn ln(self) -> Self {
        self.map(|x| x.log())
    }

    fn cos(self) -> Self {
        self.map(|x| x.cos())
    }

    fn relu(self) -> Self {
        self.map(|x| x.relu())
    }

    fn heaviside(self, inclusive: bool) -> Self {
        self.map(|x| {
            let x = x.detach();
            let fires = if inclusive { x.ge(0.0)? } else { x.gt(0.0)? };
            fires.to_dtype(x.dtype())
        })
    }

    fn recip(self) -> Self {
        self.map(|x| x.recip())
    }
}
