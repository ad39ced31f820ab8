//! Training methods: one trait, whose every hook is optional.
//!
//! The same value goes to the network and to the trainer: the network asks it for the rules that act
//! inside its layers, the training step for logits and loss, and the run for its state and its report.
//! A method never sees the network.

use std::fmt::Debug;
use std::sync::Arc;

use candle_core::Tensor;
use candlewick_core::Result;
use candlewick_core::parameters::{Parameters, Scope};
use candlewick_core::weight_rule::WeightGradientRule;
use candlewick_neuron::{ActivityPenalty, Model};
use candlewick_surrogate::{Surrogate, SurrogateRule};

use crate::{Loss, Outputs, Scores};

/// A training method.
pub trait Method: Debug + Send + Sync {
    /// The name in recipes, checkpoints and reports.
    fn name(&self) -> &str;

    /// What makes the settings unusable, as (field, expected); `None` if they are fine.
    fn problem(&self) -> Option<(&'static str, &'static str)> {
        None
    }

    /// Why the method does not fit layers of `neuron` with `surrogate`, as (field, expected); the field
    /// is empty if it is the method as a whole. `None` if it fits.
    fn misfit(&self, _surrogate: &dyn Surrogate, _neuron: &dyn Model) -> Option<(&str, String)> {
        None
    }

    /// The rule that changes the surrogate of a spiking layer in every training pass; parameters that
    /// it learns or saves are created in `scope`, that of the layer.
    ///
    /// # Errors
    /// If a parameter cannot be created.
    fn surrogate_rule(
        &self,
        _site: &SpikingSite<'_>,
        _scope: &Scope<'_>,
    ) -> Result<Option<Arc<dyn SurrogateRule>>> {
        Ok(None)
    }

    /// The rule that computes the weight gradient of the synapses between spiking layers. At most one
    /// method may have one.
    fn weight_rule(&self) -> Option<Arc<dyn WeightGradientRule>> {
        None
    }

    /// A term of the loss on the activity of each layer of `neuron`, as a mean over the layers.
    fn penalty(&self, _neuron: &dyn Model) -> Option<Arc<dyn ActivityPenalty>> {
        None
    }

    /// Whether the network must have side heads: [`Outputs::side`] is empty without.
    fn needs_side_heads(&self) -> bool {
        false
    }

    /// The loss of the logits; the cross-entropy of the mean output if no method has one, and at most
    /// one may.
    fn loss(&self) -> Option<&dyn Loss> {
        None
    }

    /// The logits `[T, B, K]` that the next method and the loss receive.
    ///
    /// # Errors
    /// If candle fails.
    fn logits(&self, logits: Tensor, _outputs: &Outputs, _moment: &Moment) -> Result<Tensor> {
        Ok(logits)
    }

    /// The weight of each of `time_steps` steps in the output by which samples are classified; `None`
    /// to leave them equal.
    fn output_weights(&self, _time_steps: usize) -> Option<Vec<f32>> {
        None
    }

    /// Sees the scores of each training batch, after its step; `moment` is the one of its loss.
    fn observe(&mut self, _scores: &Scores, _labels: &[u32], _moment: &Moment) {}

    /// Called after each epoch's last step, before its evaluation.
    fn end_epoch(&mut self, _moment: &Moment) {}

    /// Tries out changes of parameters after each epoch's last step, and keeps the best.
    ///
    /// # Errors
    /// If a trial fails.
    fn search(&self, _moment: &Moment, _trials: &mut dyn Trials) -> Result<()> {
        Ok(())
    }

    /// The state that a checkpoint must hold besides parameters, by names that are unique within the
    /// method.
    fn state(&self) -> Vec<(&'static str, Vec<f64>)> {
        Vec::new()
    }

    /// Restores a value of [`state`](Self::state); false if it does not belong to this method.
    fn restore(&mut self, _name: &str, _values: &[f64]) -> bool {
        false
    }

    /// The quantities that the method reports after an epoch, at `moment`, by names that are unique
    /// within the method; `parameters` are those of the network.
    fn report(&self, _parameters: &Parameters, _moment: &Moment) -> Vec<(&'static str, Vec<f32>)> {
        Vec::new()
    }
}

/// A spiking layer for which a method may have a rule.
#[derive(Clone, Copy, Debug)]
pub struct SpikingSite<'a> {
    /// Its surrogate as configured.
    pub surrogate: &'a Arc<dyn Surrogate>,
    /// Its neuron.
    pub neuron: &'a Arc<dyn Model>,
    /// The neuron's learned scalars, of one element each.
    pub learned: &'a [Tensor],
    /// Weights `[C]` of the normalizations whose currents meet here.
    pub gammas: &'a [Tensor],
}

/// A moment of a training.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moment {
    /// Epochs done.
    pub epoch: u32,
    /// Steps done in this epoch.
    pub step: u64,
    /// Share of all steps that are done, i / I, in [0, 1].
    pub progress: f64,
    /// Whether this is a training step, not an evaluation.
    pub training: bool,
}

/// Trials at the end of an epoch.
pub trait Trials {
    /// The network's parameters and buffers, which the method may change.
    fn parameters(&self) -> &Parameters;

    /// The loss on the second half of the epoch's last batch after an optimizer step on the first
    /// half; parameters, buffers and optimizer are then as they were before. Infinite if it is not a
    /// number, `None` for a batch that has no two halves.
    ///
    /// # Errors
    /// If the step fails.
    fn loss(&mut self) -> Result<Option<f64>>;
}
