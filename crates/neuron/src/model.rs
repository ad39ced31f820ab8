//! A neuron behind a pointer, and the settings that make one.

use std::fmt::Debug;
use std::sync::Arc;

use candle_core::Tensor;
use candlewick_core::Result;
use candlewick_core::initializer::Initializer;
use candlewick_core::parameters::{Role, Scope};
use candlewick_core::value::Value;
use candlewick_kernels::neuron::scan::{Fused, Scan};
use candlewick_kernels::neuron::{Firing, Neuron};

/// A neuron as layers hold it: the fused scan, and the same equations on tensors.
pub trait Model: Scan {
    /// Threshold and reset.
    fn firing(&self) -> &Firing;
    /// Whether it fires; one that does not gives its potential.
    fn fires(&self) -> bool;
    /// Names of the learnable scalars, in order.
    fn parameter_names(&self) -> Vec<&'static str>;
    /// Initial values of the learnable scalars.
    fn initial_parameters(&self) -> Vec<f32>;
    /// The state before the first step.
    fn initial_state(&self) -> Vec<f32>;
    /// [`Neuron::effective`] on tensors.
    fn effective_values(&self, learned: Vec<Value>) -> Vec<Value>;
    /// [`Neuron::charge`] on tensors.
    fn charge_values(&self, parameters: &[Value], state: Vec<Value>, input: Value) -> Vec<Value>;
    /// [`Neuron::distance`] on tensors.
    fn distance_values(&self, parameters: &[Value], charged: Vec<Value>) -> Value;
    /// [`Neuron::reset`] on tensors.
    fn reset_values(&self, parameters: &[Value], charged: Vec<Value>, spike: Value) -> Vec<Value>;
}

impl dyn Model {
    /// Creates the learned scalars of a layer at `scope`, of one element each.
    ///
    /// # Errors
    /// If a parameter cannot be created.
    pub fn create_parameters(&self, scope: &Scope<'_>) -> Result<Vec<Tensor>> {
        let names = self.parameter_names().into_iter();
        let create = |(name, value): (&str, f32)| {
            let value = Initializer::Constant(value);
            Ok(scope.create(name, Role::Neuron, &[1], value)?.tensor())
        };
        names.zip(self.initial_parameters()).map(create).collect()
    }
}

/// The settings of a neuron as a recipe holds them: what [`Neurons`](crate::Neurons) and networks are built with.
///
/// ```
/// use candlewick_neuron::{AdaptiveLif, Leak, Lif, Settings};
///
/// assert_eq!(AdaptiveLif::default().model().states(), 2); // v and b
/// let (field, _expected) = Lif { leak: Leak::Decay(2.0), ..Lif::default() }.problem().expect("a problem");
/// assert_eq!(field, "leak.decay");
/// ```
pub trait Settings: Debug + Send + Sync {
    /// The neuron of these settings.
    fn model(&self) -> Arc<dyn Model>;

    /// Why the settings cannot be used, as (field, expected); `None` if they can.
    fn problem(&self) -> Option<(&'static str, &'static str)> {
        None
    }
}

fn array<const S: usize>(values: impl IntoIterator<Item = Value>) -> [Value; S] {
    let mut values = values.into_iter();
    std::array::from_fn(|_| values.next().expect("one value per state variable or parameter"))
}

impl<N: Neuron<S, P>, const S: usize, const P: usize> Model for Fused<N, S, P> {
    fn firing(&self) -> &Firing {
        self.0.firing()
    }

    fn fires(&self) -> bool {
        self.0.fires()
    }

    fn parameter_names(&self) -> Vec<&'static str> {
        self.0.parameter_names().to_vec()
    }

    fn initial_parameters(&self) -> Vec<f32> {
        self.0.initial_parameters().to_vec()
    }

    fn initial_state(&self) -> Vec<f32> {
        self.0.initial_state().to_vec()
    }

    fn effective_values(&self, learned: Vec<Value>) -> Vec<Value> {
        self.0.effective(array(learned)).into()
    }

    fn charge_values(&self, parameters: &[Value], state: Vec<Value>, input: Value) -> Vec<Value> {
        self.0.charge(&array(parameters.iter().cloned()), array(state), input).into()
    }

    fn distance_values(&self, parameters: &[Value], charged: Vec<Value>) -> Value {
        self.0.distance(&array(parameters.iter().cloned()), array(charged))
    }

    fn reset_values(&self, parameters: &[Value], charged: Vec<Value>, spike: Value) -> Vec<Value> {
        self.0.reset(&array(parameters.iter().cloned()), array(charged), spike).into()
    }
}

/// The check that all neurons share.
pub(crate) fn firing_problem(firing: &Firing) -> Option<(&'static str, &'static str)> {
    if !(firing.v_threshold > 0.0 && firing.v_threshold.is_finite()) {
        Some(("firing.v_threshold", "a number above 0"))
    } else if !(firing.v_reset < firing.v_threshold && firing.v_reset.is_finite()) {
        Some(("firing.v_reset", "a number below the threshold"))
    } else {
        None
    }
}
