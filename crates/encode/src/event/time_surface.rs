//! Fading traces of the last event of each pixel.

use candlewick_datasets::Events;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Polarity, Represent};
use crate::{Error, FrameShape, Frames, Result};

/// Time surfaces: how long ago each pixel had its last event (Lagorce et al., IEEE TPAMI 2017,
/// "HOTS", equation 3, over the whole sensor).
///
/// At the end of each of T slices of equal duration: `S = exp(-(t_end - t_last) / tau)`, and 0
/// where there was no event yet.
/// An event at `t_end` belongs to the slice that ends there (`t ≤ t_end`) and gives it 1, where
/// `to_timesurface` of tonic takes `t < t_end`.
///
/// ```
/// use candlewick_datasets::Events;
/// use candlewick_encode::event::{TimeSurface};
/// use candlewick_encode::{Frames, Represent};
///
/// let mut events = Events::with_capacity(2, 1, 2);
/// for (x, t, on) in [(0, 0, true), (1, 10, true)] {
///     events.push(x, 0, t, on);
/// }
/// let representation = TimeSurface { tau: 10.0, separate: false };
/// let mut frames = Frames::new(representation.check(1, 2, 1)?);
/// representation.represent(&events, &mut frames);
/// // 10 µs ago, and just now.
/// let [long_ago, now] = [0, 1].map(|pixel| frames.frame(0)[pixel]);
/// assert!((long_ago - (-1.0_f32).exp()).abs() < 1e-6 && now == 1.0);
/// # Ok::<(), candlewick_encode::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TimeSurface {
    /// Time constant in µs, > 0. 50 ms is our choice; the paper's first layer has 20 ms and up.
    pub tau: f64,
    /// Whether OFF and ON have a channel each.
    pub separate: bool,
}

impl Default for TimeSurface {
    fn default() -> Self {
        Self { tau: 50_000.0, separate: true }
    }
}

impl TimeSurface {
    fn polarity(&self) -> Polarity {
        if self.separate { Polarity::Separate } else { Polarity::Merged }
    }
}

impl Represent for TimeSurface {
    fn check(&self, height: usize, width: usize, time_steps: usize) -> Result<FrameShape> {
        if !(self.tau > 0.0 && self.tau.is_finite()) {
            let expected = "a positive number of microseconds";
            return Err(Error::setting("time_surface.tau", expected, self.tau));
        }
        Ok(FrameShape { time: time_steps, height, width, channels: self.polarity().channels() })
    }

    fn represent(&self, events: &Events, frames: &mut Frames) {
        let shape = frames.shape();
        let (Some(&first), Some(&last)) = (events.t.first(), events.t.last()) else {
            return;
        };
        let polarity = self.polarity();
        let mut latest = vec![f64::NEG_INFINITY; shape.frame()];
        let mut next = 0;
        for (slice, frame) in frames.values_mut().chunks_exact_mut(shape.frame()).enumerate() {
            // The last slice ends with the last event, however the division was rounded.
            let share = (slice + 1) as f64 / shape.time as f64;
            let end = if slice + 1 == shape.time {
                last as f64
            } else {
                first as f64 + share * (last as f64 - first as f64)
            };
            while next < events.len() && events.t[next] as f64 <= end {
                let (channel, _) = polarity.place(events.p[next]);
                let row = usize::from(events.y[next]);
                let pixel = row * shape.width + usize::from(events.x[next]);
                latest[pixel * shape.channels + channel] = events.t[next] as f64;
                next += 1;
            }
            for (value, latest) in frame.iter_mut().zip(&latest) {
                *value = (-(end - latest) / self.tau).exp() as f32;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// T = 2 over 0 to 200 µs with tau = 100: at 100 the pixel of the event at 0 holds e⁻¹ and the
    /// other nothing; at 200 they hold e⁻² and, for the event at 200, 1.
    #[test]
    fn traces_fade() {
        let mut events = Events::with_capacity(2, 1, 2);
        events.push(0, 0, 0, true);
        events.push(1, 0, 200, false);
        let surface = TimeSurface { tau: 100.0, separate: false };
        let mut frames = Frames::new(FrameShape { time: 2, height: 1, width: 2, channels: 1 });
        surface.represent(&events, &mut frames);
        let expected = [0.367_879_45, 0.0, 0.135_335_28, 1.0];
        assert_eq!(frames.values(), expected);
    }

    /// T = 2 over 0 to 200 µs: the event at 100 belongs to the first slice, whose end it is.
    #[test]
    fn an_event_at_the_end_of_a_slice_belongs_to_it() {
        let mut events = Events::with_capacity(1, 1, 3);
        for time in [0, 100, 200] {
            events.push(0, 0, time, true);
        }
        let surface = TimeSurface { tau: 100.0, separate: false };
        let mut frames = Frames::new(FrameShape { time: 2, height: 1, width: 1, channels: 1 });
        surface.represent(&events, &mut frames);
        assert_eq!(frames.values(), [1.0, 1.0]);
    }
}
