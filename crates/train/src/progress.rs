//! The events of a training, for a front end to show.

use std::path::Path;

use candlewick_run::{EpochMetrics, Timing};

/// Receives the events of a training.
pub trait Progress {
    /// Called on the training thread; it should return quickly.
    fn event(&mut self, event: &Event<'_>);
}

/// Ignores all events.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn event(&mut self, _event: &Event<'_>) {}
}

/// Something that happened in a training.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The training begins, or resumes from a checkpoint.
    Started {
        /// Epochs done.
        epoch: u32,
        /// Steps done in this epoch.
        step: u64,
        /// Epochs in all.
        epochs: u32,
        /// Steps of an epoch.
        steps: u64,
    },
    /// A step is done.
    Step(StepProgress),
    /// A batch of an evaluation on the test or validation data is done.
    Evaluating {
        /// `validation` or `test`.
        split: &'static str,
        /// Batches done.
        batch: u64,
        /// Batches in all.
        batches: u64,
    },
    /// An epoch is done, with its evaluation.
    Epoch {
        /// What it measured.
        metrics: &'a EpochMetrics,
        /// What it cost.
        timing: &'a Timing,
    },
    /// A checkpoint was written.
    Checkpoint {
        /// The file.
        path: &'a Path,
    },
}

/// How far a training is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepProgress {
    /// Number of this epoch, from 1.
    pub epoch: u32,
    /// Epochs in all.
    pub epochs: u32,
    /// Steps done in this epoch.
    pub step: u64,
    /// Steps of an epoch.
    pub steps: u64,
    /// Mean loss of this epoch so far.
    pub loss: f64,
    /// Training accuracy of this epoch so far, from 0 to 1.
    pub accuracy: f64,
    /// Learning rate of the step.
    pub learning_rate: f64,
    /// Samples per second of training since the start of this process.
    pub images_per_second: f64,
    /// Estimated seconds until the end of the training, evaluations included.
    pub seconds_left: f64,
}
