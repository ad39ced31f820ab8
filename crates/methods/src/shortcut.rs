//! Shortcut back-propagation.

use candle_core::Tensor;
use candlewick_core::Result;
use candlewick_core::parameters::Parameters;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Method, Moment, Outputs};

/// The coefficient of the side heads over the training.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ShortcutSchedule {
    /// `lambda` at all times (eq. 6, with 1).
    #[default]
    Constant,
    /// Falls from `lambda` to 0 with the iterations: evolutionary training (eq. 10, with 0.25).
    Evolutionary,
}

/// Shortcut back-propagation (Guo et al., `NeurIPS` 2024, arXiv:2401.04486).
/// Every stage but the last has a side head (global average pooling, linear layer) whose logits are
/// added to those of the network in training, so that the gradient reaches the first layers at once;
/// the heads are dropped for inference:
///
/// ```text
/// o = b_n(x) + c · Σ_{l<n} b_l(x)          eq. 6: c = 1;  eq. 10: c = lambda · (1 - i/I)
/// ```
///
/// for iteration `i` of `I`, with logits `[T, B, K]` on both sides. Where the heads stand is our reading: the
/// paper's figure was not seen. A network of a single stage has no place for a head and is refused.
///
/// ```
/// use candlewick_methods::{Shortcut, ShortcutSchedule};
///
/// assert_eq!(Shortcut::default().coefficient(0.5), 1.0);
/// let evolutionary = Shortcut { schedule: ShortcutSchedule::Evolutionary, ..Shortcut::default() };
/// assert_eq!([0.0, 0.5, 1.0].map(|done| evolutionary.coefficient(done)), [0.25, 0.125, 0.0]);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Shortcut {
    /// Default `constant`.
    pub schedule: ShortcutSchedule,
    /// The coefficient, at least 0; by default that of the paper: 1, or 0.25 if evolutionary.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lambda: Option<f32>,
}

impl Default for Shortcut {
    fn default() -> Self {
        Self { schedule: ShortcutSchedule::Constant, lambda: None }
    }
}

impl Shortcut {
    /// The coefficient when the share `progress` in [0, 1] of all iterations is done.
    pub fn coefficient(&self, progress: f64) -> f64 {
        match self.schedule {
            ShortcutSchedule::Constant => f64::from(self.lambda.unwrap_or(1.0)),
            ShortcutSchedule::Evolutionary => {
                f64::from(self.lambda.unwrap_or(0.25)) * (1.0 - progress)
            }
        }
    }
}

impl Method for Shortcut {
    fn name(&self) -> &'static str {
        "shortcut"
    }

    fn problem(&self) -> Option<(&'static str, &'static str)> {
        let bad = self.lambda.is_some_and(|lambda| !(0.0..f32::INFINITY).contains(&lambda));
        bad.then_some(("lambda", "a number of at least 0"))
    }

    fn needs_side_heads(&self) -> bool {
        true
    }

    fn logits(&self, logits: Tensor, outputs: &Outputs, moment: &Moment) -> Result<Tensor> {
        let coefficient = self.coefficient(moment.progress);
        if !moment.training || coefficient == 0.0 {
            return Ok(logits);
        }
        let mut sum = logits;
        for head in &outputs.side {
            sum = (sum + (head * coefficient)?)?;
        }
        Ok(sum)
    }

    fn report(&self, _: &Parameters, moment: &Moment) -> Vec<(&'static str, Vec<f32>)> {
        vec![("coefficient", vec![self.coefficient(moment.progress) as f32])]
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    #[test]
    fn coefficients_by_hand() -> Result<()> {
        let evolutionary =
            Shortcut { schedule: ShortcutSchedule::Evolutionary, ..Shortcut::default() };
        assert_eq!(Shortcut::default().coefficient(0.7), 1.0);
        assert_eq!(evolutionary.coefficient(0.0), 0.25);
        assert_eq!(evolutionary.coefficient(0.5), 0.125);
        let logits = Tensor::new(&[[[1.0_f32, 2.0]]], &Device::Cpu)?;
        let head = Tensor::new(&[[[4.0_f32, 0.0]]], &Device::Cpu)?;
        let outputs = Outputs { logits, side: vec![head; 2] };
        let at = |progress, training| {
            let moment = Moment { epoch: 0, step: 0, progress, training };
            let sum = evolutionary.logits(outputs.logits.clone(), &outputs, &moment)?;
            Ok::<_, candlewick_core::Error>(sum.to_vec3::<f32>()?)
        };
        assert_eq!(at(0.5, true)?, [[[2.0, 2.0]]]);
        // At the end, and in evaluation, the main logits are all there is.
        assert_eq!(at(1.0, true)?, [[[1.0, 2.0]]]);
        assert_eq!(at(0.5, false)?, [[[1.0, 2.0]]]);
        Ok(())
    }
}
