//! One line of `timing.jsonl`: what an epoch cost, apart from the metrics because it differs between runs.

use serde::{Deserialize, Serialize};

/// What one epoch cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Timing {
    /// Number of epochs done, from 1.
    pub epoch: u32,
    /// Wall-clock seconds of training, evaluation left out.
    pub train_seconds: f64,
    /// Wall-clock seconds of evaluation, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evaluation_seconds: Option<f64>,
    /// Training samples per second of training.
    pub images_per_second: f64,
    /// Resident memory at the end of the epoch in bytes, where the system tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resident_bytes: Option<u64>,
}
