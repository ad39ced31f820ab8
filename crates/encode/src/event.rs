//! Event recordings to frames: representation, normalization and size, each a named choice.

mod event_frames;
mod normalization;
mod resize;
mod slices;
mod spike_train;
mod time_surface;
mod voxel_grid;

use std::fmt::Debug;

use candlewick_core::registry;
use candlewick_datasets::Events;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use event_frames::{EventFrames, Value};
pub use normalization::EventNormalization;
pub(crate) use resize::Resizer;
pub use resize::{Resize, Way};
pub use slices::{Remainder, Slices};
pub use spike_train::SpikeTrain;
pub use time_surface::TimeSurface;
pub use voxel_grid::VoxelGrid;

use crate::{Error, FrameShape, Frames, Result};

/// What becomes of the polarity of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Polarity {
    /// Two channels: OFF is 0, ON is 1.
    Separate,
    /// One channel; both count alike.
    Merged,
    /// One channel; ON counts 1, OFF counts -1.
    Signed,
}

impl Polarity {
    /// The number of channels.
    fn channels(self) -> usize {
        match self {
            Self::Separate => 2,
            Self::Merged | Self::Signed => 1,
        }
    }

    /// Channel and weight of an event.
    #[inline]
    fn place(self, on: bool) -> (usize, f32) {
        match self {
            Self::Separate => (usize::from(on), 1.0),
            Self::Merged => (0, 1.0),
            Self::Signed => (0, if on { 1.0 } else { -1.0 }),
        }
    }
}

/// Turns an event recording into frames.
pub trait Represent: Debug + Send + Sync {
    /// The size of the frames of a sensor of `height` rows and `width` columns in a network that
    /// runs for `time_steps` steps.
    ///
    /// # Errors
    /// If a setting is out of range or does not fit to the sensor.
    fn check(&self, height: usize, width: usize, time_steps: usize) -> Result<FrameShape>;

    /// Whether the result is a row of units `[T, N]` rather than an image.
    fn is_flat(&self) -> bool {
        false
    }

    /// Writes the frames of `events`, which are in the order of their times and inside of the
    /// sensor; `frames` are zeros of the size that `check` gave.
    fn represent(&self, events: &Events, frames: &mut Frames);
}

registry! {
    /// A representation of events by name.
    pub enum AnyRepresentation: dyn Represent, kind "event representation" {
        /// Events counted or marked per pixel, in T slices of the recording.
        EventFrames = "frames",
        /// Signed events shared between the two nearest of T times.
        VoxelGrid = "voxel_grid",
        /// The time since the last event of each pixel, fading.
        TimeSurface = "time_surface",
        /// One spike train per unit, for sensors without a picture.
        SpikeTrain = "spike_train",
    }
}

/// From an event recording to frames `[T, H, W, C]`: represent, then normalize, then resize, then binarize.
///
/// ```
/// use candlewick_datasets::Events;
/// use candlewick_encode::{EventInput, Frames};
///
/// let mut events = Events::with_capacity(2, 1, 4);
/// for (x, t, on) in [(0, 0, true), (0, 10, true), (1, 20, false), (1, 30, true)] {
///     events.push(x, 0, t, on);
/// }
/// // Counts of as many events per frame, for two time steps.
/// let input = EventInput::default().prepare(1, 2, 2)?;
/// let mut frames = Frames::new(input.shape());
/// input.apply(events, &mut frames).expect("all events are on the sensor");
/// // Two pixels with OFF and ON each.
/// assert_eq!(frames.frame(0), [0.0, 2.0, 0.0, 0.0]);
/// assert_eq!(frames.frame(1), [0.0, 0.0, 1.0, 1.0]);
/// # Ok::<(), candlewick_encode::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EventInput {
    /// How events become frames.
    pub representation: AnyRepresentation,
    /// How the values are scaled, before the frames are resized.
    pub normalize: EventNormalization,
    /// Another size of the frames; that of the sensor if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resize: Option<Resize>,
    /// Whether every value above 0 becomes 1 in the end, and every other 0.
    pub binary: bool,
}

impl Default for EventInput {
    /// Counts of as many events per frame, as SpikingJelly has them by default.
    fn default() -> Self {
        Self {
            representation: EventFrames::default().into(),
            normalize: EventNormalization::None,
            resize: None,
            binary: false,
        }
    }
}

