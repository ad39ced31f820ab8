//! The settings of a training: stages, optimizer, schedule, clipping.

use candlewick_core::{Error, Result};
use candlewick_device::Precision;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::optimizer::{AdamW, AnyOptimizer, Groups, in_range, non_negative};
use crate::schedule::Schedule;

/// The most epochs of a stage, and the most stages: sums of their epochs fit into 32 bits.
const MOST_EPOCHS: u32 = 1_000_000;
const MOST_STAGES: usize = 1000;

/// Epochs with the same number of time steps.
///
/// Several stages are time-inheritance training (TET, Deng et al., ICLR 2022, section 4.3): weights
/// and statistics carry over from short to long.
///
/// ```
/// use candlewick_train::{Settings, Stage};
///
/// let stages = vec![Stage::new(6, 2), Stage::new(2, 6)]; // epochs, time steps
/// let settings = Settings { stages, ..Settings::default() };
/// assert_eq!((settings.epochs(), settings.time_steps()), (8, 6));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// Number of epochs, 1 to 1,000,000.
    pub epochs: u32,
    /// Time steps T, ≥ 1.
    pub time_steps: usize,
    /// Factor on the optimizer's learning rate in this stage, ≥ 0. Default 1.
    #[serde(default = "one")]
    pub learning_rate_factor: f64,
    /// Whether schedule and optimizer state restart with this stage; otherwise the schedule also
    /// spans the stage before. Default true; the TET paper does not say.
    #[serde(default = "yes")]
    pub restart: bool,
}

fn one() -> f64 {
    1.0
}

fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_f32(precision: &Precision) -> bool {
    *precision == Precision::F32
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_no(value: &bool) -> bool {
    !value
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_one(value: &usize) -> bool {
    *value == 1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_yes(value: &bool) -> bool {
    *value
}

impl Stage {
    /// A stage with the optimizer's own learning rate.
    pub fn new(epochs: u32, time_steps: usize) -> Self {
        Self { epochs, time_steps, learning_rate_factor: one(), restart: yes() }
    }
}

/// The settings of a training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Epochs and time steps, one stage after the other; 1 to 1000.
    pub stages: Vec<Stage>,
    /// The rule that updates the parameters. Default AdamW with a learning rate of 0.005, with which small
    /// networks learn within a few epochs.
    pub optimizer: AnyOptimizer,
    /// How it treats parameters by their role.
    pub groups: Groups,
    /// How the learning rate changes: by default, half a cosine to 0.
    pub schedule: Schedule,
    /// Largest norm of all gradients together, > 0; not clipped if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip_norm: Option<f64>,
    /// Epochs between two evaluations on validation and test data, ≥ 1; the last epoch always has
    /// one. Default 1.
    pub evaluate_every: u32,
    /// Whether the backward pass recomputes the currents of every layer, for less memory; the results
    /// are the same to the bit. Default false.
    #[serde(skip_serializing_if = "is_no")]
    pub recompute: bool,
    /// How the matrix products of training steps round their operands: `"f32"` (default), or on CUDA devices
    /// `"tf32"` (11 significant bits) or `"bf16"` (8). Sums, potentials and statistics are `f32` or finer with
    /// each, and evaluation rounds nothing.
    #[serde(skip_serializing_if = "is_f32")]
    pub precision: Precision,
    /// Number of shards of every batch: each is computed by itself, as a batch of its own with its own batch
    /// statistics, and what is summed over them is summed in a fixed order. Ranks divide the shards among
    /// themselves; in one process, they lower the memory. Default 1.
    #[serde(skip_serializing_if = "is_one")]
    pub shards: usize,
    /// Whether normalizations have the statistics of the whole batch instead of those of each shard; the own
    /// shards of a process then run at the same time, so that they save no memory. On the CPU only. Default
    /// false.
    #[serde(skip_serializing_if = "is_no")]
    pub synchronize_normalization: bool,
    /// Whether the training ends, as diverged, with an epoch whose mean cross-entropy is over 100 times that
    /// of a constant answer, or whose gradients are all 0. A number that is not finite always ends it.
    /// Default true.
    #[serde(skip_serializing_if = "is_yes")]
    pub stop_when_diverged: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            stages: Vec::new(),
            optimizer: AdamW { learning_rate: 5e-3, ..AdamW::default() }.into(),
            groups: Groups::default(),
            schedule: Schedule::default(),
            clip_norm: None,
            evaluate_every: 1,
            recompute: false,
            precision: Precision::F32,
            shards: 1,
            synchronize_normalization: false,
            stop_when_diverged: true,
        }
    }
}

/// An epoch within its stages.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Span {
    /// The stage that the epoch belongs to.
    pub(crate) stage: Stage,
    /// Whether optimizer and schedule restart with this epoch.
    pub(crate) restarts: bool,
    /// The epoch with which the schedule began.
    pub(crate) schedule_start: u32,
    /// The number of epochs that the schedule spans.
    pub(crate) schedule_epochs: u32,
}

impl Settings {
    /// Number of epochs of all stages.
    pub fn epochs(&self) -> u32 {
        self.stages.iter().map(|stage| stage.epochs).sum()
    }

    /// Time steps of the last stage, with which the trained network is used.
    pub fn time_steps(&self) -> usize {
        self.stages.last().map_or(0, |stage| stage.time_steps)
    }

