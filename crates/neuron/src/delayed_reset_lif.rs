//! The LIF neuron that resets one step late.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::firing_problem;
use crate::{Firing, Fused, Leak, Model, Neuron, Real, Reset, Settings};

/// The LIF neuron whose spike resets it one step late, as snnTorch's `Leaky` does by default.
///
/// ```text
/// reset = "subtract"   v ← leak(v, x) - v_threshold·s[t-1]      not scaled by the decay
/// reset = "hard"       v ← leak((1 - s[t-1])·v + s[t-1]·v_reset, x)
/// s[t] = H(v - v_threshold)
/// ```
///
/// With a hard reset it fires exactly as [`Lif`](crate::Lif) does, with a soft one it does not: the decay
/// acts on the potential before the subtraction.
/// The source is the code of snnTorch 1.0 (`snntorch/_neurons/leaky.py`); its documentation has no equation
/// with the delay.
///
/// Input currents `[T, …]` give spikes `[T, …]`, 0 or 1; potentials and currents are in units in which the
/// threshold is 1 by default.
/// State `[2, …]`: `v`, last spike.
///
/// Elsewhere: `Leaky` in snnTorch (`reset_delay=True`; `reset_mechanism` "subtract", "zero", "none"), whose
/// `beta` is the decay.
///
/// ```
/// use candle_core::{Device, Tensor};
/// use candle_nn::Module;
/// use candlewick_core::{Key, parameters::seeded};
/// use candlewick_neuron::{DelayedResetLif, Neurons};
/// use candlewick_surrogate::Triangle;
///
/// let neurons = Neurons::new(DelayedResetLif::default(), Triangle::default(), seeded(&Device::Cpu, Key::new(0)))?;
/// // v: 0.75, 1.125 (fires), 0.3125, 0.90625; a LIF neuron fires in the last step too.
/// let x = Tensor::new(&[0.75_f32; 4], &Device::Cpu)?.reshape((4, 1, 1))?; // [T, B, N]
/// let spikes = neurons.forward(&x)?.flatten_all()?.to_vec1::<f32>()?;
/// assert_eq!(spikes, [0.0, 1.0, 0.0, 0.0]);
/// # Ok::<(), candlewick_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DelayedResetLif {
    /// Default `{ decay = 0.5 }`, the `beta` of the examples in snnTorch's manual (it has no default).
    pub leak: Leak,
    /// Threshold and reset. Default `subtract` with `detach_reset` (snnTorch).
    pub firing: Firing,
}

impl Default for DelayedResetLif {
    fn default() -> Self {
        let firing = Firing { reset: Reset::Subtract, detach_reset: true, ..Firing::default() };
        Self { leak: Leak::Decay(0.5), firing }
    }
}

impl Neuron<2, 0> for DelayedResetLif {
    #[inline(always)]
    fn firing(&self) -> &Firing {
        &self.firing
    }

    fn initial_state(&self) -> [f32; 2] {
        [self.firing.v_reset, 0.0]
    }

    #[inline(always)]
    fn charge<V: Real>(&self, _: &[V; 0], [v, last]: [V; 2], x: V) -> [V; 2] {
        let Firing { v_threshold, v_reset, reset, .. } = self.firing;
        let v = match reset {
            Reset::Hard => {
                let v = v * (-last.clone() + 1.0) + last.clone() * v_reset;
                self.leak.charge(v, x, v_reset)
            }
            Reset::Subtract => self.leak.charge(v, x, v_reset) - last.clone() * v_threshold,
            Reset::None => self.leak.charge(v, x, v_reset),
        };
        [v, last]
    }

    /// Only remembers the spike.
    #[inline(always)]
    fn reset<V: Real>(&self, _: &[V; 0], [v, _]: [V; 2], spike: V) -> [V; 2] {
        [v, spike]
    }
}

impl Settings for DelayedResetLif {
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

    /// v = 1.5 fires; 0.75 + 1.5 - 1 = 1.25 fires again (at once, 0.25 + 1.5 = 1.75 would);
    /// 0.625 + 1.5 - 1 = 1.125.
    #[test]
    fn the_reset_comes_one_step_late() {
        let (spikes, potentials) = run(DelayedResetLif::default(), &[], &[1.5; 3]);
        assert_eq!(potentials, [1.5, 1.25, 1.125]);
        assert_eq!(spikes, [1.0; 3]);
    }
}
