//! Convolution of spikes by the matrix unit of recent x86-64 processors (AMX), in all three passes.
//!
//! The unit multiplies bytes, or pairs of 16-bit floats, sixteen times as fast as vectors multiply
//! floats.
//! Spikes are such bytes as they are, and a weight is three of them:
//!
//! * forward, and for the gradient of the weight, the numbers that meet spikes are written as three
//!   *digits* to base 256 with one scale per channel ([`digits`]); the sums are exact, and what is lost
//!   is less than 2⁻²³ of the channel's largest number.
//! * the gradient of the input multiplies floats; each is written as the sum of two *halves*, floats
//!   of 16 bits ([`halves`]), and three of the four products are taken: a relative error of 2⁻¹⁷.
//!
//! The work does not depend on how many spikes there are.

mod digits;
mod forward;
mod halves;
mod input_gradient;
mod plane;
pub(crate) mod unit;

/// Floats in the place of a line.
const FLOATS: usize = size_of::<unit::Line>() / size_of::<f32>();

/// Depths of a product at a time, about: their registers stay in the level-1 cache.
const DEPTHS: usize = 9;

/// Depths at a time, of `all`: those of all taps for as many channels as there is room for.
fn part_of(taps: usize, all: usize) -> usize {
    if (6..=12).contains(&taps) { taps } else { DEPTHS.min(all).max(1) }
}
