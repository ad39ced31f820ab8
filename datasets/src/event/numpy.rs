//! Events in NumPy's files: `.npz` with the arrays `t`, `x`, `y`, `p` (SpikingJelly), and `.npy` with
//! one structured array of these fields (tonic).
//!
//! Times are in µs; a file in other units is the caller's to scale.
//! Arrays of frames, of several dimensions, of Fortran order or of objects are refused.

use super::decoder::{Decoder, Fault};
use super::zip;
use crate::Events;

const MAGIC: &[u8] = b"\x93NUMPY";
const FIELDS: [&str; 4] = ["x", "y", "t", "p"];

/// Takes in a whole file, because an archive is read from its end.
#[derive(Debug)]
pub(crate) struct Numpy {
    archive: bool,
    bytes: Vec<u8>,
}

impl Numpy {
    pub(crate) fn new(archive: bool) -> Self {
        Self { archive, bytes: Vec::new() }
    }
}

impl Decoder for Numpy {
    fn feed(&mut self, bytes: &[u8], _events: &mut Events) -> Result<usize, Fault> {
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn finish(&mut self, _rest: &[u8], events: &mut Events) -> Result<(), Fault> {
        let columns = if self.archive { archive(&self.bytes)? } else { structured(&self.bytes)? };
        let [x, y, t, p] = columns;
        events.x = narrow("x", &x)?;
        events.y = narrow("y", &y)?;
        events.t = t;
        events.p = p.iter().map(|&value| value > 0).collect();
        Ok(())
    }

    fn sensor(&self) -> Option<(usize, usize)> {
        None
    }
}

fn narrow(field: &'static str, values: &[i64]) -> Result<Vec<u16>, Fault> {
    let one =
        |&value: &i64| u16::try_from(value).map_err(|_| Fault::new(field, "0 to 65535", value));
    values.iter().map(one).collect()
}

/// The columns of an archive with one array per field.
fn archive(bytes: &[u8]) -> Result<[Vec<i64>; 4], Fault> {
    let members = zip::members(bytes)?;
    let mut columns = [const { Vec::new() }; 4];
    for (column, field) in columns.iter_mut().zip(FIELDS) {
        let name = format!("{field}.npy");
        let member = members.iter().find(|member| member.name == name.as_bytes());
        let Some(member) = member else {
            let names: Vec<_> =
                members.iter().map(|member| member.name.escape_ascii().to_string()).collect();
            return Err(Fault::new("arrays", "x, y, t and p", names.join(", ")));
        };
        let content = member.content(bytes)?;
        let (header, data) = Header::read(&content)?;
        let [Field { name: None, kind, .. }] = header.fields[..] else {
            return Err(Fault::new("array type", "one number per event", "fields"));
        };
        *column = header.column(data, 0, kind);
    }
    let [x, y, t, p] = columns.each_ref().map(Vec::len);
    if x != t || y != t || p != t {
        let found = format!("{x} of x, {y} of y and {p} of p");
        return Err(Fault::new("array lengths", format!("{t}, as many as times"), found));
    }
    Ok(columns)
}

/// The columns of one structured array.
fn structured(bytes: &[u8]) -> Result<[Vec<i64>; 4], Fault> {
    let (header, data) = Header::read(bytes)?;
    let mut columns = [const { Vec::new() }; 4];
    for (column, wanted) in columns.iter_mut().zip(FIELDS) {
        let field = header.fields.iter().find(|field| field.name.as_deref() == Some(wanted));
        let Some(&Field { offset, kind, .. }) = field else {
            let found = if header.fields.iter().all(|field| field.name.is_none()) {
                "a plain array, whose columns have no names".to_owned()
            } else {
                format!("no `{wanted}`")
            };
            return Err(Fault::new("fields", "x, y, t and p", found));
        };
        *column = header.column(data, offset, kind);
    }
    Ok(columns)
}

/// A type of whole numbers.
#[derive(Clone, Copy, Debug)]
struct Kind {
    bytes: usize,
    signed: bool,
    big_endian: bool,
}

impl Kind {
    /// Reads a type such as `<i4`, `|u1` or `|b1`.
    fn parse(text: &str) -> Result<Self, Fault> {
        let fault = || Fault::new("array type", "whole numbers of 1, 2, 4 or 8 bytes", text);
        let (order, rest) = text.split_at_checked(1).ok_or_else(fault)?;
        let (kind, size) = rest.split_at_checked(1).ok_or_else(fault)?;
        let bytes = size.parse().ok().filter(|size| [1, 2, 4, 8].contains(size));
        let known = matches!(order, "<" | ">" | "|" | "=") && matches!(kind, "i" | "u" | "b");
        let bytes = bytes.filter(|_| known).ok_or_else(fault)?;
        Ok(Self { bytes, signed: kind == "i", big_endian: order == ">" })
    }

