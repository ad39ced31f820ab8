//! `RandAugment`.

use candlewick_core::random::Stream;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Augment;
use super::picture::{Kind, Picture, Reading};
use crate::{Error, FrameShape, Frames, Result};

const KINDS: [Kind; 14] = [
    Kind::Identity,
    Kind::ShearX,
    Kind::ShearY,
    Kind::TranslateX,
    Kind::TranslateY,
    Kind::Rotate,
    Kind::Brightness,
    Kind::Color,
    Kind::Contrast,
    Kind::Sharpness,
    Kind::Posterize,
    Kind::Solarize,
    Kind::AutoContrast,
    Kind::Equalize,
];

/// `RandAugment`: some of 14 operations, all at one magnitude (Cubuk et al., `NeurIPS` 2020,
/// arXiv:1909.13719).
///
/// Operations and ranges are those of torchvision with the nearest pixel, byte for byte.
///
/// ```
/// use candlewick_core::Key;
/// use candlewick_encode::augment::{RandAugment};
/// use candlewick_encode::{Augment, FrameShape, Frames};
///
/// let mut image = Frames::new(FrameShape { time: 1, height: 8, width: 8, channels: 3 });
/// image.values_mut().fill(0.5);
/// RandAugment::default().apply(&mut image, &mut Key::new(1).stream());
/// assert!(image.values().iter().all(|value| (0.0..=1.0).contains(value)));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RandAugment {
    /// Operations done one after the other, 1 to 100; N in the paper, 2 in torchvision.
    pub operations: usize,
    /// Strength from 0 to 30; M in the paper, 9 in torchvision.
    pub magnitude: u32,
    /// The byte that comes in from outside when the picture is moved; torchvision's default is 0.
    pub fill: u8,
}

impl Default for RandAugment {
    fn default() -> Self {
        Self { operations: 2, magnitude: 9, fill: 128 }
    }
}

impl Augment for RandAugment {
    fn check(&self, shape: FrameShape) -> Result<FrameShape> {
        if !(1..=100).contains(&self.operations) {
            let expected = "1 to 100";
            return Err(Error::setting("rand_augment.operations", expected, self.operations));
        }
        if self.magnitude > 30 {
            let expected = "0 to 30";
            return Err(Error::setting("rand_augment.magnitude", expected, self.magnitude));
        }
        Picture::check("rand_augment", shape)
    }

    fn apply(&self, frames: &mut Frames, stream: &mut Stream) {
        let shape = frames.shape();
        let level = f64::from(self.magnitude) / 30.0;
        let operations: Vec<_> = (0..self.operations)
            .map(|_| {
                let kind = KINDS[stream.below(KINDS.len() as u32) as usize];
                kind.at(level, stream.bernoulli(0.5), Reading::Torchvision, shape)
            })
            .collect();
        Picture::change(frames, &operations, self.fill);
    }

    fn needs_unit_range(&self) -> bool {
        true
    }
}
