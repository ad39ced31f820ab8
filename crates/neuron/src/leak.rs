//! The two discrete forms of a leaky potential.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Real;

/// How the potential leaks, and whether the input is scaled.
///
/// ```text
/// { decay = d }   v ← d·v + x                        TET (arXiv:2202.11946, eq. 1), tdBN, snnTorch
/// { tau = τ }     v ← v + (x - (v - v_reset)) / τ    SpikingJelly (decay_input = True), MSG, Norse
/// ```
///
/// The second form is a forward Euler step of `τ dv/dt = -(v - v_reset) + x`. It scales the input by 1/τ, the
/// first does not: with τ = 1/(1-d) they differ by that factor only, so that weights trained with one form
/// must be τ times as large in the other.
/// SpikingJelly's `decay_input = False` is the first form (if `v_reset` is 0); snnTorch's `beta` is `d`.
///
/// ```
/// use candlewick_neuron::Leak;
///
/// assert_eq!(Leak::Decay(0.5).charge(1.0_f32, 0.25, 0.0), 0.75);
/// assert_eq!(Leak::Tau(2.0).charge(1.0_f32, 0.25, 0.0), 0.625);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Leak {
    /// A factor per step in [0, 1]; the input is not scaled. TET's code calls it "tau".
    Decay(f32),
    /// A time constant in steps, at least 1; the input is divided by it.
    Tau(f32),
}

impl Leak {
    /// The potential after the input of one step; `rest` matters to the second form only.
    #[inline(always)]
    pub fn charge<V: Real>(self, v: V, x: V, rest: f32) -> V {
        match self {
            Self::Decay(decay) => v * decay + x,
            Self::Tau(tau) => v.clone() + (x - (v - rest)) / tau,
        }
    }

    /// What makes it unusable, as (field, expected); `None` if it is fine.
    pub(crate) fn problem(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Decay(decay) if !(0.0..=1.0).contains(&decay) => {
                Some(("leak.decay", "a factor in [0, 1]; a time constant is `leak = { tau = … }`"))
            }
            Self::Tau(tau) if !(1.0..f32::INFINITY).contains(&tau) => Some((
                "leak.tau",
                "a number of steps, at least 1; a factor is `leak = { decay = … }`",
            )),
            _ => None,
        }
    }
}
