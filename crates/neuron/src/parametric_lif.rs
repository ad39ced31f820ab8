//! The parametric LIF neuron.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::firing_problem;
use crate::{Firing, Fused, Model, Neuron, Real, Settings};

/// The LIF neuron with a learnable time constant, one per layer (PLIF: Fang et al., ICCV 2021,
/// arXiv:2007.05785, eq. 7).
///
/// ```text
/// v ← v + (x - (v - v_reset)) · σ(w);   s = H(v - v_threshold);   v ← v_reset if s = 1
/// dL/dw = Σ dL/dv · (x - (v[t-1] - v_reset)) · σ(w) · (1 - σ(w))        over all neurons and steps
/// ```
///
/// The time constant is τ = 1 / σ(w), which stays above 1 step. `w` is the parameter `w` `[1]` of the layer, and
/// starts at `-ln(initial_tau - 1)`.
///
/// Input currents `[T, …]` give spikes `[T, …]`, 0 or 1; potentials and currents are in units in which the
/// threshold is 1 by default.
/// State `[1, …]`: `v`, at first `v_reset`.
///
/// Elsewhere: `ParametricLIFNode` in SpikingJelly; `Leaky(learn_beta=True)` in snnTorch learns the decay without
/// the sigmoid.
///
/// ```
/// use candle_core::{Device, Tensor};
/// use candle_nn::Module;
/// use candlewick_core::{Key, parameters::seeded};
/// use candlewick_neuron::{Neurons, ParametricLif};
/// use candlewick_surrogate::Triangle;
///
/// let neurons = Neurons::new(ParametricLif::default(), Triangle::default(), seeded(&Device::Cpu, Key::new(0)))?;
/// let x = Tensor::new(&[1.5_f32; 4], &Device::Cpu)?.reshape((4, 1, 1))?; // [T, B, N]
/// let spikes = neurons.forward(&x)?.flatten_all()?.to_vec1::<f32>()?;
/// assert_eq!(spikes, [0.0, 1.0, 0.0, 1.0]); // v at τ = 2: 0.75, 1.125, 0.75, 1.125
/// # Ok::<(), candlewick_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ParametricLif {
    /// The time constant τ that training starts from, in steps, above 1. Default 2 (PLIF).
    pub initial_tau: f32,
    /// Threshold and reset. Default with `detach_reset`, as in the code of PLIF.
    pub firing: Firing,
}

impl Default for ParametricLif {
    fn default() -> Self {
        Self { initial_tau: 2.0, firing: Firing { detach_reset: true, ..Firing::default() } }
    }
}

impl Neuron<1, 1> for ParametricLif {
    #[inline(always)]
    fn firing(&self) -> &Firing {
        &self.firing
    }

    fn parameter_names(&self) -> [&'static str; 1] {
        ["w"]
    }

    /// σ(w) = 1/τ.
    fn initial_parameters(&self) -> [f32; 1] {
        [-(self.initial_tau - 1.0).ln()]
    }

    /// The rate σ(w).
    fn effective<V: Real>(&self, [w]: [V; 1]) -> [V; 1] {
        [w.sigmoid()]
    }

    fn initial_state(&self) -> [f32; 1] {
        [self.firing.v_reset]
    }

    #[inline(always)]
    fn charge<V: Real>(&self, [rate]: &[V; 1], [v]: [V; 1], x: V) -> [V; 1] {
        [v.clone() + (x - (v - self.firing.v_reset)) * rate.clone()]
    }
}

impl Settings for ParametricLif {
    fn model(&self) -> Arc<dyn Model> {
        Arc::new(Fused(*self))
    }

    fn problem(&self) -> Option<(&'static str, &'static str)> {
        if self.initial_tau.is_finite() && self.initial_tau > 1.0 {
            firing_problem(&self.firing)
        } else {
            Some(("initial_tau", "a number of steps above 1"))
        }
    }
}
