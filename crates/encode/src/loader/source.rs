//! From a sample number to the frames of the sample.

use std::sync::Arc;

use candlewick_datasets::{Dataset, Sample, Shape};

use crate::event::{EventInput, Eventizer};
use crate::{Error, FrameShape, Frames, Result};

/// A data set and how its samples become frames.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    dataset: Arc<dyn Dataset>,
    /// For event recordings.
    eventizer: Option<Eventizer>,
    shape: FrameShape,
}

impl Source {
    pub(crate) fn new(
        dataset: Arc<dyn Dataset>,
        events: &EventInput,
        time_steps: usize,
    ) -> Result<Self> {
        let (shape, eventizer) = match dataset.info().shape {
            Shape::Image { channels, height, width } => {
                (FrameShape { time: 1, height, width, channels }, None)
            }
            Shape::Events { width, height } => {
                let eventizer = events.prepare(height, width, time_steps)?;
                (eventizer.shape(), Some(eventizer))
            }
        };
        Ok(Self { dataset, eventizer, shape })
    }

    pub(crate) fn dataset(&self) -> &dyn Dataset {
        &*self.dataset
    }

    /// The size of the frames.
    pub(crate) fn shape(&self) -> FrameShape {
        self.shape
    }

    /// How recordings become frames, if the samples are recordings.
    pub(crate) fn eventizer(&self) -> Option<&Eventizer> {
        self.eventizer.as_ref()
    }

    /// Makes `frames` those of sample number `index`.
    pub(crate) fn read(&self, index: usize, frames: &mut Frames) -> Result<()> {
        let info = self.dataset.info();
        let dataset = info.name;
        let sample =
            self.dataset.read(index).map_err(|source| Error::Sample { dataset, index, source })?;
        let unexpected = |expected, found| Error::Unexpected { dataset, index, expected, found };
        if sample.shape() != info.shape {
            let found = format!("{:?}", sample.shape());
            return Err(unexpected(format!("{:?}", info.shape), found));
        }
        match (sample, &self.eventizer) {
            (Sample::Image(image), _) => frames.set_image(&image),
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
