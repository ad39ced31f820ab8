//! A cyclic shift.

use candlewick_core::random::Stream;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Augment;
use crate::{Error, FrameShape, Frames, Result};

/// Roll: the frame is shifted by whole pixels, and what leaves on one side comes in on the other
/// (TET, arXiv:2202.11946, section 5.1: up to 5 pixels in both directions on DVS-CIFAR10).
///
/// ```
/// use candlewick_core::Key;
/// use candlewick_encode::augment::{Roll};
/// use candlewick_encode::{Augment, FrameShape, Frames};
///
/// let mut image = Frames::new(FrameShape { time: 1, height: 1, width: 3, channels: 1 });
/// image.values_mut().copy_from_slice(&[1.0, 2.0, 3.0]);
/// Roll { pixels: 1 }.apply(&mut image, &mut Key::new(1).stream());
/// let rolled = image.values();
/// assert!([[1.0, 2.0, 3.0], [3.0, 1.0, 2.0], [2.0, 3.0, 1.0]].iter().any(|whole| rolled == whole));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Roll {
    /// Largest shift in pixels, > 0; shifts are uniform in `-pixels..=pixels`, drawn for rows and
    /// columns apart.
    pub pixels: usize,
}

impl Default for Roll {
    fn default() -> Self {
        Self { pixels: 5 }
    }
}

impl Augment for Roll {
    fn check(&self, shape: FrameShape) -> Result<FrameShape> {
        if self.pixels == 0 || self.pixels > 1 << 15 {
            let expected = "1 to 32768";
            return Err(Error::setting("roll.pixels", expected, self.pixels));
        }
        Ok(shape)
    }

    fn apply(&self, frames: &mut Frames, stream: &mut Stream) {
        let FrameShape { height, width, channels, .. } = frames.shape();
        // A shift to the right by s, as one in 0..size.
        let mut draw = |size: usize| {
            let shift = stream.below(2 * self.pixels as u32 + 1) as i64 - self.pixels as i64;
            shift.rem_euclid(size as i64) as usize
        };
        let (down, right) = (draw(height), draw(width));
        let row = width * channels;
        for frame in frames.values_mut().chunks_exact_mut(height * row) {
            frame.rotate_right(down * row);
            for row in frame.chunks_exact_mut(row) {
                row.rotate_right(right * channels);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use candlewick_core::Key;

    use super::*;

    /// All nine shifts of up to one pixel occur, each a shift of rows (0 1 2), (3 4 5), (6 7 8).
    #[test]
    fn each_shift_occurs() {
        let shape = FrameShape { time: 1, height: 3, width: 3, channels: 1 };
        let mut corners = Vec::new();
        for seed in 0..200 {
            let mut frames = Frames::new(shape);
            let values: Vec<f32> = (0..9_u8).map(f32::from).collect();
            frames.values_mut().copy_from_slice(&values);
            Roll { pixels: 1 }.apply(&mut frames, &mut Key::new(seed).stream());
            let [a, b, _, d, ..] = *frames.values() else { panic!("nine values") };
            // To the right the column grows by one, downwards the row, both cyclically.
            assert_eq!(b, (a / 3.0).floor() * 3.0 + (a + 1.0) % 3.0);
            assert_eq!(d, (a + 3.0) % 9.0);
            corners.push(a as u8);
        }
        corners.sort_unstable();
        corners.dedup();
        assert_eq!(corners, [0, 1, 2, 3, 4, 5, 6, 7, 8]);
    }
}
