//! The LIF neuron with a learnable threshold.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::firing_problem;
use crate::variable_threshold::reset;
use crate::{Firing, Fused, Leak, Model, Neuron, Real, Settings};

/// The LIF neuron with a learnable threshold, one per layer
/// (DIET-SNN: Rathi and Roy, arXiv:2008.03658).
///
/// ```text
/// v ← leak(v, x);   s = H(v - θ);   v ← v_reset if s = 1, or v - θ with a reset by subtraction
/// dL/dθ = -Σ dL/ds · sg(v - θ)         over all neurons and steps, and what a soft reset adds
/// ```
///
/// The threshold θ is the parameter `v_threshold` `[1]` of the layer; it is learned as it is, without a
/// transformation that would keep it above 0. DIET-SNN learns the leak too, which is fixed here.
///
/// Input currents `[T, …]` give spikes `[T, …]`, 0 or 1; potentials and currents are in units in which the
/// threshold is 1 by default.
/// State `[1, …]`: `v`, at first `v_reset`.
///
/// Elsewhere: `Leaky(learn_threshold=True)` in snnTorch, but for its late reset.
///
/// ```
/// use candle_core::{Device, Tensor};
/// use candle_nn::Module;
/// use candlewick_core::{Key, parameters::seeded};
/// use candlewick_neuron::{Firing, Neurons, ParametricThresholdLif};
/// use candlewick_surrogate::Triangle;
///
/// let firing = Firing { v_threshold: 0.7, ..Firing::default() };
/// let settings = ParametricThresholdLif { firing, ..ParametricThresholdLif::default() };
/// let neurons = Neurons::new(settings, Triangle::default(), seeded(&Device::Cpu, Key::new(0)))?;
/// let x = Tensor::new(&[0.75_f32; 4], &Device::Cpu)?.reshape((4, 1, 1))?; // [T, B, N]
/// let spikes = neurons.forward(&x)?.flatten_all()?.to_vec1::<f32>()?;
/// assert_eq!(spikes, [1.0, 1.0, 1.0, 1.0]);
/// # Ok::<(), candlewick_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ParametricThresholdLif {
    /// Default `{ decay = 0.5 }`.
    pub leak: Leak,
    /// The threshold that training starts from, and the reset; a reset by subtraction takes the
    /// learned threshold away.
    pub firing: Firing,
}

impl Default for ParametricThresholdLif {
    fn default() -> Self {
        Self { leak: Leak::Decay(0.5), firing: Firing::default() }
    }
}

impl Neuron<1, 1> for ParametricThresholdLif {
    #[inline(always)]
    fn firing(&self) -> &Firing {
        &self.firing
    }

    fn parameter_names(&self) -> [&'static str; 1] {
        ["v_threshold"]
    }

    fn initial_parameters(&self) -> [f32; 1] {
        [self.firing.v_threshold]
    }

    fn initial_state(&self) -> [f32; 1] {
        [self.firing.v_reset]
    }

    #[inline(always)]
    fn charge<V: Real>(&self, _: &[V; 1], [v]: [V; 1], x: V) -> [V; 1] {
        [self.leak.charge(v, x, self.firing.v_reset)]
    }

    #[inline(always)]
    fn distance<V: Real>(&self, [threshold]: &[V; 1], [v]: [V; 1]) -> V {
        v - threshold.clone()
    }

    #[inline(always)]
    fn reset<V: Real>(&self, [threshold]: &[V; 1], [v]: [V; 1], spike: V) -> [V; 1] {
        [reset(&self.firing, v, spike, threshold.clone())]
    }
}

impl Settings for ParametricThresholdLif {
    fn model(&self) -> Arc<dyn Model> {
        Arc::new(Fused(*self))
    }

    fn problem(&self) -> Option<(&'static str, &'static str)> {
        self.leak.problem().or_else(|| firing_problem(&self.firing))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Reset;
    use crate::by_hand::run;

    /// The learned threshold 2 rules, not the 1 of the settings: 1.5; 0.75 + 1.5 = 2.25 fires and
    /// leaves 0.25; 0.125 + 1.5 does not.
    #[test]
    fn the_learned_threshold_rules() {
        let firing = Firing { reset: Reset::Subtract, ..Firing::default() };
        let neuron = ParametricThresholdLif { firing, ..ParametricThresholdLif::default() };
        let (spikes, potentials) = run(neuron, &[2.0], &[1.5; 3]);
        assert_eq!(spikes, [0.0, 1.0, 0.0]);
        assert_eq!(potentials, [1.5, 2.25, 1.625]);
    }
}
