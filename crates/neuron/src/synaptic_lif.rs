//! The current-based LIF neuron.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::firing_problem;
use crate::{Firing, Fused, Leak, Model, Neuron, Real, Settings};

/// The current-based LIF neuron: inputs flow into a decaying current, the current into the potential.
///
/// ```text
/// i ← current_decay·i + x
/// v ← leak(v, i);   s = H(v - v_threshold);   v ← v_reset if s = 1
/// ```
///
/// Input currents `[T, …]` give spikes `[T, …]`, 0 or 1; potentials and currents are in units in which the
/// threshold is 1 by default.
/// State `[2, …]`: `v`, `i`. A spike resets `v` only.
///
/// Elsewhere: `CUBALIFNode` in SpikingJelly and `Synaptic` in snnTorch (which resets one step late), both with
/// `leak = { decay = … }`; `LIF` in Norse with `leak = { tau = τ_mem/dt }` and
/// `current_decay = 1 - dt/τ_syn`, where the stored current is our `i` times `current_decay`.
///
/// ```
/// use candle_core::{Device, Tensor};
/// use candle_nn::Module;
/// use candlewick_core::{Key, parameters::seeded};
/// use candlewick_neuron::{Neurons, SynapticLif};
/// use candlewick_surrogate::Triangle;
///
/// let neurons = Neurons::new(SynapticLif::default(), Triangle::default(), seeded(&Device::Cpu, Key::new(0)))?;
/// // A single input arrives over several steps; v: 0.45, 0.5625, 0.1125, 0.140625.
/// let x = Tensor::new(&[0.45_f32, 0.0, 0.0, 0.0], &Device::Cpu)?.reshape((4, 1, 1))?; // [T, B, N]
/// let spikes = neurons.forward(&x)?.flatten_all()?.to_vec1::<f32>()?;
/// assert_eq!(spikes, [0.0, 1.0, 0.0, 0.0]);
/// # Ok::<(), candlewick_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SynapticLif {
    /// Factor per step of the current, in [0, 1]. Default 0.5 (SpikingJelly).
    pub current_decay: f32,
    /// Default `{ decay = 0.75 }` (SpikingJelly).
    pub leak: Leak,
    /// Threshold and reset. Default with `v_threshold = 0.5` (SpikingJelly).
    pub firing: Firing,
}

impl Default for SynapticLif {
    fn default() -> Self {
        let firing = Firing { v_threshold: 0.5, ..Firing::default() };
        Self { current_decay: 0.5, leak: Leak::Decay(0.75), firing }
    }
}

impl Neuron<2, 0> for SynapticLif {
    #[inline(always)]
    fn firing(&self) -> &Firing {
        &self.firing
    }

    fn initial_state(&self) -> [f32; 2] {
        [self.firing.v_reset, 0.0]
    }

    #[inline(always)]
    fn charge<V: Real>(&self, _: &[V; 0], [v, i]: [V; 2], x: V) -> [V; 2] {
        let i = i * self.current_decay + x;
        [self.leak.charge(v, i.clone(), self.firing.v_reset), i]
    }
}

impl Settings for SynapticLif {
    fn model(&self) -> Arc<dyn Model> {
        Arc::new(Fused(*self))
    }

    fn problem(&self) -> Option<(&'static str, &'static str)> {
        if (0.0..=1.0).contains(&self.current_decay) {
            self.leak.problem().or_else(|| firing_problem(&self.firing))
        } else {
            Some(("current_decay", "a factor in [0, 1]"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::by_hand::run;

    /// Currents 1, 0.5, 0.25; potentials 1, 1.25 (fires, resets to 0), 0.25.
    #[test]
    fn the_current_outlives_the_input() {
        let neuron = SynapticLif { firing: Firing::default(), ..SynapticLif::default() };
        let (spikes, potentials) = run(neuron, &[], &[1.0, 0.0, 0.0]);
        assert_eq!(spikes, [0.0, 1.0, 0.0]);
        assert_eq!(potentials, [1.0, 1.25, 0.25]);
    }
}
