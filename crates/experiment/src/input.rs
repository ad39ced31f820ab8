//! Which samples a recipe trains and tests on, and how they become batches.

use candlewick_encode::{AnyEncoder, AnyMix, Augmentation, EventInput, ImageInput};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which samples are trained and tested on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// Name of the data set, with its partition behind a colon if it is not the default.
    pub name: String,
    /// Only the first N training samples of each class. Default all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train_per_class: Option<usize>,
    /// Only the first N test samples of each class. Default all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_per_class: Option<usize>,
    /// The last N training samples of each class are held out for validation. Default 0.
    #[serde(default)]
    pub validation_per_class: usize,
    /// Cross-validation over this many folds of a data set that has the partitions `fold-0`, `fold-1`
    /// and so on: a run with seed s tests on fold (s - 1) mod `folds`, so that seeds 1 to `folds` are
    /// one cross-validation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folds: Option<u64>,
}

impl Data {
    /// Name of the data set with the partition that a run with this seed uses.
    pub fn name_for(&self, seed: u64) -> String {
        match self.folds {
            None => self.name.clone(),
            Some(folds) => format!("{}:fold-{}", self.name, seed.wrapping_sub(1) % folds.max(1)),
        }
    }
}

/// From samples to batches.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Input {
    /// Samples per batch. Default 50.
    pub batch_size: usize,
    /// Samples per batch of an evaluation, which changes no result. Default 100.
    pub evaluation_batch_size: usize,
    /// From frames to the input of the network. Default direct.
    pub encoder: AnyEncoder,
    /// Transforms of the training samples, in order; those that are not random are kept in tests.
    pub augment: Augmentation,
    /// Pairs of training samples mixed: mixup or CutMix.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mix: Option<AnyMix>,
    /// From event recordings to frames; ignored for images.
    pub events: EventInput,
    /// From images of different sizes to one, for data sets such as ImageNet; at evaluation a random
    /// part becomes the middle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub images: Option<ImageInput>,
}

impl Default for Input {
    fn default() -> Self {
        Self {
            batch_size: 50,
            evaluation_batch_size: 100,
            encoder: candlewick_encode::encoder::Direct::default().into(),
            augment: Augmentation::default(),
            mix: None,
            events: EventInput::default(),
            images: None,
        }
    }
}
