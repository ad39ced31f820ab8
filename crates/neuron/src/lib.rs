//! Spiking neurons, one file each, run by one fused multi-step operation.
//!
//! To add one: write its file (an `impl Neuron`, which states charge, fire and reset for one
//! neuron and one step, and an `impl Settings`), and add it to the registry below.
//! The fused forward and backward scans, the laws and the recipe key follow from that.

mod composed;
mod integrate_and_fire;
mod lif;
mod model;
mod multi_step;
mod parametric_lif;

use candlewick_core::registry;

pub use candlewick_kernels::neuron::{
    ChargeGradient, DistanceGradient, Firing, FiringRule, Neuron, Reset, ResetGradient,
};
pub use candlewick_kernels::real::Real;
pub use candlewick_kernels::scan::{ActivityGradient, Fused, Potentials};
pub use composed::composed;
pub use integrate_and_fire::IntegrateAndFire;
pub use lif::{Leak, Lif};
pub use model::{Model, Settings};
pub use multi_step::{Activity, ActivityPenalty, Counts, MultiStep, Output, Probe};
pub use parametric_lif::ParametricLif;

registry! {
    /// A neuron by name, as recipes hold it: `[neuron.lif]`.
    pub enum AnyNeuron: dyn Settings, kind "neuron" {
        /// v ← v + x
        IntegrateAndFire = "if" | "integrate_and_fire",
        /// v ← decay·v + x, or v ← v + (x - (v - v_reset)) / tau
        Lif = "lif",
        /// v ← v + (x - (v - v_reset)) · σ(w) with a learnable w
        ParametricLif = "parametric_lif" | "plif",
    }
}

#[cfg(test)]
mod laws;
