//! The leaky integrate-and-fire neuron in its two discrete forms.
//!
//! ```text
//! leak = { decay = d }   v ← d·v + x                        TET (arXiv:2202.11946, eq. 1), tdBN, snnTorch
//! leak = { tau = τ }     v ← v + (x - (v - v_reset)) / τ    SpikingJelly (decay_input = True), MSG
//! ```
//!
//! The second form scales the input by 1/τ, the first does not: with τ = 1/(1-d) they differ by
//! that factor only. SpikingJelly's `decay_input = False` is the first form.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::firing_problem;
use crate::{ChargeGradient, Firing, Fused, Model, Neuron, Real, Settings};

/// How the potential leaks, and whether the input is scaled.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Leak {
    /// A factor per step in [0, 1]; the input is not scaled. TET's code calls it "tau".
    Decay(f32),
    /// A time constant in steps, at least 1; the input is divided by it.
    Tau(f32),
}

/// Settings of the LIF neuron.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Lif {
    /// Default `{ decay = 0.5 }` (TET, sec. 3.1).
    pub leak: Leak,
    /// Threshold and reset.
    pub firing: Firing,
}

impl Default for Lif {
    fn default() -> Self {
        Self { leak: Leak::Decay(0.5), firing: Firing::default() }
    }
}

impl Neuron<1, 0> for Lif {
    #[inline(always)]
    fn firing(&self) -> &Firing {
        &self.firing
    }

    #[inline(always)]
    fn charge<V: Real>(&self, _: &[V; 0], [v]: [V; 1], x: V) -> [V; 1] {
        match self.leak {
            Leak::Decay(decay) => [v * decay + x],
            Leak::Tau(tau) => [v.clone() + (x - (v - self.firing.v_reset)) / tau],
        }
    }

    #[inline(always)]
    fn charge_backward(
        &self,
        _: &[f32; 0],
        _: [f32; 1],
        _: f32,
        [grad]: [f32; 1],
    ) -> ChargeGradient<1, 0> {
        let (by_v, by_x) = match self.leak {
            Leak::Decay(decay) => (decay, 1.0),
            Leak::Tau(tau) => (1.0 - 1.0 / tau, 1.0 / tau),
        };
        ChargeGradient { state: [by_v * grad], input: by_x * grad, parameters: [] }
    }
}

impl Settings for Lif {
    fn model(&self) -> Arc<dyn Model> {
        Arc::new(Fused(*self))
    }

    fn problem(&self) -> Option<(&'static str, &'static str)> {
        match self.leak {
            Leak::Decay(decay) if !(0.0..=1.0).contains(&decay) => {
                Some(("leak.decay", "a factor in [0, 1]; a time constant is `leak = { tau = … }`"))
            }
            Leak::Tau(tau) if !(1.0..f32::INFINITY).contains(&tau) => Some((
                "leak.tau",
                "a number of steps, at least 1; a factor is `leak = { decay = … }`",
            )),
            _ => firing_problem(&self.firing),
        }
    }
}

#[cfg(test)]
mod tests {
    use candlewick_kernels::scan::{Forward, Scan};

    use super::*;

    fn run(lif: Lif, input: &[f32]) -> (Vec<f32>, Vec<f32>) {
        let (mut spikes, mut potentials) = (vec![0.0; input.len()], vec![0.0; input.len()]);
        Fused(lif).forward(Forward {
            steps: input.len(),
            input,
            state: None,
            parameters: &[],
            output: &mut spikes,
            final_state: None,
            potentials: Some(&mut potentials),
            measure_potentials: false,
        });
        (spikes, potentials)
    }

    /// v: 0.75; 0.375 + 0.75 = 1.125 > 1 fires and resets; 0.75; 1.125 fires.
    #[test]
    fn decay_form_by_hand() {
        let (spikes, potentials) = run(Lif::default(), &[0.75; 4]);
        assert_eq!(potentials, [0.75, 1.125, 0.75, 1.125]);
        assert_eq!(spikes, [0.0, 1.0, 0.0, 1.0]);
    }

    /// τ = 2, soft reset, `>=`: v = 1 fires and leaves 0; 0 + (3 - 0)/2 = 1.5 leaves 0.5;
    /// 0.5 + (0.5 - 0.5)/2 = 0.5.
    #[test]
    fn tau_form_by_hand() {
        let firing = Firing {
            rule: crate::FiringRule::AtOrAbove,
            reset: crate::Reset::Subtract,
            ..Firing::default()
        };
        let (spikes, potentials) = run(Lif { leak: Leak::Tau(2.0), firing }, &[2.0, 3.0, 0.5]);
        assert_eq!(potentials, [1.0, 1.5, 0.5]);
        assert_eq!(spikes, [1.0, 1.0, 0.0]);
    }
}
