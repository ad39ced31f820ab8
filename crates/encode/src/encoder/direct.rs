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
