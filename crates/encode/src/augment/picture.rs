//! Frames as pictures of bytes, and the operations of `AutoAugment` and `RandAugment` on them.
//!
//! The operations give the bytes of Pillow, on which the policies were searched.

mod color;
mod geometry;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Error, FrameShape, Frames, Result};

/// An operation with its magnitude; angles in degrees, shifts in pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Operation {
    Identity,
    ShearX(f64),
    ShearY(f64),
    /// Between pixels by cubics.
    SmoothShearX(f64),
    SmoothShearY(f64),
    TranslateX(f64),
    TranslateY(f64),
    Rotate(f64),
    Brightness(f32),
    Color(f32),
    Contrast(f32),
    Sharpness(f32),
    Posterize(u32),
    Solarize(f32),
    AutoContrast,
    Equalize,
    Invert,
}

/// Whose code the operations and ranges are of; the paper leaves them open in parts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reading {
    /// torchvision, with the nearest pixel.
    #[default]
    Torchvision,
    /// The class `CIFAR10Policy` that MSG (arXiv:2406.19645) and many others have copied: shears are
    /// smooth, rotations go one way only, shifts are not cut to whole pixels before they are
    /// rounded, solarizing begins at 256, and one equalization has the probability 0.8 instead of
    /// the paper's 0.6.
    Msg,
}

/// The operations by kind, without magnitude.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Identity,
    ShearX,
    ShearY,
    TranslateX,
    TranslateY,
    Rotate,
    Brightness,
    Color,
    Contrast,
    Sharpness,
    Posterize,
    Solarize,
    AutoContrast,
    Equalize,
    Invert,
}

impl Kind {
    /// Whether the direction of the change is drawn.
    fn is_signed(self) -> bool {
        !matches!(
            self,
            Self::Identity
                | Self::Posterize
                | Self::Solarize
                | Self::AutoContrast
                | Self::Equalize
                | Self::Invert
        )
    }

    /// The operation at `level` in [0, 1] of its range (`AutoAugment`, arXiv:1805.09501, table 6);
    /// `negative` turns its direction where it has one.
    pub(super) fn at(
        self,
        level: f64,
        negative: bool,
        reading: Reading,
        shape: FrameShape,
    ) -> Operation {
        let msg = reading == Reading::Msg;
        let signed = |most: f64| {
            let turned = negative && self.is_signed() && !(msg && self == Self::Rotate);
            if turned { -most * level } else { most * level }
        };
        // 1 leaves the picture as it is.
        let factor = || (1.0 + signed(0.9)) as f32;
        let shift = |size: usize| {
            let pixels = signed(150.0 / 331.0 * size as f64);
            if msg { pixels } else { pixels.trunc() }
        };
        match self {
            Self::Identity => Operation::Identity,
            Self::ShearX if msg => Operation::SmoothShearX(signed(0.3)),
            Self::ShearY if msg => Operation::SmoothShearY(signed(0.3)),
            Self::ShearX => Operation::ShearX(signed(0.3)),
            Self::ShearY => Operation::ShearY(signed(0.3)),
            Self::TranslateX => Operation::TranslateX(shift(shape.width)),
            Self::TranslateY => Operation::TranslateY(shift(shape.height)),
            Self::Rotate => Operation::Rotate(signed(30.0)),
            Self::Brightness => Operation::Brightness(factor()),
            Self::Color => Operation::Color(factor()),
            Self::Contrast => Operation::Contrast(factor()),
            Self::Sharpness => Operation::Sharpness(factor()),
            Self::Posterize => Operation::Posterize(8 - (4.0 * level).round_ties_even() as u32),
            Self::Solarize => {
                let most = if msg { 256.0 } else { 255.0 };
                Operation::Solarize(most * (1.0 - level as f32))
            }
            Self::AutoContrast => Operation::AutoContrast,
            Self::Equalize => Operation::Equalize,
            Self::Invert => Operation::Invert,
        }
    }
}

/// A picture of bytes, `[row, column, channel]`, with 1 or 3 channels.
#[derive(Debug, Default)]
pub(super) struct Picture {
    height: usize,
    width: usize,
    channels: usize,
    bytes: Vec<u8>,
    /// Working memory of the same size.
    spare: Vec<u8>,
}

impl Picture {
    /// Whether frames of that size can be pictures.
    pub(super) fn check(field: &str, shape: FrameShape) -> Result<FrameShape> {
        if matches!(shape.channels, 1 | 3) {
            return Ok(shape);
        }
        let got = format!("{} channels", shape.channels);
        Err(Error::setting(field, "pictures of 1 or 3 channels", got))
    }

