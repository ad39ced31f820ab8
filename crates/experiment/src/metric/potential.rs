//! Distributions of membrane potentials in the trained network.

use candlewick_methods::symmetric_divergence;
use candlewick_run::statistics::mean;
use candlewick_run::{LayerSnapshot, Unit};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Finished, Metric};
use crate::{Recipe, Result};

/// Share of pre-reset potentials inside the support of the surrogate, mean over the layers, in a training
/// pass over the first test samples.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InsideSupport {}

impl Metric for InsideSupport {
    fn words(&self, _: &Recipe) -> String {
        "share of potentials inside the support of the surrogate".into()
    }

    fn unit(&self) -> Unit {
        Unit::Fraction
    }

    fn measure(&self, run: &Finished<'_>) -> Result<f64> {
        let shares: Vec<f64> = run.snapshot()?.layers.iter().map(LayerSnapshot::inside).collect();
        mean(&shares).ok_or_else(|| run.lacks("a spiking layer"))
    }
}

/// Symmetric divergence of the pre-reset potentials, as a fitted normal distribution, from the default
/// target of PDA, N(0, threshold²), mean over the layers, in a training pass over the first test samples.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PotentialDivergence {}

impl Metric for PotentialDivergence {
    fn words(&self, _: &Recipe) -> String {
        "divergence of the potentials from the target of PDA".into()
    }

    fn unit(&self) -> Unit {
        Unit::Ratio
    }

    fn measure(&self, run: &Finished<'_>) -> Result<f64> {
        let threshold = f64::from(run.recipe().neuron.model().firing().v_threshold);
        let divergences: Vec<f64> = run
            .snapshot()?
            .layers
            .iter()
            .map(|layer| {
                let (distance, variance) = layer.mean_and_variance();
                let target = (0.0, threshold * threshold);
                symmetric_divergence((distance + threshold, variance), target)
            })
            .collect();
        mean(&divergences).ok_or_else(|| run.lacks("a spiking layer"))
    }
}
