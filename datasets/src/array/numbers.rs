//! Numbers of any type in the bytes of a file.

use safetensors::Dtype;

use crate::event::Fault;
use crate::npy::Header;

/// An array of numbers.
#[derive(Debug)]
pub(super) struct Numbers<'a> {
    pub(super) dims: Vec<usize>,
    /// As NumPy writes it: `i` and `u` are whole numbers, `b` is a truth value, `f` a float.
    letter: u8,
    /// Of a number.
    bytes: usize,
    big_endian: bool,
    data: &'a [u8],
}

impl<'a> Numbers<'a> {
    /// Reads a file of NumPy.
    pub(super) fn of_npy(file: &'a [u8]) -> Result<Self, Fault> {
        let mut rest = file;
        let header = Header::read(&mut rest, |error| Fault::new("file", "bytes", error))?;
        let (letter, bytes, big_endian) = kind(header.kind()?)?;
        let shape = header.shape()?;
        let side = |text: &str| text.trim().parse::<usize>().ok();
        let dims: Option<Vec<usize>> = shape.split(',').map(side).collect();
        let dims = dims.ok_or_else(|| {
            Fault::new("array shape", "dimensions of whole numbers", format!("({shape})"))
        })?;
        let data = &file[header.size..];
        let expected = dims.iter().try_fold(bytes, |size, &side| size.checked_mul(side));
        if expected != Some(data.len()) {
            let expected = format!("({shape}) numbers of {bytes} bytes");
            return Err(Fault::new("array size", expected, format!("{} bytes", data.len())));
        }
        Ok(Self { dims, letter, bytes, big_endian, data })
    }

    /// A tensor of safetensors; `None` if its type is none of those that are read.
    pub(super) fn of_tensor(dtype: Dtype, dims: &[usize], data: &'a [u8]) -> Option<Self> {
        let (letter, bytes) = match dtype {
            Dtype::BOOL => (b'b', 1),
            Dtype::U8 => (b'u', 1),
            Dtype::I8 => (b'i', 1),
            Dtype::U16 => (b'u', 2),
            Dtype::I16 => (b'i', 2),
            Dtype::U32 => (b'u', 4),
            Dtype::I32 => (b'i', 4),
            Dtype::U64 => (b'u', 8),
            Dtype::I64 => (b'i', 8),
            Dtype::F32 => (b'f', 4),
            Dtype::F64 => (b'f', 8),
            _ => return None,
        };
        Some(Self { dims: dims.to_vec(), letter, bytes, big_endian: false, data })
    }

    /// Whether they are whole by their type.
    pub(super) fn is_whole(&self) -> bool {
        self.letter != b'f'
    }

    /// The type in words.
    pub(super) fn kind(&self) -> String {
        let words = match self.letter {
            b'f' => "floats",
            b'b' => "truth values",
            _ => "whole numbers",
        };
        format!("{words} of {} bits", 8 * self.bytes)
    }

    /// The numbers in the order of the file.
    pub(super) fn iter(&self) -> impl Iterator<Item = f64> {
        self.data.chunks_exact(self.bytes).map(|bytes| {
            let shift = |word: u64, &byte: &u8| word << 8 | u64::from(byte);
            let word = if self.big_endian {
                bytes.iter().fold(0, shift)
            } else {
                bytes.iter().rev().fold(0, shift)
            };
            let unused = 64 - 8 * self.bytes as u32;
            match (self.letter, self.bytes) {
                (b'f', 4) => f64::from(f32::from_bits(word as u32)),
                (b'f', _) => f64::from_bits(word),
                (b'i', _) => ((word << unused) as i64 >> unused) as f64,
                _ => word as f64,
            }
        })
    }

    /// The numbers in 32 bits.
    pub(super) fn values(&self) -> Vec<f32> {
        self.iter().map(|value| value as f32).collect()
    }
}

/// Letter, bytes and order of a type such as `'<f4'`.
fn kind(text: &str) -> Result<(u8, usize, bool), Fault> {
    let inner = text.strip_prefix('\'').and_then(|rest| rest.split_once('\''));
    let inner = inner.map(|(kind, _)| kind.as_bytes());
    if let Some(&[order @ (b'<' | b'>' | b'|' | b'='), letter, size]) = inner {
        let bytes = usize::from(size.wrapping_sub(b'0'));
        let is_known = match letter {
            b'f' => [4, 8].contains(&bytes),
            b'i' | b'u' => [1, 2, 4, 8].contains(&bytes),
            b'b' => bytes == 1,
            _ => false,
        };
        if is_known {
            return Ok((letter, bytes, order == b'>'));
        }
    }
    let start: String = text.chars().take(40).collect();
    Err(Fault::new("array type", "floats of 32 or 64 bits, or whole numbers of 8 to 64", start))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(kind: &str, shape: &str, data: &[u8]) -> Vec<u8> {
        let text = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}\n");
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((text.len() as u16).to_le_bytes());
        bytes.extend(text.as_bytes());
        bytes.extend(data);
        bytes
    }

    #[test]
    fn numbers_of_every_type_are_read_by_hand() {
        let cases: [(&str, &[u8], f64); 9] = [
            ("<f4", &[0, 0, 0xc0, 0x3f], 1.5),
            (">f8", &[0xbf, 0xe0, 0, 0, 0, 0, 0, 0], -0.5),
            ("|u1", &[255], 255.0),
            ("|i1", &[255], -1.0),
            ("|b1", &[1], 1.0),
            ("<i2", &[0xfe, 0xff], -2.0),
            (">u4", &[0, 0, 1, 0], 256.0),
            ("<i8", &[3, 0, 0, 0, 0, 0, 0, 0], 3.0),
            ("<u2", &[0, 1], 256.0),
        ];
        for (kind, data, expected) in cases {
            let bytes = file(kind, "(1,)", data);
            let numbers = Numbers::of_npy(&bytes).unwrap();
            assert_eq!(
                (numbers.iter().collect::<Vec<_>>(), &numbers.dims[..]),
                (vec![expected], &[1][..])
            );
        }
        assert_eq!(cases.len(), 9);
        let bytes = file("|u1", "(2, 1, 3)", &[1, 2, 3, 4, 5, 6]);
        assert_eq!(Numbers::of_npy(&bytes).unwrap().dims, [2, 1, 3]);
    }

    #[test]
    fn faults_are_named() {
        let cases: [(&str, &str, &[u8], &str); 5] = [
            ("<f2", "(1,)", &[0, 0], "array type"),
            ("|O8", "(1,)", &[0; 8], "array type"),
            ("<f4", "(2,)", &[0; 4], "array size"),
            ("<f4", "(-1,)", &[0; 4], "array shape"),
            ("<f8", "(4611686018427387904, 4)", &[], "array size"),
        ];
        for (kind, shape, data, field) in cases {
            let fault = Numbers::of_npy(&file(kind, shape, data)).unwrap_err();
            let text = fault.at("a".as_ref(), 0).to_string();
            assert!(text.starts_with(&format!("a: {field}: expected ")), "{text}");
        }
        assert_eq!(cases.len(), 5);
    }
}
