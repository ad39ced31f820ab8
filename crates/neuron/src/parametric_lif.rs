//! The parametric LIF neuron.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::firing_problem;
use crate::{ChargeGradient, Firing, Fused, Model, Neuron, Real, Settings};

/// The LIF neuron with a learnable time constant: `v ← v + (x - (v - v_reset)) · σ(w)`, one `w` per
/// layer (PLIF: Fang et al., ICCV 2021, arXiv:2007.05785, eq. 7).
///
/// `ParametricLIFNode` in SpikingJelly. The time constant is τ = 1 / σ(w), which stays above 1.
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

    fn effective_backward(&self, [w]: [f32; 1], [grad]: [f32; 1]) -> [f32; 1] {
        let rate = Real::sigmoid(w);
        [grad * rate * (1.0 - rate)]
    }

    fn initial_state(&self) -> [f32; 1] {
        [self.firing.v_reset]
    }

    #[inline(always)]
    fn charge<V: Real>(&self, [rate]: &[V; 1], [v]: [V; 1], x: V) -> [V; 1] {
        [v.clone() + (x - (v - self.firing.v_reset)) * rate.clone()]
    }

    #[inline(always)]
    fn charge_backward(
        &self,
        [rate]: &[f32; 1],
        [v]: [f32; 1],
        x: f32,
        [grad]: [f32; 1],
    ) -> ChargeGradient<1, 1> {
        ChargeGradient {
            state: [(1.0 - rate) * grad],
            input: rate * grad,
            parameters: [(x - (v - self.firing.v_reset)) * grad],
        }
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