impl EventInput {
    /// As the code of TET (arXiv:2202.11946) prepares DVS-CIFAR10: frames of as many events, the
    /// rest dropped, 0/1 occupancy, each divided by its maximum, resized to 48×48 through an 8-bit
    /// grey and alpha image.
    pub fn tet() -> Self {
        let frames = EventFrames {
            slices: Slices::Number,
            remainder: Remainder::Drop,
            value: Value::Occupancy,
            polarity: Polarity::Separate,
        };
        Self {
            representation: frames.into(),
            normalize: EventNormalization::Tet,
            resize: Some(Resize { way: Way::PilLaCompat, height: 48, width: 48 }),
            binary: false,
        }
    }

    /// As the code of MSG (arXiv:2406.19645) prepares DVS-CIFAR10: frames of equal time, counts,
    /// resized to 48×48 between aligned corners.
    pub fn msg() -> Self {
        let frames = EventFrames {
            slices: Slices::Time,
            remainder: Remainder::Drop,
            value: Value::Count,
            polarity: Polarity::Separate,
        };
        Self {
            representation: frames.into(),
            normalize: EventNormalization::None,
            resize: Some(Resize { way: Way::BilinearAlignCorners, height: 48, width: 48 }),
            binary: false,
        }
    }

    /// Checks the settings for a sensor and a number of steps, and prepares what can be prepared.
    ///
    /// # Errors
    /// If a setting is out of range or does not fit to the sensor.
    pub fn prepare(&self, height: usize, width: usize, time_steps: usize) -> Result<Eventizer> {
        if time_steps == 0 {
            return Err(Error::setting("time_steps", "at least 1", time_steps));
        }
        let represented = self
            .representation
            .check(height, width, time_steps)
            .map_err(|error| error.within("events.representation"))?;
        let resizer = match &self.resize {
            None => None,
            Some(_) if self.representation.is_flat() => {
                let name = self.representation.name();
                return Err(Error::setting("events.resize", "a representation as images", name));
            }
            Some(resize) => {
                let resizer = Resizer::new(resize, represented);
                Some(resizer.map_err(|error| error.within("events"))?)
            }
        };
        Ok(Eventizer { input: self.clone(), represented, resizer })
    }
}

/// An [`EventInput`] that is checked and ready for a sensor and a number of steps.
#[derive(Clone, Debug)]
pub struct Eventizer {
    input: EventInput,
    represented: FrameShape,
    resizer: Option<Resizer>,
}

impl Eventizer {
    /// The size of the frames.
    pub fn shape(&self) -> FrameShape {
        match &self.resizer {
            None => self.represented,
            Some(resizer) => resizer.shape(),
        }
    }

    /// Whether the frames are rows of units `[T, N]` rather than images.
    pub fn is_flat(&self) -> bool {
        self.input.representation.is_flat()
    }

    /// Makes `frames` those of `events`, which are sorted by time if they are not.
    ///
    /// # Errors
    /// With the first event that is outside of the sensor.
    pub fn apply(&self, mut events: Events, frames: &mut Frames) -> Result<(), Outside> {
        let (width, height) = (events.width, events.height);
        let inside = |places: &[u16], size: usize| {
            places.iter().max().is_none_or(|&largest| usize::from(largest) < size)
        };
        if !inside(&events.x, width) || !inside(&events.y, height) {
            let mut places = events.x.iter().zip(&events.y).map(|(&x, &y)| (x.into(), y.into()));
            if let Some((x, y)) = places.find(|&(x, y)| x >= width || y >= height) {
                return Err(Outside { x, y });
            }
        }
        events.sort_by_time();
        frames.reset(self.represented);
        self.input.representation.represent(&events, frames);
        self.input.normalize.apply(frames);
        if let Some(resizer) = &self.resizer {
            resizer.apply(frames);
        }
        if self.input.binary {
            for value in frames.values_mut() {
                *value = f32::from(*value > 0.0);
            }
        }
        Ok(())
    }
}

/// An event that is outside of its sensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an event at ({x}, {y})")]
pub struct Outside {
    /// Column of the event.
    pub x: usize,
    /// Row of the event.
    pub y: usize,
}
