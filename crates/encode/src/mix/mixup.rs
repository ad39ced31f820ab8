//! Weighted means of two samples.

use candlewick_core::random::Stream;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Mix;
use super::beta::beta;
use crate::{Error, FrameShape, Result};

/// Mixup: the weighted mean of two samples (Zhang et al., ICLR 2018, arXiv:1710.09412, equation in
/// section 1).
///
/// `x = share · x_a + (1 - share) · x_b` with share of Beta(alpha, alpha), one for the batch.
///
/// ```
/// use candlewick_core::Key;
/// use candlewick_encode::mix::Mixup;
/// use candlewick_encode::{FrameShape, Mix};
///
/// let shape = FrameShape { time: 1, height: 4, width: 4, channels: 1 };
/// let originals = [vec![0.0; 16], vec![1.0; 16]].concat(); // [T, B, H, W, C] of a batch of two
/// let mut values = originals.clone();
/// let share = Mixup::default().mix(&mut values, &originals, &[1, 0], shape, &mut Key::new(1).stream());
/// assert!(values[..16].iter().all(|value| (value - (1.0 - share)).abs() < 1e-6));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Mixup {
    /// Strength, in (0, 1000]; 1 for CIFAR-10 in the paper, 0.2 for ImageNet.
    pub alpha: f32,
}

impl Default for Mixup {
    fn default() -> Self {
        Self { alpha: 1.0 }
    }
}

/// Whether the parameter of a beta distribution is in its range.
pub(super) fn check_alpha(field: &str, alpha: f32) -> Result<()> {
    if alpha > 0.0 && alpha <= 1000.0 {
        return Ok(());
    }
    Err(Error::setting(field, "above 0, at most 1000", alpha))
}

impl Mix for Mixup {
    fn check(&self, _shape: FrameShape) -> Result<()> {
        check_alpha("mixup.alpha", self.alpha)
    }

    fn mix(
        &self,
        values: &mut [f32],
        originals: &[f32],
        partners: &[usize],
        shape: FrameShape,
        stream: &mut Stream,
    ) -> f32 {
        let share = beta(stream, self.alpha);
        let size = shape.frame();
        let batches = originals.chunks_exact(partners.len() * size);
        for (values, originals) in values.chunks_exact_mut(partners.len() * size).zip(batches) {
            for (values, &partner) in values.chunks_exact_mut(size).zip(partners) {
                let partner = &originals[partner * size..(partner + 1) * size];
                for (value, &other) in values.iter_mut().zip(partner) {
                    *value = share * *value + (1.0 - share) * other;
                }
            }
        }
        share
    }
}
