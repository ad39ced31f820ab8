//! Counts of many bits at a time, kept digit by digit.
//!
//! Digit `d` of the counts of all bits of a vector is a vector itself: three vectors are added by a few
//! logical operations, to a digit and a carry, whatever the number of bits.

use crate::spikes::{PER_WORD, STEPS};
use pulp::Simd;

/// The numbers of vectors that are counted are multiples of this.
pub(super) const EIGHT: usize = 8;
const SIXTEEN: usize = 16;
/// Vectors that are added before a carry is passed on to the higher digits.
const BLOCK: usize = 64;
/// Digits of a count: those of three nibbles.
const DIGITS: usize = 12;
/// The most vectors that can be counted.
pub(super) const MOST: usize = (1 << DIGITS) - EIGHT;
/// Vectors of floats that have one for each channel of a vector of bits. Channel `row · lanes + lane` is
/// nibble `row` of lane `lane`.
pub(super) const VECTORS: usize = PER_WORD / 2;
/// One float for each channel of a vector of bits.
pub(super) type Row<S> = [<S as Simd>::f32s; VECTORS];

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
    tables: &[&[u32]],
    indices: &[u32],
) {
    let (blocks, rest) = indices.as_chunks::<BLOCK>();
    debug_assert!(indices.is_sorted(), "indices that ascend");
    let most = indices.last().map_or(0, |last| *last as usize);
    for (counts, table) in counts.iter_mut().zip(tables) {
        assert!(most < S::as_simd_u32s(table).0.len(), "places of a table");
        counts.start(simd, indices.len());
    }
    // SAFETY: no index is above the last one, which is in range.
    let seen = |table| unsafe { Seen::new(S::as_simd_u32s(table).0) };
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
struct Seen<'a, S: Simd>(&'a [S::u32s]);

impl<'a, S: Simd> Seen<'a, S> {
    /// # Safety
    /// All indices that are asked for are in range.
    #[inline(always)]
    unsafe fn new(vectors: &'a [S::u32s]) -> Self {
        Self(vectors)
    }

    #[inline(always)]
    fn get(&self, index: u32) -> S::u32s {
        // SAFETY: `new` was promised that the index is in range.
        unsafe { *self.0.get_unchecked(index as usize) }
    }
}

/// How often each bit of a vector was set.
#[derive(Clone, Copy)]
pub(super) struct Counts<S: Simd> {
    digits: [S::u32s; DIGITS],
    /// Digits that may be other than 0.
    used: usize,
}

impl<S: Simd> Counts<S> {
    #[inline(always)]
    pub(super) fn new(simd: S) -> Self {
        Self { digits: [simd.splat_u32s(0); DIGITS], used: 0 }
    }

