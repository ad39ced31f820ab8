//! What is minimized, and the seam at which training methods enter the loop.

use candle_core::Tensor;
use candlewick_core::Result;
use candlewick_core::parameters::Parameters;
use candlewick_run::MethodValues;

use crate::Scores;
use candlewick_network::Outputs;

/// A loss with whatever a training method keeps beside it.
///
/// Only [`loss`](Self::loss) must be there; the other calls serve methods with a state of their
/// own, which is saved with every checkpoint.
pub trait Objective {
    /// The scalar loss of a batch, labels `[B]` of type u32; the mean over the batch.
    ///
    /// In an evaluation, `moment.training` is false and there are no side heads.
    fn loss(&self, outputs: &Outputs, labels: &Tensor, moment: &Moment) -> Result<Tensor>;

    /// The weight of each of `time_steps` steps in the output by which samples are classified; as
    /// many numbers.
    fn output_weights(&self, time_steps: usize) -> Vec<f32> {
        vec![1.0; time_steps]
    }

    /// Sees the scores of each training batch, after its step; `moment` is the one of its loss.
    fn observe(&mut self, _scores: &Scores, _labels: &[u32], _moment: &Moment) {}

    /// Called after each optimizer step, to keep parameters in their range.
    fn after_step(&mut self, _parameters: &Parameters) -> Result<()> {
        Ok(())
    }

    /// Called after each epoch's last step, before its evaluation.
    fn end_epoch(&mut self, _moment: &Moment) {}

    /// The relative change that is tried for the parameters of the surrogates after the last step of
    /// epoch number `epoch` (from 1); `None` for no search.
    fn surrogate_search(&self, _epoch: u32) -> Option<f32> {
        None
    }

    /// The state by names that are unique among methods.
    fn state(&self) -> Vec<(String, Vec<f64>)> {
        Vec::new()
    }

    /// Goes on from a saved state.
    ///
    /// # Errors
    /// If the state is not one of this objective.
    fn restore(&mut self, _state: &[(String, Vec<f64>)]) -> Result<()> {
        Ok(())
    }

    /// What the method reports of itself after an epoch.
    fn report(&self, _parameters: &Parameters) -> Vec<MethodValues> {
        Vec::new()
    }
}

/// A moment of a training.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moment {
    /// Epochs done.
    pub epoch: u32,
    /// Steps done in this epoch.
    pub step: u64,
    /// Share of all steps that is done, i / I, in [0, 1].
    pub progress: f64,
    /// Whether this is a training step, not an evaluation.
    pub training: bool,
}
