//! Numbers as three digits to base 256, with one scale per channel.
//!
//! `x ≈ (65536 a + 256 b + c) · s` for digits from −128 to 127, with the least power of two `s` for which
//! that reaches the largest magnitude `m` of the channel: an error of at most 128/127 · 2⁻²³ m.

use crate::simd::matrix_unit::{DIGITS, ROWS, Sums, Tile};
use pulp::bytemuck::cast_mut;

/// Three digits reach 127 · 65536 multiples of a scale: that is 2²³ multiples less this share.
const REACH: f32 = 127.0 / 128.0;
/// Makes digits that are not negative of digits, and back.
const MIDDLE: u32 = 0x80_8080;
/// Floats from 2²³ to 2²⁴ are the integers: added to a small number, this rounds it, and the bits of
/// the sum are the integer.
const INTEGERS: f32 = 12_582_912.0;
/// Bits of a float without its sign.
const MAGNITUDE: u32 = 0x7FFF_FFFF;
/// Rows that are compared at a time.
const FOLD: usize = 32;

/// A row of numbers, one per channel.
pub(crate) type Row = [f32; ROWS];

/// The scales of sixteen channels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scales {
    /// What a multiple is worth.
    pub(crate) scale: Row,
    inverse: Row,
}

impl Scales {
    /// Those that rows of numbers need; NaN for a channel that is not finite.
    #[inline(always)]
    pub(crate) fn of(rows: &[Row]) -> Self {
        // As integers, the bits of magnitudes are in their order.
        let mut largest = [[0_u32; ROWS]; FOLD];
        for rows in rows.chunks(FOLD) {
            let rows = rows.as_flattened();
            for (largest, value) in largest.as_flattened_mut().iter_mut().zip(rows) {
                *largest = (*largest).max(value.to_bits() & MAGNITUDE);
            }
        }
        let mut half = FOLD / 2;
        while half > 0 {
            let (low, high) = largest.split_at_mut(half);
            let (low, high) = (low.as_flattened_mut(), high.as_flattened());
            low.iter_mut().zip(high).for_each(|(low, high)| *low = (*low).max(*high));
            half /= 2;
        }
        let (mut scale, mut inverse) = ([0.0; ROWS], [0.0; ROWS]);
        for (channel, bits) in largest[0].into_iter().enumerate() {
            let exponent = (f32::from_bits(bits) / REACH).to_bits() >> 23;
            // Channels without a number above 2⁻¹⁰⁴ count as zeros.
            let some = exponent > 22 && exponent < 255;
            let power = |exponent: u32| if some { f32::from_bits(exponent << 23) } else { 0.0 };
            let broken = bits >= f32::INFINITY.to_bits() || exponent == 255;
            scale[channel] = if broken { f32::NAN } else { power(exponent.wrapping_sub(22)) };
            inverse[channel] = power(276_u32.wrapping_sub(exponent));
        }
        Self { scale, inverse }
    }

    /// Writes four rows to row `line` of the registers of the digits, the largest first.
    #[inline(always)]
    pub(crate) fn write(&self, rows: &[Row; 4], line: usize, registers: &mut [Tile; DIGITS]) {
        let mut digits = [[0_u32; ROWS]; 4];
        for (digits, row) in digits.iter_mut().zip(rows) {
            for channel in 0..ROWS {
                // The largest digit, and what is left for the others.
                let value = row[channel] * self.inverse[channel];
                let high = value * (1.0 / 65536.0) + INTEGERS;
                let rest = value - (high - INTEGERS) * 65536.0 + INTEGERS;
                let integers = INTEGERS.to_bits();
                let high = high.to_bits().wrapping_sub(integers) << 16;
                let multiple = high.wrapping_add(rest.to_bits().wrapping_sub(integers));
                digits[channel] = multiple.wrapping_add(MIDDLE) ^ MIDDLE;
            }
        }
        let [first, second, third, fourth] = digits;
        for (digit, register) in registers.iter_mut().rev().enumerate() {
            let shift = 8 * digit as u32;
            let mut words = [0_u32; ROWS];
            for channel in 0..ROWS {
                let byte = |value: u32| value >> shift & 0xFF;
                words[channel] = byte(first[channel])
                    | byte(second[channel]) << 8
                    | byte(third[channel]) << 16
                    | byte(fourth[channel]) << 24;
            }
            let line: &mut [u32; ROWS] = cast_mut(&mut register[line]);
            *line = words;
        }
    }
}

/// The sum that three sums of digits make, added to `offset`.
#[inline(always)]
pub(crate) fn total(sums: &[Sums<i32>; DIGITS], row: usize, scale: &Row, offset: &Row) -> Row {
    let mut totals = [0.0; ROWS];
    let (a, b, c, scale, offset) = (sums[0][row], sums[1][row], sums[2][row], *scale, *offset);
    for column in 0..ROWS {
        let high = a[column] as f32 * 65536.0 + b[column] as f32 * 256.0;
        totals[column] = (high + c[column] as f32) * scale[column] + offset[column];
    }
    totals
}

/// Copies the numbers from `start` on, at most sixteen, with zeros behind the last.
#[inline(always)]
pub(crate) fn copy_row(values: &[f32], row: &mut Row) {
    if let Some(values) = values.first_chunk() {
        *row = *values;
    } else {
        *row = [0.0; ROWS];
        row[..values.len()].copy_from_slice(values);
    }
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
            let scales = Scales::of(&[row]);
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
        let scales = Scales::of(&[row]);
        assert_eq!(scales.scale[0], 0.0);
        assert!(scales.scale[1].is_nan() && scales.scale[2].is_nan());
        assert!(scales.scale[3] >= 0.0 && scales.inverse.iter().all(|value| value.is_finite()));
    }
}
