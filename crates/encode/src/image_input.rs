//! Images of different sizes to one size, as ImageNet is trained and tested.

use std::borrow::Cow;

use candlewick_core::random::Stream;
use candlewick_datasets::Image;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::event::{Resize, Resizer, Way};
use crate::{Error, FrameShape, Frames, Result};

/// From an image of any size to a square.
///
/// Resizing weighs all pixels that a new one covers, as Pillow does, but without rounding to bytes
/// in between.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum ImageInput {
    /// The shorter side becomes `resize`, then the square in the middle is cut.
    ResizeCrop {
        /// Pixels of the shorter side, at least `crop`; 256 for ImageNet.
        resize: usize,
        /// Side of the square, > 0; 224 for ImageNet.
        crop: usize,
    },
    /// A random part of the image, resized to a square (Szegedy et al., CVPR 2015, section 6; the
    /// numbers are those of torchvision).
    RandomResizedCrop {
        /// Side of the square, > 0; 224 for ImageNet.
        size: usize,
        /// Smallest and largest share of the image's area, in (0, 1].
        #[serde(default = "scale")]
        scale: [f32; 2],
        /// Smallest and largest width over height.
        #[serde(default = "ratio")]
        ratio: [f32; 2],
    },
}

fn scale() -> [f32; 2] {
    [0.08, 1.0]
}

fn ratio() -> [f32; 2] {
    [3.0 / 4.0, 4.0 / 3.0]
}

impl ImageInput {
    /// The same at evaluation, without chance: a random crop of 224 becomes a resize to 256 and a cut
    /// of 224.
    pub fn evaluation(&self) -> Self {
        match *self {
            Self::RandomResizedCrop { size, .. } => {
                Self::ResizeCrop { resize: (size * 256 + 112) / 224, crop: size }
            }
            Self::ResizeCrop { .. } => self.clone(),
        }
    }

    /// Side of the square.
    pub fn side(&self) -> usize {
        match *self {
            Self::ResizeCrop { crop: side, .. } | Self::RandomResizedCrop { size: side, .. } => {
                side
            }
        }
    }

    /// Checks the ranges.
    ///
    /// # Errors
    /// Names the setting.
    pub fn check(&self) -> Result<()> {
        let side = self.side();
        if !(1..=4096).contains(&side) {
            return Err(Error::setting("images.side", "1 to 4096", side));
        }
        match *self {
            Self::ResizeCrop { resize, crop } if resize < crop || resize > 8192 => {
                let expected = format!("{crop} to 8192");
                Err(Error::setting("images.resize_crop.resize", expected, resize))
            }
            Self::RandomResizedCrop { scale: [least, most], .. }
                if !(0.0 < least && least <= most && most <= 1.0) =>
            {
                let field = "images.random_resized_crop.scale";
                Err(Error::setting(
                    field,
                    "two shares in ascending order",
                    format!("{least}, {most}"),
                ))
            }
            Self::RandomResizedCrop { ratio: [least, most], .. }
                if !(0.0 < least && least <= most && most.is_finite()) =>
            {
                let field = "images.random_resized_crop.ratio";
                Err(Error::setting(
                    field,
                    "two ratios in ascending order",
                    format!("{least}, {most}"),
                ))
            }
            _ => Ok(()),
        }
    }

