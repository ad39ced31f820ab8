//! A rotation.

use candlewick_core::random::Stream;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Augment;
use super::affine::{Interpolation, transform};
use crate::{Error, FrameShape, Frames, Result};

/// Rotation by a random angle around the middle of the frame (MSG, arXiv:2406.19645: up to 15° on
/// DVS-CIFAR10; NDA, Li et al., ECCV 2022: up to 30°).
///
/// ```
/// use candlewick_core::Key;
/// use candlewick_encode::augment::{Rotation};
/// use candlewick_encode::{Augment, FrameShape, Frames};
///
/// let mut image = Frames::new(FrameShape { time: 1, height: 3, width: 3, channels: 1 });
/// image.values_mut()[4] = 1.0;
/// Rotation { degrees: 90.0, ..Rotation::default() }.apply(&mut image, &mut Key::new(1).stream());
/// assert_eq!(image.values()[4], 1.0); // the middle stays
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Rotation {
    /// Largest angle in degrees, in (0, 180]; angles are uniform in `-degrees..degrees`.
    pub degrees: f32,
    /// How a value between pixels is found.
    pub interpolation: Interpolation,
}

impl Default for Rotation {
    fn default() -> Self {
        Self { degrees: 15.0, interpolation: Interpolation::Nearest }
    }
}

impl Rotation {
    /// Rotates counter-clockwise by `degrees`.
    fn rotate(&self, frames: &mut Frames, degrees: f32) {
        let (sin, cos) = f64::from(degrees).to_radians().sin_cos();
        transform(frames, [[cos, -sin], [sin, cos]], self.interpolation);
    }
}

impl Augment for Rotation {
    fn check(&self, shape: FrameShape) -> Result<FrameShape> {
        if self.degrees > 0.0 && self.degrees <= 180.0 {
            return Ok(shape);
        }
        let expected = "above 0, at most 180";
        Err(Error::setting("rotation.degrees", expected, self.degrees))
    }

    fn apply(&self, frames: &mut Frames, stream: &mut Stream) {
        self.rotate(frames, stream.range(-self.degrees, self.degrees));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rotated(degrees: f32, interpolation: Interpolation) -> Vec<f32> {
        let mut frames = Frames::new(FrameShape { time: 1, height: 3, width: 3, channels: 1 });
        let values: Vec<f32> = (1..=9_u8).map(f32::from).collect();
        frames.values_mut().copy_from_slice(&values);
        let rotation = Rotation { degrees: 180.0, interpolation };
        rotation.rotate(&mut frames, degrees);
        frames.values().to_vec()
    }

    /// A quarter counter-clockwise brings the right column (3 6 9) to the top.
    #[test]
    fn a_quarter_turn_moves_the_pixels() {
        assert_eq!(rotated(90.0, Interpolation::Nearest), [3., 6., 9., 2., 5., 8., 1., 4., 7.]);
    }

    /// 45°: the middle of the top row comes from (√½, -√½) from the middle, whose neighbours are
    /// 2, 3, 5, 6 with weights w·s, w·w, s·s, s·w for w = 0.70711 and s = 1 - w: 0.20711 (2 + 6) +
    /// 0.5·3 + 0.08579·5 = 3.58579. The corner comes from (0, -√2), half outside: 2 · (2 - √2) =
    /// 1.17157.
    #[test]
    fn between_pixels_values_are_mixed() {
        let values = rotated(45.0, Interpolation::Bilinear);
        assert!((values[1] - 3.58579).abs() < 1e-5, "{values:?}");
        assert!((values[0] - 1.17157).abs() < 1e-5, "{values:?}");
        assert_eq!(values[4], 5.0);
    }
}
