//! Counts of many bits at a time, kept digit by digit.
//!
//! Digit `d` of the counts of all bits of a vector is a vector itself: three vectors are added by a few
//! logical operations, to a digit and a carry, whatever the number of bits.

use crate::spikes::{PER_WORD, STEPS};
use pulp::Simd;
use pulp::bytemuck::{cast_slice, cast_slice_mut};

/// The numbers of vectors that are counted are multiples of this.
pub(super) const EIGHT: usize = 8;
const SIXTEEN: usize = 16;
/// Vectors that are added before a carry is passed on to the higher digits.
const BLOCK: usize = 64;
/// Digits of a count: those of three nibbles.
const DIGITS: usize = 12;
/// The most vectors that can be counted.
pub(super) const MOST: usize = (1 << DIGITS) - EIGHT;
/// The most words of a vector.
const WORDS: usize = 8;
/// Vectors of floats that have one for each channel of a vector of bits.
pub(super) const VECTORS: usize = PER_WORD / 2;
/// One float for each channel of a vector of bits.
pub(super) type Row<S> = [<S as Simd>::f32s; VECTORS];
/// The low nibble of every byte.
const NIBBLES: u64 = 0x0F0F_0F0F_0F0F_0F0F;

/// Counts the bits of the vectors with these indices, which ascend, in each of some tables: as many as a
/// multiple of [`EIGHT`], at most [`MOST`].
///
/// Block by block, so that tables which overlap are read from the level-2 cache once.
///
/// # Safety
/// The last index is the largest.
#[inline(always)]
pub(super) unsafe fn count<S: Simd>(
    simd: S,
    counts: &mut [Counts<S>],
    tables: &[&[u64]],
    indices: &[u32],
) {
    let (blocks, rest) = indices.as_chunks::<BLOCK>();
    debug_assert!(indices.is_sorted(), "indices that ascend");
    let most = indices.last().map_or(0, |last| *last as usize);
    for (counts, table) in counts.iter_mut().zip(tables) {
        assert!(most < S::as_simd_u64s(table).0.len(), "places of a table");
        counts.start(simd, indices.len());
    }
    // SAFETY: no index is above the last one, which is in range.
    let seen = |table| unsafe { Seen::new(S::as_simd_u64s(table).0) };
    for block in blocks {
        for (counts, table) in counts.iter_mut().zip(tables) {
            counts.add_block(simd, seen(table), block);
        }
    }
    if !rest.is_empty() {
        for (counts, table) in counts.iter_mut().zip(tables) {
            counts.add_rest(simd, seen(table), rest);
        }
    }
}

/// Vectors whose indices have been checked.
#[derive(Clone, Copy)]
struct Seen<'a, S: Simd>(&'a [S::u64s]);

impl<'a, S: Simd> Seen<'a, S> {
    /// # Safety
    /// All indices that are asked for are in range.
    #[inline(always)]
    unsafe fn new(vectors: &'a [S::u64s]) -> Self {
        Self(vectors)
    }

    #[inline(always)]
    fn get(&self, index: u32) -> S::u64s {
        // SAFETY: `new` was promised that the index is in range.
        unsafe { *self.0.get_unchecked(index as usize) }
    }
}

