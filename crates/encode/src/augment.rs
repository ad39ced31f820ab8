//! Augmentation: an ordered list of transforms, each the same for all frames of a sample.

mod affine;
mod auto_augment;
mod crop;
mod cutout;
mod flip;
mod normalize;
mod one_of;
mod picture;
mod rand_augment;
mod roll;
mod rotation;
mod shear;

use std::fmt::Debug;

use candlewick_core::random::Stream;
use candlewick_core::{Key, registry};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use affine::Interpolation;
pub use auto_augment::AutoAugment;
pub use crop::Crop;
pub use cutout::Cutout;
pub use flip::Flip;
pub use normalize::{Normalize, Statistics};
pub use one_of::OneOf;
pub use picture::Reading;
pub use rand_augment::RandAugment;
pub use roll::Roll;
pub use rotation::Rotation;
pub use shear::Shear;

use crate::{Error, FrameShape, Frames, Result};

/// Changes the frames of one sample.
pub trait Augment: Debug + Send + Sync {
    /// The size of the result for frames of the size `shape`.
    ///
    /// # Errors
    /// If a setting is out of range, or frames of that size cannot be transformed.
    fn check(&self, shape: FrameShape) -> Result<FrameShape>;

    /// Transforms all frames in the same way; `stream` decides how.
    fn apply(&self, frames: &mut Frames, stream: &mut Stream);

    /// Whether the result depends on chance. The others are part of the input's definition and
    /// are kept at evaluation.
    fn is_random(&self) -> bool {
        true
    }

    /// Whether the values must still be in [0, 1], so that it has to come before `normalize`.
    fn needs_unit_range(&self) -> bool {
        false
    }
}

registry! {
    /// An augmentation by name.
    pub enum AnyAugment: dyn Augment, kind "augmentation" {
        /// A random window of the padded image.
        Crop = "crop" | "random_crop",
        /// Left and right exchanged at random.
        Flip = "flip" | "horizontal_flip",
        /// Mean and deviation of the channels brought to 0 and 1; kept at evaluation.
        Normalize = "normalize",
        /// Squares set to zero at random.
        Cutout = "cutout",
        /// A random cyclic shift.
        Roll = "roll",
        /// A random rotation.
        Rotation = "rotation" | "rotate",
        /// A random horizontal shear.
        Shear = "shear",
        /// Pairs of operations by the policy found for CIFAR-10.
        AutoAugment = "auto_augment" | "autoaugment",
        /// Some of 14 operations at one magnitude.
        RandAugment = "rand_augment" | "randaugment",
        /// One of several transforms; by default those of NDA.
        OneOf = "one_of" | "nda",
    }
}

/// Transforms in the order of application, which change all frames of a sample in the same way; in a recipe
/// `augment = [{ crop = { padding = 4 } }, { flip = {} }, { normalize = { by = "cifar10" } }]`.
///
/// ```
/// use candlewick_encode::augment::{Crop, Flip, Normalize, Statistics};
/// use candlewick_encode::{Augmentation, FrameShape};
///
/// let crop = Crop { padding: 4, ..Crop::default() };
/// let normalize = Normalize::by(Statistics::Cifar10);
/// let steps = [crop.into(), Flip::default().into(), normalize.into()];
/// let augmentation: Augmentation = steps.into_iter().collect();
/// let image = FrameShape { time: 1, height: 32, width: 32, channels: 3 };
/// assert_eq!(augmentation.check(image)?, image);
/// assert_eq!(augmentation.evaluation().steps.len(), 1); // normalization stays
/// # Ok::<(), candlewick_encode::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Augmentation {
    /// The transforms.
    pub steps: Vec<AnyAugment>,
}

impl Augmentation {
    /// The size of the result for frames of the size `shape`.
    ///
    /// # Errors
    /// Of the first transform that does not fit, in itself or in its place.
    pub fn check(&self, mut shape: FrameShape) -> Result<FrameShape> {
        let mut normalized = false;
        for (position, step) in self.steps.iter().enumerate() {
            let place = format!("augment.{position}");
            if normalized && step.needs_unit_range() {
                let expected = "before normalize";
                return Err(Error::setting(step.name(), expected, "after").within(&place));
            }
            normalized |= matches!(step, AnyAugment::Normalize(_));
            shape = step.check(shape).map_err(|error| error.within(&place))?;
        }
        Ok(shape)
    }

    /// Transforms the frames of one sample; `key` is the stream of this sample in this epoch.
    pub fn apply(&self, frames: &mut Frames, key: Key) {
        for (position, step) in self.steps.iter().enumerate() {
            step.apply(frames, &mut key.at(position as u64).stream());
        }
    }

    /// What is left of it at evaluation: the transforms that do not depend on chance.
    pub fn evaluation(&self) -> Self {
        let steps = self.steps.iter().filter(|step| !step.is_random());
        Self { steps: steps.cloned().collect() }
    }
}

impl FromIterator<AnyAugment> for Augmentation {
    fn from_iter<I: IntoIterator<Item = AnyAugment>>(steps: I) -> Self {
        let steps = steps.into_iter().collect();
        Self { steps }
    }
}
