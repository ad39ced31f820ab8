//! Random bits that are 1 with a chosen probability, 256 at a time.
//!
//! A bit of value 1 means `u < p` for a uniform number `u` in [0, 1) and a probability `p` that is a
//! multiple of 2⁻¹⁶. Written in binary, `u < p` is decided from the lowest digit up, for all elements
//! of a word at once:
//!
//! ```text
//! below ← ¬u | below    where the digit of p is 1
//! below ← ¬u & below    where it is 0
//! ```
//!
//! Below the lowest 1 of `p` nothing is decided, so that a probability with few binary digits takes few
//! random words: p = 1/2 takes one random bit per element.

use crate::random::{Key, LANES};

/// Elements of a sheet: what is drawn at a time.
pub const SHEET: usize = 256;

/// Words of a sheet.
pub const WORDS: usize = SHEET / u32::BITS as usize;

/// Binary digits of a probability.
const DIGITS: usize = 16;

/// Philox blocks that hold one random bit per element of a sheet.
const BLOCKS: usize = WORDS / 4;

/// Digits that one call of [`Key::lanes`] gives random bits for.
const AT_ONCE: usize = LANES / BLOCKS;

/// Independent bits that are 1 with probability `p`: element `i` of a stream is bit `i % 256` of
/// sheet `i / 256`, a function of key and index alone.
#[derive(Clone, Copy, Debug)]
pub struct Bernoulli {
    key: Key,
    /// p · 2¹⁶.
    numerator: u32,
}

impl Bernoulli {
    /// The bits of a stream, with `p` in [0, 1] rounded to the next multiple of 2⁻¹⁶; 0 and 1 are
    /// never and always.
    pub fn new(key: Key, p: f32) -> Self {
        let whole = f64::from(1_u32 << DIGITS);
        Self { key, numerator: (f64::from(p.clamp(0.0, 1.0)) * whole).round() as u32 }
    }

    /// The stream as kernels for devices take it: the two words of the key, p · 2¹⁶, and how many binary digits
    /// p has up to its last 1.
    pub fn words(&self) -> [u32; 4] {
        let [low, high] = self.key.halves();
        let digits = if self.numerator == 0 {
            0
        } else {
            DIGITS as u32 - self.numerator.trailing_zeros().min(16)
        };
        [low, high, self.numerator, digits]
    }

    /// Sheet number `number`: element `32 · w + b` is bit `b` of word `w`.
    #[inline(always)]
    pub fn sheet(&self, number: u64) -> [u32; WORDS] {
        // Random bits of digit d, counted from the highest, are the blocks 2·d and 2·d + 1 of the sheet.
        let first = number.wrapping_mul((DIGITS * BLOCKS) as u64);
        let mut below = [0; WORDS];
        if self.numerator >> DIGITS != 0 {
            return [u32::MAX; WORDS];
        }
        if self.numerator == 0 {
            return below;
        }
        let digits = DIGITS - self.numerator.trailing_zeros() as usize;
        if digits <= 2 {
            for digit in (0..digits).rev() {
                let block = first + (digit * BLOCKS) as u64;
                let words = [self.key.words(block), self.key.words(block + 1)];
                let random = std::array::from_fn(|w| words[w / 4][w % 4]);
                self.decide(digit, &random, &mut below);
            }
            return below;
        }
        for call in (0..digits.div_ceil(AT_ONCE)).rev() {
            let lanes = self.key.lanes(first + (call * LANES) as u64);
            for digit in (call * AT_ONCE..digits.min((call + 1) * AT_ONCE)).rev() {
                let lane = (digit - call * AT_ONCE) * BLOCKS;
                let random: [u32; WORDS] = std::array::from_fn(|w| lanes[w % 4][lane + w / 4]);
                self.decide(digit, &random, &mut below);
            }
        }
        below
    }

    /// Takes digit number `digit` of p, from the highest, into account.
    #[inline(always)]
    fn decide(&self, digit: usize, random: &[u32; WORDS], below: &mut [u32; WORDS]) {
        let one = self.numerator >> (DIGITS - 1 - digit) & 1 == 1;
        for (below, random) in below.iter_mut().zip(random) {
            // A random bit is as good as its complement.
            *below = if one { *below | random } else { *below & random };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(p: f32, sheets: u64) -> f64 {
        let bits = Bernoulli::new(Key::new(3).named("bernoulli"), p);
        let ones: u32 = (0..sheets)
            .map(|n| bits.sheet(n).iter().map(|word| word.count_ones()).sum::<u32>())
            .sum();
        f64::from(ones) / (sheets as f64 * SHEET as f64)
    }

    /// Within four standard deviations, for probabilities of one to sixteen binary digits.
    #[test]
    fn the_share_of_ones_is_p() {
        let sheets = 4000;
        let mut visited = 0;
        for p in [0.5, 0.25, 0.75, 0.625, 0.1, 0.4, 0.9, 1.0 / 65_536.0, 0.999] {
            let rounded = (f64::from(p) * 65_536.0).round() / 65_536.0;
            let deviation = (rounded * (1.0 - rounded) / (sheets as f64 * SHEET as f64)).sqrt();
            let found = share(p, sheets);
            assert!((found - rounded).abs() <= 4.0 * deviation, "p {p}: {found}");
            visited += 1;
        }
        assert_eq!(visited, 9);
        assert_eq!((share(0.0, 10), share(1.0, 10)), (0.0, 1.0));
    }

    /// The definition, digit by digit: bits of more digits refine those of fewer, so that a higher
    /// probability never loses a one.
    #[test]
    fn a_bit_says_whether_its_uniform_number_is_below_p() {
        let key = Key::new(4);
        let mut visited = 0;
        for numerator in [1_u32, 0x5555, 0x8000, 0xC000, 0xA000, 0x0100, 0xFFFF, 0x0180] {
            let bits = Bernoulli { key, numerator };
            for sheet in [0, 7, u64::from(u32::MAX)] {
                let words = bits.sheet(sheet);
                for element in 0..SHEET {
                    let (word, bit) = (element / 32, element % 32);
                    // The complement of each random bit is a digit of the uniform number.
                    let number = (0..16).fold(0_u32, |number, digit| {
                        let block = key.words(sheet * 32 + 2 * digit + word as u64 / 4);
                        number << 1 | (!block[word % 4] >> bit & 1)
                    });
                    let one = words[word] >> bit & 1 == 1;
                    assert_eq!(one, number < numerator, "{numerator:#x} {sheet} {element}");
                    visited += 1;
                }
            }
        }
        assert_eq!(visited, 8 * 3 * SHEET);
    }
}
