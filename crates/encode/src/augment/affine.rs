//! Linear maps of the plane around the middle of a frame, for rotation and shear.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{FrameShape, Frames};

/// How a value between pixels is found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
    // The old pixels of each new one; the same for all frames.
    let count = match interpolation {
        Interpolation::Nearest => 1,
        Interpolation::Bilinear => 4,
    };
    let sources: Vec<Source> = sources(height, width, matrix, interpolation)
        .into_iter()
        .map(|(pixel, weight)| (pixel * channels, weight))
        .collect();
    frames.replace(height, width, |old, new| {
        let targets = new.chunks_exact_mut(channels);
        for (target, sources) in targets.zip(sources.chunks_exact(count)) {
            for &(at, weight) in sources.iter().filter(|source| source.1 != 0.0) {
                for (target, &source) in target.iter_mut().zip(&old[at..at + channels]) {
                    *target += weight * source;
                }
            }
        }
    });
}

/// An old pixel and its weight, which is 0 where it is outside.
type Source = (usize, f32);

/// One or four old pixels for each new one, in order.
fn sources(
    height: usize,
    width: usize,
    matrix: [[f64; 2]; 2],
    interpolation: Interpolation,
) -> Vec<Source> {
    let (middle_x, middle_y) = ((width as f64 - 1.0) / 2.0, (height as f64 - 1.0) / 2.0);
    let source = |x: f64, y: f64, weight: f64| {
        let inside = x >= 0.0 && y >= 0.0 && x < width as f64 && y < height as f64;
        if inside { (y as usize * width + x as usize, weight as f32) } else { (0, 0.0) }
    };
    let mut sources = Vec::with_capacity(4 * height * width);
    for row in 0..height {
        for column in 0..width {
            let (x, y) = (column as f64 - middle_x, row as f64 - middle_y);
            let source_x = matrix[0][0] * x + matrix[0][1] * y + middle_x;
            let source_y = matrix[1][0] * x + matrix[1][1] * y + middle_y;
            match interpolation {
                Interpolation::Nearest => {
                    sources.push(source((source_x + 0.5).floor(), (source_y + 0.5).floor(), 1.0));
                }
                Interpolation::Bilinear => {
                    let (left, top) = (source_x.floor(), source_y.floor());
                    let (right, down) = (source_x - left, source_y - top);
                    sources.extend([
                        source(left, top, (1.0 - right) * (1.0 - down)),
                        source(left + 1.0, top, right * (1.0 - down)),
                        source(left, top + 1.0, (1.0 - right) * down),
                        source(left + 1.0, top + 1.0, right * down),
                    ]);
                }
            }
        }
    }
    sources
}
