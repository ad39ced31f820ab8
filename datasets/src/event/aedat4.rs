//! AEDAT 4.0, the format of DV.
//!
//! A line, then a size and that many bytes of header, a flatbuffer (`IOHE`: compression, place of
//! the table at the end, description of the streams as XML).
//! Then packets of stream number, size and that many bytes, which unpacked are a flatbuffer with a
//! size before it; those of events (`EVTS`) are a vector of structs of 16 bytes: `i64` time in µs,
//! `i16` x, `i16` y, ON.
//! Of several event streams the first to come is read.

use std::borrow::Cow;
use std::io::{self, Read};

use lz4_flex::frame::FrameDecoder;
use ruzstd::decoding::StreamingDecoder;

use super::decoder::{Decoder, Fault, append};
use super::header::wrong_magic;
use crate::Events;
use crate::limit::Limit;

const MAGIC: &[u8] = b"#!AER-DAT4.0\r\n";

#[derive(Clone, Copy, Debug)]
enum Compression {
    None,
    Lz4,
    Zstd,
}

/// Decodes packets; before the header there is no compression yet.
#[derive(Debug, Default)]
pub(crate) struct Aedat4 {
    compression: Option<Compression>,
    sensor: Option<(usize, usize)>,
    /// The stream that is read.
    stream: Option<u32>,
    /// Bytes of the file that are used, without the table.
    position: u64,
    /// Bytes that packets of events were unpacked to.
    unpacked: u64,
    /// Where the packets end and the table begins; a file that was not closed does not say.
    end: Option<u64>,
    /// The table, packed as packets are.
    table: Vec<u8>,
}

impl Aedat4 {
    /// Reads line and header, if they are there; returns their bytes.
    fn header(&mut self, bytes: &[u8]) -> Result<usize, Fault> {
        let known = &bytes[..bytes.len().min(MAGIC.len())];
        if !MAGIC.starts_with(known) {
            return Err(wrong_magic("#!AER-DAT4.0", bytes));
        }
        let Some(size) = word(bytes, MAGIC.len()) else {
            return Ok(0);
        };
        let start = MAGIC.len() + 4;
        let Some(header) = start.checked_add(size as usize).and_then(|end| bytes.get(start..end))
        else {
            return Ok(0);
        };
        let table = Table::root(header, *b"IOHE")
            .ok_or_else(|| Fault::new("header", "a flatbuffer of type IOHE", "other bytes"))?;
        let compression = table.field(0).and_then(|at| word(header, at)).unwrap_or(0);
        self.compression = Some(match compression {
            0 => Compression::None,
            1 | 2 => Compression::Lz4,
            3 | 4 => Compression::Zstd,
            other => return Err(Fault::new("compression", "0 to 4", other)),
        });
        let end = table.field(1).and_then(|at| header.get(at..)?.first_chunk());
        self.end = end.and_then(|bytes| u64::try_from(i64::from_le_bytes(*bytes)).ok());
        self.sensor = table.field(2).and_then(|at| string(header, at)).and_then(sensor);
        Ok(start + header.len())
    }

    /// Decodes a packet of events; others are left out.
    fn packet(&mut self, stream: u32, packed: &[u8], events: &mut Events) -> Result<(), Fault> {
        if self.stream.is_some_and(|chosen| chosen != stream) {
            return Ok(());
        }
        let Some(bytes) = self.unpack(packed)? else {
            return Ok(());
        };
        let buffer = &bytes[4..];
        self.stream = Some(stream);
        let fault = || Fault::new("packet", "a flatbuffer with a vector of events", "other bytes");
        let table = Table::root(buffer, *b"EVTS").ok_or_else(fault)?;
        let Some(vector) = table.field(0) else {
            return Ok(());
        };
        let records = vector_at(buffer, vector)
            .and_then(|(count, start)| buffer.get(start..)?.get(..count.checked_mul(16)?));
        let (records, _) = records.ok_or_else(fault)?.as_chunks::<16>();
        append(records, events, |&[a, b, c, d, e, f, g, h, i, j, k, l, on, ..]| {
            let time = i64::from_le_bytes([a, b, c, d, e, f, g, h]);
            // A negative coordinate becomes one that no sensor has.
            (u16::from_le_bytes([i, j]), u16::from_le_bytes([k, l]), time, on != 0)
        });
        Ok(())
    }

