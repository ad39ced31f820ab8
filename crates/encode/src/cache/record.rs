//! The frames of one sample as bytes, without loss.
//!
//! A byte says how the values follow: as counts, as bytes over 255, or as little-endian `f32`.
//! Counts and pictures take a quarter of the space, and the values come back to the bit.

use std::io;

const COUNTS: u8 = 0;
const SHARES: u8 = 1;
const FLOATS: u8 = 2;

fn count(byte: u8) -> f32 {
    f32::from(byte)
}

fn share(byte: u8) -> f32 {
    f32::from(byte) / 255.0
}

/// The values as bytes, in the shortest form that gives them back to the bit.
pub(super) fn write(values: &[f32]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(values.len() + 1);
    // The casts limit to 0 to 255, and what they lose is seen when the value is made again.
    let compact = |bytes: &mut Vec<u8>, form: u8, scale: f32, back: fn(u8) -> f32| {
        bytes.clear();
        bytes.push(form);
        bytes.extend(values.iter().map(|&value| (value * scale).round() as u8));
        let again = bytes[1..].iter().map(|&byte| back(byte).to_bits());
        again.eq(values.iter().map(|value| value.to_bits()))
    };
    if compact(&mut bytes, COUNTS, 1.0, count) || compact(&mut bytes, SHARES, 255.0, share) {
        return bytes;
    }
    bytes.clear();
    bytes.push(FLOATS);
    bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    bytes
}

/// Fills `values` with what `bytes` hold.
pub(super) fn read(bytes: &[u8], values: &mut [f32]) -> io::Result<()> {
    let Some((&form, bytes)) = bytes.split_first() else {
        return Err(io::ErrorKind::UnexpectedEof.into());
    };
    let (width, back): (usize, fn(u8) -> f32) = match form {
        COUNTS => (1, count),
        SHARES => (1, share),
        FLOATS => (4, count),
        _ => return Err(io::Error::new(io::ErrorKind::InvalidData, "an unknown form of values")),
    };
    if bytes.len() != width * values.len() {
        let found = format!("{} values instead of {}", bytes.len() / width, values.len());
        return Err(io::Error::new(io::ErrorKind::InvalidData, found));
    }
    if width == 1 {
        for (value, &byte) in values.iter_mut().zip(bytes) {
            *value = back(byte);
        }
    } else {
        for (value, bytes) in values.iter_mut().zip(bytes.as_chunks().0) {
            *value = f32::from_le_bytes(*bytes);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_to_the_bit() {
        let shares: Vec<f32> = (0..=255).map(share).collect();
        let counts: Vec<f32> = (0..=255).map(count).collect();
        let mut visited = 0;
        for (values, size) in [
            (&counts[..], 1 + 256),
            (&shares, 1 + 256),
            (&[0.0, 1.0, 0.5], 1 + 12),
            (&[0.0, -0.0], 1 + 8),
            (&[256.0], 1 + 4),
            (&[-1.0, 3.0], 1 + 8),
            (&[f32::NAN, f32::INFINITY], 1 + 8),
            (&[], 1),
        ] {
            let bytes = write(values);
            assert_eq!(bytes.len(), size, "{values:?}");
            let mut back = vec![7.0; values.len()];
            assert!(read(&bytes, &mut back).is_ok());
            assert!(back.iter().zip(values).all(|(a, b)| a.to_bits() == b.to_bits()));
            // One byte less is an error.
            assert!(read(&bytes[..bytes.len() - 1], &mut back).is_err());
            visited += 1;
        }
        assert_eq!(visited, 8);
        assert!(read(&[9, 0], &mut [0.0]).is_err());
    }
}
