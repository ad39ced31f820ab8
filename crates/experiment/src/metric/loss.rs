//! The loss where it was not trained: under another loss, and around the weights.

use std::sync::atomic::AtomicBool;

use candlewick_methods::{AnyLoss, CrossEntropy};
use candlewick_run::Unit;
use candlewick_train::evaluate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Finished, Metric};
use crate::flatness::loss_rise;
use crate::{Recipe, Result};

/// Test loss of the trained network under a given loss, whatever it was trained with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LossUnder {
    /// The loss.
    pub loss: AnyLoss,
}

impl Default for LossUnder {
    fn default() -> Self {
        Self { loss: CrossEntropy::default().into() }
    }
}

impl Metric for LossUnder {
    fn words(&self, _: &Recipe) -> String {
        format!("test loss under {}, nats", self.loss.name())
    }

    fn unit(&self) -> Unit {
        Unit::Plain
    }

    fn measure(&self, run: &Finished<'_>) -> Result<f64> {
        let experiment = run.experiment()?;
        let methods = run.recipe().methods.methods(&self.loss);
        let (network, never) = (experiment.network(), AtomicBool::new(false));
        let (loaders, time_steps) = (&experiment.loaders().test, run.recipe().train.time_steps());
        let found = evaluate(network, &methods, loaders, time_steps, &never, |_, _| {})?;
        // Nothing stops it.
        Ok(found.map_or(f64::NAN, |found| found.metrics.loss))
    }
}

/// Rise of the training loss, under a given loss, at a distance from the trained weights along random directions, which are
/// normalized filter by filter: small at a flat minimum.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LossRise {
    /// Distance, in norms of the filters, > 0. Default 0.5.
    pub distance: f64,
    /// Number of directions, each of which is gone in both senses. Default 4.
    pub directions: usize,
    /// The loss, whatever was trained with. Default cross-entropy of the mean output.
    pub loss: AnyLoss,
}

impl Default for LossRise {
    fn default() -> Self {
        Self { distance: 0.5, directions: 4, loss: CrossEntropy::default().into() }
    }
}

impl Metric for LossRise {
    fn words(&self, _: &Recipe) -> String {
        let loss = self.loss.name();
        format!("rise of the training loss under {loss} at a distance of {}, nats", self.distance)
    }

    fn unit(&self) -> Unit {
        Unit::Plain
    }

    fn problem(&self, _: &Recipe) -> Option<String> {
        if !(self.distance > 0.0 && self.distance.is_finite()) {
            Some("a distance above 0".into())
        } else if self.directions == 0 {
            Some("at least one direction".into())
        } else {
            None
        }
    }

    fn measure(&self, run: &Finished<'_>) -> Result<f64> {
        let recipe = Recipe { loss: self.loss.clone(), ..run.recipe().clone() };
        loss_rise(&recipe, run.machine(), &run.checkpoint()?, self.distance, self.directions)
    }
}
