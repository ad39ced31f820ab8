//! Random damage to bytes.

use fastrand::Rng;

/// What counts and sizes are replaced by.
const EXTREMES: [u64; 6] = [0, 0x7fff_ffff, 0xffff_ffff, 1 << 62, i64::MAX as u64, u64::MAX];

/// Damages the bytes, which are other ones afterwards, and says how.
pub(crate) fn damage(random: &mut Rng, bytes: &mut Vec<u8>) -> String {
    let before = bytes.clone();
    loop {
        let what = once(random, bytes);
        if *bytes != before {
            return what;
        }
    }
}

fn once(random: &mut Rng, bytes: &mut Vec<u8>) -> String {
    let length = bytes.len();
    if length == 0 {
        bytes.push(random.u8(..));
        return "one byte in place of none".to_owned();
    }
    let at = random.usize(..length);
    let end = at + random.usize(1..=(length - at).min(64));
    match random.u8(..7) {
        0 => cut(random, bytes),
        1 => {
            let flips = random.usize(1..=8);
            for _ in 0..flips {
                bytes[random.usize(..length)] ^= 1 << random.u8(..8);
            }
            format!("{flips} bits flipped")
        }
        2 => {
            random.fill(&mut bytes[at..end]);
            format!("bytes {at} to {end} random")
        }
        3 => {
            let extreme = random.choice(EXTREMES).unwrap_or_default();
            let width = [2, 4, 8][random.usize(..3)].min(length - at);
            let mut digits = extreme.to_le_bytes();
            digits[..width].reverse();
            if random.bool() {
                digits[..width].reverse();
            }
            bytes[at..at + width].copy_from_slice(&digits[..width]);
            format!("{extreme:#x} at byte {at}, {width} bytes wide")
        }
        4 => {
            let piece = bytes[at..end].to_vec();
            let to = random.usize(..=length);
            bytes.splice(to..to, piece);
            format!("bytes {at} to {end} repeated at {to}")
        }
        5 => {
            bytes.drain(at..end);
            format!("bytes {at} to {end} removed")
        }
        _ => {
            let added = random.usize(1..64);
            bytes.extend((0..added).map(|_| random.u8(..)));
            format!("{added} random bytes at the end")
        }
    }
}

/// Cuts the bytes off before their end, and says where.
///
/// More is lost than the mark and the checksum behind packed data, without which nothing is missing.
pub(crate) fn cut(random: &mut Rng, bytes: &mut Vec<u8>) -> String {
    let length = bytes.len();
    let at = random.usize(..length.saturating_sub(8).max(1));
    bytes.truncate(at);
    format!("cut after {at} of {length} bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damaged_bytes_are_other_ones() {
        let mut random = Rng::with_seed(1);
        let mut visited = 0;
        for length in [0, 1, 2, 7, 100] {
            for _ in 0..200 {
                let good: Vec<u8> = (0..length).collect();
                let mut bytes = good.clone();
                assert!(!damage(&mut random, &mut bytes).is_empty());
                assert_ne!(bytes, good);
                visited += 1;
            }
        }
        assert_eq!(visited, 1000);
    }
}
