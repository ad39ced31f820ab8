//! Metrics: the quantities that claims are about, each measured on a finished run.
//!
//! Most are read from what the run recorded; the others load its last checkpoint.

mod accuracy;
mod activity;
mod bits;
mod finished;
mod gradient;
mod loss;
mod one_batch;
mod output;
mod potential;
mod speed;
mod surrogate;

use std::fmt::Debug;

use candlewick_core::registry;
use candlewick_run::Unit;

use crate::{Recipe, Result};

pub use accuracy::{Accuracy, AccuracyAfter, AccuracyAt, AccuracyOverSteps};
pub use activity::{FiringRate, SynapticAdditions, ZeroGradient};
pub use bits::Bits;
pub use finished::Finished;
pub use gradient::{CoincidentGradient, GradientNorm, TinyGradient};
pub use loss::{LossRise, LossUnder};
pub use output::OutputSpread;
pub use potential::{InsideSupport, PotentialDivergence};
pub use speed::{EpochsTo, SecondsPerSample};
pub use surrogate::SurrogateParameter;

/// A quantity of a finished run.
pub trait Metric: Debug + Send + Sync {
    /// The quantity in words, with its unit, for runs of `recipe`.
    fn words(&self, recipe: &Recipe) -> String;

    /// How its values are written and compared.
    fn unit(&self) -> Unit;

    /// Why it cannot be measured on runs of `recipe`, as what is expected; `None` if it can.
    fn problem(&self, _recipe: &Recipe) -> Option<String> {
        None
    }

    /// Its value; a fraction for [`Unit::Fraction`], a positive number for [`Unit::Ratio`].
    ///
    /// # Errors
    /// If the run did not record what it is made of, or its checkpoint cannot be read.
    fn measure(&self, run: &Finished<'_>) -> Result<f64>;
}

registry! {
    /// A metric by name, as the files of claims hold it: `metric.accuracy_after = { step = 1 }`.
    pub enum AnyMetric: dyn Metric, kind "metric" {
        /// test accuracy after the last epoch
        Accuracy = "accuracy",
        /// test accuracy of the outputs of the first steps
        AccuracyAfter = "accuracy_after",
        /// test accuracy with another number of time steps than trained
        AccuracyAt = "accuracy_at",
        /// test accuracy after each time step, mean over the steps
        AccuracyOverSteps = "accuracy_over_steps",
        /// the weights of a network, of which only equality is asked
        Bits = "bits",
        /// share of the weight gradient at synapses whose ends fire together
        CoincidentGradient = "coincident_gradient",
        /// epochs until the test accuracy reaches a value
        EpochsTo = "epochs_to",
        /// mean firing rate on the test data
        FiringRate = "firing_rate",
        /// norm of the weight gradient of a layer
        GradientNorm = "gradient_norm",
        /// share of potentials inside the support of the surrogate
        InsideSupport = "inside_support",
        /// rise of the training loss around the weights
        LossRise = "loss_rise",
        /// test loss under a given loss
        LossUnder = "loss_under",
        /// spread of the outputs of a sample over the time steps
        OutputSpread = "output_spread",
        /// divergence of the potentials from a normal distribution
        PotentialDivergence = "potential_divergence",
        /// training time per sample
        SecondsPerSample = "seconds_per_sample",
        /// parameter of the surrogate after the training
        SurrogateParameter = "surrogate_parameter",
        /// synaptic additions per inference
        SynapticAdditions = "synaptic_additions",
        /// share of small entries in the weight gradient of the first layer
        TinyGradient = "tiny_gradient",
        /// share of surrogate gradients that are 0
        ZeroGradient = "zero_gradient",
    }
}