    /// Makes `frames` the square of `image`; `stream` decides where chance does.
    ///
    /// # Errors
    /// If a side of the image is 0 or beyond 16,384 pixels after resizing.
    pub(crate) fn apply(
        &self,
        image: &Image<'_>,
        frames: &mut Frames,
        stream: &mut Stream,
    ) -> Result<()> {
        let (height, width) = (image.height, image.width);
        if height == 0 || width == 0 {
            return Err(Error::setting("image", "rows and columns", format!("{height}×{width}")));
        }
        match *self {
            Self::ResizeCrop { resize, crop } => {
                let short = height.min(width);
                let [height, width] = [height, width].map(|side| resize * side / short);
                frames.set_image(image);
                resize_to(frames, height, width)?;
                let (top, left) = ((height - crop).div_ceil(2), (width - crop).div_ceil(2));
                let channels = frames.shape().channels;
                frames.replace(crop, crop, |old, new| {
                    for (row, new) in new.chunks_exact_mut(crop * channels).enumerate() {
                        let start = ((top + row) * width + left) * channels;
                        new.copy_from_slice(&old[start..start + crop * channels]);
                    }
                });
            }
            Self::RandomResizedCrop { size, scale, ratio } => {
                let [top, left, height, width] = window(height, width, scale, ratio, stream);
                frames.set_image(&part(image, top, left, height, width));
                resize_to(frames, size, size)?;
            }
        }
        Ok(())
    }
}

fn resize_to(frames: &mut Frames, height: usize, width: usize) -> Result<()> {
    let before = frames.shape();
    if (before.height, before.width) == (height, width) {
        return Ok(());
    }
    let resize = Resize { way: Way::BilinearAntialias, height, width };
    Resizer::new(&resize, before)?.apply(frames);
    Ok(())
}

/// The image in another size, each pixel the nearest level to the weighted mean of those that it covers.
///
/// # Errors
/// If a side is 0 or beyond 16,384 pixels.
pub fn resized(image: &Image<'_>, height: usize, width: usize) -> Result<Image<'static>> {
    if image.height == 0 || image.width == 0 {
        let found = format!("{}×{}", image.height, image.width);
        return Err(Error::setting("image", "rows and columns", found));
    }
    let mut frames = Frames::default();
    frames.set_image(image);
    resize_to(&mut frames, height, width)?;
    let (channels, values) = (image.channels, frames.values());
    let mut pixels = Vec::with_capacity(values.len());
    for channel in 0..channels {
        let plane = values[channel..].iter().step_by(channels);
        pixels.extend(plane.map(|value| (255.0 * value).round() as u8));
    }
    Ok(Image { channels, height, width, pixels: Cow::Owned(pixels) })
}

/// Top, left, height and width of a random part of an image; after ten tries that do not fit, the
/// largest part in the middle whose ratio is allowed.
fn window(
    height: usize,
    width: usize,
    scale: [f32; 2],
    ratio: [f32; 2],
    stream: &mut Stream,
) -> [usize; 4] {
    let area = (height * width) as f32;
    let mut draw = |[low, high]: [f32; 2]| (high - low).mul_add(stream.uniform(), low);
    let tries: Vec<[f32; 2]> =
        (0..10).map(|_| [draw(scale), draw(ratio.map(f32::ln)).exp()]).collect();
    for [share, shape] in tries {
        let columns = (area * share * shape).sqrt().round() as usize;
        let rows = (area * share / shape).sqrt().round() as usize;
        if (1..=width).contains(&columns) && (1..=height).contains(&rows) {
            let top = stream.below((height - rows + 1) as u32) as usize;
            let left = stream.below((width - columns + 1) as u32) as usize;
            return [top, left, rows, columns];
        }
    }
    let shape = width as f32 / height as f32;
    let (rows, columns) = if shape < ratio[0] {
        (((width as f32 / ratio[0]).round() as usize).min(height), width)
    } else if shape > ratio[1] {
        (height, ((height as f32 * ratio[1]).round() as usize).min(width))
    } else {
        (height, width)
    };
    [(height - rows) / 2, (width - columns) / 2, rows, columns]
}

/// A part of an image.
fn part<'a>(image: &Image<'_>, top: usize, left: usize, height: usize, width: usize) -> Image<'a> {
    let mut pixels = Vec::with_capacity(image.channels * height * width);
    for plane in image.pixels.chunks_exact(image.height * image.width) {
        for row in plane.chunks_exact(image.width).skip(top).take(height) {
            pixels.extend_from_slice(&row[left..left + width]);
        }
    }
    Image { channels: image.channels, height, width, pixels: Cow::Owned(pixels) }
}

