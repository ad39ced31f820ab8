//! Logits averaged over time in the first part of a training.

use candle_core::Tensor;
use candlewick_core::{Result, axes};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Method, Moment, Outputs};

/// Until a share of the training is done, every step's logits are replaced with their mean over time, so that a
/// loss of every step sees the mean output alone.
///
/// Together with the loss of TET without its squared term, this is a training with SDT that is switched to TET
/// (Deng et al., ICLR 2022, arXiv:2202.11946, fig. 3).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AveragedLogits {
    /// Share of all steps, in (0, 1]. Default 2/3 (the figure).
    pub until: f64,
}

impl Default for AveragedLogits {
    fn default() -> Self {
        Self { until: 2.0 / 3.0 }
    }
}

impl Method for AveragedLogits {
    fn name(&self) -> &'static str {
        "averaged_logits"
    }

    fn problem(&self) -> Option<(&'static str, &'static str)> {
        let fine = self.until > 0.0 && self.until <= 1.0;
        (!fine).then_some(("until", "a number in (0, 1]"))
    }

    fn logits(&self, logits: Tensor, _: &Outputs, moment: &Moment) -> Result<Tensor> {
        if !moment.training || moment.progress >= self.until {
            return Ok(logits);
        }
        let mean = logits.mean_keepdim(axes::TIME)?;
        Ok(mean.broadcast_as(logits.shape())?.contiguous()?)
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;
    use crate::{CrossEntropy, Methods, Tet};

    /// Logits (1, 2) and (3, 0) of two steps: their mean is (2, 1), in training until the share is done.
    #[test]
    fn every_step_has_the_mean_until_the_share_is_done() -> Result<()> {
        let logits = Tensor::new(&[[[1.0_f32, 2.0]], [[3.0, 0.0]]], &Device::Cpu)?;
        let outputs = Outputs { logits, side: Vec::new() };
        let at = |progress, training| {
            let moment = Moment { epoch: 0, step: 0, progress, training };
            let method = AveragedLogits { until: 0.5 };
            let logits = method.logits(outputs.logits.clone(), &outputs, &moment)?;
            Ok::<_, candlewick_core::Error>(logits.to_vec3::<f32>()?)
        };
        assert_eq!(at(0.25, true)?, [[[2.0, 1.0]], [[2.0, 1.0]]]);
        let unchanged = [[[1.0, 2.0]], [[3.0, 0.0]]];
        assert_eq!(at(0.5, true)?, unchanged);
        assert_eq!(at(0.25, false)?, unchanged);
        Ok(())
    }

    /// Under TET without its squared term, it is SDT.
    #[test]
    fn the_loss_of_every_step_becomes_that_of_the_mean_output() -> Result<()> {
        let logits = Tensor::new(&[[[1.0_f32, 2.0]], [[3.0, 0.5]]], &Device::Cpu)?;
        let (outputs, labels) =
            (Outputs { logits, side: Vec::new() }, Tensor::new(&[1_u32], &Device::Cpu)?);
        let moment = Moment { epoch: 0, step: 0, progress: 0.0, training: true };
        let loss = |methods: &Methods| -> Result<f32> {
            Ok(methods.loss(&outputs, &labels, &moment)?.to_scalar()?)
        };
        let tet = || Tet { lambda: 0.0, ..Tet::default() };
        let averaged = loss(&Methods::new().with(AveragedLogits::default()).with(tet()))?;
        let sdt = loss(&Methods::new().with(CrossEntropy::default()))?;
        assert!((averaged - sdt).abs() < 1e-6, "{averaged} {sdt}");
        assert!((averaged - loss(&Methods::new().with(tet()))?).abs() > 1e-2);
        Ok(())
    }
}
