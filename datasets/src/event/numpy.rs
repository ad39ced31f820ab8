//! Events in NumPy's files: `.npz` with the arrays `t`, `x`, `y`, `p` (SpikingJelly), and `.npy` with
//! one structured array of these fields (tonic).
//!
//! Times are in µs; a file in other units is the caller's to scale.
//! Arrays of frames, of several dimensions, of Fortran order or of objects are refused.

use std::cmp::Ordering;
use std::io::Read;

use super::decoder::{Decoder, Fault};
use super::zip;
use crate::Events;
use crate::limit::Limit;
use crate::npy::{self, LONGEST};

/// The fields with what appends a value of them.
const FIELDS: [(&str, Push); 4] = [
    ("x", |events, value| coordinate("x", value).map(|x| events.x.push(x))),
    ("y", |events, value| coordinate("y", value).map(|y| events.y.push(y))),
    ("t", |events, value| {
        events.t.push(value);
        Ok(())
    }),
    ("p", |events, value| {
        events.p.push(value > 0);
        Ok(())
    }),
];

type Push = fn(&mut Events, i64) -> Result<(), Fault>;

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
        if self.archive { archive(&self.bytes, events) } else { structured(&self.bytes, events) }
    }

    fn sensor(&self) -> Option<(usize, usize)> {
        None
    }
}

/// Reads an archive with one array per field.
fn archive(bytes: &[u8], events: &mut Events) -> Result<(), Fault> {
    let (members, limit) = (zip::members(bytes)?, Limit::of(bytes.len()));
    let (mut size, mut count) = (0, None);
    for (field, push) in FIELDS {
        let name = format!("{field}.npy");
        let member = members.iter().find(|member| member.name == name.as_bytes());
        let Some(member) = member else {
            let names: Vec<_> =
                members.iter().map(|member| String::from_utf8_lossy(member.name)).collect();
            return Err(Fault::new("arrays", "x, y, t and p", names.join(", ")));
        };
        size += member.size;
        if size > limit.bytes() {
            return Err(Fault::new("arrays", limit, format!("{size} bytes")));
        }
        member.unpack(bytes, |reader| {
            let header = Header::read(reader)?;
            let [Field { name: None, kind, .. }] = &header.fields[..] else {
                return Err(Fault::new("array type", "one number per event", "fields"));
            };
            let kind = Kind::parse(kind)?;
            header.check(u128::from(member.size))?;
            if *count.get_or_insert(header.count) != header.count {
                let expected = format!("{}, as many as of x", count.unwrap_or(0));
                let found = format!("{} of {field}", header.count);
                return Err(Fault::new("array lengths", expected, found));
            }
            header.rows(reader, |row| push(events, kind.number(row)))
        })?;
    }
    Ok(())
}

/// Reads one structured array.
fn structured(bytes: &[u8], events: &mut Events) -> Result<(), Fault> {
    let mut rest = bytes;
    let header = Header::read(&mut rest)?;
    let column = |(wanted, push): (&str, Push)| {
        let field = header.fields.iter().find(|field| field.name.as_deref() == Some(wanted));
        let Some(field) = field else {
            let found = if header.fields.iter().all(|field| field.name.is_none()) {
                "a plain array, whose columns have no names".to_owned()
            } else {
                format!("no `{wanted}`")
            };
            return Err(Fault::new("fields", "x, y, t and p", found));
        };
        Ok((field.offset, Kind::parse(&field.kind)?, push))
    };
    let [x, y, t, p] = FIELDS.map(column);
    let columns = [x?, y?, t?, p?];
    let size = header.check(bytes.len() as u128);
    if size.as_ref().is_err_and(|fault| !fault.is_cut()) {
        return size;
    }
    header.rows(&mut rest, |row| {
        columns
            .iter()
            .try_for_each(|(offset, kind, push)| push(events, kind.number(&row[*offset..])))
    })?;
    size
}