    /// The number in some bytes; those of 64 unsigned bits wrap.
    fn number(self, bytes: &[u8]) -> i64 {
        let mut word = 0_u64;
        for index in 0..self.bytes {
            let at = if self.big_endian { index } else { self.bytes - 1 - index };
            word = word << 8 | u64::from(bytes[at]);
        }
        let unused = 64 - 8 * self.bytes as u32;
        if self.signed { (word << unused) as i64 >> unused } else { word as i64 }
    }
}

/// A column of an array; a plain array has one without a name.
#[derive(Debug)]
struct Field {
    name: Option<String>,
    offset: usize,
    kind: Kind,
}

/// The header of an array.
#[derive(Debug)]
struct Header {
    fields: Vec<Field>,
    /// Bytes per element.
    stride: usize,
}

impl Header {
    /// Splits an array of one dimension into header and data, which is whole.
    fn read(bytes: &[u8]) -> Result<(Self, &[u8]), Fault> {
        let cut = || Fault::new("array header", "a whole header", "the end of the file");
        let rest = bytes.strip_prefix(MAGIC).ok_or_else(|| {
            let start = bytes[..bytes.len().min(6)].escape_ascii();
            Fault::new("magic", "`\\x93NUMPY`", format!("`{start}`"))
        })?;
        let (length, rest) = match *rest {
            [1, _, a, b, ref rest @ ..] => (usize::from(u16::from_le_bytes([a, b])), rest),
            [2 | 3, _, a, b, c, d, ref rest @ ..] => {
                (u32::from_le_bytes([a, b, c, d]) as usize, rest)
            }
            [version, ..] if version > 3 => {
                return Err(Fault::new("array version", "1 to 3", version));
            }
            _ => return Err(cut()),
        };
        let (text, data) = rest.split_at_checked(length).ok_or_else(cut)?;
        let text = std::str::from_utf8(text)
            .map_err(|_| Fault::new("array header", "text", "other bytes"))?;

        let after = |key: &str| {
            let (_, rest) = text
                .split_once(&format!("'{key}':"))
                .ok_or_else(|| Fault::new("array header", format!("the key `{key}`"), "none"))?;
            Ok(rest.trim_start())
        };
        let (fields, stride) = Self::fields(after("descr")?)?;
        if !after("fortran_order")?.starts_with("False") {
            return Err(Fault::new("array order", "C", "Fortran"));
        }
        let shape = after("shape")?;
        let shape = shape.strip_prefix('(').and_then(|rest| rest.split_once(')'));
        let shape = shape.map_or("", |(inner, _)| inner.trim().trim_end_matches(','));
        let count: u64 = shape
            .parse()
            .map_err(|_| Fault::new("array shape", "one dimension", format!("({shape})")))?;
        let expected = u128::from(count) * stride as u128;
        if expected != data.len() as u128 {
            return Err(Fault::new("array size", format!("{expected} bytes"), data.len()));
        }
        Ok((Self { fields, stride }, data))
    }

    /// The fields of `'<i8'` or `[('x', '<i2'), ('y', '<i2')]`, and the bytes of an element.
    fn fields(text: &str) -> Result<(Vec<Field>, usize), Fault> {
        let fault = || {
            let start: String = text.chars().take(40).collect();
            Fault::new("array type", "a type or a list of names and types", start)
        };
        if let Some(rest) = text.strip_prefix('\'') {
            let (kind, _) = rest.split_once('\'').ok_or_else(fault)?;
            let kind = Kind::parse(kind)?;
            return Ok((vec![Field { name: None, offset: 0, kind }], kind.bytes));
        }
        let list = text.strip_prefix('[').and_then(|rest| rest.split_once(']'));
        let (list, _) = list.ok_or_else(fault)?;
        let (mut fields, mut offset) = (Vec::new(), 0);
        for pair in list.split_terminator(')') {
            let quoted: Vec<&str> = pair.split('\'').collect();
            let ["(" | ", (", name, ", ", kind, ""] = quoted[..] else {
                return Err(fault());
            };
            let kind = Kind::parse(kind)?;
            fields.push(Field { name: Some(name.to_owned()), offset, kind });
            offset += kind.bytes;
        }
        if fields.is_empty() {
            return Err(fault());
        }
        Ok((fields, offset))
    }

    /// The numbers of a field.
    fn column(&self, data: &[u8], offset: usize, kind: Kind) -> Vec<i64> {
        data.chunks_exact(self.stride).map(|element| kind.number(&element[offset..])).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::event::{Format, decode};

    fn array(kind: &str, shape: &str, data: &[u8]) -> Vec<u8> {
        let text = format!("{{'descr': {kind}, 'fortran_order': False, 'shape': {shape}, }}\n");
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((text.len() as u16).to_le_bytes());
        bytes.extend(text.as_bytes());
        bytes.extend(data);
        bytes
    }

    const KIND: &str = "[('x', '<i2'), ('y', '>u2'), ('t', '<i8'), ('p', '|b1')]";
    const TWO: [u8; 26] = [
        5, 0, 0, 6, 7, 1, 0, 0, 0, 0, 0, 0, 1, 8, 0, 1, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0,
    ];

    #[test]
    fn structured_arrays_are_read_by_hand() {
        let file = array(KIND, "(2,)", &TWO);
        let events = decode(Path::new("a.npy"), &file, Format::Npy, None).unwrap();
        assert_eq!((events.x, events.y), (vec![5, 8], vec![6, 256]));
        assert_eq!((events.t, events.p), (vec![263, -1], vec![true, false]));
    }

    #[test]
    fn faults_are_named() {
        let fault = |bytes: &[u8]| {
            decode(Path::new("a"), bytes, Format::Npy, None).unwrap_err().to_string()
        };
        assert_eq!(fault(b"PK"), "a: magic: expected `\\x93NUMPY`, found `PK`");
        let expected = "a: array size: expected 39 bytes, found 26";
        assert_eq!(fault(&array(KIND, "(3,)", &TWO)), expected);
        let expected = "a: array shape: expected one dimension, found (1, 2)";
        assert_eq!(fault(&array(KIND, "(1, 2)", &TWO)), expected);
        let expected = "a: array type: expected whole numbers of 1, 2, 4 or 8 bytes, found <f8";
        assert_eq!(fault(&array("'<f8'", "(1,)", &[0; 8])), expected);
        let expected =
            "a: fields: expected x, y, t and p, found a plain array, whose columns have no names";
        assert_eq!(fault(&array("'<i8'", "(1,)", &[0; 8])), expected);
        let huge = array("'<i8'", "(18446744073709551615,)", &[]);
        assert_eq!(fault(&huge), "a: array size: expected 147573952589676412920 bytes, found 0");
    }
}
