//! Mixing samples of a batch, whose labels then count in shares.
//!
//! A mixed batch has two labels per sample: its loss is `share · loss(labels) + (1 - share) ·
//! loss(mixed labels)`, which for cross-entropy is the loss of the soft label, and works with any
//! other loss.

mod beta;
mod cut_mix;
mod event_mix;
mod mixup;

use std::fmt::Debug;

use candlewick_core::random::Stream;
use candlewick_core::registry;

pub use cut_mix::CutMix;
pub use event_mix::EventMix;
pub use mixup::Mixup;

use crate::{FrameShape, Result};

/// Mixes each sample of a batch with a partner from the batch.
pub trait Mix: Debug + Send + Sync {
    /// Whether the settings are in their ranges, and samples of that size can be mixed.
    ///
    /// # Errors
    /// Names the setting.
    fn check(&self, shape: FrameShape) -> Result<()>;

    /// Mixes into `values`, `[T, B, H, W, C]`, the values of each sample's partner in `originals`,
    /// which is a copy of them; B is the length of `partners`. The share of the sample itself comes
    /// back, in [0, 1]; `stream` decides.
    ///
    /// The share is the same for all samples; `Mixup` and `CutMix` do the same at all time steps, as
    /// in the code of both papers.
    fn mix(
        &self,
        values: &mut [f32],
        originals: &[f32],
        partners: &[usize],
        shape: FrameShape,
        stream: &mut Stream,
    ) -> f32;
}

registry! {
    /// A way of mixing by name.
    pub enum AnyMix: dyn Mix, kind "mix" {
        /// Weighted means of two samples.
        Mixup = "mixup",
        /// A rectangle of one sample in another.
        CutMix = "cutmix",
        /// A cloud of space and time of one recording in another.
        EventMix = "eventmix",
    }
}