/// The size of the frames of images of different sizes.
pub(crate) fn shape(input: &ImageInput, channels: usize) -> FrameShape {
    FrameShape { time: 1, height: input.side(), width: input.side(), channels }
}

#[cfg(test)]
mod tests {
    use candlewick_core::Key;

    use super::*;

    /// Rows of 0, 1, 2, … in each channel.
    fn ramp(height: usize, width: usize) -> Image<'static> {
        let row = |index: usize| (index / width % height) as u8;
        let pixels = (0..3 * height * width).map(row).collect::<Vec<u8>>().into();
        Image { channels: 3, height, width, pixels }
    }

    #[test]
    fn the_middle_is_cut() -> Result<()> {
        let mut frames = Frames::default();
        let input = ImageInput::ResizeCrop { resize: 4, crop: 2 };
        input.check()?;
        // 8×4 stays 8×4 with a shorter side of 4; rows 3 and 4 are in the middle.
        input.apply(&ramp(8, 4), &mut frames, &mut Key::new(1).stream())?;
        assert_eq!(frames.shape(), shape(&input, 3));
        let rows: Vec<f32> = frames.values().iter().map(|value| (value * 255.0).round()).collect();
        assert_eq!(rows, [[3.0; 6], [4.0; 6]].concat());
        Ok(())
    }

    /// Two pixels of 10 and 30 become one of 20; the same size changes nothing.
    #[test]
    fn an_image_is_resized_to_the_nearest_levels() -> Result<()> {
        let pixels = vec![10, 30, 0, 255, 7, 8].into();
        let image = Image { channels: 3, height: 1, width: 2, pixels };
        assert_eq!(resized(&image, 1, 2)?, image);
        assert_eq!(resized(&image, 1, 1)?.pixels[..], [20, 128, 8]);
        Ok(())
    }

    #[test]
    fn random_parts_lie_inside_and_have_the_share_and_ratio() -> Result<()> {
        let (mut visited, mut places) = (0, std::collections::BTreeSet::new());
        let (scale, ratio) = ([0.25, 0.5], [0.8, 1.25]);
        let input = ImageInput::RandomResizedCrop { size: 5, scale, ratio };
        input.check()?;
        let mut frames = Frames::default();
        for seed in 0..200 {
            let mut stream = Key::new(seed).stream();
            let [top, left, height, width] = window(40, 60, scale, ratio, &mut stream);
            assert!(top + height <= 40 && left + width <= 60);
            let share = (height * width) as f32 / 2400.0;
            assert!((0.22..0.55).contains(&share), "{share}");
            let shape = width as f32 / height as f32;
            assert!((0.75..1.33).contains(&shape), "{shape}");
            places.insert((top, left));
            input.apply(&ramp(40, 60), &mut frames, &mut Key::new(seed).stream())?;
            assert_eq!(frames.values().len(), 75);
            visited += 1;
        }
        assert!(visited == 200 && places.len() > 50, "{places:?}");
        // An image that no part fits: the middle, as wide as the ratio allows.
        let stream = &mut Key::new(0).stream();
        assert_eq!(window(10, 1000, [1.0, 1.0], ratio, stream), [0, 493, 10, 13]);
        assert_eq!(input.evaluation(), ImageInput::ResizeCrop { resize: 6, crop: 5 });
        Ok(())
    }

    #[test]
    fn settings_out_of_range_are_named() {
        let mut visited = 0;
        for (input, field) in [
            (ImageInput::ResizeCrop { resize: 3, crop: 4 }, "resize"),
            (ImageInput::RandomResizedCrop { size: 0, scale: scale(), ratio: ratio() }, "side"),
            (ImageInput::RandomResizedCrop { size: 4, scale: [0.0, 1.0], ratio: ratio() }, "scale"),
            (ImageInput::RandomResizedCrop { size: 4, scale: scale(), ratio: [2.0, 1.0] }, "ratio"),
        ] {
            assert!(input.check().unwrap_err().to_string().contains(field));
            visited += 1;
        }
        assert_eq!(visited, 4);
    }
}
