//! Content hashes in hexadecimal.

use std::io::Read;

use sha2::{Digest, Sha256};

use crate::Shape;

/// The 64 hexadecimal digits of a finished hash.
pub(crate) fn finish(hash: Sha256) -> String {
    hexadecimal(&hash.finalize())
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
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
        Shape::Array { channels, height, width } => [2, channels, height, width],
        Shape::Vector { size } => [3, 1, 1, size],
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
pub(crate) fn of_reader(reader: impl Read) -> std::io::Result<(u64, String)> {
    let mut hash = Sha256::new();
    let bytes = feed(reader, &mut hash)?;
    Ok((bytes, finish(hash)))
}

/// MD5 of everything that `reader` gives.
#[cfg(feature = "download")]
pub(crate) fn md5_of_reader(reader: impl Read) -> std::io::Result<String> {
    let mut hash = md5::Md5::new();
    feed(reader, &mut hash)?;
    Ok(hexadecimal(&hash.finalize()))
}

fn feed(mut reader: impl Read, hash: &mut impl Digest) -> std::io::Result<u64> {
    let (mut bytes, mut buffer) = (0, vec![0; 1 << 16]);
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(bytes),
            Ok(count) => {
                hash.update(&buffer[..count]);
                bytes += count as u64;
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
