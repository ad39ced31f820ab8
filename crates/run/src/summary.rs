//! `summary.json`: the outcome of a run, written last, so that its presence means that the run is complete.

use serde::{Deserialize, Serialize};

use crate::metrics::LayerMetrics;
use crate::operations::SynapticOperations;

/// Which of a run's test accuracies a table quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Selection {
    /// After the last epoch: no choice is made, so nothing is chosen on the test data.
    #[serde(rename = "final")]
    Final,
    /// At the epoch with the best validation accuracy.
    BestOnValidation,
    /// At the epoch with the best test accuracy: optimistic, but what most papers print.
    BestOnTest,
}

impl Selection {
    /// The rule in words, as it appears in a report's protocol.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Final => "test accuracy after the last epoch",
            Self::BestOnValidation => {
                "test accuracy at the epoch with the best validation accuracy"
            }
            Self::BestOnTest => {
                "best test accuracy over the epochs (optimistic: chosen on the test data)"
            }
        }
    }
}

/// Test accuracies of a run under each rule, as fractions.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Accuracies {
    /// After the last epoch (`final` in the file).
    #[serde(rename = "final")]
    pub final_epoch: f64,
    /// The best of all epochs.
    pub best_on_test: f64,
    /// At the epoch with the best validation accuracy, if there was validation data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub best_on_validation: Option<f64>,
}

impl Accuracies {
    /// The accuracy under a rule; `None` if the run has no validation data and the rule needs it.
    pub fn select(&self, selection: Selection) -> Option<f64> {
        match selection {
            Selection::Final => Some(self.final_epoch),
            Selection::BestOnValidation => self.best_on_validation,
            Selection::BestOnTest => Some(self.best_on_test),
        }
    }
}

/// The content of `summary.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// [`SCHEMA`](crate::manifest::SCHEMA) at the time of writing.
    pub schema: u32,
    /// Name of the data set, with its subset if it is one.
    pub dataset: String,
    /// Seed of all random streams.
    pub seed: u64,
    /// SHA-256 of `resolved.toml`, in hexadecimal.
    pub recipe_hash: String,
    /// Epochs trained.
    pub epochs: u32,
    /// Time steps T of the final evaluation.
    pub time_steps: usize,
    /// Number of trained scalars.
    pub parameters: u64,
    /// Test accuracies.
    pub accuracy: Accuracies,
    /// Mean test loss after the last epoch.
    pub loss: f64,
    /// Mean firing rate over the spiking layers, if there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub firing_rate: Option<f32>,
    /// Entry `t` is the test accuracy of the output up to and including step `t`; empty if not measured.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accuracy_per_step: Vec<f32>,
    /// Operations per inference, if they were counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub synaptic_operations: Option<SynapticOperations>,
    /// One entry per spiking layer, measured on the test data after the last epoch.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub layers: Vec<LayerMetrics>,
    /// Wall-clock seconds of all epochs, evaluation included.
    pub seconds: f64,
    /// Training samples per second of training.
    pub images_per_second: f64,
}
