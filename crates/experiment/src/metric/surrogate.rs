//! The parameter of the surrogate that a training ends with.

use candlewick_run::Unit;
use candlewick_run::statistics::mean;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Finished, Metric};
use crate::{Recipe, Result};

/// The parameter of the surrogate after the training, geometric mean over the layers: the learned one
/// under PSG, the configured one otherwise.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SurrogateParameter {}

impl Metric for SurrogateParameter {
    fn words(&self, recipe: &Recipe) -> String {
        format!("parameter of the {} surrogate", recipe.surrogate.name())
    }

    fn unit(&self) -> Unit {
        Unit::Ratio
    }

    fn problem(&self, recipe: &Recipe) -> Option<String> {
        recipe.surrogate.parameter().is_none().then(|| "a surrogate with a parameter".into())
    }

    fn measure(&self, run: &Finished<'_>) -> Result<f64> {
        let learned = run
            .last_epoch()?
            .methods
            .iter()
            .find(|method| method.name == "parametric_surrogate.parameter");
        let logarithms: Vec<f64> = match learned {
            Some(learned) => learned.values.iter().map(|value| f64::from(*value).ln()).collect(),
            None => run
                .recipe()
                .surrogate
                .parameter()
                .map(|value| f64::from(value).ln())
                .into_iter()
                .collect(),
        };
        Ok(mean(&logarithms).ok_or_else(|| run.lacks("a parameter of the surrogate"))?.exp())
    }
}
