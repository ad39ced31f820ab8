//! From a sample number to the frames of the sample.

use std::sync::Arc;

use candlewick_core::Key;
use candlewick_datasets::{Dataset, Sample, Shape};

use crate::event::{EventInput, Eventizer};
use crate::{Error, FrameShape, Frames, ImageInput, Result, image_input};

/// A data set and how its samples become frames.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    dataset: Arc<dyn Dataset>,
    /// For event recordings.
    eventizer: Option<Eventizer>,
    /// For images of different sizes.
    images: Option<ImageInput>,
    shape: FrameShape,
}

impl Source {
    pub(crate) fn new(
        dataset: Arc<dyn Dataset>,
        events: &EventInput,
        images: Option<&ImageInput>,
        time_steps: usize,
    ) -> Result<Self> {
        let mut sized = None;
        let (shape, eventizer) = match dataset.info().shape {
            Shape::Image { channels, height: 0, .. } => {
                let Some(images) = images else {
                    let expected = "how images of different sizes become one size";
                    return Err(Error::setting("images", expected, "nothing"));
                };
                images.check()?;
                sized = Some(images.clone());
                (image_input::shape(images, channels), None)
            }
            Shape::Image { channels, height, width } | Shape::Array { channels, height, width } => {
                (FrameShape { time: 1, height, width, channels }, None)
            }
            Shape::Vector { size } => {
                (FrameShape { time: 1, height: 1, width: 1, channels: size }, None)
            }
            Shape::Events { width, height } => {
                let eventizer = events.prepare(height, width, time_steps)?;
                (eventizer.shape(), Some(eventizer))
            }
        };
        Ok(Self { dataset, eventizer, images: sized, shape })
    }

    pub(crate) fn dataset(&self) -> &dyn Dataset {
        &*self.dataset
    }

    /// The size of the frames.
    pub(crate) fn shape(&self) -> FrameShape {
        self.shape
    }

    /// Whether a frame is a vector rather than an image.
    pub(crate) fn is_flat(&self) -> bool {
        let is_vector = matches!(self.dataset.info().shape, Shape::Vector { .. });
        is_vector || self.eventizer.as_ref().is_some_and(Eventizer::is_flat)
    }

    /// How recordings become frames, if the samples are recordings.
    pub(crate) fn eventizer(&self) -> Option<&Eventizer> {
        self.eventizer.as_ref()
    }

    /// Makes `frames` those of sample number `index`; `key` is for the size of images.
    pub(crate) fn read(&self, index: usize, frames: &mut Frames, key: Key) -> Result<()> {
        let info = self.dataset.info();
        let dataset = info.name;
        let sample =
            self.dataset.read(index).map_err(|source| Error::Sample { dataset, index, source })?;
        let unexpected = |expected, found| Error::Unexpected { dataset, index, expected, found };
        if let (Sample::Image(image), Some(images)) = (&sample, &self.images) {
            return images.apply(image, frames, &mut key.stream());
        }
        if sample.shape() != info.shape {
            let found = format!("{:?}", sample.shape());
            return Err(unexpected(format!("{:?}", info.shape), found));
        }
        match (sample, &self.eventizer) {
            (Sample::Image(image), _) => frames.set_image(&image),
            (Sample::Array(array), _) => frames.set_array(self.shape, &array.values),
            (Sample::Events(events), Some(eventizer)) => {
                let inside = format!("events inside {} × {}", events.width, events.height);
                eventizer
                    .apply(events, frames)
                    .map_err(|outside| unexpected(inside, outside.to_string()))?;
            }
            (Sample::Events(_), None) => {
                // The shape of the data set is that of images, and so was this sample's.
                return Err(unexpected("an image".into(), "events".into()));
            }
        }
        Ok(())
    }
}