    /// The plain bytes of a packet of events; `None` for others, which are not unpacked.
    fn unpack<'a>(&mut self, packed: &'a [u8]) -> Result<Option<Cow<'a, [u8]>>, Fault> {
        let compression = self.compression.unwrap_or(Compression::None);
        let limit = Limit::of(self.position as usize + 8 + packed.len());
        let damaged = |error: io::Error| {
            Fault::new("packet", format!("{compression:?} data"), error.to_string())
        };
        let Some(mut reader) = compression.reader(packed, limit).map_err(damaged)? else {
            return Ok(is_events(packed).then_some(Cow::Borrowed(packed)));
        };
        let mut read = |bytes: &mut Vec<u8>, count: u64| {
            let result = reader.by_ref().take(count).read_to_end(bytes);
            result.map(drop).map_err(damaged)
        };
        let mut bytes = Vec::new();
        read(&mut bytes, START as u64)?;
        if !is_events(&bytes) {
            return Ok(None);
        }
        let size = 4 + u64::from(word(&bytes, 0).unwrap_or(0));
        self.unpacked += size;
        if self.unpacked > limit.bytes() {
            return Err(Fault::new("packets", limit, format!("{} bytes", self.unpacked)));
        }
        read(&mut bytes, size.saturating_sub(START as u64))?;
        Ok(Some(Cow::Owned(bytes)))
    }

    /// Whether the table unpacks to as many bytes as it says.
    fn has_whole_table(&self) -> bool {
        let compression = self.compression.unwrap_or(Compression::None);
        let limit = Limit::of(self.table.len());
        let unpacked = match compression.reader(&self.table, limit) {
            Ok(None) => return holds_its_size(&self.table),
            Ok(Some(reader)) => {
                let mut bytes = Vec::new();
                reader.take(limit.bytes()).read_to_end(&mut bytes).map(|_| bytes)
            }
            Err(error) => Err(error),
        };
        unpacked.is_ok_and(|bytes| holds_its_size(&bytes))
    }
}

impl Compression {
    /// Unpacks `packed`; `None` if it is not packed.
    fn reader(self, packed: &[u8], limit: Limit) -> io::Result<Option<Box<dyn Read + '_>>> {
        Ok(match self {
            Self::None => None,
            Self::Lz4 => Some(Box::new(FrameDecoder::new(packed))),
            // A window is what the decoder keeps in memory before it gives the first byte.
            Self::Zstd => Some(Box::new(
                StreamingDecoder::new_with_max_window_size(packed, limit.bytes())
                    .map_err(io::Error::other)?,
            )),
        })
    }
}

/// More than the table of a recording of a day.
const LONGEST_TABLE: usize = 1 << 26;

/// Whether a flatbuffer with its size in front is whole.
fn holds_its_size(bytes: &[u8]) -> bool {
    word(bytes, 0).is_some_and(|size| bytes.len() as u64 >= 4 + u64::from(size))
}

/// The bytes of a packet that say what it holds: its size, the place of its root, its type.
const START: usize = 12;

fn is_events(bytes: &[u8]) -> bool {
    bytes.get(START - 4..START) == Some(b"EVTS")
}

impl Decoder for Aedat4 {
    fn feed(&mut self, bytes: &[u8], events: &mut Events) -> Result<usize, Fault> {
        let mut used = 0;
        if self.compression.is_none() {
            used = self.header(bytes)?;
            self.position += used as u64;
        }
        while self.compression.is_some() {
            if let Some(end) = self.end.filter(|&end| end <= self.position) {
                if end < self.position {
                    let found = format!("header and packets up to byte {}", self.position);
                    return Err(Fault::new("table", format!("at byte {end}"), found));
                }
                self.table.extend(&bytes[used..]);
                if self.table.len() > LONGEST_TABLE {
                    let found = format!("{} bytes or more", self.table.len());
                    return Err(Fault::new(
                        "table",
                        format!("at most {LONGEST_TABLE} bytes"),
                        found,
                    ));
                }
                return Ok(bytes.len());
            }
            let rest = &bytes[used..];
            let Some((stream, size)) = word(rest, 0).zip(word(rest, 4)) else {
                break;
            };
            if size > i32::MAX as u32 {
                return Err(Fault::new("packet size", "below 2147483648", size));
            }
            let Some(packed) = rest[8..].get(..size as usize) else {
                break;
            };
            self.packet(stream, packed, events)?;
            used += 8 + packed.len();
            self.position += 8 + u64::from(size);
        }
        Ok(used)
    }

    fn finish(&mut self, rest: &[u8], _events: &mut Events) -> Result<(), Fault> {
        const FIELD: &str = "end of the file";
        if self.compression.is_none() {
            return Err(Fault::new(FIELD, "a whole header", format!("{} bytes", rest.len())));
        }
        if !rest.is_empty() {
            let found = format!("{} bytes after the last", rest.len());
            return Err(Fault::cut(FIELD, "whole packets", found));
        }
        match self.end {
            Some(end) if !self.has_whole_table() => {
                let expected =
                    format!("packets up to byte {end} and a whole table, as the header says");
                let found = format!("byte {}", self.position + self.table.len() as u64);
                Err(Fault::cut(FIELD, expected, found))
            }
            _ => Ok(()),
        }
    }

    fn sensor(&self) -> Option<(usize, usize)> {
        self.sensor
    }
}

