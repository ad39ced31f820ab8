//! Temporally weighted output (TWO).

use candle_core::Tensor;
use candlewick_core::Result;
use candlewick_core::parameters::Parameters;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Method, Moment, Outputs, Scores};

/// What classifies a sample at step `t` when the accuracies are counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WeightDecision {
    /// The output of step `t` alone (`main.py`).
    #[default]
    PerStep,
    /// The sum of the outputs up to step `t` (`main2.py`).
    Cumulative,
}

/// Temporally weighted output (Li, Zhao, Zhao, Zeng, Neural Networks 2024, arXiv:2406.19645; the
/// normalized form of the code, `msg/main.py`):
///
/// ```text
/// y = 1/T · Σ_t a_t · O(t)             a_t = 1 at first
/// a_t ← (1 - momentum) · a_t + momentum · acc_t / mean_t(acc_t)      after an epoch
/// ```
///
/// where `acc_t` is the share of training samples that step `t` classified correctly in the epoch.
/// The weights are constants for the gradient, keep a mean of 1, and are used in tests as well.
/// The paper's text starts at 1/T and normalizes by all samples; it is the same up to the factor that makes the
/// mean 1.
///
/// Elsewhere: `--attout` in the code of the paper.
///
/// ```
/// use candlewick_methods::OutputWeights;
///
/// let mut weights = OutputWeights::default();
/// weights.observe(&[80, 90, 100, 130]); // samples that each step classified correctly
/// weights.end_epoch(5, 5, 0.3); // the epoch, start_epoch, momentum
/// for (weight, expected) in weights.get(4).into_iter().zip([0.94, 0.97, 1.0, 1.09]) {
///     assert!((weight - expected).abs() < 1e-6_f32);
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TemporallyWeightedOutput {
    /// The weights stay 1 up to and including this epoch, counted from 0. Default 5
    /// (`att_startepoch` in `main.py`).
    pub start_epoch: u32,
    /// Weight of the newest accuracies, in [0, 1]. Default 0.3 (`att_alpha`).
    pub momentum: f32,
    /// Default `per_step`.
    pub decision: WeightDecision,
    /// The weights so far; no setting.
    #[serde(skip)]
    pub weights: OutputWeights,
}

impl Default for TemporallyWeightedOutput {
    fn default() -> Self {
        Self {
            start_epoch: 5,
            momentum: 0.3,
            decision: WeightDecision::PerStep,
            weights: OutputWeights::default(),
        }
    }
}

impl Method for TemporallyWeightedOutput {
    fn name(&self) -> &'static str {
        "temporally_weighted_output"
    }

    fn problem(&self) -> Option<(&'static str, &'static str)> {
        (!(0.0..=1.0).contains(&self.momentum)).then_some(("momentum", "a number in [0, 1]"))
    }

    fn logits(&self, logits: Tensor, _outputs: &Outputs, _moment: &Moment) -> Result<Tensor> {
        let time_steps = logits.dim(0)?;
        let weights = Tensor::new(self.weights.get(time_steps), logits.device())?;
        Ok(logits.broadcast_mul(&weights.reshape((time_steps, 1, 1))?)?)
    }

    fn output_weights(&self, time_steps: usize) -> Option<Vec<f32>> {
        Some(self.weights.get(time_steps))
    }

    fn observe(&mut self, scores: &Scores, labels: &[u32], _moment: &Moment) {
        let time_steps = scores.time_steps();
        let right: Vec<u64> = match self.decision {
            WeightDecision::PerStep => (0..time_steps)
                .map(|t| scores.right_at(t, labels).into_iter().filter(|&right| right).count())
                .map(|count| count as u64)
                .collect(),
            WeightDecision::Cumulative => scores.right_up_to(&vec![1.0; time_steps], labels),
        };
        self.weights.observe(&right);
    }

    fn end_epoch(&mut self, moment: &Moment) {
        self.weights.end_epoch(moment.epoch, self.start_epoch, self.momentum);
    }

    fn state(&self) -> Vec<(&'static str, Vec<f64>)> {
        let OutputWeights { weights, right } = &self.weights;
        let weights = weights.iter().map(|&weight| f64::from(weight)).collect();
        let right = right.iter().map(|&count| count as f64).collect();
        vec![("weights", weights), ("right", right)]
    }

    fn restore(&mut self, name: &str, values: &[f64]) -> bool {
        let OutputWeights { weights, right } = &mut self.weights;
        match name {
            "weights" => *weights = values.iter().map(|&value| value as f32).collect(),
            "right" => *right = values.iter().map(|&value| value as u64).collect(),
            _ => return false,
        }
        true
    }

    fn report(&self, _: &Parameters, _: &Moment) -> Vec<(&'static str, Vec<f32>)> {
        vec![("weights", self.weights.weights.clone())]
    }
}