    /// Checks the ranges of all settings.
    ///
    /// # Errors
    /// Names the field.
    pub fn check(&self) -> Result<()> {
        let setting = |field: String, expected: &str, got: String| {
            Err(Error::Setting { field, expected: expected.into(), got })
        };
        if self.stages.is_empty() {
            return setting("stages".into(), "at least one stage", "none".into());
        }
        if self.stages.len() > MOST_STAGES {
            return setting("stages".into(), "at most 1000", self.stages.len().to_string());
        }
        for (index, stage) in self.stages.iter().enumerate() {
            if !(1..=MOST_EPOCHS).contains(&stage.epochs) {
                let field = format!("stages.{index}.epochs");
                return setting(field, "1 to 1000000", stage.epochs.to_string());
            }
            if stage.time_steps == 0 {
                return setting(format!("stages.{index}.time_steps"), "at least 1", "0".into());
            }
            let field = format!("stages.{index}.learning_rate_factor");
            non_negative(&field, stage.learning_rate_factor)?;
            if index == 0 || stage.restart {
                let first = self.stages[..index].iter().map(|stage| stage.epochs).sum();
                self.schedule.check(self.span(first).schedule_epochs)?;
            }
        }
        self.optimizer.check()?;
        self.groups.check()?;
        if let Some(norm) = self.clip_norm {
            in_range("clip_norm", norm, "a finite number > 0", norm > 0.0 && norm.is_finite())?;
        }
        if self.shards == 0 {
            return setting("shards".into(), "at least 1", "0".into());
        }
        if self.evaluate_every == 0 {
            return setting("evaluate_every".into(), "at least 1", "0".into());
        }
        Ok(())
    }

    /// The span of epoch number `epoch`, from 0; epochs after the last one have that of the last.
    ///
    /// # Panics
    /// If there are no stages.
    pub(crate) fn span(&self, epoch: u32) -> Span {
        let mut first = 0;
        let mut schedule_start = 0;
        let mut current = 0;
        for (index, stage) in self.stages.iter().enumerate() {
            if index > 0 && epoch < first {
                break;
            }
            if stage.restart {
                schedule_start = first;
            }
            current = index;
            first += stage.epochs;
        }
        let stage = self.stages[current];
        let later = self.stages[current + 1..].iter().take_while(|stage| !stage.restart);
        let end = first + later.map(|stage| stage.epochs).sum::<u32>();
        Span {
            stage,
            restarts: current > 0 && epoch == schedule_start,
            schedule_start,
            schedule_epochs: end - schedule_start,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::AnyCurve;

    fn settings(restart: bool) -> Settings {
        let mut last = Stage::new(2, 6);
        last.restart = restart;
        Settings { stages: vec![Stage::new(3, 2), last], ..Settings::default() }
    }

    #[test]
    fn a_stage_begins_the_schedule_anew_or_goes_on_with_it() {
        let anew = settings(true);
        assert_eq!((anew.epochs(), anew.time_steps()), (5, 6));
        // Epoch: time steps, restarts, start and length of the schedule.
        let expected =
            [(0, 2, false, 0, 3), (2, 2, false, 0, 3), (3, 6, true, 3, 2), (4, 6, false, 3, 2)];
        let mut visited = 0;
        for (epoch, time_steps, restarts, start, length) in expected {
            let span = anew.span(epoch);
            assert_eq!(span.stage.time_steps, time_steps);
            assert_eq!(
                (span.restarts, span.schedule_start, span.schedule_epochs),
                (restarts, start, length),
                "epoch {epoch}"
            );
            let whole = settings(false).span(epoch);
            assert_eq!(whole.stage.time_steps, time_steps);
            assert_eq!(
                (whole.restarts, whole.schedule_start, whole.schedule_epochs),
                (false, 0, 5)
            );
            visited += 1;
        }
        assert_eq!(visited, 4);
    }

    #[test]
    fn written_settings_read_back_equal() {
        let mut visited = 0;
        for optimizer in AnyOptimizer::all() {
            for curve in AnyCurve::all() {
                let schedule = Schedule { curve, ..Schedule::default() };
                let clip_norm = (visited % 2 == 0).then_some(1.5);
                let written = Settings {
                    optimizer: optimizer.clone(),
                    schedule,
                    clip_norm,
                    recompute: visited % 2 == 0,
                    precision: [Precision::F32, Precision::Tf32, Precision::Bf16][visited % 3],
                    shards: 1 + visited % 3,
                    synchronize_normalization: visited % 2 == 1,
                    stop_when_diverged: visited % 2 == 0,
                    ..settings(false)
                };
                let text = toml::to_string(&written).unwrap();
                assert_eq!(toml::from_str::<Settings>(&text).unwrap(), written, "{text}");
                visited += 1;
            }
        }
        assert_eq!(visited, 9);
    }

    #[test]
    fn settings_out_of_range_name_their_field() {
        let refused = [
            ("stages = []", "stages: expected at least one stage"),
            ("stages = [{ epochs = 0, time_steps = 2 }]", "stages.0.epochs"),
            ("stages = [{ epochs = 1, time_steps = 0 }]", "stages.0.time_steps"),
            ("clip_norm = 0.0\nstages = [{ epochs = 1, time_steps = 2 }]", "clip_norm"),
            ("shards = 0\nstages = [{ epochs = 1, time_steps = 2 }]", "shards"),
            ("evaluate_every = 0\nstages = [{ epochs = 1, time_steps = 2 }]", "evaluate_every"),
            (
                "stages = [{ epochs = 1, time_steps = 2 }]\n[schedule]\nwarm_up_epochs = 2",
                "schedule.warm_up_epochs",
            ),
        ];
        let mut visited = 0;
        for (recipe, start) in refused {
            let settings: Settings = toml::from_str(recipe).unwrap();
            let message = settings.check().unwrap_err().to_string();
            assert!(message.starts_with(start), "{message}");
            visited += 1;
        }
        assert_eq!(visited, 7);
        assert!(settings(true).check().is_ok());
    }
}
