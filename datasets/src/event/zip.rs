//! As much of ZIP as NumPy writes: stored and deflated members, found by the central directory.
//!
//! Source: APPNOTE.TXT of PKWARE, sections 4.3.7, 4.3.12 and 4.3.16.

use std::io::{self, Read};

use flate2::CrcReader;
use flate2::read::DeflateDecoder;

use super::decoder::Fault;

const END_MAGIC: [u8; 4] = *b"PK\x05\x06";
const ENTRY_MAGIC: [u8; 4] = *b"PK\x01\x02";
const LOCAL_MAGIC: [u8; 4] = *b"PK\x03\x04";

/// A file in the archive.
pub(crate) struct Member<'a> {
    pub(crate) name: &'a [u8],
    method: u16,
    crc: u32,
    packed: usize,
    /// Bytes of the content.
    pub(crate) size: u64,
    offset: usize,
}

/// The members in the order of the central directory.
pub(crate) fn members(bytes: &[u8]) -> Result<Vec<Member<'_>>, Fault> {
    // The end record is 22 bytes and a comment of at most 65,535.
    let from = bytes.len().saturating_sub(22 + 0xffff);
    let end = bytes[from..]
        .windows(4)
        .rposition(|window| window == END_MAGIC)
        .map(|at| &bytes[from + at..])
        .ok_or_else(|| Fault::new("archive", "a ZIP end record", "none"))?;
    let count = short(end, 10)?;
    let mut at = long(end, 16)? as usize;
    let mut members = Vec::new();
    for _ in 0..count {
        let entry = bytes.get(at..).unwrap_or_default();
        expect(entry, ENTRY_MAGIC, "central directory")?;
        let (name, extra, comment) = (short(entry, 28)?, short(entry, 30)?, short(entry, 32)?);
        let name = piece(entry, 46, name)?;
        members.push(Member {
            name,
            method: short(entry, 10)? as u16,
            crc: long(entry, 16)?,
            packed: long(entry, 20)? as usize,
            size: u64::from(long(entry, 24)?),
            offset: long(entry, 42)? as usize,
        });
        at += 46 + name.len() + extra + comment;
    }
    Ok(members)
}

impl Member<'_> {
    /// What `read` makes of the content, whose size and checksum are then compared.
    pub(crate) fn unpack<T>(
        &self,
        bytes: &[u8],
        read: impl FnOnce(&mut dyn Read) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let local = bytes.get(self.offset..).unwrap_or_default();
        expect(local, LOCAL_MAGIC, "local header")?;
        let packed = piece(local, 30 + short(local, 26)? + short(local, 28)?, self.packed)?;
        let plain: Box<dyn Read> = match self.method {
            0 => Box::new(packed),
            8 => Box::new(DeflateDecoder::new(packed)),
            other => return Err(Fault::new("member", "method 0 or 8", other)),
        };
        // One byte more than announced tells that there is more.
        let mut reader = CrcReader::new(plain.take(self.size + 1));
        let result = read(&mut reader).map_err(Fault::damage)?;
        io::copy(&mut reader, &mut io::sink()).map_err(damaged)?;
        let (size, sum) = (u64::from(reader.crc().amount()), reader.crc().sum());
        if size != self.size {
            return Err(Fault::new("member size", self.size, size));
        }
        if sum != self.crc {
            let [expected, found] = [self.crc, sum].map(|sum| format!("{sum:#010x}"));
            return Err(Fault::new("member checksum", expected, found));
        }
        Ok(result)
    }
}

/// The fault of packed bytes that do not unpack.
pub(crate) fn damaged(error: io::Error) -> Fault {
    Fault::new("member", "deflated bytes", error)
}

fn piece(bytes: &[u8], at: usize, length: usize) -> Result<&[u8], Fault> {
    at.checked_add(length)
        .and_then(|end| bytes.get(at..end))
        .ok_or_else(|| Fault::new("archive", format!("{length} bytes"), "the end of the file"))
}

fn short(bytes: &[u8], at: usize) -> Result<usize, Fault> {
    piece(bytes, at, 2).map(|word| usize::from(word[0]) | usize::from(word[1]) << 8)
}

fn long(bytes: &[u8], at: usize) -> Result<u32, Fault> {
    piece(bytes, at, 4).map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]]))
}

fn expect(bytes: &[u8], magic: [u8; 4], field: &'static str) -> Result<(), Fault> {
    if bytes.starts_with(&magic) {
        return Ok(());
    }
    Err(Fault::new(field, "`PK`", "other bytes"))
}
