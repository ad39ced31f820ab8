//! The adaptive-threshold LIF neuron.

use std::sync::Arc;

use candlewick_kernels::real;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::firing_problem;
use crate::variable_threshold::reset;
use crate::{Firing, Fused, Leak, Model, Neuron, Real, Reset, Settings};

/// The LIF neuron whose threshold rises with each spike and decays back
/// (Bellec et al., Long short-term memory and learning-to-learn in networks of spiking neurons,
/// 2018, arXiv:1803.09574, eqs. 1 and 2).
///
/// ```text
/// v ← leak(v, x)
/// B[t] = v_threshold + β·b[t]            the threshold of step t
/// s[t] = H(v - B[t]);   v ← v - B[t]·s[t]
/// b[t+1] = ρ·b[t] + (1 - ρ)·s[t]         ρ = e^(-1/tau_adaptation)
/// ```
///
/// Input currents `[T, …]` give spikes `[T, …]`, 0 or 1; potentials and currents are in units in which the
/// threshold is 1 by default.
/// State `[2, …]`: `v`, `b`, at first `v_reset` and 0.
///
/// Elsewhere: ALIF in the papers; the LSNN cells of Norse are recurrent nets of it.
///
/// ```
/// use candle_core::{Device, Tensor};
/// use candle_nn::Module;
/// use candlewick_core::{Key, parameters::seeded};
/// use candlewick_neuron::{AdaptiveLif, Neurons};
/// use candlewick_surrogate::Triangle;
///
/// let settings = AdaptiveLif { tau_adaptation: 2.0, ..AdaptiveLif::default() };
/// let neurons = Neurons::new(settings, Triangle::default(), seeded(&Device::Cpu, Key::new(0)))?;
/// // Thresholds: 1, 1.71, 1.43, 1.97; a LIF neuron of this decay would fire in every step.
/// let x = Tensor::new(&[1.1_f32; 4], &Device::Cpu)?.reshape((4, 1, 1))?; // [T, B, N]
/// let spikes = neurons.forward(&x)?.flatten_all()?.to_vec1::<f32>()?;
/// assert_eq!(spikes, [1.0, 0.0, 1.0, 0.0]);
/// # Ok::<(), candlewick_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AdaptiveLif {
    /// Default `{ decay = 0.951 }`: a time constant of 20 steps (20 ms in the paper).
    pub leak: Leak,
    /// Time constant of the threshold, in steps, above 0. Default 700 (the paper's for sequential
    /// MNIST, in steps of 1 ms); for a handful of steps choose a handful.
    pub tau_adaptation: f32,
    /// How far the threshold rises (β), at least 0. Default 1.8 (the paper, Norse).
    pub beta: f32,
    /// Lowest threshold and reset. Default with reset by subtraction of the current threshold.
    pub firing: Firing,
}

impl Default for AdaptiveLif {
    fn default() -> Self {
        Self {
            leak: Leak::Decay(0.951),
            tau_adaptation: 700.0,
            beta: 1.8,
            firing: Firing { reset: Reset::Subtract, ..Firing::default() },
        }
    }
}

impl AdaptiveLif {
    #[inline(always)]
    fn rho(&self) -> f32 {
        real::exp(-1.0 / self.tau_adaptation)
    }

    #[inline(always)]
    fn threshold<V: Real>(&self, b: V) -> V {
        b * self.beta + self.firing.v_threshold
    }
}

impl Neuron<2, 0> for AdaptiveLif {
    #[inline(always)]
    fn firing(&self) -> &Firing {
        &self.firing
    }

    fn initial_state(&self) -> [f32; 2] {
        [self.firing.v_reset, 0.0]
    }

    #[inline(always)]
    fn charge<V: Real>(&self, _: &[V; 0], [v, b]: [V; 2], x: V) -> [V; 2] {
        [self.leak.charge(v, x, self.firing.v_reset), b]
    }

    #[inline(always)]
    fn distance<V: Real>(&self, _: &[V; 0], [v, b]: [V; 2]) -> V {
        v - self.threshold(b)
    }

    #[inline(always)]
    fn reset<V: Real>(&self, _: &[V; 0], [v, b]: [V; 2], spike: V) -> [V; 2] {
        let rho = self.rho();
        let threshold = self.threshold(b.clone());
        [reset(&self.firing, v, spike.clone(), threshold), b * rho + spike * (1.0 - rho)]
    }
}

impl Settings for AdaptiveLif {
    fn model(&self) -> Arc<dyn Model> {
        Arc::new(Fused(*self))
    }

    fn problem(&self) -> Option<(&'static str, &'static str)> {
        if !(self.tau_adaptation.is_finite() && self.tau_adaptation > 0.0) {
            Some(("tau_adaptation", "a number of steps above 0"))
        } else if !(self.beta.is_finite() && self.beta >= 0.0) {
            Some(("beta", "a number, at least 0"))
        } else {
            self.leak.problem().or_else(|| firing_problem(&self.firing))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::by_hand::run;

    /// ρ = e^(-ln 2) = 1/2, β = 2, no leak. Step 1: v = 1.25 > 1 fires, leaves 0.25, b = 1/2, so
    /// that the threshold is 2. Step 2: v = 1.5 does not fire; b = 1/4, threshold 1.5.
    /// Step 3: v = 2.75 fires and leaves 1.25.
    #[test]
    fn the_threshold_rises_and_falls() {
        let neuron = AdaptiveLif {
            leak: Leak::Decay(1.0),
            tau_adaptation: std::f32::consts::LN_2.recip(),
            beta: 2.0,
            ..AdaptiveLif::default()
        };
        let (spikes, potentials) = run(neuron, &[], &[1.25, 1.25, 1.25]);
        assert_eq!(spikes, [1.0, 0.0, 1.0]);
        assert_eq!(potentials, [1.25, 1.5, 2.75]);
    }
}
