//! Images of one size in one array: what all small image sets become after reading.

use std::borrow::Cow;

use sha2::Digest;

use crate::{Dataset, Error, Image, Info, Result, Sample, Shape, entry::Request, hash};

/// A data set of images that lies in memory.
pub struct InMemory {
    info: Info,
    labels: Vec<u32>,
    pixels: Vec<u8>,
    dims: [usize; 3],
}

impl InMemory {
    /// Makes a data set of `labels.len()` images of `dims` = `[channels, height, width]`.
    ///
    /// The caller has checked that the pixels are as many as labels and dimensions say, and that
    /// labels are below the number of classes.
    pub(crate) fn new(
        request: &Request<'_>,
        classes: Vec<String>,
        dims: [usize; 3],
        labels: Vec<u32>,
        pixels: Vec<u8>,
    ) -> Self {
        let [channels, height, width] = dims;
        debug_assert_eq!(pixels.len(), labels.len() * channels * height * width);
        let shape = Shape::Image { channels, height, width };
        let mut content = hash::start(shape, &labels);
        content.update(&pixels);
        let info = request.info(classes, shape, hash::finish(content));
        Self { info, labels, pixels, dims }
    }
}

impl Dataset for InMemory {
    fn info(&self) -> &Info {
        &self.info
    }

    fn labels(&self) -> &[u32] {
        &self.labels
    }

    fn read(&self, index: usize) -> Result<Sample<'_>> {
        let [channels, height, width] = self.dims;
        let size = channels * height * width;
        if index >= self.labels.len() {
            return Err(Error::NoSuchSample { index, len: self.labels.len() });
        }
        let pixels = Cow::Borrowed(&self.pixels[index * size..(index + 1) * size]);
        Ok(Sample::Image(Image { channels, height, width, pixels }))
    }
}

impl std::fmt::Debug for InMemory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InMemory")
            .field("info", &self.info)
            .field("len", &self.labels.len())
            .finish_non_exhaustive()
    }
}
