//! `snapshot.json`: what one batch looked like inside of a trained network, for figures.

use serde::{Deserialize, Serialize};

/// Potentials and spikes of every spiking layer in one training pass over a fixed batch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Version of the format, [`manifest::SCHEMA`](crate::manifest::SCHEMA).
    pub schema: u32,
    /// Samples in the batch.
    pub samples: usize,
    /// Time steps T.
    pub time_steps: usize,
    /// One entry per spiking layer, in the order of the network.
    pub layers: Vec<LayerSnapshot>,
}

/// Potentials and spikes of one layer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LayerSnapshot {
    /// Name of the layer, its path in the network.
    pub name: String,
    /// Left edge of the histogram: membrane potential minus threshold.
    pub low: f32,
    /// Right edge of the histogram.
    pub high: f32,
    /// Number of potentials in equal bins; what lies beyond the edges is in the outermost bins.
    pub counts: Vec<u64>,
    /// Where the surrogate gradient matters, as distances from the threshold.
    pub support: (f32, f32),
    /// Whether it is exactly 0 outside of `support`; otherwise below 1 % of its largest value.
    pub exact_support: bool,
    /// Neurons of which spikes are shown, a fixed random choice.
    pub neurons: usize,
    /// Step and neuron, both from 0, of each spike of these neurons for the first sample.
    pub spikes: Vec<(usize, usize)>,
}
