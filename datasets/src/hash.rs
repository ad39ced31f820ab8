//! Content hashes in hexadecimal.

use std::io::Read;

use sha2::{Digest, Sha256};

use crate::Shape;

/// The 64 hexadecimal digits of a finished hash.
pub(crate) fn finish(hash: Sha256) -> String {
    hash.finalize().iter().fold(String::with_capacity(64), |mut text, byte| {
        for nibble in [byte >> 4, byte & 15] {
            text.push(char::from_digit(u32::from(nibble), 16).unwrap_or('?'));
        }
        text
    })
}

/// A hash that has taken in the shape and the labels of a split.
pub(crate) fn start(shape: Shape, labels: &[u32]) -> Sha256 {
    let mut hash = Sha256::new();
    let dims = match shape {
        Shape::Image { channels, height, width } => [0, channels, height, width],
        Shape::Events { width, height } => [1, 2, height, width],
    };
    for value in dims.into_iter().chain([labels.len()]) {
        hash.update((value as u64).to_le_bytes());
    }
    for label in labels {
        hash.update(label.to_le_bytes());
    }
    hash
}

/// Size and SHA-256 of everything that `reader` gives.
pub(crate) fn of_reader(mut reader: impl Read) -> std::io::Result<(u64, String)> {
    let (mut hash, mut bytes) = (Sha256::new(), 0);
    let mut buffer = vec![0; 1 << 16];
    loop {
        match reader.read(&mut buffer)? {
            0 => return Ok((bytes, finish(hash))),
            count => {
                hash.update(&buffer[..count]);
                bytes += count as u64;
            }
        }
    }
}
