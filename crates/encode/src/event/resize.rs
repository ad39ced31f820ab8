//! Frames to another size, by the ways that the papers' code uses; they differ in what a network
//! sees, so that none is just "bilinear".
//!
//! All ways are separable: a new column is a weighted sum of old columns, a new row of old rows.

mod pillow;
mod taps;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Error, FrameShape, Frames, Result};
use taps::Taps;

/// How a pixel of the new size is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// As TET's code does by accident: the two polarities go through an 8-bit image of grey and
    /// alpha, and the resizing of Pillow multiplies grey by alpha before and divides after.
    ///
    /// ON is the grey and OFF the alpha, as the bits of CIFAR10-DVS files have it (ON is 0): where
    /// a pixel has no OFF, its ON is lost. Values are limited to [0, 1].
    PilLaCompat,
    /// Weights over all old pixels that the new one covers: Pillow, and PyTorch with
    /// `antialias=True`.
    BilinearAntialias,
    /// The two nearest old pixels: PyTorch with `align_corners=False`; shrinking by more than 2
    /// skips pixels.
    Bilinear,
    /// The two nearest old pixels, with the middles of the outer pixels upon each other: PyTorch
    /// with `align_corners=True`, used by MSG.
    BilinearAlignCorners,
    /// One old pixel, the one at `⌊i · old / new⌋`: PyTorch `nearest`, used by MPBN.
    Nearest,
    /// The mean of the old pixels that the new one touches: PyTorch `area`.
    Area,
}

impl Way {
    /// All, in the order of their definition.
    pub const ALL: [Self; 6] = [
        Self::PilLaCompat,
        Self::BilinearAntialias,
        Self::Bilinear,
        Self::BilinearAlignCorners,
        Self::Nearest,
        Self::Area,
    ];
}

/// Another size of the frames.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Resize {
    /// How a pixel is found.
    pub way: Way,
    /// Rows, > 0.
    pub height: usize,
    /// Columns, > 0.
    pub width: usize,
}

/// A [`Resize`] with the weights for frames of one size.
#[derive(Clone, Debug)]
pub(crate) struct Resizer {
    way: Way,
    shape: FrameShape,
    rows: Taps,
    columns: Taps,
}

impl Resizer {
    pub(crate) fn new(resize: &Resize, before: FrameShape) -> Result<Self> {
        let Resize { way, height, width } = *resize;
        for (field, size) in [("resize.height", height), ("resize.width", width)] {
            if size == 0 || size > 1 << 14 {
                return Err(Error::setting(field, "1 to 16384", size));
            }
        }
        if way == Way::PilLaCompat && before.channels != 2 {
            let expected = "frames of 2 channels, OFF and ON, for pil-la-compat";
            let got = format!("{} channels", before.channels);
            return Err(Error::setting("resize.way", expected, got));
        }
        Ok(Self {
            way,
            shape: FrameShape { height, width, ..before },
            rows: Taps::new(way, before.height, height),
            columns: Taps::new(way, before.width, width),
        })
    }

    pub(super) fn shape(&self) -> FrameShape {
        self.shape
    }

