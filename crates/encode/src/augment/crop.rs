//! A random window of the padded frame.

use candlewick_core::random::Stream;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Augment;
use crate::{Error, FrameShape, Frames, Result};

/// Random crop: zeros are put around the frame and a window of the size of the original is cut at
/// a random place (He et al., CVPR 2016, section 4.2: 4 pixels for CIFAR).
///
/// With `padding` 4 the window moves by -4 to 4 pixels in both directions, 81 places for a square.
///
/// ```
/// use candlewick_core::Key;
/// use candlewick_encode::augment::{Crop};
/// use candlewick_encode::{Augment, FrameShape, Frames};
///
/// let mut image = Frames::new(FrameShape { time: 1, height: 2, width: 2, channels: 1 });
/// image.values_mut().copy_from_slice(&[1.0, 2.0, 3.0, 4.0]);
/// Crop { padding: 0, size: Some(1) }.apply(&mut image, &mut Key::new(1).stream());
/// assert!(image.values().len() == 1 && image.values()[0] >= 1.0);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Crop {
    /// Zeros on each side, in pixels; less than the window's sides.
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
        // A window that sees nothing of the frame is no sample.
        let most = height.min(width).saturating_sub(1);
        if self.padding > most {
            let expected = format!("at most {most}, less than the window's sides");
            return Err(Error::setting("crop.padding", expected, self.padding));
        }
        let (rows, columns) = (shape.height + 2 * self.padding, shape.width + 2 * self.padding);
        if height == 0 || width == 0 || height > rows || width > columns {
            let expected = format!("1 to {}", rows.min(columns));
            return Err(Error::setting("crop.size", expected, height));
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

#[cfg(test)]
mod tests {
    use candlewick_core::Key;

    use super::*;

    fn image() -> Frames {
        let mut frames = Frames::new(FrameShape { time: 1, height: 2, width: 2, channels: 1 });
        frames.values_mut().copy_from_slice(&[1., 2., 3., 4.]);
        frames
    }

    /// The nine windows of (1 2 / 3 4) with one zero around it.
    #[test]
    fn each_window_occurs() {
        let expected = [
            [0., 0., 0., 1.],
            [0., 0., 1., 2.],
            [0., 0., 2., 0.],
            [0., 1., 0., 3.],
            [0., 2., 0., 4.],
            [1., 2., 3., 4.],
            [2., 0., 4., 0.],
            [3., 4., 0., 0.],
            [4., 0., 0., 0.],
            [0., 3., 0., 0.],
        ];
        let crop = Crop { padding: 1, size: None };
        let mut seen = [false; 10];
        for seed in 0..200 {
            let mut frames = image();
            crop.apply(&mut frames, &mut Key::new(seed).stream());
            let place = expected.iter().position(|window| window == frames.values());
            match place {
                Some(place) => seen[place] = true,
                None => panic!("{:?}", frames.values()),
            }
        }
        // (0 2 / 0 4) would need the column of zeros on the left of 2, which is 1.
        assert!(!seen[4]);
        assert_eq!(seen.iter().filter(|&&seen| seen).count(), 9);
    }

    /// Without padding a window of 1 is one of the pixels; padding beyond the window is zeros.
    #[test]
    fn the_size_can_change() {
        let mut pixels = Vec::new();
        for seed in 0..50 {
            let mut frames = image();
            let crop = Crop { padding: 0, size: Some(1) };
            crop.apply(&mut frames, &mut Key::new(seed).stream());
            assert_eq!(frames.shape().height, 1);
            pixels.push(frames.values()[0] as u8);
        }
        pixels.sort_unstable();
        pixels.dedup();
        assert_eq!(pixels, [1, 2, 3, 4]);
        let mut sums = Vec::new();
        for seed in 0..3000 {
            let mut frames = image();
            let crop = Crop { padding: 5, size: None };
            crop.apply(&mut frames, &mut Key::new(seed).stream());
            sums.push(frames.values().iter().sum::<f32>() as u8);
        }
        sums.sort_unstable();
        sums.dedup();
        // Nothing, one pixel, a row (3, 7), a column (4, 6), or all of it.
        assert_eq!(sums, [0, 1, 2, 3, 4, 6, 7, 10]);
    }

    #[test]
    fn a_window_larger_than_the_frame_is_refused() {
        let crop = Crop { padding: 1, size: Some(5) };
        let error = crop.check(image().shape()).unwrap_err();
        assert_eq!(error.to_string(), "crop.size: expected 1 to 4, got 5");
    }
}
