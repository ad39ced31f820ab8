//! A horizontal shear.

use candlewick_core::random::Stream;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Augment;
use super::affine::{Interpolation, transform};
use crate::{Error, FrameShape, Frames, Result};

/// Shear: rows slide along each other (NDA, Li et al., ECCV 2022, table 1: a geometric
/// transform for event frames).
///
/// The row at `y` from the middle moves by `y · tan(angle)`.
///
/// ```
/// use candlewick_core::Key;
/// use candlewick_encode::augment::{Shear};
/// use candlewick_encode::{Augment, FrameShape, Frames};
///
/// let mut image = Frames::new(FrameShape { time: 1, height: 3, width: 3, channels: 1 });
/// image.values_mut()[4] = 1.0;
/// Shear::default().apply(&mut image, &mut Key::new(1).stream());
/// assert_eq!(image.values()[4], 1.0); // the row in the middle stays
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Shear {
    /// Largest angle in degrees, in (0, 90); angles are uniform in `-degrees..degrees`.
    /// 30 is our choice.
    pub degrees: f32,
    /// How a value between pixels is found.
    pub interpolation: Interpolation,
}

impl Default for Shear {
    fn default() -> Self {
        Self { degrees: 30.0, interpolation: Interpolation::Nearest }
    }
}

impl Shear {
    fn shear(&self, frames: &mut Frames, degrees: f32) {
        let slope = f64::from(degrees).to_radians().tan();
        transform(frames, [[1.0, slope], [0.0, 1.0]], self.interpolation);
    }
}

impl Augment for Shear {
    fn check(&self, shape: FrameShape) -> Result<FrameShape> {
        if self.degrees > 0.0 && self.degrees < 90.0 {
            return Ok(shape);
        }
        let expected = "above 0, below 90";
        Err(Error::setting("shear.degrees", expected, self.degrees))
    }

    fn apply(&self, frames: &mut Frames, stream: &mut Stream) {
        self.shear(frames, stream.range(-self.degrees, self.degrees));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// At 45° the top row comes from one pixel to the left, the bottom row from one to the right.
    #[test]
    fn rows_slide() {
        let mut frames = Frames::new(FrameShape { time: 1, height: 3, width: 3, channels: 1 });
        let values: Vec<f32> = (1..=9_u8).map(f32::from).collect();
        frames.values_mut().copy_from_slice(&values);
        Shear::default().shear(&mut frames, 45.0);
        assert_eq!(frames.values(), [0., 1., 2., 4., 5., 6., 8., 9., 0.]);
    }
}
