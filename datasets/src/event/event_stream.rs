//! Event Stream (`.es`), version 2, the format of neuromorphic-vision: streams of DVS events.
//!
//! `Event Stream`, three bytes of version, the type of the stream, and for DVS events (1) width and height
//! of the sensor as little-endian `u16`.
//! An event is five bytes: seven bits of time and ON as the lowest bit, then x and y as little-endian `u16`;
//! the time counts µs since the event before.
//! Instead of an event there may be a byte 0xff, after which the next event is 127 µs later, and a byte 0xfe
//! that means nothing.
//! Source: the specification of Event Stream 2.0 in the repository `event_stream` of neuromorphic-vision.

use super::decoder::{Decoder, Fault};
use super::header::wrong_magic;
use crate::Events;

const MAGIC: &[u8] = b"Event Stream";
const DVS: u8 = 1;
const HEADER_BYTES: usize = 20;
const OVERFLOW: u8 = 0xff;
const OVERFLOW_TIME: i64 = 0x7f;
const RESET: u8 = 0xfe;

/// Whether a file begins as such a stream, of whatever type.
pub(crate) fn is_event_stream(start: &[u8]) -> bool {
    start.starts_with(MAGIC)
}

/// Decodes events; knows the sensor after the header.
#[derive(Debug, Default)]
pub(crate) struct EventStream {
    sensor: Option<(usize, usize)>,
    time: i64,
}

impl EventStream {
    /// Reads the header, if it is there; returns its bytes.
    fn header(&mut self, bytes: &[u8]) -> Result<usize, Fault> {
        let known = &bytes[..bytes.len().min(MAGIC.len())];
        if !MAGIC.starts_with(known) {
            return Err(wrong_magic("Event Stream", bytes));
        }
        let Some(header) = bytes.first_chunk::<HEADER_BYTES>() else {
            return Ok(0);
        };
        let &[.., major, minor, patch, kind, a, b, c, d] = header;
        if major != 2 {
            let found = format!("{major}.{minor}.{patch}");
            return Err(Fault::new("version", "2", found));
        }
        if kind != DVS {
            let names = ["generic", "DVS", "ATIS", "display", "color"];
            let name = names.get(usize::from(kind)).unwrap_or(&"unknown");
            return Err(Fault::new("stream type", "1 (DVS)", format!("{kind} ({name})")));
        }
        let size = [[a, b], [c, d]].map(|side| usize::from(u16::from_le_bytes(side)));
        self.sensor = Some((size[0], size[1]));
        Ok(HEADER_BYTES)
    }
}

impl Decoder for EventStream {
    fn feed(&mut self, bytes: &[u8], events: &mut Events) -> Result<usize, Fault> {
        let mut used = 0;
        if self.sensor.is_none() {
            used = self.header(bytes)?;
            if used == 0 {
                return Ok(0);
            }
        }
        while let Some(&first) = bytes.get(used) {
            match first {
                OVERFLOW => self.time += OVERFLOW_TIME,
                RESET => {}
                _ => {
                    let Some(&[_, a, b, c, d]) = bytes[used..].first_chunk() else {
                        break;
                    };
                    self.time += i64::from(first >> 1);
                    let (x, y) = (u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d]));
                    events.push(x, y, self.time, first & 1 == 1);
                    used += 4;
                }
            }
            used += 1;
        }
        Ok(used)
    }

    fn finish(&mut self, rest: &[u8], _events: &mut Events) -> Result<(), Fault> {
        const FIELD: &str = "end of the file";
        let found = format!("{} bytes after the last", rest.len());
        match self.sensor {
            None if rest.is_empty() => Err(wrong_magic("Event Stream", rest)),
            None => Err(Fault::new(FIELD, "a whole header", format!("{} bytes", rest.len()))),
            Some(_) if rest.is_empty() => Ok(()),
            Some(_) => Err(Fault::cut(FIELD, "whole events", found)),
        }
    }

    fn sensor(&self) -> Option<(usize, usize)> {
        self.sensor
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::event::{Format, decode, detect};

    /// Of version 2.0.0, on a sensor of 304×240.
    fn file(kind: u8, body: &[u8]) -> Vec<u8> {
        let mut bytes = b"Event Stream\x02\x00\x00".to_vec();
        bytes.extend([kind, 0x30, 1, 240, 0]);
        bytes.extend(body);
        bytes
    }

    #[test]
    fn events_are_read_by_hand() {
        // ON at (303, 2) after 126 µs, OFF at (255, 239) at the same time, a reset, two overflows, and ON
        // at (254, 255), bytes that are resets and overflows elsewhere, after 254 + 3 µs.
        let body = [0xfd, 0x2f, 1, 2, 0, 0, 0xff, 0, 239, 0, 0xfe, 0xff, 0xff, 7, 0xfe, 0, 0xef, 0];
        let bytes = file(1, &body);
        let path = Path::new("a.es");
        assert_eq!(detect(path, &bytes), Some(Format::Es));
        let events = decode(path, &bytes, Format::Es, None).unwrap();
        assert_eq!((events.width, events.height), (304, 240));
        assert_eq!((events.x, events.y), (vec![303, 255, 254], vec![2, 239, 239]));
        assert_eq!((events.t, events.p), (vec![126, 126, 383], vec![true, false, true]));
    }

    #[test]
    fn faults_are_named() {
        let fault =
            |bytes: &[u8]| decode(Path::new("a"), bytes, Format::Es, None).unwrap_err().to_string();
        assert_eq!(fault(&file(2, &[])), "a: stream type: expected 1 (DVS), found 2 (ATIS)");
        let mut old = file(1, &[]);
        old[12] = 1;
        assert_eq!(fault(&old), "a: version: expected 2, found 1.0.0");
        let expected = "a: end of the file: expected whole events, found 3 bytes after the last \
                        (0 events before the cut)";
        assert_eq!(fault(&file(1, &[0xff, 2, 3, 4])), expected);
        let expected = "a: x: expected below 304, found 304 in event 0";
        assert_eq!(fault(&file(1, &[0, 0x30, 1, 0, 0])), expected);
        let expected = "a: end of the file: expected a whole header, found 19 bytes";
        assert_eq!(fault(&file(1, &[])[..19]), expected);
        assert_eq!(fault(b"Event"), expected.replace("19", "5"));
        assert_eq!(fault(b"Eve"), expected.replace("19", "3"));
        assert!(fault(b"EVENT").starts_with("a: magic: expected `Event Stream`"));
    }
}
