//! Spiking neurons, one file each, run by one fused multi-step operation.
//!
//! One time step of a neuron with the state `h` and the input current `x` is
//!
//! ```text
//! u[t] = charge(h[t-1], x[t])        the state before firing; its first variable is the potential v
//! z[t] = v[t] - v_threshold          the distance to the threshold
//! s[t] = H(z[t])                     the spike: 1 if z > 0 (or, by choice, z ≥ 0), else 0
//! h[t] = reset(u[t], s[t])           the state that the next step starts from
//! ```
//!
//! and its gradient, from the last step to the first, with the surrogate derivative `sg` in place of H′:
//!
//! ```text
//! gs[t] = dL/ds[t] + dL/dh[t] · ∂reset/∂s       without the second term if the reset is detached
//! gu[t] = gs[t] · sg(z[t]) · ∂z/∂u + dL/dh[t] · ∂reset/∂u
//! dL/dx[t] = gu[t] · ∂charge/∂x,   dL/dh[t-1] = gu[t] · ∂charge/∂h
//! ```
//!
//! | type | what it is for |
//! |---|---|
//! | [`Neurons`] | a layer of neurons in any candle model: `[T, …]` to `[T, …]` |
//! | [`Lif`], [`IntegrateAndFire`], [`ParametricLif`], [`AdaptiveLif`], … | the neurons: values with public fields |
//! | [`Firing`], [`Reset`], [`Leak`] | what they have in common |
//! | [`Preset`] | the neuron and the surrogate that another library uses by default |
//! | [`AnyNeuron`] | a neuron by name |
//! | [`Neuron`], [`Settings`], [`Fused`] | to write another one |
//! | [`MultiStep`], [`composed`] | the operation itself, and its reference of candle operations |
//!
//! Inputs are `[T, …]` with the time in front, or `[1, …]` for a current that is the same at every step.
//! State is an argument and a result, never hidden: there is no `reset()` to forget.
//! Settings out of their range are refused where a network is built, with the name of the field.
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
#[doc(inline)]
pub use candlewick_kernels::neuron::scan::{ActivityGradient, Fused, Measure, Potentials};
#[doc(inline)]
pub use candlewick_kernels::neuron::{Firing, FiringRule, Neuron, Reset};
#[doc(inline)]
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
