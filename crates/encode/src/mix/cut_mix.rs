//! A rectangle of one sample in another.

use candlewick_core::random::Stream;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Mix;
use super::beta::beta;
use super::mixup::check_alpha;
use crate::{Error, FrameShape, Result};

/// `CutMix`: a rectangle of one sample in another (Yun et al., ICCV 2019, arXiv:1905.04899,
/// equations 1 and 2).
///
/// The sides of the rectangle are `√(1 - share)` of the frame's, with share of Beta(alpha, alpha);
/// its middle is anywhere, and the share is that of the pixels that are left.
///
/// ```
/// use candlewick_core::Key;
/// use candlewick_encode::mix::CutMix;
/// use candlewick_encode::{FrameShape, Mix};
///
/// let shape = FrameShape { time: 1, height: 4, width: 4, channels: 1 };
/// let originals = [vec![0.0; 16], vec![1.0; 16]].concat(); // [T, B, H, W, C] of a batch of two
/// let mut values = originals.clone();
/// let share = CutMix { probability: 1.0, ..CutMix::default() }.mix(&mut values, &originals, &[1, 0], shape, &mut Key::new(1).stream());
/// let kept = values[..16].iter().filter(|&&value| value == 0.0).count() as f32 / 16.0;
/// assert!((kept - share).abs() < 1e-6);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CutMix {
    /// Parameter of the beta distribution, in (0, 1000]; 1 in the paper.
    pub alpha: f32,
    /// Share of the batches that are mixed, in [0, 1]; 0.5 for CIFAR in the paper's code.
    pub probability: f32,
}

impl Default for CutMix {
    fn default() -> Self {
        Self { alpha: 1.0, probability: 0.5 }
    }
}

impl Mix for CutMix {
    fn check(&self, shape: FrameShape) -> Result<()> {
        check_alpha("cutmix.alpha", self.alpha)?;
        if !(0.0..=1.0).contains(&self.probability) {
            return Err(Error::setting("cutmix.probability", "0 to 1", self.probability));
        }
        if shape.height * shape.width < 2 {
            return Err(Error::setting("cutmix", "frames of several pixels", shape));
        }
        Ok(())
    }

    fn mix(
        &self,
        values: &mut [f32],
        originals: &[f32],
        partners: &[usize],
        shape: FrameShape,
        stream: &mut Stream,
    ) -> f32 {
        if !stream.bernoulli(self.probability) {
            return 1.0;
        }
        let side = (1.0 - beta(stream, self.alpha)).sqrt();
        let mut draw = |size: usize| {
            let half = (size as f32 * side) as usize / 2;
            let middle = stream.below(size as u32) as usize;
            middle.saturating_sub(half)..size.min(middle + half)
        };
        let (columns, rows) = (draw(shape.width), draw(shape.height));
        let (size, row) = (shape.frame(), shape.width * shape.channels);
        let batches = originals.chunks_exact(partners.len() * size);
        for (values, originals) in values.chunks_exact_mut(partners.len() * size).zip(batches) {
            for (values, &partner) in values.chunks_exact_mut(size).zip(partners) {
                for line in rows.clone() {
                    let start = line * row + columns.start * shape.channels;
                    let end = line * row + columns.end * shape.channels;
                    let from = partner * size;
                    values[start..end].copy_from_slice(&originals[from + start..from + end]);
                }
            }
        }
        1.0 - (rows.len() * columns.len()) as f32 / (shape.height * shape.width) as f32
    }
}

#[cfg(test)]
mod tests {
    use candlewick_core::Key;

    use super::*;

    /// Zeros and ones exchange a rectangle: the mean of what was ones is the share, in both time
    /// steps.
    #[test]
    fn the_share_is_the_area_that_is_left() {
        let shape = FrameShape { time: 2, height: 6, width: 5, channels: 2 };
        let size = shape.frame();
        let originals: Vec<f32> = (0..4 * size).map(|i| (i / size % 2) as f32).collect();
        let mix = CutMix { alpha: 1.0, probability: 1.0 };
        let mut areas = Vec::new();
        for seed in 0..100 {
            let mut values = originals.clone();
            let mut stream = Key::new(seed).stream();
            let share = mix.mix(&mut values, &originals, &[1, 0], shape, &mut stream);
            for (place, sample) in values.chunks_exact(size).enumerate() {
                let mean = sample.iter().sum::<f32>() / size as f32;
                let expected = if place % 2 == 1 { share } else { 1.0 - share };
                assert!((mean - expected).abs() < 1e-6, "{mean} and {expected}");
            }
            areas.push(((1.0 - share) * 30.0).round() as u32);
        }
        areas.sort_unstable();
        areas.dedup();
        assert_eq!(areas, [0, 2, 4, 6, 8, 9, 12, 16]);
        let never = CutMix { probability: 0.0, ..mix };
        let mut values = originals.clone();
        let mut stream = Key::new(0).stream();
        assert_eq!(never.mix(&mut values, &originals, &[1, 0], shape, &mut stream), 1.0);
        assert_eq!(values, originals);
    }
}
