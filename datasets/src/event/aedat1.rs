//! AEDAT 1.0, the first format of jAER, of the DVS128 and the Tmpdiff128 before it.
//!
//! Lines that begin with `#`, the first of which names the format, then a big-endian `u16` address and a
//! big-endian `u32` time in µs per event.
//! The address is that of AEDAT 2.0: bit 0 polarity with ON as 0, bits 1..8 x, bits 8..15 y; bit 15
//! marks what is no event.
//! Source: the page "AEDAT 1.0" of iniVation; where it has ON as 1, jAER, which wrote the files, has 0.
//! Files without the first line are not told from others, and not read.

use super::clock::Clock;
use super::decoder::{Decoder, Fault, append};
use super::header::{Stage, lines};
use crate::Events;

const MAGIC: &str = "#!AER-DAT1.0";
/// The bit of what is no event, in the first byte.
const OTHER: u8 = 0x80;

/// Decodes records.
#[derive(Debug, Default)]
pub(crate) struct Aedat1 {
    stage: Stage,
    clock: Clock,
}

impl Decoder for Aedat1 {
    fn feed(&mut self, bytes: &[u8], events: &mut Events) -> Result<usize, Fault> {
        let header = lines(&mut self.stage, MAGIC, bytes, |_| {})?;
        if self.stage != Stage::Events {
            return Ok(header);
        }
        let (records, rest) = bytes[header..].as_chunks::<6>();
        let start = events.len();
        for run in records.chunk_by(|a, b| a[0] & OTHER == b[0] & OTHER) {
            if run[0][0] & OTHER == 0 {
                append(run, events, |&[high, low, a, b, c, d]| {
                    let time = i64::from(u32::from_be_bytes([a, b, c, d]));
                    (u16::from(low >> 1), u16::from(high), time, low & 1 == 0)
                });
            }
        }
        self.clock.correct(&mut events.t[start..]);
        Ok(bytes.len() - rest.len())
    }

    fn finish(&mut self, rest: &[u8], _events: &mut Events) -> Result<(), Fault> {
        self.stage.finish(MAGIC, rest)
    }

    fn sensor(&self) -> Option<(usize, usize)> {
        Some((128, 128))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::event::{Format, decode, detect};

    #[test]
    fn records_are_read_by_hand() {
        let mut bytes = b"#!AER-DAT1.0\r\n# This is a raw AE data file\r\n".to_vec();
        // y 35 is the `#` of a header line, x 6, ON is 0; y 127, x 127, OFF; no event; a new round.
        bytes.extend([0x23, 6 << 1, 0, 0, 1, 7, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff]);
        bytes.extend([0x80, 0, 0, 0, 0, 9, 0, 2, 0, 0, 0, 4]);
        let path = Path::new("a.dat");
        assert_eq!(detect(path, &bytes), Some(Format::Aedat1));
        let events = decode(path, &bytes, Format::Aedat1, None).unwrap();
        assert_eq!((events.width, events.height), (128, 128));
        assert_eq!((events.x, events.y), (vec![6, 127, 1], vec![35, 127, 0]));
        assert_eq!(events.t, [263, (1 << 32) - 1, (1 << 32) + 4]);
        assert_eq!(events.p, [true, false, true]);
        assert!(Format::Aedat1.stores_on_as_zero());
    }

    #[test]
    fn faults_are_named() {
        let fault = |bytes: &[u8]| {
            decode(Path::new("a"), bytes, Format::Aedat1, None).unwrap_err().to_string()
        };
        let expected = "a: magic: expected `#!AER-DAT1.0`, found `#!AER-DAT2.0\\r\\n`";
        assert_eq!(fault(b"#!AER-DAT2.0\r\n"), expected);
        // A file without a header may be of any camera.
        assert!(fault(&[0, 2, 0, 0, 0, 4]).starts_with("a: magic: expected `#!AER-DAT1.0`"));
        let expected = "a: end of the file: expected whole records, found 2 bytes after the last \
                        (0 events before the cut)";
        assert_eq!(fault(b"#!AER-DAT1.0\r\n\0\x02"), expected);
        assert_eq!(detect(Path::new("a.dat"), &[0, 2, 0, 0, 0, 4]), None);
    }
}
