//! `AutoAugment` with the policy found for CIFAR-10.

use candlewick_core::random::Stream;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Augment;
use super::picture::{Kind, Picture, Reading};
use crate::{FrameShape, Frames, Result};

/// An operation, its probability in tenths, and its magnitude from 0 to 9.
type Step = (Kind, u32, u32);

/// The pairs in the order of the paper's table.
#[rustfmt::skip]
const CIFAR10: [[Step; 2]; 25] = [
    [(Kind::Invert, 1, 0), (Kind::Contrast, 2, 6)],
    [(Kind::Rotate, 7, 2), (Kind::TranslateX, 3, 9)],
    [(Kind::Sharpness, 8, 1), (Kind::Sharpness, 9, 3)],
    [(Kind::ShearY, 5, 8), (Kind::TranslateY, 7, 9)],
    [(Kind::AutoContrast, 5, 0), (Kind::Equalize, 9, 0)],
    [(Kind::ShearY, 2, 7), (Kind::Posterize, 3, 7)],
    [(Kind::Color, 4, 3), (Kind::Brightness, 6, 7)],
    [(Kind::Sharpness, 3, 9), (Kind::Brightness, 7, 9)],
    [(Kind::Equalize, 6, 0), (Kind::Equalize, 5, 0)],
    [(Kind::Contrast, 6, 7), (Kind::Sharpness, 6, 5)],
    [(Kind::Color, 7, 7), (Kind::TranslateX, 5, 8)],
    [(Kind::Equalize, 3, 0), (Kind::AutoContrast, 4, 0)],
    [(Kind::TranslateY, 4, 3), (Kind::Sharpness, 2, 6)],
    [(Kind::Brightness, 9, 6), (Kind::Color, 2, 8)],
    [(Kind::Solarize, 5, 2), (Kind::Invert, 0, 0)],
    [(Kind::Equalize, 2, 0), (Kind::AutoContrast, 6, 0)],
    [(Kind::Equalize, 2, 0), (Kind::Equalize, 6, 0)],
    [(Kind::Color, 9, 9), (Kind::Equalize, 6, 0)],
    [(Kind::AutoContrast, 8, 0), (Kind::Solarize, 2, 8)],
    [(Kind::Brightness, 1, 3), (Kind::Color, 7, 0)],
    [(Kind::Solarize, 4, 5), (Kind::AutoContrast, 9, 0)],
    [(Kind::TranslateY, 9, 9), (Kind::TranslateY, 7, 9)],
    [(Kind::AutoContrast, 9, 0), (Kind::Solarize, 8, 3)],
    [(Kind::Equalize, 8, 0), (Kind::Invert, 1, 0)],
    [(Kind::TranslateY, 7, 9), (Kind::AutoContrast, 9, 0)],
];

/// `AutoAugment` with the policy found for CIFAR-10 (Cubuk et al., CVPR 2019, arXiv:1805.09501,
/// table 7): one of 25 pairs of operations, each done with its own probability.
///
/// Operations and ranges are those of the code that is named, byte for byte.
///
/// ```
/// use candlewick_core::Key;
/// use candlewick_encode::augment::{AutoAugment};
/// use candlewick_encode::{Augment, FrameShape, Frames};
///
/// let mut image = Frames::new(FrameShape { time: 1, height: 8, width: 8, channels: 3 });
/// image.values_mut().fill(0.5);
/// AutoAugment::default().apply(&mut image, &mut Key::new(1).stream());
/// assert!(image.values().iter().all(|value| (0.0..=1.0).contains(value)));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AutoAugment {
    /// The byte that comes in from outside when the picture is moved: 128, a grey near the mean,
    /// as most code for CIFAR has it; torchvision's default is 0.
    pub fill: u8,
    /// Whose operations and ranges.
    pub reading: Reading,
}

impl Default for AutoAugment {
    fn default() -> Self {
        Self { fill: 128, reading: Reading::Torchvision }
    }
}

impl Augment for AutoAugment {
    fn check(&self, shape: FrameShape) -> Result<FrameShape> {
        Picture::check("auto_augment", shape)
    }

    fn apply(&self, frames: &mut Frames, stream: &mut Stream) {
        let shape = frames.shape();
        let mut operations = Vec::with_capacity(2);
        let drawn = stream.below(25) as usize;
        for (place, (kind, mut tenths, magnitude)) in CIFAR10[drawn].into_iter().enumerate() {
            if (self.reading, drawn, place) == (Reading::Msg, 16, 1) {
                tenths = 8;
            }
            let (done, negative) = (stream.below(10) < tenths, stream.bernoulli(0.5));
            if done {
                let level = f64::from(magnitude) / 9.0;
                operations.push(kind.at(level, negative, self.reading, shape));
            }
        }
        if !operations.is_empty() {
            Picture::change(frames, &operations, self.fill);
        }
    }

    fn needs_unit_range(&self) -> bool {
        true
    }
}
