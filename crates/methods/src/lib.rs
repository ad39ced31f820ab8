//! Published training methods for spiking networks, one file each, and plain losses and regularizers
//! beside them.
//!
//! A loss sees logits and labels; a method that acts inside of a network does so as a rule for its
//! surrogates or weight gradients, or as a penalty on its activity. None sees the network.

mod activity;
mod cross_entropy;
mod gradient_scaling;
mod loss;
mod masked_surrogate;
mod methods;
mod parametric_surrogate;
mod potential_distribution;
mod shortcut;
mod temporally_weighted_output;
mod tet;

use candlewick_core::registry;

pub use activity::{FiringRateTarget, SpikePenalty};
pub use cross_entropy::CrossEntropy;
pub use gradient_scaling::{GradientScaling, PostSource, TraceTime};
pub use loss::Loss;
pub use masked_surrogate::{MaskSite, MaskedSurrogate};
pub use methods::Methods;
pub use parametric_surrogate::{ParameterSearch, ParameterUpdate, ParametricSurrogate};
pub use potential_distribution::{PotentialDistribution, PotentialObjective};
pub use shortcut::{Shortcut, ShortcutSchedule};
pub use temporally_weighted_output::{OutputWeights, TemporallyWeightedOutput, WeightDecision};
pub use tet::Tet;

registry! {
    /// A loss by name, as recipes hold it: `[loss.tet]`.
    pub enum AnyLoss: dyn Loss, kind "loss" {
        /// cross-entropy of the mean output over time ("SDT")
        CrossEntropy = "cross_entropy" | "sdt",
        /// mean over time of the cross-entropy of each step, and a pull of the logits to phi
        Tet = "tet",
    }
}

#[cfg(test)]
mod laws;