/// The weights of the time steps, with the counts of the current epoch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OutputWeights {
    /// The weights `a_t`; empty until the number of time steps is known.
    pub weights: Vec<f32>,
    /// Samples of this epoch that each step classified correctly.
    pub right: Vec<u64>,
}

impl OutputWeights {
    /// The weights for `time_steps` steps: 1 for all if another number of steps was trained.
    pub fn get(&self, time_steps: usize) -> Vec<f32> {
        if self.weights.len() == time_steps { self.weights.clone() } else { vec![1.0; time_steps] }
    }

    /// Adds the right classifications of a batch, one count per time step.
    pub fn observe(&mut self, right: &[u64]) {
        if self.right.len() != right.len() {
            self.right = vec![0; right.len()];
        }
        for (sum, count) in self.right.iter_mut().zip(right) {
            *sum += count;
        }
    }

    /// Ends epoch number `epoch`, counted from 0, and sets the weights of the next one; they stay 1
    /// before the end of epoch `start_epoch`.
    pub fn end_epoch(&mut self, epoch: u32, start_epoch: u32, momentum: f32) {
        let right = std::mem::take(&mut self.right);
        if right.is_empty() {
            return;
        }
        self.weights = self.get(right.len());
        let sum: u64 = right.iter().sum();
        if epoch < start_epoch || sum == 0 {
            return;
        }
        let mean = sum as f64 / right.len() as f64;
        let momentum = f64::from(momentum);
        for (weight, count) in self.weights.iter_mut().zip(right) {
            let accuracy = count as f64 / mean;
            *weight = ((1.0 - momentum) * f64::from(*weight) + momentum * accuracy) as f32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts 10 and 30 of mean 20: a = 0.7 · 1 + 0.3 · 0.5 and 0.7 · 1 + 0.3 · 1.5.
    #[test]
    fn weights_by_hand_and_their_mean_stays_one() {
        let mut weights = OutputWeights::default();
        let end = |weights: &mut OutputWeights, epoch| weights.end_epoch(epoch, 1, 0.3);
        weights.observe(&[4, 10]);
        end(&mut weights, 0);
        assert_eq!(weights.get(2), [1.0, 1.0]);
        weights.observe(&[4, 10]);
        weights.observe(&[6, 20]);
        end(&mut weights, 1);
        assert_eq!(weights.get(2), [0.85, 1.15]);
        for epoch in 2..50 {
            weights.observe(&[u64::from(epoch), 7]);
            end(&mut weights, epoch);
            let mean = weights.get(2).iter().sum::<f32>() / 2.0;
            assert!((mean - 1.0).abs() < 1e-5, "{mean}");
        }
        assert_eq!(weights.get(3), [1.0; 3]);
    }

    /// As published: plain averaging in epochs 0 to 5, because epoch 5 is trained before the first
    /// change.
    #[test]
    fn the_first_six_epochs_average_plainly() {
        let TemporallyWeightedOutput { start_epoch, momentum, mut weights, .. } =
            TemporallyWeightedOutput::default();
        let mut plain = 0;
        for epoch in 0..8 {
            plain += u32::from(weights.get(4) == [1.0; 4]);
            weights.observe(&[1, 2, 3, 4]);
            weights.end_epoch(epoch, start_epoch, momentum);
        }
        assert_eq!(plain, 6);
    }
}
