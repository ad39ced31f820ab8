//! Events counted or marked per pixel, in T slices of the recording.

use candlewick_datasets::Events;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::slices::{Remainder, Slices};
use super::{Polarity, Represent};
use crate::{Error, FrameShape, Frames, Result};

/// What a pixel holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    /// The number of events.
    #[default]
    Count,
    /// 1 where there is any event, else 0: what TET's `frames[index] += 1` does, since `NumPy`
    /// adds once for a repeated index.
    Occupancy,
}

/// Event frames: the events of a slice counted per pixel (Wu et al., AAAI 2019; Fang et al., ICCV
/// 2021, equation 16, for slices by number).
///
/// ```
/// use candlewick_datasets::Events;
/// use candlewick_encode::event::{EventFrames};
/// use candlewick_encode::{Frames, Represent};
///
/// let mut events = Events::with_capacity(1, 1, 4);
/// for (x, t, on) in [(0, 0, true), (0, 5, true), (0, 8, false), (0, 9, true)] {
///     events.push(x, 0, t, on);
/// }
/// let representation = EventFrames::default();
/// let mut frames = Frames::new(representation.check(1, 1, 2)?);
/// representation.represent(&events, &mut frames);
/// assert_eq!(frames.frame(0), [0.0, 2.0]); // OFF and ON of the first two events
/// assert_eq!(frames.frame(1), [1.0, 1.0]);
/// # Ok::<(), candlewick_encode::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EventFrames {
    /// How the recording is cut.
    pub slices: Slices,
    /// What becomes of the rest.
    pub remainder: Remainder,
    /// What a pixel holds.
    pub value: Value,
    /// Channels: `separate` or `merged`; `signed` for counts only.
    pub polarity: Polarity,
}

impl Default for EventFrames {
    fn default() -> Self {
        Self {
            slices: Slices::Number,
            remainder: Remainder::Last,
            value: Value::Count,
            polarity: Polarity::Separate,
        }
    }
}

impl Represent for EventFrames {
    fn check(&self, height: usize, width: usize, time_steps: usize) -> Result<FrameShape> {
        if (self.value, self.polarity) == (Value::Occupancy, Polarity::Signed) {
            let expected = "separate or merged for occupancy";
            return Err(Error::setting("frames.polarity", expected, "signed"));
        }
        Ok(FrameShape { time: time_steps, height, width, channels: self.polarity.channels() })
    }

    fn represent(&self, events: &Events, frames: &mut Frames) {
        let shape = frames.shape();
        let ranges = self.slices.ranges(self.remainder, &events.t, shape.time);
        let frames = frames.values_mut().chunks_exact_mut(shape.frame());
        for (frame, range) in frames.zip(ranges) {
            let x = &events.x[range.clone()];
            let y = &events.y[range.clone()];
            let p = &events.p[range];
            for ((&x, &y), &p) in x.iter().zip(y).zip(p) {
                let (channel, weight) = self.polarity.place(p);
                let pixel = usize::from(y) * shape.width + usize::from(x);
                let value = &mut frame[pixel * shape.channels + channel];
                match self.value {
                    Value::Count => *value += weight,
                    Value::Occupancy => *value = 1.0,
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three events at (1, 0), two ON and one OFF, then one ON at (0, 1).
    fn frames(settings: &EventFrames, time_steps: usize) -> Vec<f32> {
        let mut events = Events::with_capacity(2, 2, 4);
        for (x, y, t, p) in [(1, 0, 0, true), (1, 0, 1, true), (1, 0, 2, false), (0, 1, 3, true)] {
            events.push(x, y, t, p);
        }
        let shape = settings.check(2, 2, time_steps).map_err(|error| error.to_string());
        let mut frames = Frames::new(shape.unwrap_or_default());
        settings.represent(&events, &mut frames);
        frames.values().to_vec()
    }

    /// Channels are OFF, ON; pixels (0,0) (1,0) (0,1) (1,1).
    #[test]
    fn counts_and_marks() {
        let mut settings = EventFrames::default();
        assert_eq!(frames(&settings, 1), [0., 0., 1., 2., 0., 1., 0., 0.]);
        settings.value = Value::Occupancy;
        assert_eq!(frames(&settings, 1), [0., 0., 1., 1., 0., 1., 0., 0.]);
        settings.polarity = Polarity::Merged;
        assert_eq!(frames(&settings, 1), [0., 1., 1., 0.]);
        settings.value = Value::Count;
        assert_eq!(frames(&settings, 1), [0., 3., 1., 0.]);
        settings.polarity = Polarity::Signed;
        assert_eq!(frames(&settings, 1), [0., 1., 1., 0.]);
        assert_eq!(frames(&settings, 2), [0., 2., 0., 0., 0., -1., 1., 0.]);
    }

    #[test]
    fn a_signed_mark_is_refused() {
        let settings = EventFrames {
            value: Value::Occupancy,
            polarity: Polarity::Signed,
            ..EventFrames::default()
        };
        let error = settings.check(2, 2, 1).map_err(|error| error.to_string());
        let expected = "frames.polarity: expected separate or merged for occupancy, got signed";
        assert_eq!(error, Err(expected.into()));
    }
}
