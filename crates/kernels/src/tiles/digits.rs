//! Numbers as three digits to base 256, with one scale per channel.
//!
//! `x ≈ (65536 a + 256 b + c) · s` for digits from −128 to 127, with the least power of two `s` for which
//! that reaches the largest magnitude `m` of the channel: an error of at most 2⁻²³ m.

use super::unit::{DIGITS, ROWS, Sums, Tile};

/// Three digits reach 127 · 65536 multiples of a scale: that is 2²³ multiples less this share.
const REACH: f32 = 127.0 / 128.0;
/// Makes the digits of a number that is not negative out of its bytes, and back.
const MIDDLE: u32 = 0x80_8080;

/// The scales of sixteen channels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scales {
    /// What a number is divided by.
    pub(crate) scale: [f32; ROWS],
    inverse: [f32; ROWS],
}

impl Scales {
    /// Those that the numbers in `rows` need; NaN for a channel that is not finite.
    #[inline(always)]
    pub(crate) fn of(rows: impl Iterator<Item = [f32; ROWS]>) -> Self {
        let mut largest = [0.0_f32; ROWS];
        let mut taint = [0.0; ROWS];
        for row in rows {
            for ((largest, taint), value) in largest.iter_mut().zip(&mut taint).zip(row) {
                let magnitude = value.abs();
                *largest = if magnitude > *largest { magnitude } else { *largest };
                *taint += value * 0.0;
            }
        }
        let (mut scale, mut inverse) = ([0.0; ROWS], [0.0; ROWS]);
        for channel in 0..ROWS {
            let exponent = (largest[channel] / REACH).to_bits() >> 23;
            // Channels without a number above 2⁻¹⁰⁴ count as zeros.
            let some = exponent > 22;
            let power = |exponent: u32| if some { f32::from_bits(exponent << 23) } else { 0.0 };
            scale[channel] = power(exponent.wrapping_sub(22)) + taint[channel];
            inverse[channel] = power(276_u32.wrapping_sub(exponent));
        }
        Self { scale, inverse }
    }

    /// The digits of a row, in the three low bytes, the least first.
    #[inline(always)]
    fn digits(&self, row: &[f32; ROWS]) -> [u32; ROWS] {
        let mut digits = [0; ROWS];
        for ((digits, value), inverse) in digits.iter_mut().zip(row).zip(&self.inverse) {
            let multiple = (value * inverse).round_ties_even() as i32;
            *digits = multiple.wrapping_add(MIDDLE as i32) as u32 ^ MIDDLE;
        }
        digits
    }

    /// Writes four rows to row `line` of the registers of the digits, the largest first.
    #[inline(always)]
    pub(crate) fn write(
        &self,
        rows: &[[f32; ROWS]; 4],
        line: usize,
        registers: &mut [Tile; DIGITS],
    ) {
        let [first, second, third, fourth] = rows;
        let (first, second) = (self.digits(first), self.digits(second));
        let (third, fourth) = (self.digits(third), self.digits(fourth));
        for (digit, register) in registers.iter_mut().rev().enumerate() {
            let shift = 8 * digit as u32;
            let byte = |value: u32| value >> shift & 0xFF;
            let words = register[line].as_chunks_mut::<4>().0;
            for (channel, word) in words.iter_mut().enumerate() {
                let bytes = byte(first[channel])
                    | byte(second[channel]) << 8
                    | byte(third[channel]) << 16
                    | byte(fourth[channel]) << 24;
                *word = bytes.to_le_bytes();
            }
        }
    }
}

/// The sum that three sums of digits make, as a multiple of the scale.
#[inline(always)]
pub(crate) fn total(sums: &[Sums<i32>; DIGITS], row: usize) -> [f32; ROWS] {
    let mut totals = [0.0; ROWS];
    let (a, b, c) = (&sums[0][row], &sums[1][row], &sums[2][row]);
    for (column, total) in totals.iter_mut().enumerate() {
        let high = a[column] as f32 * 65536.0 + b[column] as f32 * 256.0;
        *total = high + c[column] as f32;
    }
    totals
}

/// Sixteen numbers from `start` on, zeros behind the last of `count`.
#[inline(always)]
pub(crate) fn sixteen(values: &[f32], start: usize, count: usize) -> [f32; ROWS] {
    let mut sixteen = [0.0; ROWS];
    if count >= ROWS {
        sixteen.copy_from_slice(&values[start..start + ROWS]);
    } else {
        sixteen[..count].copy_from_slice(&values[start..start + count]);
    }
    sixteen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits_are_the_number_to_24_bits() {
        let mut visited = 0;
        for index in 0..10_000 {
            let value = (index as f32 - 5000.0) / 5000.0 * 3.7;
            let mut row = [value; ROWS];
            row[0] = 3.7;
            let scales = Scales::of([row, [3.7; ROWS]].into_iter());
            let mut registers = [[[0; 64]; ROWS]; DIGITS];
            scales.write(&[row; 4], 0, &mut registers);
            for place in 0..4 {
                let at = 4 + place;
                let digits = registers.map(|register| register[0][at].cast_signed());
                let [a, b, c] = digits.map(i32::from);
                let found = f64::from(a * 65536 + b * 256 + c) * f64::from(scales.scale[1]);
                assert!((found - f64::from(value)).abs() <= 3.7 * 2.0_f64.powi(-23), "{value}");
                visited += 1;
            }
        }
        assert_eq!(visited, 40_000);
    }

    #[test]
    fn a_channel_that_is_not_finite_has_no_scale_and_one_of_zeros_has_zero() {
        let mut row = [0.0; ROWS];
        (row[1], row[2], row[3]) = (f32::NAN, f32::INFINITY, 1e-42);
        let scales = Scales::of([row].into_iter());
        assert_eq!(scales.scale[0], 0.0);
        assert!(scales.scale[1].is_nan() && scales.scale[2].is_nan());
        assert!(scales.scale[3] >= 0.0 && scales.inverse.iter().all(|value| value.is_finite()));
    }
}