    /// Does the operations, in order, on all frames; `fill` is what comes in from outside.
    pub(super) fn change(frames: &mut Frames, operations: &[Operation], fill: u8) {
        let FrameShape { height, width, channels, .. } = frames.shape();
        let mut picture = Self { height, width, channels, ..Self::default() };
        for frame in frames.values_mut().chunks_exact_mut(height * width * channels) {
            picture.bytes.clear();
            // The cast limits to 0 to 255.
            picture.bytes.extend(frame.iter().map(|&value| (value * 255.0).round() as u8));
            for operation in operations {
                picture.apply(*operation, fill);
            }
            for (value, &byte) in frame.iter_mut().zip(&picture.bytes) {
                *value = f32::from(byte) / 255.0;
            }
        }
    }

    fn apply(&mut self, operation: Operation, fill: u8) {
        match operation {
            Operation::Identity => {}
            Operation::ShearX(slope) => self.affine([1.0, slope, 0.0, 0.0, 1.0, 0.0], fill),
            Operation::ShearY(slope) => self.affine([1.0, 0.0, 0.0, slope, 1.0, 0.0], fill),
            Operation::SmoothShearX(slope) => self.smooth([1.0, slope, 0.0, 0.0, 1.0, 0.0], fill),
            Operation::SmoothShearY(slope) => self.smooth([1.0, 0.0, 0.0, slope, 1.0, 0.0], fill),
            Operation::TranslateX(shift) => self.affine([1.0, 0.0, -shift, 0.0, 1.0, 0.0], fill),
            Operation::TranslateY(shift) => self.affine([1.0, 0.0, 0.0, 0.0, 1.0, -shift], fill),
            Operation::Rotate(degrees) => self.rotate(degrees, fill),
            Operation::Brightness(factor) => self.brightness(factor),
            Operation::Color(factor) => self.color(factor),
            Operation::Contrast(factor) => self.contrast(factor),
            Operation::Sharpness(factor) => self.sharpness(factor),
            Operation::Posterize(bits) => self.map(|byte| byte & !(0xff_u32 >> bits) as u8),
            Operation::Solarize(threshold) => {
                self.map(|byte| if f32::from(byte) < threshold { byte } else { 255 - byte });
            }
            Operation::AutoContrast => self.auto_contrast(),
            Operation::Equalize => self.equalize(),
            Operation::Invert => self.map(|byte| 255 - byte),
        }
    }

