//! Published training methods for spiking networks, one file each, and plain losses and regularizers
//! beside them.
//!
//! A [`Method`] is one value: it has rules that act inside the network, changes the logits before the
//! loss, or is the loss. It never sees the network.
//!
//! ```
//! use candlewick_methods::{Methods, Shortcut, TemporallyWeightedOutput, Tet};
//!
//! let methods = Methods::new()
//!     .with(Shortcut::default())
//!     .with(TemporallyWeightedOutput::default())
//!     .with(Tet::default());
//! assert!(methods.need_side_heads());
//! ```

mod activity;
mod averaged_logits;
mod cross_entropy;
mod gradient_scaling;
mod loss;
mod masked_surrogate;
mod method;
mod method_settings;
mod methods;
mod outputs;
mod parametric_surrogate;
mod potential_distribution;
mod scores;
mod shortcut;
mod temporally_weighted_output;
mod tet;

use candlewick_core::registry;

pub use activity::{FiringRateTarget, SpikePenalty};
pub use averaged_logits::AveragedLogits;
pub use cross_entropy::CrossEntropy;
pub use gradient_scaling::{GradientScaling, PostSource, TraceTime};
pub use loss::Loss;
pub use masked_surrogate::{MaskSite, MaskedSurrogate};
pub use method::{Method, Moment, SpikingSite, Trials};
pub use method_settings::MethodSettings;
pub use methods::Methods;
pub use outputs::Outputs;
pub use parametric_surrogate::{ParameterSearch, ParameterUpdate, ParametricSurrogate};
pub use potential_distribution::{PotentialDistribution, PotentialObjective, symmetric_divergence};
pub use scores::Scores;
pub use shortcut::{Shortcut, ShortcutSchedule};
pub use temporally_weighted_output::{OutputWeights, TemporallyWeightedOutput, WeightDecision};
pub use tet::Tet;

registry! {
    /// A loss by name, as recipes hold it: `[loss.tet]`.
    pub enum AnyLoss: dyn Loss, kind "loss", Own {
        /// cross-entropy of the mean output over time ("SDT")
        CrossEntropy = "cross_entropy" | "sdt",
        /// mean over time of the cross-entropy of each step, and a pull of the logits towards phi
        Tet = "tet",
    }
}

registry! {
    /// A method by name, as recipes hold it: `[methods.shortcut]`.
    pub enum AnyMethod: dyn Method, kind "method", Own {
        /// logits averaged over time in the first part of a training: from SDT to TET
        AveragedLogits = "averaged_logits",
        /// a penalty on the distance of firing rates to a target
        FiringRateTarget = "firing_rate_target",
        /// weight gradients scaled by pre- and post-synaptic spike traces
        GradientScaling = "gradient_scaling",
        /// surrogate derivatives set to 0 at random (MSG)
        MaskedSurrogate = "masked_surrogate",
        /// a learned width per layer (PSG; inferred from the abstract)
        ParametricSurrogate = "parametric_surrogate",
        /// a divergence of potentials to a target (PDA; inferred from the abstract)
        PotentialDistribution = "potential_distribution",
        /// side heads in training, constant or evolutionary
        Shortcut = "shortcut",
        /// L1 and L2 penalties on spikes
        SpikePenalty = "spike_penalty",
        /// time steps weighted by their training accuracy (TWO)
        TemporallyWeightedOutput = "temporally_weighted_output",
    }
}

#[cfg(test)]
mod laws;
