//! Encoders: from frames to the input of the network, one value or spike per time step.

mod delta;
mod direct;
mod latency;
mod poisson;

use std::fmt::Debug;

use candlewick_core::{Key, registry};

pub use delta::{Delta, Reference};
pub use direct::Direct;
pub use latency::{Curve, Latency};
pub use poisson::Poisson;

use crate::{Frames, Result};

/// Turns the frames of one sample into the input of the network.
pub trait Encoder: Debug + Send + Sync {
    /// Whether the settings are in their ranges.
    ///
    /// # Errors
    /// Names the setting.
    fn check(&self) -> Result<()>;

    /// The number of steps that are written for samples of `frames` frames in a network that runs
    /// for `time_steps` steps: 1 for an input that is the same at all steps.
    fn steps(&self, frames: usize, time_steps: usize) -> usize {
        let _ = frames;
        time_steps
    }

    /// Writes each step, `[row, column, channel]`; static frames count as the same at all steps.
    ///
    /// `key` is the stream of this sample in this epoch.
    fn encode(&self, frames: &Frames, key: Key, steps: &mut dyn Iterator<Item = &mut [f32]>);
}

registry! {
    /// An encoder by name.
    pub enum AnyEncoder: dyn Encoder, kind "encoder" {
        /// The values themselves as input current at all steps.
        Direct = "direct" | "constant" | "static",
        /// Spikes at random, with the value as probability.
        Poisson = "poisson" | "rate",
        /// One spike per value, the earlier the larger the value.
        Latency = "latency" | "time_to_first_spike",
        /// Spikes where the value changes.
        Delta = "delta",
    }
}
