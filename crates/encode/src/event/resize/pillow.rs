//! What Pillow does to an 8-bit image of grey and alpha when it is made smaller or larger.
//!
//! Grey is multiplied by alpha, both are resized with weights in 22-bit fixed point, columns first
//! and rounded to bytes in between, and grey is divided by the new alpha.

use super::taps::Taps;

/// Bits after the point of a weight.
const PRECISION: u32 = 22;

/// Working memory: planes of bytes, grey then alpha in each pixel.
#[derive(Debug, Default)]
pub(super) struct GreyAlpha {
    source: Vec<u8>,
    narrow: Vec<u8>,
    sums: Vec<i32>,
    result: Vec<u8>,
}

impl GreyAlpha {
    /// Resizes one frame of pixels (OFF, ON) with values in [0, 1]: ON is grey, OFF is alpha.
    pub(super) fn resize(
        &mut self,
        old: &[f32],
        old_width: usize,
        rows: &Taps,
        columns: &Taps,
        new: &mut [f32],
    ) {
        // PyTorch cuts the fraction off; the cast limits to 0 to 255.
        let byte = |value: f32| (value * 255.0) as u8;
        self.source.clear();
        for pixel in old.chunks_exact(2) {
            let (alpha, grey) = (byte(pixel[0]), byte(pixel[1]));
            self.source.extend([multiply(grey, alpha), alpha]);
        }
        self.narrow.clear();
        for row in self.source.chunks_exact(2 * old_width) {
            resample(row, columns, 2, &mut self.sums, &mut self.narrow);
        }
        let row = self.narrow.len() / (self.source.len() / (2 * old_width));
        self.result.clear();
        resample(&self.narrow, rows, row, &mut self.sums, &mut self.result);
        for (pixel, source) in new.chunks_exact_mut(2).zip(self.result.chunks_exact(2)) {
            let (grey, alpha) = (source[0], source[1]);
            pixel[0] = f32::from(alpha) / 255.0;
            pixel[1] = f32::from(divide(grey, alpha)) / 255.0;
        }
    }
}

/// `grey · alpha / 255`, rounded.
fn multiply(grey: u8, alpha: u8) -> u8 {
    let product = u32::from(grey) * u32::from(alpha) + 128;
    ((product + (product >> 8)) >> 8) as u8
}

/// `255 · grey / alpha`, truncated and limited to a byte; unchanged where alpha is 0 or 255.
fn divide(grey: u8, alpha: u8) -> u8 {
    match alpha {
        0 | 255 => grey,
        _ => (255 * u32::from(grey) / u32::from(alpha)).min(255) as u8,
    }
}

/// Appends weighted sums of the groups of `size` bytes; `sums` is working memory.
fn resample(old: &[u8], taps: &Taps, size: usize, sums: &mut Vec<i32>, new: &mut Vec<u8>) {
    sums.resize(size, 0);
    for (start, weights) in taps.iter() {
        sums.fill(1 << (PRECISION - 1));
        let mut at = start * size;
        for &weight in weights {
            let weight = fixed(weight);
            for (sum, &byte) in sums.iter_mut().zip(&old[at..at + size]) {
                // Weights are positive and add up to 2²² but for rounding, so this is below 2³¹.
                *sum += i32::from(byte) * weight;
            }
            at += size;
        }
        new.extend(sums.iter().map(|sum| (sum >> PRECISION).min(255) as u8));
    }
}

/// A weight in fixed point, rounded.
fn fixed(weight: f64) -> i32 {
    (weight * f64::from(1 << PRECISION) + 0.5) as i32
}
