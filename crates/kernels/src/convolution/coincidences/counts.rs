//! Counts of many bits at a time, kept digit by digit.
//!
//! Digit `d` of the counts of all bits of a vector is a vector itself: three vectors are added by five
//! logical operations, to a digit and a carry, whatever the number of bits.

use crate::spikes::LOWEST;
use pulp::Simd;
use pulp::bytemuck::cast_slice;

/// Vectors that are added before a carry is passed on to the higher digits.
const BLOCK: usize = 16;
/// Digits of the number of vectors in a block.
const LOW: usize = 4;
/// Digits of a count: those of three nibbles.
const DIGITS: usize = 12;
/// The most vectors that can be counted.
pub(super) const MOST: usize = (1 << DIGITS) - 1;
/// The indices of a block of vectors that stand in their order.
const IN_ORDER: [u32; BLOCK] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
/// The low nibble of every byte.
const NIBBLES: u64 = 0x0F0F_0F0F_0F0F_0F0F;

/// How often each bit of a vector was set.
pub(super) struct Counts<S: Simd> {
    digits: [S::u64s; DIGITS],
    /// Digits that may be other than 0.
    used: usize,
}

impl<S: Simd> Counts<S> {
    #[inline(always)]
    pub(super) fn new(simd: S) -> Self {
        Self { digits: [simd.splat_u64s(0); DIGITS], used: 0 }
    }

    /// Counts the bits of the vectors with these indices, at most [`MOST`].
    #[inline(always)]
    pub(super) fn count(&mut self, simd: S, vectors: &[u64], indices: &[u32]) {
        let vectors = S::as_simd_u64s(vectors).0;
        let zero = simd.splat_u64s(0);
        let mut low = [zero; LOW];
        let mut high = [zero; DIGITS - LOW];
        let used = (indices.len() + 1).next_power_of_two().trailing_zeros() as usize;
        let carries = &mut high[..used.saturating_sub(LOW)];
        let (blocks, rest) = indices.as_chunks::<BLOCK>();
        for block in blocks {
            let carry = add_block(simd, &mut low, vectors, block);
            pass_on(simd, carries, carry);
        }
        if !rest.is_empty() {
            let mut last = [zero; BLOCK];
            for (last, index) in last.iter_mut().zip(rest) {
                *last = vectors[*index as usize];
            }
            let carry = add_block(simd, &mut low, &last, &IN_ORDER);
            pass_on(simd, carries, carry);
        }
        self.digits[..LOW].copy_from_slice(&low);
        self.digits[LOW..].copy_from_slice(&high);
        self.used = used;
    }

    /// Adds the counts of a step, times `worth`, to sums in the order of [`add_in_order`].
    #[inline(always)]
    pub(super) fn add(&self, step: usize, worth: f32, sums: &mut [f32]) {
        let digits: &[u64] = cast_slice(&self.digits);
        let words = S::U64_LANES;
        // The bytes of even channels, and those of odd ones.
        let (mut low, mut high) = ([0; 2 * 8], [0; 2 * 8]);
        for word in 0..words {
            let (first, second) =
                (nibble::<S>(digits, 0, word, step), nibble::<S>(digits, 1, word, step));
            low[word] = first & NIBBLES | (second & NIBBLES) << 4;
            low[words + word] = first >> 4 & NIBBLES | second & !NIBBLES;
            if self.used > 8 {
                let third = nibble::<S>(digits, 2, word, step);
                high[word] = third & NIBBLES;
                high[words + word] = third >> 4 & NIBBLES;
            }
        }
        let (low, high) = (low.map(u64::to_le), high.map(u64::to_le));
        let [low, high]: [&[u8]; 2] = [cast_slice(&low), cast_slice(&high)];
        if self.used > 8 {
            for ((sum, low), high) in sums.iter_mut().zip(low).zip(high) {
                *sum += worth * f32::from(u16::from(*low) | u16::from(*high) << 8);
            }
        } else {
            for (sum, low) in sums.iter_mut().zip(low) {
                *sum += worth * f32::from(*low);
            }
        }
    }
}

/// Four digits of the counts of a step, of the sixteen channels of a word.
#[inline(always)]
fn nibble<S: Simd>(digits: &[u64], index: usize, word: usize, step: usize) -> u64 {
    let mut nibble = 0;
    for digit in 0..4 {
        nibble |= (digits[(4 * index + digit) * S::U64_LANES + word] >> step & LOWEST) << digit;
    }
    nibble
}

/// Adds sixteen vectors to the low digits; returns the carry.
#[inline(always)]
fn add_block<S: Simd>(
    simd: S,
    low: &mut [S::u64s; LOW],
    vectors: &[S::u64s],
    indices: &[u32; BLOCK],
) -> S::u64s {
    let [ones, twos, fours, eights] = low;
    let fourths = indices.as_chunks::<4>().0;
    let carry = add_four(simd, ones, twos, vectors, &fourths[0]);
    let other = add_four(simd, ones, twos, vectors, &fourths[1]);
    let first = add(simd, fours, carry, other);
    let carry = add_four(simd, ones, twos, vectors, &fourths[2]);
    let other = add_four(simd, ones, twos, vectors, &fourths[3]);
    let second = add(simd, fours, carry, other);
    add(simd, eights, first, second)
}

/// Adds four vectors to the lowest digits; returns the carry.
#[inline(always)]
fn add_four<S: Simd>(
    simd: S,
    ones: &mut S::u64s,
    twos: &mut S::u64s,
    vectors: &[S::u64s],
    indices: &[u32; 4],
) -> S::u64s {
    let [a, b, c, d] = *indices;
    let carry = add(simd, ones, vectors[a as usize], vectors[b as usize]);
    let other = add(simd, ones, vectors[c as usize], vectors[d as usize]);
    add(simd, twos, carry, other)
}

/// Adds two vectors to a digit; returns the carry.
#[inline(always)]
fn add<S: Simd>(simd: S, digit: &mut S::u64s, a: S::u64s, b: S::u64s) -> S::u64s {
    let odd = simd.xor_u64s(*digit, a);
    *digit = simd.xor_u64s(odd, b);
    // Where the digit and `a` differ, `b` decides.
    simd.xor_u64s(a, simd.and_u64s(odd, simd.xor_u64s(a, b)))
}

/// Adds a carry to digits, the lowest first.
#[inline(always)]
fn pass_on<S: Simd>(simd: S, digits: &mut [S::u64s], mut carry: S::u64s) {
    for digit in digits {
        let both = simd.and_u64s(*digit, carry);
        *digit = simd.xor_u64s(*digit, carry);
        carry = both;
    }
}

/// Adds sums, those of even channels before those of odd ones, to channels in their order.
#[inline(always)]
pub(super) fn add_in_order(sums: &[f32], channels: &mut [f32]) {
    let (even, odd) = sums.split_at(sums.len() / 2);
    let (pairs, last) = channels.as_chunks_mut::<2>();
    for (([first, second], even), odd) in pairs.iter_mut().zip(even).zip(odd) {
        *first += even;
        *second += odd;
    }
    if let [last] = last {
        *last += even[pairs.len()];
    }
}
