//! Temporal efficient training (TET).

use candle_core::Tensor;
use candlewick_core::Result;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::loss::{cross_entropy, dims, smoothing_problem};
use crate::{Loss, Method};

/// Temporal efficient training (Deng, Li, Zhang, Gu, ICLR 2022, arXiv:2202.11946, eqs. 10 to 13):
///
/// ```text
/// L_TET   = 1/T · Σ_t CE(O(t), y)
/// L_MSE   = 1/T · Σ_t mean (O(t) - phi)²
/// L_TOTAL = (1 - lambda) · L_TET + lambda · L_MSE
/// ```
///
/// Logits `O` are `[T, B, K]`, labels `y` `[B]` (u32); the mean of `L_MSE` is over batch and classes, and both
/// parts are means over the batch. With one time step and `lambda` = 0 it is
/// [`CrossEntropy`](crate::CrossEntropy).
/// The rule of inference is unchanged: the class of the largest mean output.
///
/// Elsewhere: `TET_loss` in the code of the paper; without `L_MSE`, `ce_rate_loss` of snnTorch.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candlewick_methods::{Loss, Tet};
///
/// let logits = Tensor::zeros((4, 2, 10), DType::F32, &Device::Cpu)?; // [T, B, K]
/// let labels = Tensor::new(&[3_u32, 7], &Device::Cpu)?;
/// let loss = Tet { lambda: 0.05, ..Tet::default() }.loss(&logits, &labels)?.to_scalar::<f32>()?;
/// assert!((loss - (0.95 * 10_f32.ln() + 0.05)).abs() < 1e-6); // phi = 1
/// # Ok::<(), candlewick_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Tet {
    /// Weight of the pull to `phi`, in [0, 1]. Default 0.05 (CIFAR-10/100 in the paper, sec. 5.2;
    /// 0.001 for ImageNet and DVS-CIFAR10).
    pub lambda: f32,
    /// The value that every logit is pulled to. Default 1, the threshold (code of TET, `--means`).
    pub phi: f32,
    /// Share of the target that is spread over all classes, in [0, 1). Default 0.
    pub label_smoothing: f32,
}

impl Default for Tet {
    fn default() -> Self {
        Self { lambda: 0.05, phi: 1.0, label_smoothing: 0.0 }
    }
}

impl Loss for Tet {
    fn loss(&self, logits: &Tensor, labels: &Tensor) -> Result<Tensor> {
        let (time_steps, samples, classes) = dims(logits, labels)?;
        let rows = logits.reshape((time_steps * samples, classes))?;
        let labels = labels.repeat(time_steps)?;
        let entropy = cross_entropy(&rows, &labels, self.label_smoothing)?;
        if self.lambda == 0.0 {
            return Ok(entropy);
        }
        let lambda = f64::from(self.lambda);
        let pull = (rows - f64::from(self.phi))?.sqr()?.mean_all()?;
        Ok(((entropy * (1.0 - lambda))? + (pull * lambda)?)?)
    }

    fn problem(&self) -> Option<(&'static str, &'static str)> {
        if !(0.0..=1.0).contains(&self.lambda) {
            Some(("lambda", "a number in [0, 1]"))
        } else if !self.phi.is_finite() {
            Some(("phi", "a finite number"))
        } else {
            smoothing_problem(self.label_smoothing)
        }
    }
}

impl Method for Tet {
    fn name(&self) -> &'static str {
        "tet"
    }

    fn problem(&self) -> Option<(&'static str, &'static str)> {
        Loss::problem(self)
    }

    fn loss(&self) -> Option<&dyn Loss> {
        Some(self)
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    /// Logits (ln 3, 0) and (0, 0) of a sample of class 0: entropies -ln(3/4) and ln 2; squared
    /// distances to 1: (ln 3 - 1)², 1, 1, 1.
    #[test]
    fn values_by_hand() -> Result<()> {
        let ln_3 = 3.0_f32.ln();
        let logits = Tensor::new(&[[[ln_3, 0.0]], [[0.0, 0.0]]], &Device::Cpu)?;
        let labels = Tensor::new(&[0_u32], &Device::Cpu)?;
        let entropy = 0.5 * ((4.0_f32 / 3.0).ln() + 2.0_f32.ln());
        let pull = ((ln_3 - 1.0).powi(2) + 3.0) / 4.0;
        for lambda in [0.0, 0.25, 1.0] {
            let tet = Tet { lambda, ..Tet::default() };
            let loss = Loss::loss(&tet, &logits, &labels)?.to_scalar::<f32>()?;
            let expected = (1.0 - lambda) * entropy + lambda * pull;
            assert!((loss - expected).abs() < 1e-6, "{lambda}: {loss} {expected}");
        }
        Ok(())
    }
}
