//! The learning rate over the course of a training: a linear warm-up, then a curve.

mod constant;
mod cosine;
mod step;

use candlewick_core::registry;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use constant::Constant;
pub use cosine::Cosine;
pub use step::StepDecay;

use crate::optimizer::non_negative;

/// The learning-rate curve after the warm-up.
pub trait Curve: std::fmt::Debug + Send + Sync {
    /// The factor on the optimizer's learning rate at `at`.
    fn factor(&self, at: Position) -> f64;

    /// Checks the ranges of the settings.
    ///
    /// # Errors
    /// Names the field.
    fn check(&self) -> candlewick_core::Result<()>;
}

/// A place in a training, in epochs; fractions are steps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Position {
    /// Epochs since the start of the training, warm-up included.
    pub epoch: f64,
    /// Epochs of warm-up.
    pub warm_up: f64,
    /// Epochs of the training, warm-up included.
    pub epochs: f64,
}

registry! {
    /// A learning-rate curve by name.
    pub enum AnyCurve: dyn Curve, kind "schedule" {
        /// The same learning rate throughout.
        Constant = "constant",
        /// Half a cosine, from the full learning rate to a floor.
        Cosine = "cosine",
        /// A drop by a factor after every so many epochs.
        StepDecay = "step",
    }
}

/// How often the learning rate changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Update {
    /// With every step.
    #[default]
    Iteration,
    /// At the start of each epoch, as scripts do that call PyTorch's `scheduler.step()` once per
    /// epoch (TET, MSG).
    Epoch,
}

/// Settings of the learning-rate schedule: a linear warm-up, then a curve, both as factors on the optimizer's
/// learning rate.
///
/// Elsewhere: `LinearLR` and then `CosineAnnealingLR` or `StepLR` in a `SequentialLR` of PyTorch.
///
/// ```
/// use candlewick_train::Schedule;
///
/// let half_a_cosine = Schedule::default(); // 10 epochs of 100 steps
/// assert_eq!(half_a_cosine.factor(0, 100, 10), 1.0);
/// assert!((half_a_cosine.factor(500, 100, 10) - 0.5).abs() < 1e-12);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Schedule {
    /// The curve after the warm-up.
    pub curve: AnyCurve,
    /// Epochs of linear warm-up (Goyal et al. 2017, arXiv:1706.02677, section 2.2), ≥ 0.
    pub warm_up_epochs: f64,
    /// Factor at the first step of the warm-up, in [0, 1]; the default is that of PyTorch's
    /// `LinearLR`, as is the formula `start + (1 − start) · epoch / warm_up_epochs`.
    pub warm_up_start: f64,
    /// How often the learning rate changes.
    pub update: Update,
}

impl Default for Schedule {
    fn default() -> Self {
        Self {
            curve: AnyCurve::Cosine(Cosine::default()),
            warm_up_epochs: 0.0,
            warm_up_start: 1.0 / 3.0,
            update: Update::Iteration,
        }
    }
}

impl Schedule {
    /// The factor on the learning rate at step `step` (from 0) of a training of `epochs` epochs of
    /// `steps_per_epoch` steps.
    pub fn factor(&self, step: u64, steps_per_epoch: u64, epochs: u32) -> f64 {
        let epoch = match self.update {
            Update::Iteration => step as f64 / steps_per_epoch.max(1) as f64,
            Update::Epoch => (step / steps_per_epoch.max(1)) as f64,
        };
        if epoch < self.warm_up_epochs {
            return self.warm_up_start + (1.0 - self.warm_up_start) * epoch / self.warm_up_epochs;
        }
        self.curve.factor(Position {
            epoch,
            warm_up: self.warm_up_epochs,
            epochs: f64::from(epochs),
        })
    }

    /// Checks the ranges for a training of `epochs` epochs.
    ///
    /// # Errors
    /// Names the field.
    pub fn check(&self, epochs: u32) -> candlewick_core::Result<()> {
        self.curve.check()?;
        non_negative("schedule.warm_up_epochs", self.warm_up_epochs)?;
        let setting = |field: &str, expected: String, got: f64| candlewick_core::Error::Setting {
            field: field.into(),
            expected,
            got: got.to_string(),
        };
        if self.warm_up_epochs > f64::from(epochs) {
            let expected = format!("at most the {epochs} epochs of the training");
            return Err(setting("schedule.warm_up_epochs", expected, self.warm_up_epochs));
        }
        if !(0.0..=1.0).contains(&self.warm_up_start) {
            let expected = "a number in [0, 1]".into();
            return Err(setting("schedule.warm_up_start", expected, self.warm_up_start));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 10 epochs of 4 steps, 2 of them warm-up from 1/5.
    fn schedule(curve: AnyCurve, update: Update) -> Schedule {
        Schedule { curve, warm_up_epochs: 2.0, warm_up_start: 0.2, update }
    }

    #[test]
    fn every_curve_follows_a_linear_warm_up() {
        let mut visited = 0;
        for curve in AnyCurve::all() {
            let by_step = schedule(curve.clone(), Update::Iteration);
            let by_epoch = schedule(curve.clone(), Update::Epoch);
            // Step 3 is epoch 0.75: 0.2 + 0.8 · 0.375 = 0.5; epoch 1 is 0.2 + 0.8 / 2 = 0.6.
            let expected = [(0, 0.2, 0.2), (3, 0.5, 0.2), (4, 0.6, 0.6), (6, 0.8, 0.6)];
            for (step, iteration, epoch) in expected {
                assert!((by_step.factor(step, 4, 10) - iteration).abs() < 1e-12);
                assert!((by_epoch.factor(step, 4, 10) - epoch).abs() < 1e-12);
                visited += 1;
            }
            assert_eq!(by_step.factor(8, 4, 10), 1.0, "{curve:?} starts in full");
            assert_eq!(by_epoch.factor(11, 4, 10), 1.0, "{curve:?} starts in full");
        }
        assert_eq!(visited, 4 * AnyCurve::NAMES.len());
    }

    #[test]
    fn the_recipe_names_curve_and_warm_up() -> Result<(), toml::de::Error> {
        let schedule: Schedule =
            toml::from_str("warm_up_epochs = 5\nupdate = \"epoch\"\n[curve.step]\nevery = 2\n")?;
        assert_eq!(schedule.update, Update::Epoch);
        assert_eq!(
            schedule.curve,
            AnyCurve::StepDecay(StepDecay { every: 2, ..StepDecay::default() })
        );
        assert!(schedule.check(5).is_ok());
        let message = schedule.check(4).map_err(|error| error.to_string()).unwrap_err();
        assert_eq!(
            message,
            "schedule.warm_up_epochs: expected at most the 4 epochs of the training, got 5"
        );
        let misspelt = toml::from_str::<Schedule>("warmup_epochs = 5\n").unwrap_err();
        assert!(misspelt.to_string().contains("unknown field `warmup_epochs`"));
        Ok(())
    }
}
