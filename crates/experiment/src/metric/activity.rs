//! Spikes, operations, and the share of surrogate gradients that are 0.

use candlewick_run::Unit;
use candlewick_run::statistics::mean;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Finished, Metric};
use crate::{Recipe, Result};

/// Spikes per neuron and time step on the test data, mean over the layers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FiringRate {}

impl Metric for FiringRate {
    fn words(&self, _: &Recipe) -> String {
        "firing rate, spikes per neuron and step".into()
    }

    fn unit(&self) -> Unit {
        Unit::Fraction
    }

    fn measure(&self, run: &Finished<'_>) -> Result<f64> {
        let rate = run.record().summary.firing_rate;
        Ok(f64::from(rate.ok_or_else(|| run.lacks("firing rates"))?))
    }
}

/// Additions that the spikes of an inference cause behind their synapses.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SynapticAdditions {}

impl Metric for SynapticAdditions {
    fn words(&self, _: &Recipe) -> String {
        "synaptic additions per inference".into()
    }

    fn unit(&self) -> Unit {
        Unit::Ratio
    }

    fn measure(&self, run: &Finished<'_>) -> Result<f64> {
        let operations = run.record().summary.synaptic_operations;
        Ok(operations.ok_or_else(|| run.lacks("counted operations"))?.additions)
    }
}

/// Share of neurons and steps of the last epoch whose surrogate gradient was 0, mean over the layers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ZeroGradient {}

impl Metric for ZeroGradient {
    fn words(&self, _: &Recipe) -> String {
        "share of surrogate gradients that are 0".into()
    }

    fn unit(&self) -> Unit {
        Unit::Fraction
    }

    fn measure(&self, run: &Finished<'_>) -> Result<f64> {
        let layers = run.last_epoch()?.layers.iter();
        let active: Option<Vec<f64>> =
            layers.map(|layer| layer.active_gradient.map(f64::from)).collect();
        let active = active.and_then(|active| mean(&active));
        Ok(1.0 - active.ok_or_else(|| run.lacks("shares of surrogate gradients"))?)
    }
}
