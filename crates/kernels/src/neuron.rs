//! A spiking neuron as scalar mathematics: charge, fire, reset.
//!
//! One time step of every neuron of this workspace is
//!
//! ```text
//! u[t] = charge(h[t-1], x[t])        the state before firing ("pre-reset")
//! z[t] = distance(u[t])              usually v - v_threshold
//! s[t] = H(z[t])                     the spike, 0 or 1
//! h[t] = reset(u[t], s[t])           the state that the next step starts from
//! ```
//!
//! A neuron states these three functions once, for any [`Real`]; [`scan`] makes the fused scan over time and
//! its exact backward pass out of them.

mod block;
pub mod current;
mod derived;
pub mod scan;
pub mod traced;

use std::fmt::Debug;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::real::Real;

/// When a neuron fires.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum FiringRule {
    /// When the potential is above the threshold (TET, tdBN, snnTorch).
    #[default]
    #[serde(rename = ">")]
    Above,
    /// When the potential is at or above the threshold (SpikingJelly, MSG).
    #[serde(rename = ">=")]
    AtOrAbove,
}

/// What a spike does to the potential; `reset_mechanism` in snnTorch, `v_reset` in SpikingJelly, which is
/// `None` there for a reset by subtraction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reset {
    /// The potential becomes `v_reset`.
    #[default]
    Hard,
    /// The threshold is subtracted ("soft reset").
    Subtract,
    /// Nothing.
    None,
}

/// The firing and reset rule that all neurons share.
///
/// ```text
/// s = 1 if v > v_threshold (rule ">") or v ≥ v_threshold (rule ">="), else 0
/// reset = "hard"        v ← (1 - s)·v + s·v_reset
/// reset = "subtract"    v ← v - s·v_threshold
/// reset = "none"        v ← v
/// ```
///
/// In the backward pass `∂s/∂v` is the surrogate derivative at `v - v_threshold`, and the reset has the gradient
/// of its equation, also with respect to `s` unless it is detached.
/// Potentials have no unit but that of the threshold.
///
/// ```
/// use candlewick_kernels::neuron::{Firing, Reset};
///
/// let firing = Firing { v_threshold: 0.5, reset: Reset::Subtract, ..Firing::default() };
/// assert_eq!(firing.reset(0.75_f32, 1.0), 0.25);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Firing {
    /// Threshold of the membrane potential, above 0. Default 1 (TET, arXiv:2202.11946, sec. 3.1).
    pub v_threshold: f32,
    /// `">"` (default) or `">="`.
    pub rule: FiringRule,
    /// `"hard"` (default), `"subtract"` or `"none"`.
    pub reset: Reset,
    /// The potential after a hard reset, below the threshold; also the resting potential of leaky
    /// neurons. Default 0.
    pub v_reset: f32,
    /// Whether the gradient ignores that the spike causes the reset. Default false, as in the code
    /// of TET; SEW-ResNet and PLIF use true.
    pub detach_reset: bool,
}

impl Default for Firing {
    fn default() -> Self {
        Self {
            v_threshold: 1.0,
            rule: FiringRule::Above,
            reset: Reset::Hard,
            v_reset: 0.0,
            detach_reset: false,
        }
    }
}

impl Firing {
    /// Whether a distance of exactly 0 fires.
    #[inline(always)]
    pub fn inclusive(&self) -> bool {
        self.rule == FiringRule::AtOrAbove
    }

    /// `(scale, shift)` of the reset written without a branch:
    /// `h = (1 - s * scale) * u - s * shift`, where `subtract` is what a soft reset subtracts.
    ///
    /// A `match` here would stay in the loops over neurons as a switch and keep them from being
    /// vectorized.
    #[inline(always)]
    fn coefficients(&self, subtract: f32) -> (f32, f32) {
        let hard = f32::from(self.reset == Reset::Hard);
        let soft = f32::from(self.reset == Reset::Subtract);
        (hard, soft * subtract - hard * self.v_reset)
    }

    /// The potential after firing.
    #[inline(always)]
    pub fn reset<V: Real>(&self, u: V, spike: V) -> V {
        let (scale, shift) = self.coefficients(self.v_threshold);
        u * (spike.clone() * -scale + 1.0) - spike * shift
    }
}

/// A neuron with `S` state variables, of which number 0 is the membrane potential, and `P`
/// learnable scalars that all neurons of a layer share.
///
/// Only [`firing`](Self::firing) and [`charge`](Self::charge) must be given; the rest defaults to a
/// threshold on the potential and to the reset of [`Firing`].
/// Their derivatives are found by dual numbers, exactly: there is nothing to derive by hand.
/// Mark these functions `#[inline(always)]`: the scan vectorizes what is compiled into it.
pub trait Neuron<const S: usize, const P: usize>: Copy + Debug + Send + Sync {
    /// Threshold and reset.
    fn firing(&self) -> &Firing;

    /// Whether the neuron fires; one that does not (a readout) gives its potential instead.
    fn fires(&self) -> bool {
        true
    }

    /// Names of the learnable scalars, in order, which become the names of parameters; required if
    /// there are any.
    fn parameter_names(&self) -> [&'static str; P] {
        [""; P]
    }

    /// Initial values of the learnable scalars.
    fn initial_parameters(&self) -> [f32; P] {
        [0.0; P]
    }

    /// The parameters that the equations see, from the learned ones: the identity by default.
    fn effective<V: Real>(&self, learned: [V; P]) -> [V; P] {
        learned
    }

    /// The state before the first step.
    fn initial_state(&self) -> [f32; S] {
        [0.0; S]
    }

    /// The state after the input of one step, before firing.
    fn charge<V: Real>(&self, parameters: &[V; P], state: [V; S], input: V) -> [V; S];

    /// How far the charged state is above the threshold; the surrogate derivative is taken here.
    #[inline(always)]
    fn distance<V: Real>(&self, _parameters: &[V; P], charged: [V; S]) -> V {
        let [v] = first(charged);
        v - self.firing().v_threshold
    }

    /// The state after firing, from the charged state and the spike (0 or 1).
    #[inline(always)]
    fn reset<V: Real>(&self, _parameters: &[V; P], charged: [V; S], spike: V) -> [V; S] {
        let mut state = charged;
        state[0] = self.firing().reset(state[0].clone(), spike);
        state
    }
}

#[inline(always)]
fn first<V: Real, const S: usize>(values: [V; S]) -> [V; 1] {
    let mut values = values.into_iter();
    [values.next().expect("a neuron has at least one state variable")]
}
