//! The leaky integrator.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Firing, FiringRule, Fused, Leak, Model, Neuron, Real, Reset, Settings};

/// The leaky integrator: a readout that gives its potential and never fires.
///
/// ```text
/// v ← leak(v, x);   the output is v
/// ```
///
/// Input currents `[T, …]` give potentials `[T, …]` in the units of the currents. State `[1, …]`: `v`, at first 0.
///
/// Elsewhere: `NonSpikingLIFNode` in SpikingJelly (`{ tau = 2 }`), `LICell` in Norse, `Leaky` with
/// `reset_mechanism="none"` in snnTorch, whose potential is read.
///
/// ```
/// use candle_core::{Device, Tensor};
/// use candle_nn::Module;
/// use candlewick_core::{Key, parameters::seeded};
/// use candlewick_neuron::{LeakyIntegrator, Neurons};
/// use candlewick_surrogate::Triangle;
///
/// let neurons = Neurons::new(LeakyIntegrator::default(), Triangle::default(), seeded(&Device::Cpu, Key::new(0)))?;
/// let x = Tensor::new(&[1_f32, 1.0, 0.0], &Device::Cpu)?.reshape((3, 1, 1))?; // [T, B, N]
/// let potentials = neurons.forward(&x)?.flatten_all()?.to_vec1::<f32>()?;
/// assert_eq!(potentials, [0.5, 0.75, 0.375]);
/// # Ok::<(), candlewick_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LeakyIntegrator {
    /// Default `{ tau = 2 }` (SpikingJelly); it rests at 0.
    pub leak: Leak,
}

impl Default for LeakyIntegrator {
    fn default() -> Self {
        Self { leak: Leak::Tau(2.0) }
    }
}

/// Nothing fires and nothing resets.
static SILENT: Firing = Firing {
    v_threshold: f32::INFINITY,
    rule: FiringRule::Above,
    reset: Reset::None,
    v_reset: 0.0,
    detach_reset: false,
};

impl Neuron<1, 0> for LeakyIntegrator {
    #[inline(always)]
    fn firing(&self) -> &Firing {
        &SILENT
    }

    #[inline(always)]
    fn fires(&self) -> bool {
        false
    }

    #[inline(always)]
    fn charge<V: Real>(&self, _: &[V; 0], [v]: [V; 1], x: V) -> [V; 1] {
        [self.leak.charge(v, x, 0.0)]
    }
}

impl Settings for LeakyIntegrator {
    fn model(&self) -> Arc<dyn Model> {
        Arc::new(Fused(*self))
    }

    fn problem(&self) -> Option<(&'static str, &'static str)> {
        self.leak.problem()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::by_hand::run;

    /// v: 4/2, then 2 + (8 - 2)/2, then 5 - 5/2; far above any threshold.
    #[test]
    fn it_gives_its_potential() {
        let (output, potentials) = run(LeakyIntegrator::default(), &[], &[4.0, 8.0, 0.0]);
        assert_eq!(output, [2.0, 5.0, 2.5]);
        assert_eq!(potentials, output);
    }
}
