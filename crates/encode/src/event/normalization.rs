//! How the values of event frames are scaled; each way is named after who uses it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Frames;

/// How the values of event frames are scaled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EventNormalization {
    /// Not at all: MSG (arXiv:2406.19645), SpikingJelly, tonic.
    #[default]
    #[serde(alias = "msg")]
    None,
    /// Each frame is divided by its largest value over both polarities: TET (arXiv:2202.11946).
    /// A frame without events stays 0; in TET's code it becomes NaN.
    Tet,
    /// The values that are not 0 get mean 0 and deviation 1 over the whole recording: E2VID
    /// (Rebecq et al., CVPR 2019), for voxel grids.
    E2vid,
}

impl EventNormalization {
    pub(super) fn apply(self, frames: &mut Frames) {
        let size = frames.shape().frame();
        let values = frames.values_mut();
        match self {
            Self::None => {}
            Self::Tet => {
                for frame in values.chunks_exact_mut(size) {
                    let largest = frame.iter().copied().fold(0.0, f32::max);
                    if largest > 0.0 {
                        for value in frame {
                            *value /= largest;
                        }
                    }
                }
            }
            Self::E2vid => {
                let (mut count, mut sum, mut squares) = (0.0, 0.0, 0.0);
                for value in values.iter().filter(|&&value| value != 0.0) {
                    count += 1.0;
                    sum += f64::from(*value);
                    squares += f64::from(*value).powi(2);
                }
                if count == 0.0 {
                    return;
                }
                let mean = sum / count;
                let deviation = (squares / count - mean * mean).max(0.0).sqrt();
                // Values that are all equal have no deviation: only their mean is subtracted.
                let scale = if deviation > 0.0 { 1.0 / deviation } else { 1.0 };
                for value in values.iter_mut().filter(|value| **value != 0.0) {
                    *value = ((f64::from(*value) - mean) * scale) as f32;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FrameShape;

    fn normalized(normalization: EventNormalization, values: &[f32]) -> Vec<f32> {
        let mut frames =
            Frames::new(FrameShape { time: 2, height: 1, width: 1, channels: values.len() / 2 });
        frames.values_mut().copy_from_slice(values);
        normalization.apply(&mut frames);
        frames.values().to_vec()
    }

    /// TET: the first frame is divided by 4, the empty one stays. E2VID: 1, 3 have mean 2 and
    /// deviation 1.
    #[test]
    fn values_by_hand() {
        let none = normalized(EventNormalization::None, &[1., 4., 0., 0.]);
        assert_eq!(none, [1., 4., 0., 0.]);
        let tet = normalized(EventNormalization::Tet, &[1., 4., 0., 0.]);
        assert_eq!(tet, [0.25, 1., 0., 0.]);
        let e2vid = normalized(EventNormalization::E2vid, &[1., 0., 3., 0.]);
        assert_eq!(e2vid, [-1., 0., 1., 0.]);
        let equal = normalized(EventNormalization::E2vid, &[2., 0., 2., 0.]);
        assert_eq!(equal, [0., 0., 0., 0.]);
    }
}