    fn map(&mut self, change: impl Fn(u8) -> u8) {
        for byte in &mut self.bytes {
            *byte = change(*byte);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture of 32×32×3: byte i is `(i·i·31 + i·7) mod 251`, halved in places.
    fn picture() -> Picture {
        let bytes = (0..32_u64 * 32 * 3)
            .map(|i| ((i * i * 31 + i * 7) % 251 / (1 + i / 1000)) as u8)
            .collect();
        Picture { height: 32, width: 32, channels: 3, bytes, spare: Vec::new() }
    }

    /// Sum of the bytes, and sum weighted by position.
    fn sums(operation: Operation, fill: u8) -> (u64, u64) {
        let mut picture = picture();
        picture.apply(operation, fill);
        let bytes = picture.bytes.iter().map(|&byte| u64::from(byte));
        let weighted = bytes.clone().enumerate().map(|(place, byte)| place as u64 * byte);
        (bytes.sum(), weighted.sum())
    }

    /// Pillow 13 through torchvision 0.29, `_apply_op(image, name, magnitude, NEAREST, fill)`:
    /// sum of the bytes, and `(bytes * arange).sum()`.
    #[test]
    fn bytes_are_those_of_pillow() {
        let mut compared = 0;
        for (operation, fill, expected) in [
            (Operation::Identity, 0, (225_161, 258_852_068)),
            (Operation::ShearX(0.23), 128, (250_932, 317_757_307)),
            (Operation::ShearX(-0.3), 0, (200_686, 216_120_602)),
            (Operation::ShearY(0.17), 128, (226_902, 302_304_292)),
            (Operation::ShearY(-0.08), 0, (221_376, 273_731_603)),
            (Operation::TranslateX(7.0), 128, (262_792, 334_046_729)),
            (Operation::TranslateX(-14.0), 0, (125_471, 140_938_055)),
            (Operation::TranslateY(3.0), 128, (250_932, 293_476_583)),
            (Operation::TranslateY(-5.0), 0, (166_590, 164_905_242)),
            (Operation::Rotate(6.666_666_7), 128, (231_303, 278_845_923)),
            (Operation::Rotate(-30.0), 0, (185_230, 231_602_027)),
            (Operation::Rotate(17.3), 0, (196_962, 237_323_596)),
            (Operation::Brightness(1.5), 0, (317_754, 377_621_215)),
            (Operation::Brightness(0.1), 0, (21_202, 23_869_538)),
            (Operation::Color(1.7), 0, (231_458, 268_332_901)),
            (Operation::Color(0.7), 0, (223_582, 256_809_120)),
            (Operation::Contrast(1.6), 0, (229_094, 233_208_980)),
            (Operation::Contrast(0.6), 0, (223_566, 291_137_358)),
            (Operation::Sharpness(1.9), 0, (231_160, 268_935_347)),
            (Operation::Sharpness(0.5), 0, (224_555, 257_648_020)),
            (Operation::Posterize(5), 0, (214_760, 242_809_296)),
            (Operation::Posterize(4), 0, (203_088, 225_334_384)),
            (Operation::Solarize(198.3), 0, (183_360, 238_071_478)),
            (Operation::Solarize(85.0), 0, (184_434, 252_634_086)),
            (Operation::AutoContrast, 0, (229_082, 262_817_695)),
            (Operation::Equalize, 0, (390_570, 505_158_376)),
            (Operation::Invert, 0, (558_199, 943_997_212)),
        ] {
            assert_eq!(sums(operation, fill), expected, "{operation:?}");
            compared += 1;
        }
        assert_eq!(compared, 27);
    }

    /// Pillow 13: `image.transform(size, AFFINE, (1, m, 0, 0, 1, 0), BICUBIC, fillcolor=(128,) * 3)`
    /// and so on.
    #[test]
    fn smooth_bytes_are_those_of_pillow() {
        let mut compared = 0;
        for (operation, expected) in [
            (Operation::SmoothShearX(0.3), (257_320, 333_131_909)),
            (Operation::SmoothShearY(0.3), (227_175, 334_018_641)),
            (Operation::SmoothShearX(-0.266_666_67), (254_339, 324_330_820)),
            (Operation::SmoothShearY(-0.266_666_67), (260_416, 312_012_730)),
            (Operation::SmoothShearX(0.1), (234_992, 282_586_505)),
            (Operation::SmoothShearY(0.1), (224_590, 282_405_829)),
            (Operation::TranslateX(-150.0 / 331.0 * 32.0), (303_258, 420_550_800)),
            (Operation::TranslateY(-150.0 / 331.0 * 32.0), (260_486, 488_826_573)),
            (Operation::TranslateX(150.0 / 331.0 * 32.0 / 3.0), (251_591, 313_094_675)),
            (Operation::TranslateY(150.0 / 331.0 * 32.0 / 3.0), (267_989, 320_255_311)),
            (Operation::Rotate(20.0 / 3.0), (231_303, 278_845_923)),
            (Operation::Identity, (225_161, 258_852_068)),
        ] {
            assert_eq!(sums(operation, 128), expected, "{operation:?}");
            compared += 1;
        }
        assert_eq!(compared, 12);
    }

    /// At 7 of 0 to 9: 0.3 · 7/9, 30 · 7/9, 150/331 · 32 · 7/9, 256 · 2/9.
    #[test]
    fn magnitudes_of_msg() {
        let shape = FrameShape { time: 1, height: 32, width: 32, channels: 3 };
        let at = |kind: Kind| match kind.at(7.0 / 9.0, true, Reading::Msg, shape) {
            Operation::SmoothShearY(value)
            | Operation::Rotate(value)
            | Operation::TranslateX(value) => value,
            Operation::Solarize(value) => f64::from(value),
            other => panic!("{other:?}"),
        };
        let mut compared = 0;
        for (kind, expected) in [
            (Kind::ShearY, -0.233_333),
            (Kind::Rotate, 23.333_333),
            (Kind::TranslateX, -11.278_953),
            (Kind::Solarize, 56.888_889),
        ] {
            assert!((at(kind) - expected).abs() < 1e-5, "{kind:?}: {}", at(kind));
            compared += 1;
        }
        assert_eq!(compared, 4);
    }

    /// The ranges of torchvision's `_augmentation_space(10, (32, 32))` at 7 of 0 to 9.
    #[test]
    fn magnitudes_are_those_of_torchvision() {
        let shape = FrameShape { time: 1, height: 32, width: 32, channels: 3 };
        let at = |kind: Kind, negative| kind.at(7.0 / 9.0, negative, Reading::Torchvision, shape);
        assert_eq!(at(Kind::TranslateX, false), Operation::TranslateX(11.0));
        assert_eq!(at(Kind::TranslateY, true), Operation::TranslateY(-11.0));
        assert_eq!(at(Kind::Posterize, true), Operation::Posterize(5));
        assert_eq!(at(Kind::Color, true), Operation::Color(0.3));
        let Operation::Solarize(threshold) = at(Kind::Solarize, false) else {
            panic!("another operation");
        };
        assert!((threshold - 56.666_67).abs() < 1e-4, "{threshold}");
        let Operation::Rotate(degrees) = at(Kind::Rotate, true) else {
            panic!("another operation");
        };
        assert!((degrees + 23.333_333).abs() < 1e-5, "{degrees}");
    }
}
