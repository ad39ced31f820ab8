//! How much the outputs of a network differ from step to step.

use candlewick_network::Context;
use candlewick_run::Unit;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Finished, Metric};
use crate::{Recipe, Result};

/// Standard deviation of an output O(t) over the time steps, as a share of the standard deviation of the
/// mean outputs over the classes; root mean squares over the test samples and classes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OutputSpread {}

impl Metric for OutputSpread {
    fn words(&self, _: &Recipe) -> String {
        "spread of the outputs over time, relative to that over the classes".into()
    }

    fn unit(&self) -> Unit {
        Unit::Ratio
    }

    fn problem(&self, recipe: &Recipe) -> Option<String> {
        (recipe.train.time_steps() < 2).then(|| "at least 2 time steps".into())
    }

    fn measure(&self, run: &Finished<'_>) -> Result<f64> {
        let experiment = run.experiment()?;
        let time_steps = run.recipe().train.time_steps();
        let (mut over_time, mut over_classes) = (0.0, 0.0);
        for batch in experiment.test_loader()?.epoch(0, 0)? {
            let (batch, context) = (batch?, Context::evaluation(time_steps));
            let variances = || -> candlewick_core::Result<[f32; 2]> {
                let logits = experiment.network().forward(&batch.input, &context)?.logits.detach();
                let mean = logits.mean_keepdim(0)?;
                let of_time = logits.broadcast_sub(&mean)?.sqr()?.sum_all()?.to_scalar::<f32>()?;
                let centered = mean.broadcast_sub(&mean.mean_keepdim(2)?)?;
                let of_classes = centered.sqr()?.sum_all()?.to_scalar::<f32>()?;
                Ok([of_time / time_steps as f32, of_classes])
            };
            let [of_time, of_classes] = variances().map_err(|error| run.failed(error))?;
            over_time += f64::from(of_time);
            over_classes += f64::from(of_classes);
        }
        Ok((over_time / over_classes).sqrt())
    }
}
