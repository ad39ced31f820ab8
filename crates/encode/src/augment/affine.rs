//! Linear maps of the plane around the middle of a frame, for rotation and shear.

use serde::{Deserialize, Serialize};

use crate::{FrameShape, Frames};

/// How a value between pixels is found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Interpolation {
    /// The nearest pixel, the default of torchvision; spikes stay spikes.
    #[default]
    Nearest,
    /// The four pixels around, weighted by distance.
    Bilinear,
}

/// Replaces each frame by its image: the pixel at `p` from the middle comes from `matrix · p`, in
/// columns to the right and rows downwards, and is 0 where that is outside.
pub(super) fn transform(frames: &mut Frames, matrix: [[f64; 2]; 2], interpolation: Interpolation) {
    let FrameShape { height, width, channels, .. } = frames.shape();
    let (middle_x, middle_y) = ((width as f64 - 1.0) / 2.0, (height as f64 - 1.0) / 2.0);
    // The place in the frame of a pixel, if it is inside.
    let place = |x: f64, y: f64| {
        let inside = x >= 0.0 && y >= 0.0 && x < width as f64 && y < height as f64;
        inside.then(|| (y as usize * width + x as usize) * channels)
    };
    frames.replace(height, width, |old, new| {
        for (number, target) in new.chunks_exact_mut(channels).enumerate() {
            let x = (number % width) as f64 - middle_x;
            let y = (number / width) as f64 - middle_y;
            let source_x = matrix[0][0] * x + matrix[0][1] * y + middle_x;
            let source_y = matrix[1][0] * x + matrix[1][1] * y + middle_y;
            match interpolation {
                Interpolation::Nearest => {
                    if let Some(at) = place((source_x + 0.5).floor(), (source_y + 0.5).floor()) {
                        target.copy_from_slice(&old[at..at + channels]);
                    }
                }
                Interpolation::Bilinear => {
                    let (left, top) = (source_x.floor(), source_y.floor());
                    let (right, bottom) = (source_x - left, source_y - top);
                    for (x, y, weight) in [
                        (left, top, (1.0 - right) * (1.0 - bottom)),
                        (left + 1.0, top, right * (1.0 - bottom)),
                        (left, top + 1.0, (1.0 - right) * bottom),
                        (left + 1.0, top + 1.0, right * bottom),
                    ] {
                        if let Some(at) = place(x, y) {
                            let source = &old[at..at + channels];
                            for (target, &source) in target.iter_mut().zip(source) {
                                *target += weight as f32 * source;
                            }
                        }
                    }
                }
            }
        }
    });
}
