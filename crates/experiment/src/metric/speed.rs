//! How fast a training learns, in epochs and in seconds.

use candlewick_run::Unit;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Finished, Metric};
use crate::{Recipe, Result};

/// Epochs until the test accuracy first reaches a value, between two epochs by linear interpolation;
/// one more than were trained if none does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EpochsTo {
    /// The accuracy as a fraction.
    pub accuracy: f64,
}

impl Default for EpochsTo {
    fn default() -> Self {
        Self { accuracy: 0.5 }
    }
}

impl Metric for EpochsTo {
    fn words(&self, _: &Recipe) -> String {
        format!("epochs to {} % test accuracy", 100.0 * self.accuracy)
    }

    fn unit(&self) -> Unit {
        Unit::Plain
    }

    fn problem(&self, _: &Recipe) -> Option<String> {
        let fine = self.accuracy > 0.0 && self.accuracy <= 1.0;
        (!fine).then(|| "an accuracy in (0, 1]".into())
    }

    fn measure(&self, run: &Finished<'_>) -> Result<f64> {
        let tested = run
            .record()
            .epochs
            .iter()
            .filter_map(|epoch| Some((f64::from(epoch.epoch), epoch.test.as_ref()?.accuracy)));
        let mut before: Option<(f64, f64)> = None;
        for (epoch, accuracy) in tested {
            if accuracy >= self.accuracy {
                let Some((earlier, lower)) = before else { return Ok(epoch) };
                let share = (self.accuracy - lower) / (accuracy - lower);
                return Ok(earlier + share * (epoch - earlier));
            }
            before = Some((epoch, accuracy));
        }
        Ok(f64::from(run.record().summary.epochs) + 1.0)
    }
}

/// Wall-clock time of training per sample.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SecondsPerSample {}

impl Metric for SecondsPerSample {
    fn words(&self, _: &Recipe) -> String {
        "seconds of training per sample".into()
    }

    fn unit(&self) -> Unit {
        Unit::Ratio
    }

    fn measure(&self, run: &Finished<'_>) -> Result<f64> {
        Ok(run.record().summary.images_per_second.recip())
    }
}
