//! Random crop: zeros are put around the frame and a window of the size of the original is cut at
//! a random place (He et al., CVPR 2016, section 4.2: 4 pixels for CIFAR).
//!
//! With `padding` 4 the window moves by -4 to 4 pixels in both directions, 81 places for a square.

use candlewick_core::random::Stream;
use serde::{Deserialize, Serialize};

use super::Augment;
use crate::{Error, FrameShape, Frames, Result};

/// A random window of the padded frame.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Crop {
    /// Zeros on each side, in pixels.
    pub padding: usize,
    /// Rows and columns of the window; the size of the frame if not given.
    pub size: Option<usize>,
}

impl Default for Crop {
    fn default() -> Self {
        Self { padding: 4, size: None }
    }
}

impl Crop {
    fn window(&self, shape: FrameShape) -> (usize, usize) {
        match self.size {
            Some(size) => (size, size),
            None => (shape.height, shape.width),
        }
    }
}

impl Augment for Crop {
    fn check(&self, shape: FrameShape) -> Result<FrameShape> {
        let (height, width) = self.window(shape);
        let (rows, columns) = (shape.height + 2 * self.padding, shape.width + 2 * self.padding);
        if height == 0 || width == 0 || height > rows || width > columns {
            let expected = format!("1 to {}", rows.min(columns));
            return Err(Error::setting("crop.size", expected, height));
        }
        if self.padding > 1 << 15 {
            let expected = "at most 32768";
            return Err(Error::setting("crop.padding", expected, self.padding));
        }
        Ok(FrameShape { height, width, ..shape })
    }

    fn apply(&self, frames: &mut Frames, stream: &mut Stream) {
        let shape = frames.shape();
        let (height, width) = self.window(shape);
        let mut draw = |old: usize, new: usize| {
            let places = old + 2 * self.padding - new + 1;
            stream.below(places as u32) as usize
        };
        let (top, left) = (draw(shape.height, height), draw(shape.width, width));
        let channels = shape.channels;
        // The columns of the window that lie in the frame, the same for all rows.
        let first = self.padding.saturating_sub(left);
        let last = width.min((shape.width + self.padding).saturating_sub(left));
        frames.replace(height, width, |old, new| {
            for (row, target) in new.chunks_exact_mut(width * channels).enumerate() {
                let row = row + top;
                if row < self.padding || row >= self.padding + shape.height || first >= last {
                    continue;
                }
                let start = (row - self.padding) * shape.width + first + left - self.padding;
                let source = &old[start * channels..][..(last - first) * channels];
                target[first * channels..last * channels].copy_from_slice(source);
            }
        });
    }
}
