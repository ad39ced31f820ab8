//! What one gives to a training, and how it ends.

use std::sync::atomic::AtomicBool;

use candlewick_core::Key;
use candlewick_encode::Loader;
use candlewick_run::{RunDirectory, Summary};

use crate::model::Model;
use crate::objective::Objective;
use crate::progress::Progress;
use crate::settings::Settings;

/// File name of the checkpoint from which a run goes on, below the run's checkpoints.
pub const LAST: &str = "last.safetensors";
/// File name of the weights of the best epoch: on the validation data if there is some, else on
/// the test data.
pub const BEST: &str = "best.safetensors";

/// Everything that a training needs.
#[expect(missing_debug_implementations, reason = "holds the caller's trait objects")]
pub struct Task<'a> {
    /// The network; its parameters are changed in place.
    pub model: &'a dyn Model,
    /// What is minimized.
    pub objective: &'a mut dyn Objective,
    /// Stages, optimizer, schedule.
    pub settings: &'a Settings,
    /// The root of the run's random streams.
    pub key: Key,
    /// The training data: one loader per number of time steps, or one whose input is the same at
    /// all steps.
    pub train: &'a [Loader],
    /// Held-out training data, in the same form; empty if there is none.
    pub validation: &'a [Loader],
    /// The test data, in the same form.
    pub test: &'a [Loader],
    /// Name of the data set, for the summary.
    pub dataset: &'a str,
    /// Where to record the run and to go on from; without it nothing is written.
    pub run: Option<&'a mut RunDirectory>,
    /// How often to write checkpoints beside those at the end of each epoch.
    pub cadence: Cadence,
    /// Hears how it goes.
    pub progress: &'a mut dyn Progress,
    /// When it is set, the training writes a checkpoint after the current step and ends.
    pub stop: &'a AtomicBool,
}

/// How often checkpoints are written within an epoch; it changes no result.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cadence {
    /// Seconds between two checkpoints.
    pub seconds: Option<f64>,
    /// Steps of an epoch between two checkpoints.
    pub steps: Option<u64>,
}

impl Default for Cadence {
    fn default() -> Self {
        Self { seconds: Some(30.0), steps: None }
    }
}

/// How a training ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Ended {
    /// All epochs are done.
    Complete(Box<Summary>),
    /// It was stopped, and goes on from here when it is started again.
    Interrupted {
        /// Epochs done.
        epoch: u32,
        /// Steps done in this epoch.
        step: u64,
    },
}
