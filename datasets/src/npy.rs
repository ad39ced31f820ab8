//! The header of NumPy's `.npy`: type, order and shape of an array.
//!
//! Source: `numpy.lib.format`, versions 1 to 3.

use std::io::{self, Read};

use crate::event::Fault;

const MAGIC: &[u8] = b"\x93NUMPY";
/// The most bytes of a header, and of an element.
pub(crate) const LONGEST: usize = 1 << 16;

/// The header of an array.
#[derive(Debug)]
pub(crate) struct Header {
    text: String,
    /// Bytes of the header itself.
    pub(crate) size: usize,
}

impl Header {
    /// Reads a header; `damaged` says what a failure of the reader means.
    pub(crate) fn read(
        reader: &mut dyn Read,
        damaged: fn(io::Error) -> Fault,
    ) -> Result<Self, Fault> {
        let mut read = |length: usize| {
            let mut bytes = Vec::new();
            reader.take(length as u64).read_to_end(&mut bytes).map_err(damaged)?;
            Ok(bytes)
        };
        let magic = read(MAGIC.len())?;
        if magic != MAGIC {
            let start = magic.escape_ascii();
            return Err(Fault::new("magic", "`\\x93NUMPY`", format!("`{start}`")));
        }
        let version = read(2)?.first().copied().unwrap_or(0);
        let digits = match version {
            1 => 2,
            2 | 3 => 4,
            other => return Err(Fault::new("array version", "1 to 3", other)),
        };
        let length = read(digits)?.iter().rev().fold(0, |length, &b| length << 8 | usize::from(b));
        if length > LONGEST {
            return Err(Fault::new("array header", format!("at most {LONGEST} bytes"), length));
        }
        let text = read(length)?;
        if text.len() < length || length == 0 {
            return Err(Fault::new("array header", "a whole header", "the end of the file"));
        }
        let text = String::from_utf8(text)
            .map_err(|_| Fault::new("array header", "text", "other bytes"))?;
        Ok(Self { text, size: MAGIC.len() + 2 + digits + length })
    }

    /// What stands behind a key.
    fn after(&self, key: &str) -> Result<&str, Fault> {
        let (_, rest) = self
            .text
            .split_once(&format!("'{key}':"))
            .ok_or_else(|| Fault::new("array header", format!("the key `{key}`"), "none"))?;
        Ok(rest.trim_start())
    }

    /// The type, `'<f4'` or a list of fields, with what follows.
    pub(crate) fn kind(&self) -> Result<&str, Fault> {
        self.after("descr")
    }

    /// The dimensions as they are written, without parentheses and a last comma.
    ///
    /// # Errors
    /// If they are not there, or the array is not in the order of C.
    pub(crate) fn shape(&self) -> Result<&str, Fault> {
        if !self.after("fortran_order")?.starts_with("False") {
            return Err(Fault::new("array order", "C", "Fortran"));
        }
        let shape = self.after("shape")?;
        let shape = shape.strip_prefix('(').and_then(|rest| rest.split_once(')'));
        Ok(shape.map_or("", |(inner, _)| inner.trim().trim_end_matches(',')))
    }
}