/// How often each bit of a vector was set.
#[derive(Clone, Copy)]
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

    /// Starts to count this many vectors, a multiple of [`EIGHT`] and at most [`MOST`].
    #[inline(always)]
    fn start(&mut self, simd: S, vectors: usize) {
        self.digits = [simd.splat_u64s(0); DIGITS];
        self.used = (vectors + 1).next_power_of_two().trailing_zeros() as usize;
    }

    /// Adds a block.
    #[inline(always)]
    fn add_block(&mut self, simd: S, vectors: Seen<'_, S>, block: &[u32; BLOCK]) {
        let [ones, twos, fours, eights, sixteens, thirties, ..] = self.digits;
        let mut low = [ones, twos, fours, eights];
        let (mut sixteens, mut thirties) = (sixteens, thirties);
        let [a, b, c, d] = block.as_chunks::<SIXTEEN>().0 else { unreachable!() };
        let a = add_sixteen(simd, &mut low, vectors, a);
        let b = add_sixteen(simd, &mut low, vectors, b);
        let first = add(simd, &mut sixteens, a, b);
        let c = add_sixteen(simd, &mut low, vectors, c);
        let d = add_sixteen(simd, &mut low, vectors, d);
        let second = add(simd, &mut sixteens, c, d);
        let carry = add(simd, &mut thirties, first, second);
        self.digits[..4].copy_from_slice(&low);
        self.digits[4] = sixteens;
        self.digits[5] = thirties;
        pass_on(simd, &mut self.digits[6..self.used.max(6)], carry);
    }

    /// Adds what is less than a block.
    #[inline(always)]
    fn add_rest(&mut self, simd: S, vectors: Seen<'_, S>, rest: &[u32]) {
        let [ones, twos, fours, eights, ..] = self.digits;
        let mut low = [ones, twos, fours, eights];
        let higher = &mut self.digits[4..self.used.max(4)];
        let (sixteens, rest) = rest.as_chunks::<SIXTEEN>();
        for indices in sixteens {
            let carry = add_sixteen(simd, &mut low, vectors, indices);
            pass_on(simd, higher, carry);
        }
        let (eights, rest) = rest.as_chunks::<EIGHT>();
        debug_assert!(rest.is_empty(), "a multiple of eight");
        for indices in eights {
            let carry = add_eight(simd, &mut low, vectors, indices);
            let carry = pass_on(simd, &mut low[3..], carry);
            pass_on(simd, higher, carry);
        }
        self.digits[..4].copy_from_slice(&low);
    }

    /// Writes the counts of each step, times `worth`, in the order of [`add_in_order`]; adds them to what
    /// there is if they are not the `first` ones.
    #[inline(always)]
    pub(super) fn weigh(&self, worth: f32, first: bool, sums: &mut [Row<S>; STEPS]) {
        let words = S::U64_LANES;
        let digits: &[u64] = cast_slice(&self.digits);
        let mut nibbles = [[[0; WORDS]; STEPS]; DIGITS / 4];
        let [ones, sixteens, rest] = &mut nibbles;
        nibbles_of_steps::<S>(&digits[..4 * words], ones);
        if self.used > 4 {
            nibbles_of_steps::<S>(&digits[4 * words..8 * words], sixteens);
        }
        if self.used > 8 {
            nibbles_of_steps::<S>(&digits[8 * words..12 * words], rest);
        }
        for (step, sums) in sums.iter_mut().enumerate() {
            // The bytes of even channels, and those of odd ones.
            let (mut low, mut high) = ([0; 2 * WORDS], [0; 2 * WORDS]);
            for word in 0..words {
                let (first, second) = (ones[step][word], sixteens[step][word]);
                low[word] = (first & NIBBLES | (second & NIBBLES) << 4).to_le();
                low[words + word] = (first >> 4 & NIBBLES | second & !NIBBLES).to_le();
            }
            if self.used > 8 {
                for word in 0..words {
                    let third = rest[step][word];
                    high[word] = (third & NIBBLES).to_le();
                    high[words + word] = (third >> 4 & NIBBLES).to_le();
                }
            }
            let sums: &mut [f32] = cast_slice_mut(sums);
            let [low, high]: [&[u8]; 2] = [cast_slice(&low), cast_slice(&high)];
            match (self.used > 8, first) {
                (false, true) => {
                    for (sum, low) in sums.iter_mut().zip(low) {
                        *sum = worth * f32::from(*low);
                    }
                }
                (false, false) => {
                    for (sum, low) in sums.iter_mut().zip(low) {
                        *sum += worth * f32::from(*low);
                    }
                }
                (true, true) => {
                    for ((sum, low), high) in sums.iter_mut().zip(low).zip(high) {
                        *sum = worth * f32::from(u16::from(*low) | u16::from(*high) << 8);
                    }
                }
                (true, false) => {
                    for ((sum, low), high) in sums.iter_mut().zip(low).zip(high) {
                        *sum += worth * f32::from(u16::from(*low) | u16::from(*high) << 8);
                    }
                }
            }
        }
    }
}

