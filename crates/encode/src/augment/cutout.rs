//! Squares set to zero.

use candlewick_core::random::Stream;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Augment;
use crate::{Error, FrameShape, Frames, Result};

/// Cutout: squares at random places are set to zero (`DeVries` and Taylor, arXiv:1708.04552,
/// section 3: one square of 16 pixels for CIFAR-10, whose middle is anywhere in the image, so that
/// a part of it may lie outside).
///
/// Rows `y - length/2 .. y + length/2` with `y` uniform in `0..height`, and columns alike; after
/// normalization zero is the mean.
///
/// ```
/// use candlewick_core::Key;
/// use candlewick_encode::augment::{Cutout};
/// use candlewick_encode::{Augment, FrameShape, Frames};
///
/// let mut image = Frames::new(FrameShape { time: 1, height: 4, width: 4, channels: 1 });
/// image.values_mut().fill(1.0);
/// Cutout { length: 2, holes: 1 }.apply(&mut image, &mut Key::new(1).stream());
/// let zeros = image.values().iter().filter(|&&value| value == 0.0).count();
/// assert!((1..=4).contains(&zeros)); // a part of the square may lie outside
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Cutout {
    /// Side of the square in pixels, at most twice the frame's longer side; an odd side counts as the even one below, as in the
    /// paper's code, except that 1 is refused.
    pub length: usize,
    /// Number of squares, 1 to 1000.
    pub holes: usize,
}

impl Default for Cutout {
    fn default() -> Self {
        Self { length: 16, holes: 1 }
    }
}

impl Augment for Cutout {
    fn check(&self, shape: FrameShape) -> Result<FrameShape> {
        // Wherever the middle of a larger square lies, nothing of the frame is left.
        let most = 2 * shape.height.max(shape.width);
        if !(2..=most.max(2)).contains(&self.length) {
            let expected = format!("2 to {most} pixels, twice the frame's longer side");
            return Err(Error::setting("cutout.length", expected, self.length));
        }
        if !(1..=1000).contains(&self.holes) {
            return Err(Error::setting("cutout.holes", "1 to 1000", self.holes));
        }
        Ok(shape)
    }

    fn apply(&self, frames: &mut Frames, stream: &mut Stream) {
        let shape = frames.shape();
        let mut draw = |size: usize| {
            let middle = stream.below(size as u32) as usize;
            let half = self.length / 2;
            middle.saturating_sub(half)..size.min(middle + half)
        };
        for _ in 0..self.holes {
            let (rows, columns) = (draw(shape.height), draw(shape.width));
            for frame in frames.values_mut().chunks_exact_mut(shape.frame()) {
                for row in rows.clone() {
                    let row = &mut frame[row * shape.width * shape.channels..];
                    row[columns.start * shape.channels..columns.end * shape.channels].fill(0.0);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use candlewick_core::Key;

    use super::*;

    /// A square of 4 in a frame of 10×10 removes 2, 3 or 4 rows and columns, the same in all
    /// frames: with the middle at 0 or 1 there are 2 or 3 rows, at 9 there are 3.
    #[test]
    fn the_hole_is_a_rectangle_of_the_right_size_in_all_frames() {
        let shape = FrameShape { time: 3, height: 10, width: 10, channels: 2 };
        let cutout = Cutout { length: 4, holes: 1 };
        let mut areas = Vec::new();
        for seed in 0..200 {
            let mut frames = Frames::new(shape);
            frames.values_mut().fill(1.0);
            cutout.apply(&mut frames, &mut Key::new(seed).stream());
            assert_eq!(frames.frame(0), frames.frame(1));
            assert_eq!(frames.frame(0), frames.frame(2));
            let zeros = frames.frame(0).iter().filter(|&&value| value == 0.0);
            areas.push(zeros.count() / 2);
        }
        areas.sort_unstable();
        areas.dedup();
        assert_eq!(areas, [4, 6, 8, 9, 12, 16]);
    }
}
