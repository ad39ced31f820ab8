//! The 40-bit records of N-MNIST and N-Caltech101 (Orchard et al. 2015, "Converting static image
//! datasets to spiking neuromorphic datasets using saccades").
//!
//! A record is x, y, then the polarity (1 for ON) in the top bit of a 23-bit big-endian time in µs.
//! A record with y = 240 is no event: it and all later ones are 2¹³ µs later than written.

use super::decoder::{Decoder, Fault, append};
use crate::Events;

const OVERFLOW_ROW: u8 = 240;
const OVERFLOW_TIME: i64 = 1 << 13;
const TIME_BITS: u32 = 23;

/// Decodes records; remembers the overflows.
#[derive(Debug, Default)]
pub(crate) struct Atis {
    offset: i64,
}

impl Decoder for Atis {
    fn feed(&mut self, bytes: &[u8], events: &mut Events) -> Result<usize, Fault> {
        let (mut records, rest) = bytes.as_chunks::<5>();
        let start = events.len();
        self.append(records, events);
        if !events.y[start..].contains(&u16::from(OVERFLOW_ROW)) {
            return Ok(bytes.len() - rest.len());
        }
        // Overflows are rare, so the events are decoded again from their parts.
        events.truncate(start);
        while let Some(at) = records.iter().position(|record| record[1] == OVERFLOW_ROW) {
            self.append(&records[..at], events);
            self.offset += OVERFLOW_TIME;
            records = &records[at + 1..];
        }
        self.append(records, events);
        Ok(bytes.len() - rest.len())
    }

    fn sensor(&self) -> Option<(usize, usize)> {
        None
    }
}

impl Atis {
    fn append(&self, records: &[[u8; 5]], events: &mut Events) {
        let offset = self.offset;
        append(records, events, |&[x, y, high, middle, low]| {
            let time = u32::from_be_bytes([0, high & 0x7f, middle, low]);
            (u16::from(x), u16::from(y), offset + i64::from(time), high & 0x80 != 0)
        });
    }
}

/// Writes records; times beyond 23 bits by overflow records, of which the times must not go back
/// behind.
pub(crate) fn encode(events: &Events) -> Result<Vec<u8>, (&'static str, String, String)> {
    let mut bytes = Vec::with_capacity(5 * events.len());
    let mut offset = 0;
    for (((&x, &y), &t), &p) in events.x.iter().zip(&events.y).zip(&events.t).zip(&events.p) {
        let refuse =
            |field, expected: &str, found: String| Err((field, expected.to_owned(), found));
        let Ok(column) = u8::try_from(x) else {
            return refuse("x", "below 256", x.to_string());
        };
        let Some(row) = u8::try_from(y).ok().filter(|&row| row != OVERFLOW_ROW) else {
            return refuse("y", "below 256 and not 240", y.to_string());
        };
        if t < offset {
            return refuse("t", &format!("at least {offset}"), t.to_string());
        }
        while (t - offset) >> TIME_BITS != 0 {
            // Hours of silence would be written as megabytes of overflows.
            if bytes.len() > 16 * (events.len() + 1024) * 5 {
                return refuse("t", "fewer overflows than events", t.to_string());
            }
            bytes.extend([0, OVERFLOW_ROW, 0, 0, 0]);
            offset += OVERFLOW_TIME;
        }
        let [_, high, middle, low] = ((t - offset) as u32).to_be_bytes();
        bytes.extend([column, row, high | u8::from(p) << 7, middle, low]);
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::event::{Format, decode, encode};

    #[test]
    fn records_are_read_by_hand() {
        // x 18, y 16, ON, 0x00037d = 893 µs; then an overflow; then x 1, y 2, OFF, 5 + 8192 µs.
        let bytes = [18, 16, 0x80, 0x03, 0x7d, 0, 240, 0, 0, 0, 1, 2, 0, 0, 5];
        let events = decode(Path::new("a.bin"), &bytes, Format::Atis, None).unwrap();
        assert_eq!((events.x, events.y), (vec![18, 1], vec![16, 2]));
        assert_eq!((events.t, events.p), (vec![893, 8197], vec![true, false]));
        assert_eq!((events.width, events.height), (19, 17));
    }

    #[test]
    fn faults_are_named() {
        let fault = |bytes: &[u8], sensor| {
            decode(Path::new("a.bin"), bytes, Format::Atis, sensor).unwrap_err().to_string()
        };
        let expected = "a.bin: end of the file: expected whole records, found 2 bytes after the last \
             (1 events before the cut)";
        assert_eq!(fault(&[1, 2, 3, 4, 5, 6, 7], None), expected);
        let expected = "a.bin: y: expected below 34, found 40 in event 0";
        assert_eq!(fault(&[1, 40, 3, 4, 5], Some((34, 34))), expected);
    }

    #[test]
    fn late_times_are_written_as_overflows() {
        let mut events = Events { width: 3, height: 5, ..Events::default() };
        events.push(0, 0, (1 << 23) - 1, true);
        events.push(2, 4, 10_000_000, false);
        let bytes = encode(&events, Format::Atis).unwrap();
        // 10,000,000 - 2²³ = 1,611,392 µs are 196.7, so 197 overflows of 8,192 µs.
        assert_eq!(bytes.len(), 5 * (2 + 197));
        assert_eq!(decode(Path::new("a.bin"), &bytes, Format::Atis, None).unwrap(), events);
        events.push(0, 240, 10_000_000, false);
        let text = encode(&events, Format::Atis).unwrap_err().to_string();
        assert_eq!(text, "cannot write atis: y: expected below 256 and not 240, found 240");
    }
}