/// Writes, for each step, four digits of the counts of each channel, from vectors that have four steps of
/// each channel, one for each digit.
#[inline(always)]
fn nibbles_of_steps<S: Simd>(digits: &[u64], steps: &mut [[u64; WORDS]; STEPS]) {
    const PAIRS: u64 = 0x5555_5555_5555_5555;
    const FOURS: u64 = 0x3333_3333_3333_3333;
    let words = S::U64_LANES;
    let (ab, cd) = digits.split_at(2 * words);
    let ((a, b), (c, d)) = (ab.split_at(words), cd.split_at(words));
    let [first, second, third, fourth] = steps;
    for word in 0..words {
        let (a, b, c, d) = (a[word], b[word], c[word], d[word]);
        // A transposition of 4×4 bits, first of the blocks of 2×2.
        let (even_ab, odd_ab) = (a & PAIRS | (b & PAIRS) << 1, a >> 1 & PAIRS | b & !PAIRS);
        let (even_cd, odd_cd) = (c & PAIRS | (d & PAIRS) << 1, c >> 1 & PAIRS | d & !PAIRS);
        first[word] = even_ab & FOURS | (even_cd & FOURS) << 2;
        second[word] = odd_ab & FOURS | (odd_cd & FOURS) << 2;
        third[word] = even_ab >> 2 & FOURS | even_cd & !FOURS;
        fourth[word] = odd_ab >> 2 & FOURS | odd_cd & !FOURS;
    }
}

/// Adds sixteen vectors to the four lowest digits; returns the carry.
#[inline(always)]
fn add_sixteen<S: Simd>(
    simd: S,
    low: &mut [S::u64s; 4],
    vectors: Seen<'_, S>,
    indices: &[u32; SIXTEEN],
) -> S::u64s {
    let [first, second] = indices.as_chunks::<EIGHT>().0 else { unreachable!() };
    let first = add_eight(simd, low, vectors, first);
    let second = add_eight(simd, low, vectors, second);
    add(simd, &mut low[3], first, second)
}

/// Adds eight vectors to the three lowest digits; returns the carry.
#[inline(always)]
fn add_eight<S: Simd>(
    simd: S,
    low: &mut [S::u64s; 4],
    vectors: Seen<'_, S>,
    indices: &[u32; EIGHT],
) -> S::u64s {
    let [first, second] = indices.as_chunks::<4>().0 else { unreachable!() };
    let first = add_four(simd, low, vectors, first);
    let second = add_four(simd, low, vectors, second);
    add(simd, &mut low[2], first, second)
}

/// Adds four vectors to the two lowest digits; returns the carry.
#[inline(always)]
fn add_four<S: Simd>(
    simd: S,
    low: &mut [S::u64s; 4],
    vectors: Seen<'_, S>,
    indices: &[u32; 4],
) -> S::u64s {
    let [a, b, c, d] = *indices;
    let first = add(simd, &mut low[0], vectors.get(a), vectors.get(b));
    let second = add(simd, &mut low[0], vectors.get(c), vectors.get(d));
    add(simd, &mut low[1], first, second)
}

/// Adds two vectors to a digit; returns the carry.
#[inline(always)]
fn add<S: Simd>(simd: S, digit: &mut S::u64s, a: S::u64s, b: S::u64s) -> S::u64s {
    let odd = simd.xor_u64s(*digit, a);
    *digit = simd.xor_u64s(odd, b);
    // Where the digit and `a` differ, `b` decides.
    simd.xor_u64s(a, simd.and_u64s(odd, simd.xor_u64s(a, b)))
}

/// Passes a carry on to digits, the lowest first; returns what is left.
#[inline(always)]
fn pass_on<S: Simd>(simd: S, digits: &mut [S::u64s], mut carry: S::u64s) -> S::u64s {
    for digit in digits {
        let both = simd.and_u64s(*digit, carry);
        *digit = simd.xor_u64s(*digit, carry);
        carry = both;
    }
    carry
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
