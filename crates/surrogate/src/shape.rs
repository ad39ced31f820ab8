//! What a surrogate is: a smooth step, and its derivatives with respect to the distance and to its own
//! parameter.

use std::fmt::Debug;
use std::sync::Arc;

use candle_core::{Result, Tensor};
use candlewick_core::value::Value;
use candlewick_kernels::neuron::scan::Derivative;
use candlewick_kernels::neuron::traced::DerivativeTrace;
use candlewick_kernels::real::Real;
use candlewick_kernels::simd::{self, Kernel};
use candlewick_kernels::trace::Function;

/// The scalar mathematics of a surrogate, written once for any [`Real`].
///
/// `x` is the distance of the potential to the threshold, `v - v_threshold`. A surrogate whose
/// parameter can be learned implements [`parameter`](Self::parameter),
/// [`with_parameter`](Self::with_parameter) and [`parameter_derivative`](Self::parameter_derivative).
/// Mark what is generic over [`Real`] `#[inline(always)]`: the kernels vectorize what is compiled into
/// them.
///
/// ```
/// use candlewick_surrogate::{Real, Shape};
///
/// /// `sg(x) = 1 / (1 + x²)`, the derivative of the arctangent.
/// #[derive(Clone, Debug)]
/// struct Lorentzian;
///
/// impl Shape for Lorentzian {
///     fn primitive(&self, x: f32) -> f32 {
///         x.atan()
///     }
///
///     #[inline(always)]
///     fn derivative<V: Real>(&self, x: V) -> V {
///         (x.clone() * x + 1.0).recip()
///     }
/// }
///
/// assert_eq!(Lorentzian.derivative(1.0_f32), 0.5);
/// ```
pub trait Shape: Clone + Debug + Send + Sync + 'static {
    /// The smooth step whose derivative is used in place of that of the spike; for checks and figures.
    fn primitive(&self, x: f32) -> f32;

    /// The derivative of [`primitive`](Self::primitive) with respect to `x`; at least 0 unless the
    /// surrogate documents otherwise.
    fn derivative<V: Real>(&self, x: V) -> V;

    /// The derivative of [`primitive`](Self::primitive) with respect to the parameter; 0 (the default)
    /// if there is none.
    #[inline(always)]
    fn parameter_derivative<V: Real>(&self, x: V) -> V {
        x * 0.0
    }

    /// The parameter that sets the width: what a parametric surrogate learns; `None` (the default) if
    /// there is none.
    fn parameter(&self) -> Option<f32> {
        None
    }

    /// The same surrogate with another parameter; unchanged (the default) if it has none.
    #[must_use]
    fn with_parameter(&self, _parameter: f32) -> Self {
        self.clone()
    }

    /// The derivative is 0 for `|x|` at or above this; `None` (the default) if it has no such limit.
    fn support(&self) -> Option<f32> {
        None
    }

    /// What makes the settings unusable, as (field, expected); `None` if they are fine.
    fn problem(&self) -> Option<(&'static str, &'static str)> {
        None
    }
}

