//! Pictures in color, for people to look at: put together, enlarged, written as PNG.

use crate::image::png;
use crate::{Array, Error, Image, Result, Shape};

/// A picture of red, green and blue bytes, row by row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    width: usize,
    height: usize,
    pixels: Vec<[u8; 3]>,
}

impl Picture {
    /// A picture of one color.
    pub fn new(width: usize, height: usize, color: [u8; 3]) -> Self {
        Self { width, height, pixels: vec![color; width * height] }
    }

    /// A picture of given colors, row by row; as many as the sides say.
    pub(crate) fn from_pixels(width: usize, height: usize, pixels: Vec<[u8; 3]>) -> Self {
        debug_assert_eq!(pixels.len(), width * height);
        Self { width, height, pixels }
    }

    /// A sample as it is; grey becomes color.
    pub fn of(image: &Image<'_>) -> Self {
        let size = image.width * image.height;
        let at = |channel: usize, place: usize| image.pixels[channel * size + place];
        let pixel = |place| match image.channels {
            3 => [at(0, place), at(1, place), at(2, place)],
            _ => [at(0, place); 3],
        };
        let pixels = (0..size).map(pixel).collect();
        Self { width: image.width, height: image.height, pixels }
    }

    /// The first channel of an array, or a vector as a row, in gray from its smallest to its largest number.
    pub fn of_array(array: &Array<'_>) -> Self {
        let (width, height) = match array.shape {
            Shape::Array { height, width, .. } => (width, height),
            _ => (array.values.len(), 1),
        };
        let shown = &array.values[..(width * height).min(array.values.len())];
        let least = shown.iter().copied().fold(f32::INFINITY, f32::min);
        let most = shown.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let gray = |&value: &f32| [((value - least) / (most - least) * 255.0).round() as u8; 3];
        Self { width, height, pixels: shown.iter().map(gray).collect() }
    }

    /// Columns.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Rows.
    pub fn height(&self) -> usize {
        self.height
    }

    /// The colors, row by row.
    pub fn pixels(&self) -> &[[u8; 3]] {
        &self.pixels
    }

    /// Each pixel as a square of `factor` × `factor`.
    #[must_use]
    pub fn enlarged(&self, factor: usize) -> Self {
        let mut pixels = Vec::with_capacity(self.pixels.len() * factor * factor);
        for row in self.pixels.chunks_exact(self.width.max(1)) {
            for _ in 0..factor {
                for &pixel in row {
                    pixels.extend(std::iter::repeat_n(pixel, factor));
                }
            }
        }
        Self { width: self.width * factor, height: self.height * factor, pixels }
    }

    /// Pictures in rows of `columns`, each in a cell of the largest one's size, with lines of two
    /// pixels in `color` between and around them.
    pub fn grid(pictures: &[Self], columns: usize, color: [u8; 3]) -> Self {
        const LINE: usize = 2;
        let columns = columns.max(1);
        let width = pictures.iter().map(|picture| picture.width).max().unwrap_or(0) + LINE;
        let height = pictures.iter().map(|picture| picture.height).max().unwrap_or(0) + LINE;
        let rows = pictures.len().div_ceil(columns);
        let mut sheet = Self::new(columns * width + LINE, rows * height + LINE, color);
        for (number, picture) in pictures.iter().enumerate() {
            let (left, top) = (number % columns * width + LINE, number / columns * height + LINE);
            for (y, row) in picture.pixels.chunks_exact(picture.width.max(1)).enumerate() {
                let start = (top + y) * sheet.width + left;
                sheet.pixels[start..start + row.len()].copy_from_slice(row);
            }
        }
        sheet
    }

    /// The bytes of a PNG file.
    ///
    /// # Errors
    /// If a side is 0 or beyond 32 bits.
    pub fn png(&self) -> Result<Vec<u8>> {
        png::encode(self.width, self.height, &self.pixels).map_err(|error| {
            let size = format!("{}×{}", self.width, self.height);
            Error::format("picture", "size", "what PNG holds", format!("{size}: {error}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// -1, 1 and 3 are 0, a half and all of the gray; of equal numbers there is no gray.
    #[test]
    fn arrays_are_gray() {
        let shape = Shape::Vector { size: 3 };
        let array = Array { shape, values: vec![-1.0, 1.0, 3.0].into() };
        assert_eq!(Picture::of_array(&array).pixels(), [[0; 3], [128; 3], [255; 3]]);
        let shape = Shape::Array { channels: 2, height: 2, width: 1 };
        let array = Array { shape, values: vec![5.0, 5.0, 7.0, 8.0].into() };
        let picture = Picture::of_array(&array);
        assert_eq!((picture.width(), picture.height(), picture.pixels()[0]), (1, 2, [0; 3]));
    }

    #[test]
    fn pictures_are_enlarged_put_together_and_written() {
        let grey = Image { channels: 1, height: 1, width: 2, pixels: vec![7, 9].into() };
        let grey = Picture::of(&grey).enlarged(2);
        assert_eq!(grey.pixels(), [[7; 3], [7; 3], [9; 3], [9; 3]].repeat(2));
        let color = Image { channels: 3, height: 1, width: 1, pixels: vec![1, 2, 3].into() };
        let sheet = Picture::grid(&[grey, Picture::of(&color)], 1, [255; 3]);
        assert_eq!((sheet.width(), sheet.height()), (2 + 4 + 2, 2 + 2 + 2 + 2 + 2));
        assert_eq!(sheet.pixels()[6 * 8 + 2], [1, 2, 3]);
        assert_eq!(sheet.pixels().iter().filter(|&&pixel| pixel == [255; 3]).count(), 80 - 9);
        let (_, _, decoded) = png::decode(&sheet.png().unwrap(), 1 << 10).unwrap();
        assert_eq!(decoded, sheet.pixels().as_flattened());
        assert!(Picture::new(0, 4, [0; 3]).png().is_err());
    }
}
