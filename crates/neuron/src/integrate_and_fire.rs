//! The integrate-and-fire neuron.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::firing_problem;
use crate::{ChargeGradient, Firing, Fused, Model, Neuron, Real, Settings};

/// Integrate-and-fire: `v ← v + x`, without a leak.
///
/// `IFNode` in SpikingJelly; `Leaky` with `beta = 1` in snnTorch.
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

    #[inline(always)]
    fn charge_backward(
        &self,
        _: &[f32; 0],
        _: [f32; 1],
        _: f32,
        [grad]: [f32; 1],
    ) -> ChargeGradient<1, 0> {
        ChargeGradient { state: [grad], input: grad, parameters: [] }
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
