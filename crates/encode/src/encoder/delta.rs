//! Delta encoding: spikes on changes.

use candlewick_core::Key;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Encoder;
use crate::{Error, Frames, Result};

/// What a value is compared with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reference {
    /// The value of the step before, as in snnTorch; a static image fires at the first step only.
    #[default]
    Previous,
    /// The value as reconstructed from the spikes so far: `r[t+1] = r[t] + threshold · s[t]`, the
    /// delta modulator; a static image fires in proportion to its value.
    Tracked,
}

/// Delta encoding: a spike where the value has grown by more than a threshold (Corradi and
/// Indiveri, IEEE Biomedical Circuits and Systems 2015; as in snnTorch's `spikegen.delta`).
///
/// `s[t] = 1` if `x[t] - r[t] > threshold`, and with `off_spikes` also -1 if `x[t] - r[t] <
/// -threshold`, where `r` is the reference, 0 before the first step.
///
/// ```
/// use candlewick_core::Key;
/// use candlewick_encode::encoder::{Delta, Reference};
/// use candlewick_encode::{Encoder, FrameShape, Frames};
///
/// let delta = Delta { threshold: 0.3, off_spikes: false, reference: Reference::Tracked };
/// let mut image = Frames::new(FrameShape { time: 1, height: 1, width: 2, channels: 1 });
/// image.values_mut().copy_from_slice(&[0.25, 1.0]);
/// let mut steps = vec![vec![0.0; 2]; 2];
/// delta.encode(&image, Key::new(1), &mut steps.iter_mut().map(|step| &mut step[..]));
/// assert_eq!(steps, [[0.0, 1.0], [0.0, 1.0]]);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Delta {
    /// The change that makes a spike, > 0; snnTorch's default is 0.1.
    pub threshold: f32,
    /// Whether a fall makes a spike of -1.
    pub off_spikes: bool,
    /// What a value is compared with.
    pub reference: Reference,
}

impl Default for Delta {
    fn default() -> Self {
        Self { threshold: 0.1, off_spikes: false, reference: Reference::Previous }
    }
}

impl Encoder for Delta {
    fn check(&self) -> Result<()> {
        if self.threshold > 0.0 && self.threshold.is_finite() {
            return Ok(());
        }
        let field = "delta.threshold";
        Err(Error::setting(field, "a positive number", self.threshold))
    }

    fn encode(&self, frames: &Frames, _key: Key, steps: &mut dyn Iterator<Item = &mut [f32]>) {
        let mut reference = vec![0.0; frames.shape().frame()];
        for (time, step) in steps.enumerate() {
            let values = frames.frame(time);
            for ((spike, reference), &value) in step.iter_mut().zip(&mut reference).zip(values) {
                let change = value - *reference;
                let on = f32::from(change > self.threshold);
                let off = f32::from(self.off_spikes && change < -self.threshold);
                *spike = on - off;
                match self.reference {
                    Reference::Previous => *reference = value,
                    Reference::Tracked => *reference += self.threshold * *spike,
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FrameShape;

    fn encode(encoder: &Delta, values: &[f32]) -> Vec<f32> {
        let mut frames =
            Frames::new(FrameShape { time: values.len(), height: 1, width: 1, channels: 1 });
        frames.values_mut().copy_from_slice(values);
        let mut out = vec![9.0; values.len()];
        encoder.encode(&frames, Key::new(0), &mut out.chunks_exact_mut(1));
        out
    }

    /// Changes of 0.5, 0.05, -0.5, 0.2 against a threshold of 0.1.
    #[test]
    fn previous_sees_changes() {
        let values = [0.5, 0.55, 0.05, 0.25];
        let mut delta = Delta::default();
        assert_eq!(encode(&delta, &values), [1.0, 0.0, 0.0, 1.0]);
        delta.off_spikes = true;
        assert_eq!(encode(&delta, &values), [1.0, 0.0, -1.0, 1.0]);
    }

    /// The reference climbs 0, 0.25, 0.5 and stays, since 0.6 - 0.5 is below 0.25; then 0.0 is
    /// 0.5 below.
    #[test]
    fn tracked_follows_the_value() {
        let delta = Delta { threshold: 0.25, off_spikes: true, reference: Reference::Tracked };
        assert_eq!(encode(&delta, &[0.6, 0.6, 0.6, 0.6, 0.0]), [1.0, 1.0, 0.0, 0.0, -1.0]);
    }
}
