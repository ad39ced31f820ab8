//! Test accuracies.

use std::sync::atomic::AtomicBool;

use candlewick_run::Unit;
use candlewick_train::evaluate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Finished, Metric};
use crate::experiment::loaders_at;
use crate::{Recipe, Result};

/// Test accuracy after the last epoch.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Accuracy {}

impl Metric for Accuracy {
    fn words(&self, _: &Recipe) -> String {
        "test accuracy".into()
    }

    fn unit(&self) -> Unit {
        Unit::Fraction
    }

    fn measure(&self, run: &Finished<'_>) -> Result<f64> {
        Ok(run.record().summary.accuracy.final_epoch)
    }
}

/// Test accuracy of what the network would answer if it were stopped after its first steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AccuracyAfter {
    /// Steps that the network runs, from 1.
    pub step: usize,
}

impl Default for AccuracyAfter {
    fn default() -> Self {
        Self { step: 1 }
    }
}

impl Metric for AccuracyAfter {
    fn words(&self, recipe: &Recipe) -> String {
        format!("test accuracy after {} of {} steps", self.step, recipe.train.time_steps())
    }

    fn unit(&self) -> Unit {
        Unit::Fraction
    }

    fn problem(&self, recipe: &Recipe) -> Option<String> {
        let most = recipe.train.time_steps();
        (!(1..=most).contains(&self.step)).then(|| format!("a step from 1 to {most}"))
    }

    fn measure(&self, run: &Finished<'_>) -> Result<f64> {
        let steps = &run.record().summary.accuracy_per_step;
        let step = self.step.checked_sub(1).and_then(|index| steps.get(index));
        Ok(f64::from(*step.ok_or_else(|| run.lacks("an accuracy for each step"))?))
    }
}

/// Test accuracy after each time step, mean over the steps: the area under the curve of what the
/// network would answer at any time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AccuracyOverSteps {}

impl Metric for AccuracyOverSteps {
    fn words(&self, recipe: &Recipe) -> String {
        format!("test accuracy after 1 to {} steps, mean", recipe.train.time_steps())
    }

    fn unit(&self) -> Unit {
        Unit::Fraction
    }

    fn measure(&self, run: &Finished<'_>) -> Result<f64> {
        let steps: Vec<f64> =
            run.record().summary.accuracy_per_step.iter().copied().map(f64::from).collect();
        candlewick_run::statistics::mean(&steps)
            .ok_or_else(|| run.lacks("an accuracy for each step"))
    }
}

/// Test accuracy with another number of time steps than in training, without fine-tuning.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AccuracyAt {
    /// Time steps T of the test, ≥ 1.
    pub time_steps: usize,
}

impl Default for AccuracyAt {
    fn default() -> Self {
        Self { time_steps: 1 }
    }
}

impl Metric for AccuracyAt {
    fn words(&self, _: &Recipe) -> String {
        format!("test accuracy at T = {}", self.time_steps)
    }

    fn unit(&self) -> Unit {
        Unit::Fraction
    }

    fn problem(&self, _: &Recipe) -> Option<String> {
        (self.time_steps == 0).then(|| "at least 1 time step".into())
    }

    fn measure(&self, run: &Finished<'_>) -> Result<f64> {
        let experiment = run.experiment()?;
        let loaders = loaders_at(run.recipe(), &run.name(), run.machine(), self.time_steps)?;
        let methods = run.recipe().training_methods();
        let never = AtomicBool::new(false);
        let network = experiment.network();
        let found = evaluate(network, &methods, &loaders, self.time_steps, &never, |_, _| {})?;
        // Nothing stops it.
        Ok(found.map_or(f64::NAN, |found| found.metrics.accuracy))
    }
}
