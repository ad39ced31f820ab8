//! Poisson encoding: independent spikes with the value as probability.

use candlewick_core::{Key, random};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Encoder;
use crate::{Error, Frames, Result};

/// Poisson (rate) encoding: at each step a value fires with a probability equal to itself,
/// independently (Heeger, "Poisson model of spike generation", 2000, section 2; as in snnTorch's
/// `spikegen.rate` and SpikingJelly's `PoissonEncoder`).
///
/// `s[t] = 1` with probability `gain · x`, else 0; values are limited to [0, 1]. The random stream is that of the
/// sample in its epoch.
///
/// ```
/// use candlewick_core::Key;
/// use candlewick_encode::encoder::Poisson;
/// use candlewick_encode::{Encoder, FrameShape, Frames};
///
/// let mut image = Frames::new(FrameShape { time: 1, height: 1, width: 2, channels: 1 });
/// image.values_mut().copy_from_slice(&[0.0, 1.0]);
/// let mut steps = vec![vec![0.0; 2]; 3];
/// Poisson::default().encode(&image, Key::new(1), &mut steps.iter_mut().map(|step| &mut step[..]));
/// assert_eq!(steps, [[0.0, 1.0]; 3]);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Poisson {
    /// Factor from value to probability, > 0; 1 in both libraries.
    pub gain: f32,
}

impl Default for Poisson {
    fn default() -> Self {
        Self { gain: 1.0 }
    }
}

impl Encoder for Poisson {
    fn check(&self) -> Result<()> {
        if self.gain > 0.0 && self.gain.is_finite() {
            return Ok(());
        }
        Err(Error::setting("poisson.gain", "a positive number", self.gain))
    }

    fn encode(&self, frames: &Frames, key: Key, steps: &mut dyn Iterator<Item = &mut [f32]>) {
        for (time, step) in steps.enumerate() {
            let key = key.at(time as u64);
            let rates = frames.frame(time).chunks(4);
            for (block, (spikes, rates)) in step.chunks_mut(4).zip(rates).enumerate() {
                let words = key.words(block as u64);
                for ((spike, &rate), word) in spikes.iter_mut().zip(rates).zip(words) {
                    *spike = f32::from(random::unit(word) < self.gain * rate);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FrameShape;

    /// 0 never and 1 always fires; 0.25 fires in 0.25 ± 0.0087 of 62,500 draws (five standard
    /// errors: 5 · √(0.25 · 0.75 / 62500)).
    #[test]
    fn the_rate_is_the_value() {
        let shape = FrameShape { time: 1, height: 25, width: 25, channels: 3 };
        let mut frames = Frames::new(shape);
        for pixel in frames.values_mut().chunks_exact_mut(3) {
            pixel.copy_from_slice(&[0.0, 0.25, 1.0]);
        }
        let mut out = vec![7.0; 100 * shape.frame()];
        let mut steps = out.chunks_exact_mut(shape.frame());
        Poisson::default().encode(&frames, Key::new(3), &mut steps);
        let sum = |channel: usize| out[channel..].iter().step_by(3).sum::<f32>();
        assert_eq!((sum(0), sum(2)), (0.0, 62_500.0));
        let rate = sum(1) / 62_500.0;
        assert!((rate - 0.25).abs() < 0.0087, "{rate}");
    }

    #[test]
    fn a_gain_of_nothing_is_refused() {
        let error = Poisson { gain: 0.0 }.check().unwrap_err();
        assert_eq!(error.to_string(), "poisson.gain: expected a positive number, got 0");
    }
}
