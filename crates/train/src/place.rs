//! The position in a training, as checkpoints hold it.

use candlewick_core::parameters::Parameters;
use candlewick_run::{GradientNorm, LayerMetrics, Selection, TrainMetrics};
use serde::{Deserialize, Serialize};

use crate::step::StepReport;

/// Where a training is, and the sums of the epoch that it is in.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Place {
    /// Epochs done.
    pub(crate) epoch: u32,
    /// Steps done in this epoch; all of them if only its evaluation is missing.
    pub(crate) step: u64,
    /// What the epoch has measured so far.
    pub(crate) sums: EpochSums,
}

/// Sums over the steps of an epoch.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EpochSums {
    /// Σ loss · samples.
    pub(crate) loss: f64,
    /// Σ cross-entropy of the scores · samples, whatever the loss is.
    pub(crate) cross_entropy: f64,
    /// Number of classes.
    pub(crate) classes: usize,
    /// Samples that were classified correctly.
    pub(crate) right: u64,
    /// Samples seen.
    pub(crate) samples: u64,
    /// Steps done.
    pub(crate) steps: u64,
    /// Learning rate of the last step.
    pub(crate) learning_rate: f64,
    /// Σ norm of the gradient of each learned parameter, before clipping.
    pub(crate) norms: Vec<f64>,
    /// What the backward passes of each spiking layer saw.
    pub(crate) layers: Vec<LayerSums>,
    /// Wall-clock seconds. An epoch that is done starts again at 0, so that a checkpoint between
    /// two epochs holds no clock.
    pub(crate) seconds: f64,
}

/// Sums over the backward passes of a spiking layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LayerSums {
    /// Elements whose surrogate derivative was 0.
    pub(crate) zero: u64,
    /// Elements that were visited.
    pub(crate) visited: u64,
}

impl EpochSums {
    /// Adds a step: what it reports, with the output weights of the time steps.
    /// The penalties that layers put on their potentials come to the loss.
    pub(crate) fn add(&mut self, report: &StepReport, weights: &[f32], learning_rate: f64) {
        let StepReport { loss, scores, labels, layers, squared_norms } = report;
        let penalty: f64 = layers.iter().map(|layer| layer.penalty).sum();
        let samples = labels.len() as f64;
        self.loss += (loss + penalty) * samples;
        self.cross_entropy += scores.cross_entropy(weights, labels) * samples;
        self.classes = scores.classes();
        self.right += scores.right_up_to(weights, labels).last().copied().unwrap_or(0);
        self.samples += labels.len() as u64;
        self.steps += 1;
        self.learning_rate = learning_rate;
        self.norms.resize(squared_norms.len(), 0.0);
        for (sum, squared) in self.norms.iter_mut().zip(squared_norms) {
            *sum += squared.sqrt();
        }
        self.layers.resize(layers.len(), LayerSums::default());
        for (sum, layer) in self.layers.iter_mut().zip(layers) {
            sum.zero += layer.zero_derivatives;
            sum.visited += layer.backward_elements;
        }
    }

    /// Means over the samples so far.
    pub(crate) fn train_metrics(&self) -> TrainMetrics {
        let samples = self.samples.max(1) as f64;
        TrainMetrics { loss: self.loss / samples, accuracy: self.right as f64 / samples }
    }

    /// Completes the health of the layers by what only training measures.
    pub(crate) fn fill_active_gradients(&self, layers: &mut [LayerMetrics]) {
        for (layer, sums) in layers.iter_mut().zip(&self.layers) {
            if sums.visited > 0 {
                let zero = sums.zero as f64 / sums.visited as f64;
                layer.active_gradient = Some((1.0 - zero) as f32);
            }
        }
    }

    /// Means over the steps, in the order of the parameters.
    pub(crate) fn gradient_norms(&self, parameters: &Parameters) -> Vec<GradientNorm> {
        let steps = self.steps.max(1) as f64;
        let norm = |sum: &f64| (sum / steps) as f32;
        let named = parameters.learned().zip(&self.norms);
        named
            .map(|(parameter, sum)| GradientNorm { name: parameter.name.clone(), norm: norm(sum) })
            .collect()
    }
}

/// What the checkpoint of the best epoch says of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BestPlace {
    /// The data on which it is the best.
    pub(crate) selection: Selection,
    /// Number of the epoch, from 1.
    pub(crate) epoch: u32,
    /// Accuracy there, from 0 to 1.
    pub(crate) accuracy: f64,
}
