//! Firing patterns: four bits per channel, one per step of a group, sixteen channels per word.

/// Steps per group, at most: bits of a pattern.
pub(crate) const STEPS: usize = 4;
/// Channels per word.
pub(crate) const PER_WORD: usize = 16;
/// The bit of the first step of each channel of a word.
pub(crate) const LOWEST: u64 = 0x1111_1111_1111_1111;

/// Calls `body(channel, pattern)` for each pattern that is not empty, channels ascending.
#[inline(always)]
pub(crate) fn for_each_pattern(
    words: impl IntoIterator<Item = u64>,
    mut body: impl FnMut(usize, usize),
) {
    for (index, word) in words.into_iter().enumerate() {
        let mut left = any_of_four(word);
        while left != 0 {
            let bit = left.trailing_zeros() as usize;
            body(index * PER_WORD + bit / STEPS, (word >> bit) as usize & 0xF);
            left &= left - 1;
        }
    }
}

/// The lowest bit of each nibble: whether any bit of it is set.
#[inline(always)]
pub(super) fn any_of_four(word: u64) -> u64 {
    let pairs = word | word >> 1;
    (pairs | pairs >> 2) & LOWEST
}

/// The low nibbles of 16 bytes, one after the other.
#[inline(always)]
pub(crate) fn pack_nibbles(bytes: [u8; PER_WORD]) -> u64 {
    let half = |bytes: [u8; 8]| {
        let mut x = u64::from_le_bytes(bytes);
        x = (x | x >> 4) & 0x00FF_00FF_00FF_00FF;
        x = (x | x >> 8) & 0x0000_FFFF_0000_FFFF;
        (x | x >> 16) & 0xFFFF_FFFF
    };
    let [low, high] = [0, 8].map(|first| std::array::from_fn(|byte| bytes[first + byte]));
    half(low) | half(high) << 32
}
