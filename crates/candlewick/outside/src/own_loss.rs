//! A loss of one's own: the squared distance of the mean output to 1 for the right class and 0 for the
//! others.

use candlewick::candle::Tensor;
use candlewick::core::Result;
use candlewick::methods::{Loss, Method};
use serde::{Deserialize, Serialize};

/// The mean squared error of the mean output; without settings, as `[loss.squared_error]` in recipes.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SquaredError {}

impl Loss for SquaredError {
    fn loss(&self, logits: &Tensor, labels: &Tensor) -> Result<Tensor> {
        let output = logits.mean(0)?; // [T, B, K] to [B, K]
        let classes = Tensor::eye(output.dim(1)?, output.dtype(), output.device())?;
        Ok((output - classes.index_select(labels, 0)?)?.sqr()?.mean_all()?)
    }
}

/// A method may be a loss and nothing else.
impl Method for SquaredError {
    fn name(&self) -> &'static str {
        "squared_error"
    }

    fn loss(&self) -> Option<&dyn Loss> {
        Some(self)
    }
}

#[cfg(test)]
mod tests {
    use candlewick::candle::Device;

    use super::*;

    /// Two steps whose mean is (0.5, 0.5), of class 1: (0.5² + 0.5²) / 2.
    #[test]
    fn a_value_by_hand() -> Result<()> {
        let logits = Tensor::new(&[[[1.0_f32, 0.5]], [[0.0, 0.5]]], &Device::Cpu)?;
        let labels = Tensor::new(&[1_u32], &Device::Cpu)?;
        let loss = Loss::loss(&SquaredError {}, &logits, &labels)?;
        assert_eq!(loss.to_scalar::<f32>()?, 0.25);
        Ok(())
    }
}
