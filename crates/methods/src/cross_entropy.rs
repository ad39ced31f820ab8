//! The cross-entropy of the mean output.

use candle_core::Tensor;
use candlewick_core::{Result, axes};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::loss::{cross_entropy, dims, smoothing_problem};
use crate::{Loss, Method};

/// Cross-entropy of the mean output over time: `L = CE(1/T · Σ_t O(t), y)`.
///
/// The baseline of the papers; TET calls it SDT, "standard direct training"
/// (arXiv:2202.11946, eq. 7). Logits are `[T, B, K]`, labels `[B]` (u32); the loss, in nats, is a mean over the
/// batch.
///
/// Elsewhere: `torch.nn.functional.cross_entropy(out.mean(0), labels)` of SpikingJelly's examples; snnTorch's
/// `ce_rate_loss` is another loss, that of each step ([`Tet`](crate::Tet)).
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candlewick_methods::{CrossEntropy, Loss};
///
/// let logits = Tensor::zeros((4, 2, 10), DType::F32, &Device::Cpu)?; // [T, B, K]
/// let labels = Tensor::new(&[3_u32, 7], &Device::Cpu)?;
/// let loss = CrossEntropy::default().loss(&logits, &labels)?.to_scalar::<f32>()?;
/// assert!((loss - 10_f32.ln()).abs() < 1e-6);
/// # Ok::<(), candlewick_core::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CrossEntropy {
    /// Share of the target that is spread over all classes, in [0, 1). Default 0.
    pub label_smoothing: f32,
}

impl Loss for CrossEntropy {
    fn loss(&self, logits: &Tensor, labels: &Tensor) -> Result<Tensor> {
        dims(logits, labels)?;
        cross_entropy(&logits.mean(axes::TIME)?, labels, self.label_smoothing)
    }

    fn problem(&self) -> Option<(&'static str, &'static str)> {
        smoothing_problem(self.label_smoothing)
    }
}

impl Method for CrossEntropy {
    fn name(&self) -> &'static str {
        "cross_entropy"
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

    /// Mean logits (0, 0): ln 2. With logits (ln 3, 0) at both steps: p = 3/4.
    #[test]
    fn values_by_hand() -> Result<()> {
        let labels = Tensor::new(&[0_u32], &Device::Cpu)?;
        let opposite = Tensor::new(&[[[2.0_f32, 0.0]], [[-2.0, 0.0]]], &Device::Cpu)?;
        let loss = Loss::loss(&CrossEntropy::default(), &opposite, &labels)?.to_scalar::<f32>()?;
        assert!((loss - 2.0_f32.ln()).abs() < 1e-6);
        let ln_3 = 3.0_f32.ln();
        let sure = Tensor::new(&[[[ln_3, 0.0]], [[ln_3, 0.0]]], &Device::Cpu)?;
        let smoothed = Loss::loss(&CrossEntropy { label_smoothing: 0.2 }, &sure, &labels)?;
        // -0.9 ln(3/4) - 0.1 ln(1/4)
        let expected = -0.9 * 0.75_f32.ln() - 0.1 * 0.25_f32.ln();
        assert!((smoothed.to_scalar::<f32>()? - expected).abs() < 1e-6);
        Ok(())
    }
}