    /// Starts to count this many vectors, a multiple of [`EIGHT`] and at most [`MOST`].
    #[inline(always)]
    fn start(&mut self, simd: S, vectors: usize) {
        self.digits = [simd.splat_u32s(0); DIGITS];
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

    /// The counts of each of the four steps.
    #[inline(always)]
    pub(super) fn by_step(&self, simd: S) -> CountsOfSteps<S> {
        let none = [[simd.splat_u32s(0); 2]; STEPS];
        let mut of_steps = CountsOfSteps { low: none, high: none, is_wide: self.used > 8 };
        let (fours, _) = self.digits.as_chunks::<4>();
        add_nibbles(simd, &fours[0], 0, &mut of_steps.low);
        if self.used > 4 {
            add_nibbles(simd, &fours[1], 4, &mut of_steps.low);
        }
        if self.used > 8 {
            add_nibbles(simd, &fours[2], 0, &mut of_steps.high);
        }
        of_steps
    }
}

/// Counts as bytes: those of even rows and those of odd ones.
pub(super) struct CountsOfSteps<S: Simd> {
    low: [[S::u32s; 2]; STEPS],
    /// Their digits above the eighth.
    high: [[S::u32s; 2]; STEPS],
    is_wide: bool,
}

impl<S: Simd> CountsOfSteps<S> {
    /// The counts of a step as floats.
    #[inline(always)]
    pub(super) fn of(&self, simd: S, step: usize) -> Row<S> {
        // The floats from 2²³ on are the integers, whose low bits are the count.
        const INTEGERS: f32 = 8_388_608.0;
        let integers = simd.splat_u32s(INTEGERS.to_bits());
        let mut rows = [simd.splat_f32s(0.0); VECTORS];
        for (row, floats) in rows.iter_mut().enumerate() {
            let mut count = simd.or_u32s(byte(simd, self.low[step][row % 2], row / 2), integers);
            if self.is_wide {
                let high = byte(simd, self.high[step][row % 2], row / 2);
                count = simd.or_u32s(count, simd.wrapping_dyn_shl_u32s(high, simd.splat_u32s(8)));
            }
            *floats = simd.sub_f32s(simd.transmute_f32s_u32s(count), simd.splat_f32s(INTEGERS));
        }
        rows
    }
}

/// A byte of each lane.
#[inline(always)]
fn byte<S: Simd>(simd: S, lanes: S::u32s, index: usize) -> S::u32s {
    let shift = simd.splat_u32s(8 * index as u32);
    simd.and_u32s(simd.wrapping_dyn_shr_u32s(lanes, shift), simd.splat_u32s(0xFF))
}

/// Adds four digits of the counts of each channel in each step, as nibbles of bytes, from the bit `by` on:
/// those of even rows and of odd ones.
#[inline(always)]
fn add_nibbles<S: Simd>(
    simd: S,
    [a, b, c, d]: &[S::u32s; 4],
    by: u32,
    bytes: &mut [[S::u32s; 2]; STEPS],
) {
    const PAIRS: u32 = 0x5555_5555;
    const FOURS: u32 = 0x3333_3333;
    // A transposition of 4×4 bits: a lane has four steps of eight channels.
    let (even_ab, odd_ab) = swap(simd, *a, *b, PAIRS, 1);
    let (even_cd, odd_cd) = swap(simd, *c, *d, PAIRS, 1);
    let (first, third) = swap(simd, even_ab, even_cd, FOURS, 2);
    let (second, fourth) = swap(simd, odd_ab, odd_cd, FOURS, 2);
    let (four, by) = (simd.splat_u32s(4), simd.splat_u32s(by));
    for (nibbles, [even, odd]) in [first, second, third, fourth].into_iter().zip(bytes) {
        let low = simd.splat_u32s(0x0F0F_0F0F);
        let high = simd.and_u32s(simd.wrapping_dyn_shr_u32s(nibbles, four), low);
        let low = simd.and_u32s(nibbles, low);
        *even = simd.or_u32s(*even, simd.wrapping_dyn_shl_u32s(low, by));
        *odd = simd.or_u32s(*odd, simd.wrapping_dyn_shl_u32s(high, by));
    }
}

/// The bits of two vectors that `mask` selects, side by side; and the others.
#[inline(always)]
fn swap<S: Simd>(simd: S, a: S::u32s, b: S::u32s, mask: u32, by: u32) -> (S::u32s, S::u32s) {
    let (mask, by) = (simd.splat_u32s(mask), simd.splat_u32s(by));
    let moved = simd.wrapping_dyn_shl_u32s(b, by);
    let first = simd.xor_u32s(moved, simd.and_u32s(simd.xor_u32s(a, moved), mask));
    let moved = simd.wrapping_dyn_shr_u32s(a, by);
    let second = simd.xor_u32s(b, simd.and_u32s(simd.xor_u32s(b, moved), mask));
    (first, second)
}

/// Adds sixteen vectors to the four lowest digits; returns the carry.
#[inline(always)]
fn add_sixteen<S: Simd>(
    simd: S,
    low: &mut [S::u32s; 4],
    vectors: Seen<'_, S>,
    indices: &[u32; SIXTEEN],
) -> S::u32s {
    let [first, second] = indices.as_chunks::<EIGHT>().0 else { unreachable!() };
    let first = add_eight(simd, low, vectors, first);
    let second = add_eight(simd, low, vectors, second);
    add(simd, &mut low[3], first, second)
}

/// Adds eight vectors to the three lowest digits; returns the carry.
#[inline(always)]
fn add_eight<S: Simd>(
    simd: S,
    low: &mut [S::u32s; 4],
    vectors: Seen<'_, S>,
    indices: &[u32; EIGHT],
) -> S::u32s {
    let [first, second] = indices.as_chunks::<4>().0 else { unreachable!() };
    let first = add_four(simd, low, vectors, first);
    let second = add_four(simd, low, vectors, second);
    add(simd, &mut low[2], first, second)
}

/// Adds four vectors to the two lowest digits; returns the carry.
#[inline(always)]
fn add_four<S: Simd>(
    simd: S,
    low: &mut [S::u32s; 4],
    vectors: Seen<'_, S>,
    indices: &[u32; 4],
) -> S::u32s {
    let [a, b, c, d] = *indices;
    let first = add(simd, &mut low[0], vectors.get(a), vectors.get(b));
    let second = add(simd, &mut low[0], vectors.get(c), vectors.get(d));
    add(simd, &mut low[1], first, second)
}

/// Adds two vectors to a digit; returns the carry.
#[inline(always)]
fn add<S: Simd>(simd: S, digit: &mut S::u32s, a: S::u32s, b: S::u32s) -> S::u32s {
    let odd = simd.xor_u32s(*digit, a);
    *digit = simd.xor_u32s(odd, b);
    // Where the digit and `a` differ, `b` decides.
    simd.xor_u32s(a, simd.and_u32s(odd, simd.xor_u32s(a, b)))
}

/// Passes a carry on to digits, the lowest first; returns what is left.
#[inline(always)]
fn pass_on<S: Simd>(simd: S, digits: &mut [S::u32s], mut carry: S::u32s) -> S::u32s {
    for digit in digits {
        let both = simd.and_u32s(*digit, carry);
        *digit = simd.xor_u32s(*digit, carry);
        carry = both;
    }
    carry
}
