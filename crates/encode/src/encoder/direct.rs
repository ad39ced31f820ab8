//! Direct encoding: the values themselves.

use candlewick_core::Key;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Encoder;
use crate::{Frames, Result};

/// Direct encoding: the analog values are the input current at every step, and the first layer of
/// the network learns to turn them into spikes (Rueckauer et al., Front. Neurosci. 2017, section
/// 2.2.2; TET, arXiv:2202.11946, repeats the image T times).
///
/// `x[t] = x`. Also called constant or static coding.
///
/// A static image is written once: everything before the first neuron then runs once, and the
/// neuron repeats it. A sequence of frames is passed on as it is.
///
/// ```
/// use candlewick_core::Key;
/// use candlewick_encode::encoder::Direct;
/// use candlewick_encode::{Encoder, FrameShape, Frames};
///
/// let mut image = Frames::new(FrameShape { time: 1, height: 1, width: 2, channels: 1 });
/// image.values_mut().copy_from_slice(&[0.25, 1.0]);
/// let mut steps = vec![vec![0.0; 2]; 1];
/// Direct {}.encode(&image, Key::new(1), &mut steps.iter_mut().map(|step| &mut step[..]));
/// assert_eq!(steps, [[0.25, 1.0]]);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Direct {}

impl Encoder for Direct {
    fn check(&self) -> Result<()> {
        Ok(())
    }

    fn steps(&self, frames: usize, _time_steps: usize) -> usize {
        frames
    }

    fn encode(&self, frames: &Frames, _key: Key, steps: &mut dyn Iterator<Item = &mut [f32]>) {
        for (time, step) in steps.enumerate() {
            step.copy_from_slice(frames.frame(time));
        }
    }
}
