//! Latency encoding: one spike per value.

use candlewick_core::Key;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Encoder;
use crate::{Error, Frames, Result};

/// How the firing time falls with the value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Curve {
    /// In proportion.
    #[default]
    Linear,
    /// Logarithmically: dim values are spread over the late steps.
    Log,
}

/// Latency encoding: each value fires once, the earlier the larger it is (Thorpe and Gautrais,
/// "Rank order coding", 1998; as in SpikingJelly's `LatencyEncoder` and snnTorch's
/// `spikegen.latency`).
///
/// Linear: `t = (T - 1)(1 - x)`. Logarithmic: `t = (T - 1) - ln(a·x + 1)` with `a = e^(T-1) - 1`,
/// so that 1 fires at step 0 and 0 at the last step. `t` is rounded, halves upwards; values are
/// limited to [0, 1].
///
/// ```
/// use candlewick_core::Key;
/// use candlewick_encode::encoder::{Curve, Latency};
/// use candlewick_encode::{Encoder, FrameShape, Frames};
///
/// let mut image = Frames::new(FrameShape { time: 1, height: 1, width: 3, channels: 1 });
/// image.values_mut().copy_from_slice(&[1.0, 0.5, 0.0]);
/// let mut steps = vec![vec![0.0; 3]; 3];
/// Latency { curve: Curve::Linear, threshold: 0.01 }.encode(&image, Key::new(1), &mut steps.iter_mut().map(|step| &mut step[..]));
/// assert_eq!(steps, [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Latency {
    /// How the firing time falls with the value; SpikingJelly's default is linear.
    pub curve: Curve,
    /// Values below it do not fire at all, in [0, 1].
    /// 0.01 as in snnTorch; 0 lets every value fire, as in SpikingJelly.
    pub threshold: f32,
}

impl Default for Latency {
    fn default() -> Self {
        Self { curve: Curve::Linear, threshold: 0.01 }
    }
}

impl Latency {
    /// The step at which `value` fires.
    fn time(&self, value: f32, last: f64) -> usize {
        let value = f64::from(value.clamp(0.0, 1.0));
        let time = match self.curve {
            Curve::Linear => last * (1.0 - value),
            // ln(a·x + 1) with a = e^last - 1, in a form that does not overflow.
            Curve::Log => -(value + (1.0 - value) * (-last).exp()).ln(),
        };
        // Where e^-last is 0, the logarithm of 0 is infinite.
        (time.min(last) + 0.5).floor() as usize
    }
}

impl Encoder for Latency {
    fn check(&self) -> Result<()> {
        if (0.0..=1.0).contains(&self.threshold) {
            return Ok(());
        }
        let field = "latency.threshold";
        Err(Error::setting(field, "0 to 1", self.threshold))
    }

    fn encode(&self, frames: &Frames, _key: Key, steps: &mut dyn Iterator<Item = &mut [f32]>) {
        let steps: Vec<_> = steps.collect();
        let last = steps.len().saturating_sub(1) as f64;
        for (time, step) in steps.into_iter().enumerate() {
            for (spike, &value) in step.iter_mut().zip(frames.frame(time)) {
                let fires = value >= self.threshold && self.time(value, last) == time;
                *spike = f32::from(fires);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FrameShape;

    fn times(latency: &Latency, values: &[f32], steps: usize) -> Vec<Option<usize>> {
        let mut frames =
            Frames::new(FrameShape { time: 1, height: 1, width: values.len(), channels: 1 });
        frames.values_mut().copy_from_slice(values);
        let mut out = vec![9.0; steps * values.len()];
        let mut chunks = out.chunks_exact_mut(values.len());
        latency.encode(&frames, Key::new(0), &mut chunks);
        let count: f32 = out.iter().sum();
        let fired: Vec<_> = (0..values.len())
            .map(|i| (0..steps).find(|t| out[t * values.len() + i] == 1.0))
            .collect();
        // No value fires twice.
        assert_eq!(count, fired.iter().flatten().count() as f32);
        fired
    }

    /// T = 5, linear: 4(1 - x) is 0, 1, 2.4, 3.8, and 0.005 is below the threshold.
    #[test]
    fn linear_times() {
        let values = [1.0, 0.75, 0.4, 0.05, 0.005];
        assert_eq!(
            times(&Latency::default(), &values, 5),
            [Some(0), Some(1), Some(2), Some(4), None]
        );
    }

    /// T = 5, logarithmic: a = e^4 - 1 = 53.598; 4 - ln(53.598·0.5 + 1) = 4 - 3.325 = 0.675;
    /// 4 - ln(53.598·0.05 + 1) = 4 - 1.303 = 2.697; 0 fires last where nothing is held back.
    #[test]
    fn logarithmic_times() {
        let latency = Latency { curve: Curve::Log, threshold: 0.0 };
        assert_eq!(
            times(&latency, &[1.0, 0.5, 0.05, 0.0], 5),
            [Some(0), Some(1), Some(3), Some(4)]
        );
        // e^999 is out of range, and still 1 fires first and 0 last.
        assert_eq!(times(&latency, &[1.0, 0.0], 1000), [Some(0), Some(999)]);
    }
}
