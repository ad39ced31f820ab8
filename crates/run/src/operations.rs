//! How much work an inference is, on hardware that adds only where there is a spike.

use serde::{Deserialize, Serialize};

/// Synaptic operations of one inference, mean over the test samples; normalization is folded into the
/// weights, and the neurons themselves are not counted.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SynapticOperations {
    /// Additions: one per spike and outgoing synapse; also of spikes that were pooled by fours.
    pub additions: f64,
    /// Multiply-adds: layers whose input is not spikes.
    pub multiply_adds: f64,
}

impl SynapticOperations {
    /// Joules per inference at 45 nm: 0.9 pJ per addition, 4.6 pJ per multiply-add (Horowitz, ISSCC 2014).
    pub fn energy(&self) -> f64 {
        (0.9 * self.additions + 4.6 * self.multiply_adds) * 1e-12
    }
}