fn coordinate(field: &'static str, value: i64) -> Result<u16, Fault> {
    u16::try_from(value).map_err(|_| Fault::new(field, "0 to 65535", value))
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

/// A column of an array; a plain array has one without a name, and padding has an empty one.
#[derive(Debug)]
struct Field {
    name: Option<String>,
    offset: usize,
    /// The type as it is written.
    kind: String,
}

impl Field {
    /// The bytes of a type such as `<f8` or `|V3`, whose numbers nobody may need.
    fn size(kind: &str) -> Option<usize> {
        let mut letters = kind.chars();
        let per_item = match (letters.next()?, letters.next()?) {
            ('<' | '>' | '|' | '=', 'i' | 'u' | 'b' | 'f' | 'c' | 'S' | 'V') => 1,
            ('<' | '>' | '=', 'U') => 4,
            _ => return None,
        };
        letters.as_str().parse::<usize>().ok()?.checked_mul(per_item)
    }
}

/// The header of an array.
#[derive(Debug)]
struct Header {
    fields: Vec<Field>,
    /// Bytes per element.
    stride: usize,
    count: u64,
    /// Bytes of the header itself.
    size: usize,
}

impl Header {
    /// Reads the header of an array of one dimension.
    fn read(reader: &mut dyn Read) -> Result<Self, Fault> {
        let header = npy::Header::read(reader, zip::damaged)?;
        let (fields, stride) = Self::fields(header.kind()?)?;
        let shape = header.shape()?;
        let count = shape
            .parse()
            .map_err(|_| Fault::new("array shape", "one dimension", format!("({shape})")))?;
        Ok(Self { fields, stride, count, size: header.size })
    }

    /// The fields of `'<i8'` or `[('x', '<i2'), ('', '|V2'), ('y', '<i4')]`, and the bytes of an element.
    fn fields(text: &str) -> Result<(Vec<Field>, usize), Fault> {
        let fault = || {
            let start: String = text.chars().take(40).collect();
            Fault::new("array type", "a type or a list of names and types", start)
        };
        let sized = |offset: usize, kind: &str| {
            let end = Field::size(kind).and_then(|size| offset.checked_add(size));
            end.filter(|end| (1..=LONGEST).contains(end)).ok_or_else(|| {
                let expected = format!("numbers or padding, {LONGEST} bytes in all at most");
                Fault::new("array type", expected, kind)
            })
        };
        if let Some(rest) = text.strip_prefix('\'') {
            let (kind, _) = rest.split_once('\'').ok_or_else(fault)?;
            let field = Field { name: None, offset: 0, kind: kind.to_owned() };
            return Ok((vec![field], sized(0, kind)?));
        }
        let list = text.strip_prefix('[').and_then(|rest| rest.split_once(']'));
        let (list, _) = list.ok_or_else(fault)?;
        let (mut fields, mut offset) = (Vec::new(), 0);
        for pair in list.split_terminator(')') {
            let quoted: Vec<&str> = pair.split('\'').collect();
            let ["(" | ", (", name, ", ", kind, ""] = quoted[..] else {
                return Err(fault());
            };
            fields.push(Field { name: Some(name.to_owned()), offset, kind: kind.to_owned() });
            offset = sized(offset, kind)?;
        }
        if fields.is_empty() {
            return Err(fault());
        }
        Ok((fields, offset))
    }

    /// Compares the bytes of the elements with those that a file of so many bytes has for them.
    fn check(&self, file: u128) -> Result<(), Fault> {
        let expected = u128::from(self.count) * self.stride as u128;
        let found = file.saturating_sub(self.size as u128);
        match found.cmp(&expected) {
            Ordering::Less => Err(Fault::cut("array size", format!("{expected} bytes"), found)),
            Ordering::Equal => Ok(()),
            Ordering::Greater => Err(Fault::new("array size", format!("{expected} bytes"), found)),
        }
    }

    /// Gives the elements to `take`, one after the other, until the data end.
    fn rows(
        &self,
        reader: &mut dyn Read,
        mut take: impl FnMut(&[u8]) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let mut block = Vec::new();
        loop {
            block.clear();
            let size = self.stride * (LONGEST / self.stride);
            reader.take(size as u64).read_to_end(&mut block).map_err(zip::damaged)?;
            block.chunks_exact(self.stride).try_for_each(&mut take)?;
            if block.len() < size {
                return Ok(());
            }
        }
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

    /// NumPy writes what aligned fields skip as a field of its own without a name.
    #[test]
    fn padding_and_fields_that_nobody_needs_are_skipped() {
        let kind =
            "[('x', '<u2'), ('y', '<u2'), ('p', '|u1'), ('', '|V3'), ('t', '<i8'), ('w', '<f4')]";
        let element = |x, y, p, t| [x, 0, y, 0, p, 9, 9, 9, t, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4];
        let file = array(kind, "(2,)", &[element(1, 2, 1, 3), element(4, 5, 0, 6)].concat());
        let events = decode(Path::new("a.npy"), &file, Format::Npy, None).unwrap();
        assert_eq!((events.x, events.y), (vec![1, 4], vec![2, 5]));
        assert_eq!((events.t, events.p), (vec![3, 6], vec![true, false]));
        // An element of any size costs no memory.
        let wide = kind.replace("|V3", "|V2000000000");
        let text = decode(Path::new("a"), &array(&wide, "(2,)", &[]), Format::Npy, None);
        let expected = "a: array type: expected numbers or padding, 65536 bytes in all at most, found \
                        |V2000000000";
        assert_eq!(text.unwrap_err().to_string(), expected);
    }

    #[test]
    fn faults_are_named() {
        let fault = |bytes: &[u8]| {
            decode(Path::new("a"), bytes, Format::Npy, None).unwrap_err().to_string()
        };
        assert_eq!(fault(b"PK"), "a: magic: expected `\\x93NUMPY`, found `PK`");
        let expected = "a: array size: expected 39 bytes, found 26 (2 events before the cut)";
        assert_eq!(fault(&array(KIND, "(3,)", &TWO)), expected);
        let expected = "a: array shape: expected one dimension, found (1, 2)";
        assert_eq!(fault(&array(KIND, "(1, 2)", &TWO)), expected);
        let expected = "a: array type: expected whole numbers of 1, 2, 4 or 8 bytes, found <f8";
        let floats = KIND.replace("<i8", "<f8");
        assert_eq!(fault(&array(&floats, "(2,)", &TWO)), expected);
        let expected =
            "a: fields: expected x, y, t and p, found a plain array, whose columns have no names";
        assert_eq!(fault(&array("'<i8'", "(1,)", &[0; 8])), expected);
        let huge = array(KIND, "(18446744073709551615,)", &[]);
        assert_eq!(
            fault(&huge),
            "a: array size: expected 239807672958224170995 bytes, found 0 (0 events before the cut)"
        );
    }
}
