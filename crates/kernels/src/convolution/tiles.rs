//! Convolution of spikes by the matrix unit of recent x86-64 processors (AMX), in all three passes.
//!
//! The unit multiplies 16-bit floats sixteen times, and bytes thirty-two times as fast as vectors
//! multiply floats.
//! Spikes are such bytes as they are, and a weight is three of them:
//!
//! * forward, and for the gradient of the weight, the numbers that meet spikes are written as three
//!   *digits* to base 256 with one scale per channel ([`digits`]); the sums are exact, and what is lost
//!   is about 2⁻²³ of the channel's largest number.
//! * the gradient of the input multiplies floats; each is written as the sum of two *halves*, floats
//!   of 16 bits ([`halves`]), and three of the four products are taken: an error of at most 2⁻¹⁵ of a product.
//!
//! The work does not depend on how many spikes there are.

use crate::convolution::Conv2d;
use crate::simd::has_matrix_unit;
use crate::simd::matrix_unit::Line;

mod digits;
mod forward;
mod halves;
mod input_gradient;
mod plane;
mod weight_gradient;

pub(super) use weight_gradient::CHUNK;

/// Floats in the place of a line.
const FLOATS: usize = size_of::<Line>() / size_of::<f32>();
/// Bytes of the map of a group of samples, about: it stays in the cache that all cores share.
const GROUP_BYTES: usize = 8 << 20;

/// Most inputs of an output: digits of inputs of 15 levels then do not overflow.
const MOST_INPUTS: usize = 1 << 20;

impl Conv2d {
    /// Whether the matrix unit is there and can take this shape.
    pub(crate) fn has_tiles(&self) -> bool {
        has_matrix_unit() && self.patch_len() <= MOST_INPUTS
    }

    /// Places that are computed per output pixel, in whole steps of so many: gaps are computed as well.
    pub(crate) fn places_per_output(&self, step: usize) -> f64 {
        let plane = plane::Phases::new(self).plane(self, self.images);
        let results = self.images * plane.results[0] * plane.results[1];
        plane.results_len().next_multiple_of(step) as f64 / results.max(1) as f64
    }
}
