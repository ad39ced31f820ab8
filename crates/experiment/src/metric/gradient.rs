//! Gradients with respect to weights: their size, and where they stand.

use candlewick_run::Unit;
use candlewick_run::statistics::mean;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Finished, Metric, one_batch};
use crate::{Recipe, Result};

/// Whether a parameter belongs to a side head, which is in front of no other layer.
pub(super) fn is_side_head(name: &str) -> bool {
    name.strip_prefix("side")
        .is_some_and(|rest| rest.starts_with(|digit: char| digit.is_ascii_digit()))
}

/// Whether a parameter is the weight of a synaptic layer of the main branch.
fn is_synaptic(name: &str) -> bool {
    let layer = name.strip_suffix(".weight");
    layer.is_some_and(|layer| !layer.ends_with("normalization")) && !is_side_head(name)
}

/// Which layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Which {
    /// The one behind the input.
    #[default]
    First,
    /// The classifier.
    Last,
}

/// Norm of the loss gradient with respect to the weight of a layer, mean over the steps of the last epoch.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GradientNorm {
    /// Default `first`.
    pub layer: Which,
    /// Whether it is divided by that of the last layer. Default false.
    pub relative: bool,
}

impl Metric for GradientNorm {
    fn words(&self, _: &Recipe) -> String {
        let layer = match self.layer {
            Which::First => "first",
            Which::Last => "last",
        };
        let relative = if self.relative { ", relative to that of the last" } else { "" };
        format!("norm of the weight gradient of the {layer} layer{relative}")
    }

    fn unit(&self) -> Unit {
        Unit::Ratio
    }

    fn measure(&self, run: &Finished<'_>) -> Result<f64> {
        let norms = run.last_epoch()?.gradient_norms.iter();
        let mut norms =
            norms.filter(|norm| is_synaptic(&norm.name)).map(|norm| f64::from(norm.norm));
        let lacks = || run.lacks("norms of the weight gradients");
        let first = norms.next().ok_or_else(lacks)?;
        let last = norms.next_back().unwrap_or(first);
        let norm = match self.layer {
            Which::First => first,
            Which::Last => last,
        };
        Ok(if self.relative { norm / last } else { norm })
    }
}

/// Share of the entries of the weight gradient of the first layer whose size is at most a share of the root
/// mean square of the last layer's, in one training batch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TinyGradient {
    /// The share, > 0. Default 0.001.
    pub below: f64,
}

impl Default for TinyGradient {
    fn default() -> Self {
        Self { below: 1e-3 }
    }
}

impl Metric for TinyGradient {
    fn words(&self, _: &Recipe) -> String {
        format!(
            "share of first-layer gradient entries below {} of the last layer's root mean square",
            self.below
        )
    }

    fn unit(&self) -> Unit {
        Unit::Fraction
    }

    fn problem(&self, _: &Recipe) -> Option<String> {
        let fine = self.below > 0.0 && self.below.is_finite();
        (!fine).then(|| "a share above 0".into())
    }

    fn measure(&self, run: &Finished<'_>) -> Result<f64> {
        let gradients = one_batch::gradients(run)?;
        let mut weights = gradients
            .iter()
            .filter(|(name, _)| is_synaptic(name))
            .filter_map(|(_, gradient)| gradient.as_ref());
        let values = |gradient: &candle_core::Tensor| {
            let values = gradient.flatten_all().and_then(|all| all.to_vec1::<f32>());
            values.map_err(|error| run.failed(error.into()))
        };
        let lacks = || run.lacks("two layers with weights");
        let first = values(weights.next().ok_or_else(lacks)?)?;
        let last = values(weights.next_back().ok_or_else(lacks)?)?;
        let square = |value: &f32| f64::from(*value).powi(2);
        let scale = (last.iter().map(square).sum::<f64>() / last.len() as f64).sqrt();
        let tiny =
            first.iter().filter(|value| f64::from(value.abs()) <= self.below * scale).count();
        Ok(tiny as f64 / first.len() as f64)
    }
}

/// Share of the weight gradient at synapses whose two ends fire together, mean over the layers, in one
/// training batch: the coincidences of each synapse as a share of the largest of its layer, weighted by the
/// size of its gradient.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CoincidentGradient {}

impl Metric for CoincidentGradient {
    fn words(&self, _: &Recipe) -> String {
        "share of the weight gradient at synapses whose ends fire together".into()
    }

    fn unit(&self) -> Unit {
        Unit::Fraction
    }

    fn measure(&self, run: &Finished<'_>) -> Result<f64> {
        let shares = one_batch::coincident_shares(run)?;
        mean(&shares).ok_or_else(|| run.lacks("a layer whose ends fire together"))
    }
}
