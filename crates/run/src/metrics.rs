//! One line of `metrics.jsonl`: what an epoch measured, without any wall clock, so that two runs compare byte for byte.
//!
//! Accuracies, firing rates and shares are fractions from 0 to 1 everywhere in this crate; only rendering makes percent of them.

use serde::{Deserialize, Serialize};

use crate::operations::SynapticOperations;

/// What one epoch measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpochMetrics {
    /// Number of epochs done, from 1.
    pub epoch: u32,
    /// Time steps T of this epoch.
    pub time_steps: usize,
    /// Learning rate of the last step of the epoch.
    pub learning_rate: f64,
    /// Means over the samples seen in training, with the weights as they were at each step.
    pub train: TrainMetrics,
    /// On the held-out part of the training data, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<EvaluationMetrics>,
    /// On the test data, if it was evaluated after this epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<EvaluationMetrics>,
    /// One entry per spiking layer, in the order of the network.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub layers: Vec<LayerMetrics>,
    /// Norm of the loss gradient with respect to each parameter, in the order of the parameter store.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gradient_norms: Vec<GradientNorm>,
    /// What methods report of themselves, such as output weights per time step or surrogate widths per layer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub methods: Vec<MethodValues>,
}

/// Loss and accuracy over the training samples of an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TrainMetrics {
    /// Mean loss, regularizers included.
    pub loss: f64,
    /// Fraction of samples classified rightly.
    pub accuracy: f64,
}

/// Loss and accuracy of an evaluation.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct EvaluationMetrics {
    /// Mean loss, that of the training.
    pub loss: f64,
    /// Mean cross-entropy of the mean output over time, in nats, which compares trainings with different losses;
    /// absent in runs that were made before it was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cross_entropy: Option<f64>,
    /// Fraction of samples classified rightly from all time steps.
    pub accuracy: f64,
    /// Entry `t` is the accuracy of the output up to and including step `t`; empty if not measured.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accuracy_per_step: Vec<f32>,
    /// Operations per sample, if they were counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub synaptic_operations: Option<SynapticOperations>,
    /// Entry `[c][k]` counts the samples of class c that were taken for class k; only after the last epoch, and
    /// empty if there are more than [`MOST_CLASSES`](Self::MOST_CLASSES).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub confusion: Vec<Vec<u32>>,
}

impl EvaluationMetrics {
    /// The most classes of which confusions are recorded.
    pub const MOST_CLASSES: usize = 200;
}

/// Health of one spiking layer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LayerMetrics {
    /// Name of the layer, its path in the network.
    pub name: String,
    /// Mean number of spikes per neuron and time step.
    pub firing_rate: f32,
    /// Share of neurons that never fired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead: Option<f32>,
    /// Share of neurons and steps at which the surrogate gradient was not zero.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_gradient: Option<f32>,
    /// Share of neurons that fired at every step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saturated: Option<f32>,
}

/// Norm of the gradient of one parameter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GradientNorm {
    /// Path of the parameter, such as `features.0.weight`.
    pub name: String,
    /// Euclidean norm, mean over the steps of the epoch.
    pub norm: f32,
}

/// What one method reports of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MethodValues {
    /// Method and quantity, such as `temporally_weighted_output.weights`.
    pub name: String,
    /// The numbers, in an order that the method documents.
    pub values: Vec<f32>,
}

impl EpochMetrics {
    /// Mean firing rate over the spiking layers, each with the same weight; `None` without layers.
    pub fn mean_firing_rate(&self) -> Option<f32> {
        mean_firing_rate(&self.layers)
    }
}

/// Mean firing rate over `layers`, each with the same weight; `None` without layers.
pub(crate) fn mean_firing_rate(layers: &[LayerMetrics]) -> Option<f32> {
    if layers.is_empty() {
        return None;
    }
    let sum: f64 = layers.iter().map(|layer| f64::from(layer.firing_rate)).sum();
    Some((sum / layers.len() as f64) as f32)
}