/// A table of a flatbuffer: offsets of fields from the place of the table.
struct Table<'a> {
    bytes: &'a [u8],
    at: usize,
    fields: &'a [u8],
}

impl<'a> Table<'a> {
    /// The root of a buffer with an identifier.
    fn root(bytes: &'a [u8], identifier: [u8; 4]) -> Option<Self> {
        if bytes.get(4..8)? != identifier {
            return None;
        }
        let at = word(bytes, 0)? as usize;
        // The list of fields lies this far before the table.
        let back = i64::from(word(bytes, at)? as i32);
        let list = usize::try_from(i64::try_from(at).ok()? - back).ok()?;
        let size = short(bytes, list)?;
        let fields = bytes.get(list..)?.get(..size)?.get(4..)?;
        Some(Self { bytes, at, fields })
    }

    /// Where a field lies, if it is there.
    fn field(&self, number: usize) -> Option<usize> {
        let offset = short(self.fields, 2 * number).filter(|&offset| offset != 0)?;
        (self.at + offset < self.bytes.len()).then_some(self.at + offset)
    }
}

/// Length and place of the vector that a field points to.
fn vector_at(bytes: &[u8], field: usize) -> Option<(usize, usize)> {
    let at = field.checked_add(word(bytes, field)? as usize)?;
    Some((word(bytes, at)? as usize, at.checked_add(4)?))
}

fn string(bytes: &[u8], field: usize) -> Option<&str> {
    let (count, start) = vector_at(bytes, field)?;
    std::str::from_utf8(bytes.get(start..)?.get(..count)?).ok()
}

/// The size of the sensor in the description of the first stream of events.
fn sensor(description: &str) -> Option<(usize, usize)> {
    let (_, stream) = description.split_once(">EVTS<")?;
    let stream = stream.split("typeIdentifier").next()?;
    let size = |key: &str| -> Option<usize> {
        let (_, rest) = stream.split_once(&format!("key=\"{key}\""))?;
        let (_, rest) = rest.split_once('>')?;
        let size = rest.split('<').next()?.trim().parse().ok()?;
        (1..=1 << 15).contains(&size).then_some(size)
    };
    size("sizeX").zip(size("sizeY"))
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
}

fn short(bytes: &[u8], at: usize) -> Option<usize> {
    bytes.get(at..)?.first_chunk().map(|bytes| usize::from(u16::from_le_bytes(*bytes)))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::MAGIC;
    use crate::event::{Format, decode};

    /// A file without compression and table, by hand: a packet of one event in a stream 7.
    fn file(stream: u8) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        // Root at 12, identifier, an empty list of fields (size 4, table of 4 bytes), the table.
        let header = [12, 0, 0, 0, b'I', b'O', b'H', b'E', 4, 0, 4, 0, 4, 0, 0, 0];
        bytes.extend([16, 0, 0, 0]);
        bytes.extend(header);
        // Size; root at 16, identifier, fields (size 6, table of 8 bytes, field 0 at 4), padding,
        // the table with a vector 4 bytes on, its length, the event (9 µs, x 3, y 2, ON).
        let packet = [
            44, 0, 0, 0, 16, 0, 0, 0, b'E', b'V', b'T', b'S', 6, 0, 8, 0, 4, 0, 0, 0, 8, 0, 0, 0,
            4, 0, 0, 0, 1, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 3, 0, 2, 0, 1, 0, 0, 0,
        ];
        bytes.extend([stream, 0, 0, 0, packet.len() as u8, 0, 0, 0]);
        bytes.extend(packet);
        bytes
    }

    #[test]
    fn packets_are_read_by_hand() {
        let events = decode(Path::new("a"), &file(7), Format::Aedat4, None).unwrap();
        assert_eq!((events.x, events.y), (vec![3], vec![2]));
        assert_eq!((events.t, events.p), (vec![9], vec![true]));
        // A packet of another stream of events is left out.
        let header = file(0).len() - 56;
        let mut two = file(7);
        two.extend(&file(8)[header..]);
        assert_eq!(decode(Path::new("a"), &two, Format::Aedat4, None).unwrap().len(), 1);
    }

    #[test]
    fn faults_are_named() {
        let fault = |bytes: &[u8]| {
            decode(Path::new("a"), bytes, Format::Aedat4, None).unwrap_err().to_string()
        };
        let expected = "a: end of the file: expected whole packets, found 55 bytes after the last \
                        (0 events before the cut)";
        assert_eq!(fault(&file(7)[..89]), expected);
        assert_eq!(fault(b""), "a: end of the file: expected a whole header, found 0 bytes");
        assert!(fault(b"#!AER-DAT3.1\r\n").starts_with("a: magic: expected `#!AER-DAT4.0`"));
        let mut bytes = file(7);
        bytes[14 + 4 + 5] = b'x';
        let expected = "a: header: expected a flatbuffer of type IOHE, found other bytes";
        assert_eq!(fault(&bytes), expected);
    }
}