    pub(crate) fn apply(&self, frames: &mut Frames) {
        let FrameShape { height, width, channels, .. } = self.shape;
        let before = frames.shape();
        if self.way == Way::PilLaCompat {
            let mut image = pillow::GreyAlpha::default();
            frames.replace(height, width, |old, new| {
                image.resize(old, before.width, &self.rows, &self.columns, new);
            });
            return;
        }
        let mut narrow = vec![0.0; before.height * width * channels];
        frames.replace(height, width, |old, new| {
            let rows = old.chunks_exact(before.width * channels);
            for (old, new) in rows.zip(narrow.chunks_exact_mut(width * channels)) {
                self.columns.weigh(old, new, channels);
            }
            self.rows.weigh(&narrow, new, width * channels);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Old values `(7·i + 3) mod 11`, rows of 5, one channel or two.
    fn resized(way: Way, channels: usize, height: usize, width: usize) -> Vec<f32> {
        let before = FrameShape { time: 1, height: 4, width: 5, channels };
        let mut frames = Frames::new(before);
        for (number, value) in frames.values_mut().iter_mut().enumerate() {
            *value = ((7 * number + 3) % 11) as f32;
        }
        let resize = Resize { way, height, width };
        match Resizer::new(&resize, before) {
            Ok(resizer) => resizer.apply(&mut frames),
            Err(error) => panic!("{error}"),
        }
        frames.values().to_vec()
    }

    fn assert_close(values: &[f32], expected: &[f32]) {
        assert_eq!(values.len(), expected.len());
        for (value, expected) in values.iter().zip(expected) {
            assert!((value - expected).abs() < 1e-5, "{values:?} is not {expected:?}");
        }
    }

    /// PyTorch 2.15:
    /// ```python
    /// x = torch.tensor([(7 * i + 3) % 11 for i in range(20)]).float().reshape(1, 1, 4, 5)
    /// F.interpolate(x, (3, 2), mode="bilinear", antialias=True)  # align_corners=…, "nearest", …
    /// ```
    #[test]
    fn smaller_as_pytorch_has_it() {
        let mut ways = 0;
        for (way, expected) in [
            (Way::BilinearAntialias, [5.75, 4.9, 5.0, 4.5, 5.65, 5.15]),
            (Way::Bilinear, [7.208_333, 3.625, 3.0, 4.0, 5.666_667, 6.666_667]),
            (Way::BilinearAlignCorners, [3.0, 9.0, 6.0, 1.0, 9.0, 4.0]),
            (Way::Nearest, [3.0, 6.0, 5.0, 8.0, 7.0, 10.0]),
            (Way::Area, [5.5, 4.833_333, 5.666_667, 5.0, 5.833_333, 5.166_667]),
        ] {
            assert_close(&resized(way, 1, 3, 2), &expected);
            ways += 1;
        }
        // The sixth is compared below.
        assert_eq!(ways + 1, Way::ALL.len());
    }

    /// As above with `(5, 7)`: the first two rows.
    #[test]
    fn larger_as_pytorch_has_it() {
        let bilinear = [
            3.0, 7.0, 8.857_142, 6.0, 3.142_857, 5.0, 9.0, //
            4.4, 4.0, 4.757_143, 7.4, 4.542_857, 3.1, 2.7,
        ];
        let aligned = [
            3.0, 7.666_667, 8.666_666, 6.0, 3.333_333, 4.333_334, 9.0, //
            4.5, 3.666_667, 4.666_667, 7.5, 4.833_333, 3.083_333, 2.25,
        ];
        let nearest = [
            3.0, 3.0, 10.0, 6.0, 6.0, 2.0, 9.0, //
            3.0, 3.0, 10.0, 6.0, 6.0, 2.0, 9.0,
        ];
        let area = [
            3.0, 6.5, 8.0, 6.0, 4.0, 5.5, 9.0, //
            4.0, 4.75, 6.25, 7.0, 5.0, 3.75, 4.5,
        ];
        let mut ways = 0;
        for (way, expected) in [
            (Way::BilinearAntialias, bilinear),
            (Way::Bilinear, bilinear),
            (Way::BilinearAlignCorners, aligned),
            (Way::Nearest, nearest),
            (Way::Area, area),
        ] {
            assert_close(&resized(way, 1, 5, 7)[..14], &expected);
            ways += 1;
        }
        assert_eq!(ways + 1, Way::ALL.len());
    }

    /// Two channels are two images.
    #[test]
    fn channels_do_not_mix() {
        let before = FrameShape { time: 1, height: 4, width: 5, channels: 2 };
        let mut ways = 0;
        for way in Way::ALL.into_iter().filter(|&way| way != Way::PilLaCompat) {
            let one = resized(way, 1, 3, 2);
            let mut frames = Frames::new(before);
            for (number, pixel) in frames.values_mut().chunks_exact_mut(2).enumerate() {
                pixel.copy_from_slice(&[((7 * number + 3) % 11) as f32, 1.0]);
            }
            let resize = Resize { way, height: 3, width: 2 };
            if let Ok(resizer) = Resizer::new(&resize, before) {
                resizer.apply(&mut frames);
            }
            let first: Vec<f32> = frames.values().iter().copied().step_by(2).collect();
            assert_eq!(first, one);
            let second: Vec<f32> = frames.values().iter().copied().skip(1).step_by(2).collect();
            assert_close(&second, &[1.0; 6]);
            ways += 1;
        }
        assert_eq!(ways, 5);
    }

    /// Bytes of both channels of a 128×128 frame made 48×48, and their sums weighted by position.
    fn compat(on: impl Fn(usize) -> f32, off: impl Fn(usize) -> f32) -> [[usize; 2]; 2] {
        let before = FrameShape { time: 1, height: 128, width: 128, channels: 2 };
        let mut frames = Frames::new(before);
        for (number, pixel) in frames.values_mut().chunks_exact_mut(2).enumerate() {
            pixel.copy_from_slice(&[off(number), on(number)]);
        }
        let resize = Resize { way: Way::PilLaCompat, height: 48, width: 48 };
        if let Ok(resizer) = Resizer::new(&resize, before) {
            resizer.apply(&mut frames);
        }
        assert_eq!(frames.values().len(), 48 * 48 * 2);
        [1, 0].map(|channel| {
            let bytes = frames.values()[channel..].iter().step_by(2);
            let bytes = bytes.map(|value| (value * 255.0).round() as usize);
            let weighted = bytes.clone().enumerate().map(|(place, byte)| place * byte);
            [bytes.sum(), weighted.sum()]
        })
    }

    /// Pillow 13 through torchvision 0.29:
    /// ```python
    /// i = torch.arange(128 * 128)
    /// on = ((i * 7 + i // 128 * 3) % 5 == 0).float().reshape(128, 128)
    /// off = ((i * 11 + i // 128) % 3 == 0).float().reshape(128, 128)
    /// image = ToTensor()(Resize((48, 48))(ToPILImage()(torch.stack([on, off]))))
    /// bytes = (image * 255).round().long()
    /// bytes.sum((1, 2)), (bytes.flatten(1) * torch.arange(48 * 48)).sum(1)
    /// ```
    #[test]
    fn grey_and_alpha_as_pillow_has_them() {
        let on = |i: usize| f32::from((i * 7 + i / 128 * 3).is_multiple_of(5));
        let off = |i: usize| f32::from((i * 11 + i / 128).is_multiple_of(3));
        let expected = [[117_630, 135_447_011], [195_792, 225_453_851]];
        assert_eq!(compat(on, off), expected);
        // on = (i % 256).float() / 255 * 0.999, off = (i * 37 % 256).float() / 255 * 0.999
        let on = |i: usize| (i % 256) as f32 / 255.0 * 0.999;
        let off = |i: usize| (i * 37 % 256) as f32 / 255.0 * 0.999;
        let expected = [[294_717, 340_997_246], [291_840, 336_146_528]];
        assert_eq!(compat(on, off), expected);
    }

    /// A square of ON alone is lost; one of OFF alone has 40 · 40 · (48 / 128)² = 225 pixels.
    #[test]
    fn on_without_off_is_lost() {
        let square = |i: usize| {
            let inside = (40..80).contains(&(i / 128)) && (40..80).contains(&(i % 128));
            f32::from(inside)
        };
        let [on, off] = compat(square, |_| 0.0);
        assert_eq!((on, off), ([0, 0], [0, 0]));
        let [on, off] = compat(|_| 0.0, square);
        assert_eq!((on, off[0]), ([0, 0], 225 * 255));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let before = FrameShape { time: 1, height: 4, width: 4, channels: 1 };
        let error = |way, height| {
            let resize = Resize { way, height, width: 2 };
            Resizer::new(&resize, before).err().map(|error| error.to_string())
        };
        let expected = "resize.height: expected 1 to 16384, got 0";
        assert_eq!(error(Way::Area, 0).as_deref(), Some(expected));
        let expected = "resize.way: expected frames of 2 channels, OFF and ON, for pil-la-compat, \
                        got 1 channels";
        assert_eq!(error(Way::PilLaCompat, 2).as_deref(), Some(expected));
        assert_eq!(error(Way::Area, 2), None);
    }
}
