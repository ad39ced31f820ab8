//! Spiking neurons, one file each, run by one fused multi-step operation.
//!
//! To add one: write its file (an `impl Neuron`, which states charge, fire and reset for one
//! neuron and one step, and an `impl Settings`), and add it to the registry below.
//! The fused forward and backward scans, the laws and the recipe key follow from that.

mod activity;
mod adaptive_lif;
#[cfg(test)]
mod by_hand;
mod composed;
mod delayed_reset_lif;
mod integrate_and_fire;
mod izhikevich;
mod leak;
mod leaky_integrator;
mod lif;
mod model;
mod multi_step;
mod neurons;
mod parametric_lif;
mod parametric_threshold_lif;
mod preset;
mod synaptic_lif;
mod variable_threshold;

use candlewick_core::registry;

pub use activity::{Activity, ActivityPenalty, Counts, Probe, measure, needs};
pub use adaptive_lif::AdaptiveLif;
pub use candlewick_kernels::neuron::scan::{ActivityGradient, Fused, Measure, Potentials};
pub use candlewick_kernels::neuron::{
    ChargeGradient, DistanceGradient, Firing, FiringRule, Neuron, Reset, ResetGradient,
};
pub use candlewick_kernels::real::Real;
pub use composed::{Trace, composed};
pub use delayed_reset_lif::DelayedResetLif;
pub use integrate_and_fire::IntegrateAndFire;
pub use izhikevich::Izhikevich;
pub use leak::Leak;
pub use leaky_integrator::LeakyIntegrator;
pub use lif::Lif;
pub use model::{Model, Settings};
pub use multi_step::{MultiStep, Output};
pub use neurons::Neurons;
pub use parametric_lif::ParametricLif;
pub use parametric_threshold_lif::ParametricThresholdLif;
pub use preset::Preset;
pub use synaptic_lif::SynapticLif;

registry! {
    /// A neuron by name, as recipes hold it: `[neuron.lif]`.
    pub enum AnyNeuron: dyn Settings, kind "neuron" {
        /// LIF with a threshold that rises with each spike
        AdaptiveLif = "adaptive_lif" | "alif",
        /// LIF that resets one step late, as snnTorch does
        DelayedResetLif = "delayed_reset_lif" | "Leaky",
        /// v ← v + x
        IntegrateAndFire = "if" | "integrate_and_fire" | "IFNode",
        /// v ← v + (x + a0 (v - v_rest) (v - v_critical) - w) / tau, with a recovery variable w
        Izhikevich = "izhikevich",
        /// v ← leak(v, x), read out without firing
        LeakyIntegrator = "leaky_integrator" | "li" | "NonSpikingLIFNode",
        /// v ← decay·v + x, or v ← v + (x - (v - v_reset)) / tau
        Lif = "lif",
        /// v ← v + (x - (v - v_reset)) · σ(w) with a learnable w
        ParametricLif = "parametric_lif" | "plif",
        /// LIF with a learnable threshold
        ParametricThresholdLif = "parametric_threshold_lif",
        /// LIF behind a decaying current: i ← current_decay·i + x, v ← leak(v, i)
        SynapticLif = "synaptic_lif" | "cuba_lif",
    }
}

#[cfg(test)]
mod laws;
