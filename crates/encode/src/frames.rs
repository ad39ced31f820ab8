//! One sample as a sequence of frames on the host, before it joins a batch.

use candlewick_datasets::Image;

/// The size of a sequence of frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrameShape {
    /// Frames; 1 for a static image.
    pub time: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Channels: 1 for grey, 3 for red, green, blue, 2 for the polarities OFF and ON.
    pub channels: usize,
}

impl FrameShape {
    /// The number of values of one frame.
    pub fn frame(&self) -> usize {
        self.height * self.width * self.channels
    }

    /// The number of values of all frames.
    pub fn values(&self) -> usize {
        self.time * self.frame()
    }
}

impl std::fmt::Display for FrameShape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { time, height, width, channels } = self;
        write!(f, "[{time}, {height}, {width}, {channels}]")
    }
}

/// A sequence of frames `[time, row, column, channel]`, with room to change them in.
///
/// The memory is kept from sample to sample.
#[derive(Clone, Debug, Default)]
pub struct Frames {
    shape: FrameShape,
    values: Vec<f32>,
    spare: Vec<f32>,
}

impl Frames {
    /// Frames of zeros.
    pub fn new(shape: FrameShape) -> Self {
        Self { shape, values: vec![0.0; shape.values()], spare: Vec::new() }
    }

    /// The size.
    pub fn shape(&self) -> FrameShape {
        self.shape
    }

    /// The values, `[time, row, column, channel]`.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The values, `[time, row, column, channel]`.
    pub fn values_mut(&mut self) -> &mut [f32] {
        &mut self.values
    }

    /// The values of frame `time`, or of the only frame.
    pub fn frame(&self, time: usize) -> &[f32] {
        let size = self.shape.frame();
        let time = if self.shape.time == 1 { 0 } else { time };
        &self.values[time * size..(time + 1) * size]
    }

    /// Makes these frames zeros of another size.
    pub fn reset(&mut self, shape: FrameShape) {
        self.shape = shape;
        self.values.clear();
        self.values.resize(shape.values(), 0.0);
    }

    /// Makes these frames one static image with values in [0, 1]: bytes are divided by 255.
    pub fn set_image(&mut self, image: &Image<'_>) {
        let (height, width, channels) = (image.height, image.width, image.channels);
        self.shape = FrameShape { time: 1, height, width, channels };
        self.values.clear();
        if channels == 1 {
            self.values.extend(image.pixels.iter().map(|&byte| f32::from(byte) / 255.0));
            return;
        }
        self.values.resize(self.shape.values(), 0.0);
        for (channel, plane) in image.pixels.chunks_exact(height * width).enumerate() {
            let targets = self.values[channel..].iter_mut().step_by(channels);
            for (target, &byte) in targets.zip(plane) {
                *target = f32::from(byte) / 255.0;
            }
        }
    }

    /// Makes these frames one static array `[channel, row, column]`, or a vector where there is one row and one
    /// column.
    pub(crate) fn set_array(&mut self, shape: FrameShape, values: &[f32]) {
        self.shape = FrameShape { time: 1, ..shape };
        let (channels, size) = (shape.channels, shape.height * shape.width);
        self.values.clear();
        for place in 0..size {
            self.values.extend((0..channels).map(|channel| values[channel * size + place]));
        }
    }

    /// Replaces each frame by what `change` makes of it.
    ///
    /// `change` gets the old frame and the new one, which holds zeros and has the height and width
    /// of `after`; time and channels stay.
    pub(crate) fn replace(
        &mut self,
        height: usize,
        width: usize,
        mut change: impl FnMut(&[f32], &mut [f32]),
    ) {
        let before = self.shape;
        self.shape.height = height;
        self.shape.width = width;
        self.spare.clear();
        self.spare.resize(self.shape.values(), 0.0);
        let old = self.values.chunks_exact(before.frame());
        let new = self.spare.chunks_exact_mut(self.shape.frame());
        for (old, new) in old.zip(new) {
            change(old, new);
        }
        std::mem::swap(&mut self.values, &mut self.spare);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Planes 0 51 / 102 153 / 204 255 of a 1×2 image become pixels (0, .4, .8) and (.2, .6, 1).
    #[test]
    fn planes_become_pixels() {
        let mut frames = Frames::default();
        frames.set_image(&Image {
            channels: 3,
            height: 1,
            width: 2,
            pixels: vec![0, 51, 102, 153, 204, 255].into(),
        });
        assert_eq!(frames.values(), [0.0, 0.4, 0.8, 0.2, 0.6, 1.0]);
        assert_eq!(frames.shape().to_string(), "[1, 1, 2, 3]");
        let shape = frames.shape();
        frames.set_array(shape, &[0.0, 0.2, 0.4, 0.6, 0.8, 1.0]);
        assert_eq!(frames.values(), [0.0, 0.4, 0.8, 0.2, 0.6, 1.0]);
    }
}
