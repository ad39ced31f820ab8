//! The LIF neuron.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::firing_problem;
use crate::{Firing, Fused, Leak, Model, Neuron, Real, Settings};

/// The leaky integrate-and-fire neuron, in the two discrete forms of [`Leak`].
///
/// ```text
/// leak = { decay = d }   v ← d·v + x                        TET, tdBN, snnTorch
/// leak = { tau = τ }     v ← v + (x - (v - v_reset)) / τ    SpikingJelly, MSG
/// s = 1 if v > v_threshold, else 0
/// v ← v_reset if s = 1                                       or v - v_threshold: see Firing
/// ```
///
/// The defaults are those of TET (Deng et al., ICLR 2022, arXiv:2202.11946, eqs. 1 to 3, sec. 3.1): decay 0.5,
/// threshold 1, hard reset to 0, through which the gradient flows.
/// Their gradient is `dL/dv_pre = gs · sg(v_pre - v_threshold) + dL/dv_post · (1 - s)` with
/// `gs = dL/ds - dL/dv_post · v_pre`, the second term of which [`Firing::detach_reset`] leaves out; the
/// paper does not print it, it is what reverse-mode differentiation of its code gives.
///
/// Input currents `[T, …]` give spikes `[T, …]`, 0 or 1; potentials and currents are in units in which the
/// threshold is 1 by default.
/// State `[1, …]`: `v`, at first `v_reset`.
///
/// Elsewhere: `LIFNode` in SpikingJelly, `Leaky(reset_delay=False)` in snnTorch, `LIFBoxCell` in Norse;
/// [`Preset`](crate::Preset) has the settings that equal each.
///
/// ```
/// use candle_core::{Device, Tensor};
/// use candle_nn::Module;
/// use candlewick_core::{Key, parameters::seeded};
/// use candlewick_neuron::{Lif, Neurons};
/// use candlewick_surrogate::Triangle;
///
/// let neurons = Neurons::new(Lif::default(), Triangle::default(), seeded(&Device::Cpu, Key::new(0)))?;
/// let x = Tensor::new(&[0.75_f32; 4], &Device::Cpu)?.reshape((4, 1, 1))?; // [T, B, N]
/// let spikes = neurons.forward(&x)?.flatten_all()?.to_vec1::<f32>()?;
/// assert_eq!(spikes, [0.0, 1.0, 0.0, 1.0]); // v before firing: 0.75, 1.125, 0.75, 1.125
/// # Ok::<(), candlewick_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
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

    fn initial_state(&self) -> [f32; 1] {
        [self.firing.v_reset]
    }

    #[inline(always)]
    fn charge<V: Real>(&self, _: &[V; 0], [v]: [V; 1], x: V) -> [V; 1] {
        [self.leak.charge(v, x, self.firing.v_reset)]
    }
}

impl Settings for Lif {
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
    use crate::by_hand::run;

    /// v: 0.75; 0.375 + 0.75 = 1.125 > 1 fires and resets; 0.75; 1.125 fires.
    #[test]
    fn decay_form_by_hand() {
        let (spikes, potentials) = run(Lif::default(), &[], &[0.75; 4]);
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
        let (spikes, potentials) = run(Lif { leak: Leak::Tau(2.0), firing }, &[], &[2.0, 3.0, 0.5]);
        assert_eq!(potentials, [1.0, 1.5, 0.5]);
        assert_eq!(spikes, [1.0, 1.0, 0.0]);
    }
}
