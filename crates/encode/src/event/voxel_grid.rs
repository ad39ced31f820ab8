//! Events shared between the two nearest of T times.

use candlewick_datasets::Events;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Polarity, Represent};
use crate::{FrameShape, Frames, Result};

/// Voxel grid: each event is shared between the two nearest of T times (Zhu et al., CVPR 2019,
/// equations 1 and 2).
///
/// `t* = (T - 1)(t - t_first) / (t_last - t_first)`, `V[b] = Σ p · max(0, 1 - |b - t*|)`.
/// tonic has T in place of T - 1 and loses a part of the late events.
///
/// ```
/// use candlewick_datasets::Events;
/// use candlewick_encode::event::{VoxelGrid};
/// use candlewick_encode::{Frames, Represent};
///
/// let mut events = Events::with_capacity(1, 1, 3);
/// for (x, t, on) in [(0, 0, true), (0, 5, true), (0, 20, false)] {
///     events.push(x, 0, t, on);
/// }
/// let representation = VoxelGrid::default();
/// let mut frames = Frames::new(representation.check(1, 1, 3)?);
/// representation.represent(&events, &mut frames);
/// // The event at 5 µs lies between the times 0 and 10 of the first two bins.
/// assert_eq!(frames.values(), [1.5, 0.5, -1.0]);
/// # Ok::<(), candlewick_encode::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct VoxelGrid {
    /// What becomes of the polarity; the paper adds it with its sign.
    pub polarity: Polarity,
}

impl Default for VoxelGrid {
    fn default() -> Self {
        Self { polarity: Polarity::Signed }
    }
}

impl Represent for VoxelGrid {
    fn check(&self, height: usize, width: usize, time_steps: usize) -> Result<FrameShape> {
        Ok(FrameShape { time: time_steps, height, width, channels: self.polarity.channels() })
    }

    fn represent(&self, events: &Events, frames: &mut Frames) {
        let shape = frames.shape();
        let (Some(&first), Some(&last)) = (events.t.first(), events.t.last()) else {
            return;
        };
        // A recording of a single time lies at the first bin.
        let extent = (last as f64 - first as f64).max(1.0);
        let scale = (shape.time - 1) as f64 / extent;
        let values = frames.values_mut();
        let places = events.x.iter().zip(&events.y);
        for ((&t, &p), (&x, &y)) in events.t.iter().zip(&events.p).zip(places) {
            let time = (t as f64 - first as f64) * scale;
            let bin = (time as usize).min(shape.time - 1);
            let late = (time - bin as f64) as f32;
            let (channel, weight) = self.polarity.place(p);
            let pixel = usize::from(y) * shape.width + usize::from(x);
            let at = bin * shape.frame() + pixel * shape.channels + channel;
            values[at] += weight * (1.0 - late);
            if bin + 1 < shape.time {
                values[at + shape.frame()] += weight * late;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// T = 3 over 0 to 40 µs: bins at 0, 20, 40. The event at 5 is 0.75 of bin 0 and 0.25 of bin
    /// 1; the OFF event at 30 half of bins 1 and 2.
    #[test]
    fn shares_are_those_of_the_distances() {
        let mut events = Events::with_capacity(1, 1, 4);
        for (t, p) in [(0, true), (5, true), (30, false), (40, true)] {
            events.push(0, 0, t, p);
        }
        let mut frames = Frames::new(FrameShape { time: 3, height: 1, width: 1, channels: 1 });
        VoxelGrid::default().represent(&events, &mut frames);
        assert_eq!(frames.values(), [1.75, -0.25, 0.5]);
    }
}
