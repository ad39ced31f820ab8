//! The Izhikevich neuron.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::firing_problem;
use crate::{Firing, Fused, Model, Neuron, Real, Reset, Settings};

/// The neuron of Izhikevich (Simple Model of Spiking Neurons, IEEE Transactions on Neural Networks
/// 14(6), 2003), in units of its reset (0) and its threshold (1).
///
/// ```text
/// v ← v + (x + a0·(v - v_rest)·(v - v_critical) - w) / tau
/// w ← w + (a·(v - v_rest) - w) / tau_w          with the new v
/// s = H(v - v_threshold);   v ← v_reset and w ← w + b if s = 1
/// ```
///
/// Input currents `[T, …]` give spikes `[T, …]`, 0 or 1; potentials and currents are in units in which the
/// threshold is 1 by default.
/// State `[2, …]`: `v`, `w`.
///
/// The paper writes `dv/dt = 0.04v² + 5v + 140 - u + I` in mV and ms; with `V = (v + 65)/95` its
/// regular-spiking cell (0.02, 0.2, -65, 8) at steps of 0.5 ms has the defaults here exactly.
/// Without its hard reset the potential escapes, so that no other is accepted.
///
/// Elsewhere: `IzhikevichNode` in SpikingJelly is this form with other defaults (no recovery: a = b = 0);
/// `IzhikevichCell` in Norse has the paper's units.
///
/// ```
/// use candle_core::{Device, Tensor};
/// use candle_nn::Module;
/// use candlewick_core::{Key, parameters::seeded};
/// use candlewick_neuron::{Izhikevich, Neurons};
/// use candlewick_surrogate::Triangle;
///
/// let neurons = Neurons::new(Izhikevich::default(), Triangle::default(), seeded(&Device::Cpu, Key::new(0)))?;
/// let x = Tensor::full(0.4_f32, (20, 1, 1), &Device::Cpu)?; // [T, B, N]
/// let spikes = neurons.forward(&x)?.flatten_all()?.to_vec1::<f32>()?;
/// let times: Vec<usize> = (0..20).filter(|&t| spikes[t] == 1.0).collect();
/// assert_eq!(times, [3, 7, 12, 18]); // the intervals grow: it adapts
/// # Ok::<(), candlewick_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Izhikevich {
    /// Time constant of the potential, in steps, above 0. Default 2 (1 ms in steps of 0.5 ms).
    pub tau: f32,
    /// Curvature, above 0. Default 3.8 (0.04 · 95).
    pub a0: f32,
    /// Resting potential. Default -1/19 (-70 mV).
    pub v_rest: f32,
    /// Above this potential the neuron accelerates by itself. Default 2/19 (-55 mV).
    pub v_critical: f32,
    /// Time constant of the recovery variable w, in steps, above 0. Default 100 (1/0.02 ms).
    pub tau_w: f32,
    /// Coupling of w to the potential. Default 0.2 (the paper's b).
    pub a: f32,
    /// What a spike adds to w. Default 8/95 (the paper's d).
    pub b: f32,
    /// Threshold 1 (30 mV) and hard reset to 0 (-65 mV).
    pub firing: Firing,
}

impl Default for Izhikevich {
    fn default() -> Self {
        Self {
            tau: 2.0,
            a0: 3.8,
            v_rest: -1.0 / 19.0,
            v_critical: 2.0 / 19.0,
            tau_w: 100.0,
            a: 0.2,
            b: 8.0 / 95.0,
            firing: Firing::default(),
        }
    }
}

impl Neuron<2, 0> for Izhikevich {
    #[inline(always)]
    fn firing(&self) -> &Firing {
        &self.firing
    }

    fn initial_state(&self) -> [f32; 2] {
        [self.firing.v_reset, 0.0]
    }

    #[inline(always)]
    fn charge<V: Real>(&self, _: &[V; 0], [v, w]: [V; 2], x: V) -> [V; 2] {
        let pull = (v.clone() - self.v_rest) * (v.clone() - self.v_critical) * self.a0;
        let v = v + (x + pull - w.clone()) / self.tau;
        let w = w.clone() + ((v.clone() - self.v_rest) * self.a - w) / self.tau_w;
        [v, w]
    }

    #[inline(always)]
    fn reset<V: Real>(&self, _: &[V; 0], [v, w]: [V; 2], spike: V) -> [V; 2] {
        [self.firing.reset(v, spike.clone()), w + spike * self.b]
    }
}

impl Settings for Izhikevich {
    fn model(&self) -> Arc<dyn Model> {
        Arc::new(Fused(*self))
    }

    fn problem(&self) -> Option<(&'static str, &'static str)> {
        let positive = |value: f32| value.is_finite() && value > 0.0;
        if !positive(self.tau) {
            Some(("tau", "a number of steps above 0"))
        } else if !positive(self.tau_w) {
            Some(("tau_w", "a number of steps above 0"))
        } else if !positive(self.a0) {
            Some(("a0", "a number above 0"))
        } else if ![self.v_rest, self.v_critical, self.a, self.b].iter().all(|x| x.is_finite()) {
            Some(("v_rest, v_critical, a, b", "finite numbers"))
        } else if self.firing.reset != Reset::Hard {
            Some(("firing.reset", "\"hard\": without it the potential escapes"))
        } else {
            firing_problem(&self.firing)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::by_hand::run;

    /// The paper's equations in mV, stepped by 0.5 ms with the new v in the second, for 400 steps
    /// of 10 pA: the same spikes at the same steps, potentials equal up to rounding.
    #[test]
    fn the_defaults_are_the_regular_spiking_cell_of_the_paper() {
        let (current, dt) = (10.0_f64, 0.5);
        let (mut v, mut u) = (-65.0, -14.0);
        let (mut spikes, mut potentials) = (Vec::new(), Vec::new());
        for _ in 0..400 {
            v += dt * (0.04 * v * v + 5.0 * v + 140.0 - u + current);
            u += dt * 0.02 * (0.2 * v - u);
            potentials.push(v);
            spikes.push(f32::from(u8::from(v > 30.0)));
            if v > 30.0 {
                (v, u) = (-65.0, u + 8.0);
            }
        }
        let input = [current as f32 / 95.0; 400];
        let (ours, ours_potentials) = run(Izhikevich::default(), &[], &input);
        assert_eq!(ours, spikes);
        assert!((4.0..40.0).contains(&spikes.iter().sum::<f32>()));
        for (ours, v) in ours_potentials.iter().zip(potentials) {
            let expected = (v + 65.0) / 95.0;
            assert!((f64::from(*ours) - expected).abs() < 1e-2 * (1.0 + expected.abs()));
        }
    }
}