/// A surrogate behind a pointer: what neurons and layers hold. Every [`Shape`] is one.
pub trait Surrogate: Debug + Send + Sync + 'static {
    /// Writes [`Shape::derivative`] at the distances `x` into `out`.
    ///
    /// `first` is the index of `x[0]` in the layer's `[T, N]` array, for derivatives that differ
    /// from element to element.
    fn derivative(&self, first: u64, x: &[f32], out: &mut [f32]);

    /// Writes [`Shape::parameter_derivative`] at the distances `x` into `out`.
    fn parameter_derivative(&self, first: u64, x: &[f32], out: &mut [f32]);

    /// See [`Shape::primitive`].
    fn primitive(&self, x: f32) -> f32;

    /// See [`Shape::parameter`].
    fn parameter(&self) -> Option<f32>;

    /// See [`Shape::with_parameter`].
    fn with_parameter(&self, parameter: f32) -> Arc<dyn Surrogate>;

    /// See [`Shape::support`].
    fn support(&self) -> Option<f32>;

    /// See [`Shape::problem`].
    fn problem(&self) -> Option<(&'static str, &'static str)>;

    /// The same surrogate as a shared pointer.
    fn shared(&self) -> Arc<dyn Surrogate>;

    /// The derivatives, written down for devices; `None` (the default) for what cannot be written down, which
    /// runs there as candle operations.
    fn trace(&self) -> Option<DerivativeTrace> {
        None
    }

    /// The derivative at the distances `x` as candle operations, for devices without a kernel;
    /// `first` as in [`derivative`](Self::derivative).
    ///
    /// # Errors
    /// If candle fails.
    fn derivative_tensor(&self, first: u64, x: &Tensor) -> Result<Tensor>;

    /// The derivative with respect to the parameter as candle operations.
    ///
    /// # Errors
    /// If candle fails.
    fn parameter_derivative_tensor(&self, first: u64, x: &Tensor) -> Result<Tensor>;
}

/// Which of the two derivatives a [`Fill`] writes.
#[derive(Clone, Copy)]
enum By {
    Distance,
    Parameter,
}

struct Fill<'a, S> {
    shape: &'a S,
    by: By,
    x: &'a [f32],
    out: &'a mut [f32],
}

impl<S: Shape> Kernel for Fill<'_, S> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        match self.by {
            By::Distance => {
                for (out, &x) in self.out.iter_mut().zip(self.x) {
                    *out = self.shape.derivative(x);
                }
            }
            By::Parameter => {
                for (out, &x) in self.out.iter_mut().zip(self.x) {
                    *out = self.shape.parameter_derivative(x);
                }
            }
        }
    }
}

impl Derivative for &dyn Surrogate {
    fn derivative(&self, first: u64, x: &[f32], out: &mut [f32]) {
        Surrogate::derivative(*self, first, x, out);
    }

    fn parameter_derivative(&self, first: u64, x: &[f32], out: &mut [f32]) {
        Surrogate::parameter_derivative(*self, first, x, out);
    }
}

impl<S: Shape> Surrogate for S {
    fn derivative(&self, _first: u64, x: &[f32], out: &mut [f32]) {
        simd::dispatch(Fill { shape: self, by: By::Distance, x, out });
    }

    fn parameter_derivative(&self, _first: u64, x: &[f32], out: &mut [f32]) {
        simd::dispatch(Fill { shape: self, by: By::Parameter, x, out });
    }

    fn primitive(&self, x: f32) -> f32 {
        Shape::primitive(self, x)
    }

    fn parameter(&self) -> Option<f32> {
        Shape::parameter(self)
    }

    fn with_parameter(&self, parameter: f32) -> Arc<dyn Surrogate> {
        Arc::new(Shape::with_parameter(self, parameter))
    }

    fn support(&self) -> Option<f32> {
        Shape::support(self)
    }

    fn problem(&self) -> Option<(&'static str, &'static str)> {
        Shape::problem(self)
    }

    fn shared(&self) -> Arc<dyn Surrogate> {
        Arc::new(self.clone())
    }

    fn trace(&self) -> Option<DerivativeTrace> {
        let derivative = Function::record(1, |x| vec![Shape::derivative(self, x[0])]);
        let parameter_derivative =
            Function::record(1, |x| vec![Shape::parameter_derivative(self, x[0])]);
        Some(DerivativeTrace { derivative, parameter_derivative, mask: None })
    }

    fn derivative_tensor(&self, _first: u64, x: &Tensor) -> Result<Tensor> {
        Shape::derivative(self, Value::from(x.clone())).tensor(x)
    }

    fn parameter_derivative_tensor(&self, _first: u64, x: &Tensor) -> Result<Tensor> {
        Shape::parameter_derivative(self, Value::from(x.clone())).tensor(x)
    }
}
