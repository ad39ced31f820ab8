//! Left and right exchanged at random.

use candlewick_core::random::Stream;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Augment;
use crate::{Error, FrameShape, Frames, Result};

/// Horizontal flip: left and right are exchanged with a probability (Krizhevsky et al., NIPS 2012,
/// section 4.1; TET, arXiv:2202.11946, section 5.1 for event frames).
///
/// ```
/// use candlewick_core::Key;
/// use candlewick_encode::augment::{Flip};
/// use candlewick_encode::{Augment, FrameShape, Frames};
///
/// let mut image = Frames::new(FrameShape { time: 1, height: 1, width: 3, channels: 1 });
/// image.values_mut().copy_from_slice(&[1.0, 2.0, 3.0]);
/// Flip { probability: 1.0 }.apply(&mut image, &mut Key::new(1).stream());
/// assert_eq!(image.values(), [3.0, 2.0, 1.0]);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Flip {
    /// Share of the samples that are flipped, in [0, 1].
    pub probability: f32,
}

impl Default for Flip {
    fn default() -> Self {
        Self { probability: 0.5 }
    }
}

impl Augment for Flip {
    fn check(&self, shape: FrameShape) -> Result<FrameShape> {
        if (0.0..=1.0).contains(&self.probability) {
            return Ok(shape);
        }
        let field = "flip.probability";
        Err(Error::setting(field, "0 to 1", self.probability))
    }

    fn apply(&self, frames: &mut Frames, stream: &mut Stream) {
        if !stream.bernoulli(self.probability) {
            return;
        }
        let FrameShape { width, channels, .. } = frames.shape();
        for row in frames.values_mut().chunks_exact_mut(width * channels) {
            let (left, right) = row.split_at_mut(width / 2 * channels);
            let right = right.rchunks_exact_mut(channels);
            for (left, right) in left.chunks_exact_mut(channels).zip(right) {
                left.swap_with_slice(right);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use candlewick_core::Key;

    use super::*;

    /// Pixels (1, 2), (3, 4), (5, 6) of two channels become (5, 6), (3, 4), (1, 2), in both frames.
    #[test]
    fn pixels_are_exchanged_and_channels_are_not() {
        let mut frames = Frames::new(FrameShape { time: 2, height: 1, width: 3, channels: 2 });
        let values: Vec<f32> = (1..=12).map(|value| value as f32).collect();
        frames.values_mut().copy_from_slice(&values);
        let mut stream = Key::new(0).stream();
        Flip { probability: 0.0 }.apply(&mut frames, &mut stream);
        assert_eq!(frames.values(), values);
        Flip { probability: 1.0 }.apply(&mut frames, &mut stream);
        assert_eq!(frames.values(), [5., 6., 3., 4., 1., 2., 11., 12., 9., 10., 7., 8.]);
    }
}
