//! IDX, the format of MNIST and its relatives (`LeCun`, Cortes, Burges, "The MNIST database").
//!
//! Two zero bytes, the element type (0x08 for bytes), the rank, one big-endian `u32` per dimension,
//! then the elements with the last dimension fastest.
//! Files are read plain or gzipped; the first two bytes tell which.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

use crate::limit::Limit;
use crate::{Error, Result, file};

/// No IDX file of bytes in use is larger; a header that claims more is refused.
const MAX_BYTES: usize = 1 << 32;

/// The content of an IDX file of bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Array {
    /// Size of each dimension, slowest first.
    pub dims: Vec<usize>,
    /// The elements; as many as the product of `dims`.
    pub data: Vec<u8>,
}

/// Reads an IDX file, plain or gzipped.
///
/// # Errors
/// If the file cannot be read, or is not an IDX file of bytes with exactly the announced length.
pub fn read(path: &Path) -> Result<Array> {
    let file = file::open(path)?;
    decode(path, BufReader::with_capacity(1 << 16, file))
}

/// Decodes IDX, plain or gzipped; `path` is only a name for errors.
///
/// Memory grows with the bytes that are there, never with what a header claims, and a gzipped file is
/// refused if it claims more than 64 times its size and 16 MiB.
///
/// # Errors
/// As [`read`].
pub fn decode(path: &Path, mut reader: impl BufRead) -> Result<Array> {
    if !reader.fill_buf().map_err(Error::io(path))?.starts_with(&[0x1f, 0x8b]) {
        return decode_plain(path, reader, None);
    }
    let mut packed = Vec::new();
    reader.read_to_end(&mut packed).map_err(Error::io(path))?;
    decode_plain(path, MultiGzDecoder::new(&packed[..]), Some(Limit::of(packed.len())))
}

fn decode_plain(path: &Path, mut reader: impl Read, limit: Option<Limit>) -> Result<Array> {
    let [zero_a, zero_b, kind, rank] = field(path, "magic", &mut reader)?;
    if (zero_a, zero_b) != (0, 0) {
        let found = format!("{zero_a:#04x} {zero_b:#04x}");
        return Err(Error::format(path, "magic", "two zero bytes", found));
    }
    if kind != 0x08 {
        return Err(Error::format(path, "element type", "0x08 (bytes)", format!("{kind:#04x}")));
    }
    let dims = (0..rank)
        .map(|_| Ok(u32::from_be_bytes(field(path, "dimensions", &mut reader)?) as usize))
        .collect::<Result<Vec<_>>>()?;
    let size = dims
        .iter()
        .try_fold(1_usize, |size, &dim| size.checked_mul(dim))
        .filter(|size| rank > 0 && (1..=MAX_BYTES).contains(size))
        .ok_or_else(|| {
            let found = format!("{dims:?}");
            Error::format(path, "dimensions", format!("1 to {MAX_BYTES} elements"), found)
        })?;
    if let Some(limit) = limit.filter(|limit| size as u64 > limit.bytes()) {
        return Err(Error::format(path, "elements", limit, format!("{size} bytes")));
    }

    let mut data = Vec::new();
    reader.by_ref().take(size as u64).read_to_end(&mut data).map_err(Error::io(path))?;
    let found = if data.len() < size {
        format!("{} before the end of the file", data.len())
    } else if reader.read(&mut [0]).map_err(Error::io(path))? > 0 {
        "more".to_owned()
    } else {
        return Ok(Array { dims, data });
    };
    Err(Error::format(path, "elements", format!("{size} bytes, as the dimensions say"), found))
}

/// Reads four bytes of the header.
fn field(path: &Path, name: &'static str, reader: &mut impl Read) -> Result<[u8; 4]> {
    let mut bytes = Vec::with_capacity(4);
    reader.take(4).read_to_end(&mut bytes).map_err(Error::io(path))?;
    bytes[..].try_into().map_err(|_| {
        let found = format!("the end of the file after {}", bytes.len());
        Error::format(path, name, "4 bytes", found)
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    const GOOD: [u8; 18] = [0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 7, 9];

    fn parse(bytes: &[u8]) -> Result<Array> {
        decode(Path::new("a.idx"), bytes)
    }

    #[test]
    fn reads_plain_and_gzipped() {
        let expected = Array { dims: vec![1, 1, 2], data: vec![7, 9] };
        assert_eq!(parse(&GOOD).unwrap(), expected);
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(&GOOD).unwrap();
        let packed = encoder.finish().unwrap();
        assert_eq!(parse(&packed).unwrap(), expected);
        assert!(parse(&packed[..packed.len() - 9]).is_err());
    }

    /// Every proper prefix and every one-byte change of the header is an error that names a field.
    #[test]
    fn damage_is_refused_in_words() {
        let mut visited = 0;
        for length in 0..GOOD.len() {
            let text = parse(&GOOD[..length]).unwrap_err().to_string();
            assert!(text.starts_with("a.idx: ") && text.contains("expected"), "{text}");
            visited += 1;
        }
        for index in 0..16 {
            for value in [1, 0x1f, 0x7f, 0xff] {
                let mut bytes = GOOD;
                bytes[index] = bytes[index].wrapping_add(value);
                assert!(parse(&bytes).is_err(), "byte {index} + {value}");
                visited += 1;
            }
        }
        let mut longer = GOOD.to_vec();
        longer.push(0);
        let text = parse(&longer).unwrap_err().to_string();
        assert_eq!(text, "a.idx: elements: expected 2 bytes, as the dimensions say, found more");
        assert_eq!(visited, 18 + 64);
    }

    /// A header that claims 4 GiB costs only what the file holds.
    #[test]
    fn a_hostile_length_is_an_error() {
        let text = parse(&[0, 0, 8, 1, 0xff, 0xff, 0xff, 0xff, 1, 2]).unwrap_err().to_string();
        assert!(text.contains("expected 4294967295 bytes"), "{text}");
        assert!(text.ends_with("found 2 before the end of the file"), "{text}");
        let huge = [0, 0, 8, 2, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
        assert!(parse(&huge).unwrap_err().to_string().contains("dimensions"));
    }
}
