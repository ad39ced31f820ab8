//! Numbers as sums of two floats of 16 bits.
//!
//! The first half is the number rounded to 8 bits of precision, the second what is left, rounded
//! again: an error of at most 2⁻¹⁷ of the number.

/// The bits of both halves.
#[inline(always)]
pub(super) fn halves(value: f32) -> [u32; 2] {
    let bits = value.to_bits();
    let round = |bits: u32| bits.wrapping_add(0x8000) & 0xFFFF_0000;
    // Rounding up could make a NaN a zero.
    let first = if value.is_nan() { bits & 0xFFFF_0000 | 0x40_0000 } else { round(bits) };
    let rest = value - f32::from_bits(first);
    [first >> 16, round(rest.to_bits()) >> 16]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(value: f32) -> f64 {
        halves(value).map(|bits| f64::from(f32::from_bits(bits << 16))).iter().sum()
    }

    #[test]
    fn two_halves_are_the_number_to_17_bits() {
        let mut visited = 0;
        for index in -5000..5000 {
            let value = index as f32 * 1.234_567e-3;
            let error = (sum(value) - f64::from(value)).abs();
            assert!(error <= f64::from(value).abs() * 2.0_f64.powi(-17), "{value}");
            visited += 1;
        }
        assert_eq!(visited, 10_000);
    }

    #[test]
    fn what_is_not_finite_stays_so() {
        for value in [f32::NAN, f32::from_bits(u32::MAX), f32::INFINITY, f32::NEG_INFINITY] {
            assert!(!sum(value).is_finite(), "{value}");
        }
    }
}
