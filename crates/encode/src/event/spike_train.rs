//! One spike train per unit.

use candlewick_datasets::Events;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Represent, Value};
use crate::{Error, FrameShape, Frames, Result};

/// Spike trains `[T, N]` of recordings without a picture, such as the cochlea model of SHD (Cramer
/// et al., IEEE TNNLS 2022, section II-D: time bins over the first 1.4 s for the baseline nets).
///
/// Step of an event: `⌊T · t / duration⌋` on the clock of the recording; later events are left out.
///
/// ```
/// use candlewick_datasets::Events;
/// use candlewick_encode::event::{SpikeTrain};
/// use candlewick_encode::{Frames, Represent};
///
/// let mut events = Events::with_capacity(3, 1, 3);
/// for (x, t, on) in [(2, 10, true), (2, 30, true), (0, 60, true)] {
///     events.push(x, 0, t, on);
/// }
/// let representation = SpikeTrain { duration: 100, ..SpikeTrain::default() };
/// let mut frames = Frames::new(representation.check(1, 3, 2)?);
/// representation.represent(&events, &mut frames);
/// assert_eq!(frames.frame(0), [0.0, 0.0, 2.0]);
/// assert_eq!(frames.frame(1), [1.0, 0.0, 0.0]);
/// # Ok::<(), candlewick_encode::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SpikeTrain {
    /// Microseconds that the T steps cover together, > 0.
    pub duration: u64,
    /// Neighboring units that become one, > 0: 5 makes 140 of the 700 units of SHD.
    pub group: usize,
    /// Whether a step holds the number of spikes or whether there was any.
    pub value: Value,
}

impl Default for SpikeTrain {
    fn default() -> Self {
        Self { duration: 1_400_000, group: 1, value: Value::Count }
    }
}

impl Represent for SpikeTrain {
    fn check(&self, height: usize, width: usize, time_steps: usize) -> Result<FrameShape> {
        if self.duration == 0 {
            let expected = "at least 1 microsecond";
            return Err(Error::setting("spike_train.duration", expected, self.duration));
        }
        let units = height * width;
        if self.group == 0 || !units.is_multiple_of(self.group) {
            let expected = format!("a divisor of the {units} units");
            return Err(Error::setting("spike_train.group", expected, self.group));
        }
        Ok(FrameShape { time: time_steps, height: 1, width: 1, channels: units / self.group })
    }

    fn is_flat(&self) -> bool {
        true
    }

    fn represent(&self, events: &Events, frames: &mut Frames) {
        let shape = frames.shape();
        let values = frames.values_mut();
        let places = events.x.iter().zip(&events.y);
        for (&t, (&x, &y)) in events.t.iter().zip(places) {
            let Ok(time) = u128::try_from(t) else {
                continue;
            };
            let step = time * shape.time as u128 / u128::from(self.duration);
            if step >= shape.time as u128 {
                continue;
            }
            let unit = (usize::from(y) * events.width + usize::from(x)) / self.group;
            let value = &mut values[step as usize * shape.channels + unit];
            match self.value {
                Value::Count => *value += 1.0,
                Value::Occupancy => *value = 1.0,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two steps of 50 µs, four units in pairs: unit 1 twice in step 0, unit 3 in step 1, and an
    /// event at 100 that is too late.
    #[test]
    fn steps_and_groups() {
        let mut events = Events::with_capacity(4, 1, 4);
        for (x, t) in [(1, 0), (1, 49), (3, 50), (0, 100)] {
            events.push(x, 0, t, true);
        }
        let mut settings = SpikeTrain { duration: 100, group: 2, value: Value::Count };
        let shape = settings.check(1, 4, 2).unwrap_or_default();
        let mut frames = Frames::new(shape);
        settings.represent(&events, &mut frames);
        assert_eq!(frames.values(), [2., 0., 0., 1.]);
        settings.value = Value::Occupancy;
        frames.reset(shape);
        settings.represent(&events, &mut frames);
        assert_eq!(frames.values(), [1., 0., 0., 1.]);
        settings.group = 3;
        let error = settings.check(1, 4, 2).map_err(|error| error.to_string());
        let expected = "spike_train.group: expected a divisor of the 4 units, got 3";
        assert_eq!(error, Err(expected.into()));
    }
}
