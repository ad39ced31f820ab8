//! `flatness.json`: how the loss rises around the weights of a trained network, for figures.

use serde::{Deserialize, Serialize};

/// Loss and accuracy along random directions from the weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Flatness {
    /// Version of the format, [`manifest::SCHEMA`](crate::manifest::SCHEMA).
    pub schema: u32,
    /// Number of training samples that were measured on.
    pub samples: usize,
    /// Number of directions.
    pub directions: usize,
    /// In the order of their distances; those at which a loss was not finite are left out.
    pub points: Vec<FlatnessPoint>,
}

/// What was measured at one distance, one entry per direction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FlatnessPoint {
    /// How far from the weights: at 1 the change of every filter is as large as the filter.
    pub distance: f64,
    /// Mean loss, the one that the run minimized.
    pub loss: Vec<f64>,
    /// Accuracy as a fraction.
    pub accuracy: Vec<f64>,
}
