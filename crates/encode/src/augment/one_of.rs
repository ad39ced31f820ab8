//! One of several transforms.

use candlewick_core::random::Stream;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{AnyAugment, Augment, Cutout, Roll, Rotation};
use crate::{Error, FrameShape, Frames, Result};

/// One of several transforms, drawn for each sample.
///
/// The default is the neuromorphic data augmentation of Li et al., ECCV 2022 (NDA), as customary
/// code has it at its usual strength (one transform, N = 2): a roll by up to 5 pixels, a rotation
/// by up to 30°, or a cutout of 16 pixels.
///
/// ```
/// use candlewick_core::Key;
/// use candlewick_encode::augment::{Flip, OneOf};
/// use candlewick_encode::{Augment, FrameShape, Frames};
///
/// let flips = OneOf { of: vec![Flip { probability: 1.0 }.into()] };
/// let mut image = Frames::new(FrameShape { time: 1, height: 1, width: 2, channels: 1 });
/// image.values_mut().copy_from_slice(&[1.0, 2.0]);
/// flips.apply(&mut image, &mut Key::new(1).stream());
/// assert_eq!(image.values(), [2.0, 1.0]);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct OneOf {
    /// The transforms, each drawn with the same probability; none may change the size.
    pub of: Vec<AnyAugment>,
}

impl Default for OneOf {
    fn default() -> Self {
        let rotation = Rotation { degrees: 30.0, ..Rotation::default() };
        Self { of: vec![Roll::default().into(), rotation.into(), Cutout::default().into()] }
    }
}

impl Augment for OneOf {
    fn check(&self, shape: FrameShape) -> Result<FrameShape> {
        if self.of.is_empty() {
            return Err(Error::setting("one_of.of", "at least one transform", 0));
        }
        for (position, step) in self.of.iter().enumerate() {
            let place = format!("one_of.of.{position}");
            let after = step.check(shape).map_err(|error| error.within(&place))?;
            if after != shape {
                let expected = format!("frames of {shape}");
                return Err(Error::setting(step.name(), expected, after).within(&place));
            }
        }
        Ok(shape)
    }

    fn apply(&self, frames: &mut Frames, stream: &mut Stream) {
        let drawn = stream.below(self.of.len() as u32) as usize;
        self.of[drawn].apply(frames, stream);
    }

    fn needs_unit_range(&self) -> bool {
        self.of.iter().any(|step| step.needs_unit_range())
    }
}
