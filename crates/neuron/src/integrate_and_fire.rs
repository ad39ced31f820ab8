//! The integrate-and-fire neuron.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::firing_problem;
use crate::{Firing, Fused, Model, Neuron, Real, Settings};

/// The integrate-and-fire neuron, without a leak.
///
/// ```text
/// v ← v + x;   s = H(v - v_threshold);   v ← v_reset if s = 1        (Firing has the other resets)
/// ```
///
/// Input currents `[T, …]` give spikes `[T, …]`, 0 or 1; potentials and currents are in units in which the
/// threshold is 1 by default.
/// State `[1, …]`: `v`, at first `v_reset`. Called "IF" in the papers; SEW-ResNet (Fang et al., NeurIPS 2021) is
/// made of it.
///
/// Elsewhere: `IFNode` in SpikingJelly (which fires at the threshold, [`FiringRule::AtOrAbove`]), `IAFCell` in
/// Norse; `Leaky` with `beta = 1` in snnTorch.
///
/// [`FiringRule::AtOrAbove`]: crate::FiringRule::AtOrAbove
///
/// ```
/// use candle_core::{Device, Tensor};
/// use candle_nn::Module;
/// use candlewick_core::{Key, parameters::seeded};
/// use candlewick_neuron::{IntegrateAndFire, Neurons};
/// use candlewick_surrogate::Triangle;
///
/// let neurons = Neurons::new(IntegrateAndFire::default(), Triangle::default(), seeded(&Device::Cpu, Key::new(0)))?;
/// let x = Tensor::new(&[0.4_f32; 4], &Device::Cpu)?.reshape((4, 1, 1))?; // [T, B, N]
/// let spikes = neurons.forward(&x)?.flatten_all()?.to_vec1::<f32>()?;
/// assert_eq!(spikes, [0.0, 0.0, 1.0, 0.0]); // v: 0.4, 0.8, 1.2, 0.4
/// # Ok::<(), candlewick_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct IntegrateAndFire {
    /// Threshold and reset.
    pub firing: Firing,
}

impl Neuron<1, 0> for IntegrateAndFire {
    #[inline(always)]
    fn firing(&self) -> &Firing {
        &self.firing
    }

    fn initial_state(&self) -> [f32; 1] {
        [self.firing.v_reset]
    }

    #[inline(always)]
    fn charge<V: Real>(&self, _: &[V; 0], [v]: [V; 1], x: V) -> [V; 1] {
        [v + x]
    }
}

impl Settings for IntegrateAndFire {
    fn model(&self) -> Arc<dyn Model> {
        Arc::new(Fused(*self))
    }

    fn problem(&self) -> Option<(&'static str, &'static str)> {
        firing_problem(&self.firing)
    }
}
