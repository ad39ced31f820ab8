//! AEDAT 2.0, the format of jAER: DVS128 recordings such as CIFAR10-DVS, and DAVIS cameras.
//!
//! Lines that begin with `#`, then a big-endian `u32` address and a big-endian `u32` time in µs per
//! event.
//! In both layouts the coordinates stay as stored; jAER shows them mirrored.

use super::clock::Clock;
use super::decoder::{Decoder, Fault, append};
use super::header::{END_OF_LINES, Line, Stage, holds, line, lines};
use crate::Events;

const MAGIC: &str = "#!AER-DAT2.0";

/// Which bits of an address are what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// Bit 0 polarity with ON as 0, bits 1..8 x, bits 8..15 y; bit 15 marks what is no event.
    Dvs128,
    /// Bit 11 polarity with ON as 1, bits 12..22 x, bits 22..31 y; bits 10 and 31 mark triggers and
    /// samples of the frame and of the motion sensor.
    Davis,
}

impl Layout {
    /// The bits that no pixel event has set.
    fn others(self) -> u32 {
        match self {
            Self::Dvs128 => 1 << 15,
            Self::Davis => 1 << 31 | 1 << 10,
        }
    }
}

/// Cameras by the name in the header.
const CHIPS: [(&str, (usize, usize)); 4] = [
    ("DAVIS240", (240, 180)),
    ("DAVIS346", (346, 260)),
    ("DAVIS640", (640, 480)),
    ("DAVIS128", (128, 128)),
];

/// Whether the lines at the start of a file name a DAVIS camera.
pub(crate) fn is_davis(mut start: &[u8]) -> bool {
    while let Line::Text(text) = line(start, b'#') {
        if holds(text, "DAVIS") {
            return true;
        }
        start = &start[text.len()..];
    }
    false
}

/// Decodes records of one layout.
#[derive(Debug)]
pub(crate) struct Aedat2 {
    layout: Layout,
    stage: Stage,
    chip: Option<(usize, usize)>,
    clock: Clock,
    /// Every bit that an address has set so far.
    bits: u32,
}

impl Aedat2 {
    pub(crate) fn new(layout: Layout) -> Self {
        let chip = (layout == Layout::Dvs128).then_some((128, 128));
        Self { layout, stage: Stage::Start, chip, clock: Clock::default(), bits: 0 }
    }

    fn append(&self, records: &[[u8; 8]], events: &mut Events) {
        match self.layout {
            Layout::Dvs128 => append(records, events, |record| {
                let (a, t) = words(record);
                ((a >> 1 & 0x7f) as u16, (a >> 8 & 0x7f) as u16, i64::from(t), a & 1 == 0)
            }),
            Layout::Davis => append(records, events, |record| {
                let (a, t) = words(record);
                let (x, y) = (a >> 12 & 0x3ff, a >> 22 & 0x1ff);
                (x as u16, y as u16, i64::from(t), a >> 11 & 1 != 0)
            }),
        }
    }
}

/// Address and time.
#[inline(always)]
fn words(&[a, b, c, d, e, f, g, h]: &[u8; 8]) -> (u32, u32) {
    (u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h]))
}

impl Decoder for Aedat2 {
    fn feed(&mut self, bytes: &[u8], events: &mut Events) -> Result<usize, Fault> {
        let (layout, chip) = (self.layout, &mut self.chip);
        let header = lines(&mut self.stage, MAGIC, bytes, |text| {
            let named = CHIPS.iter().find(|(name, _)| holds(text, name));
            if let (Layout::Davis, Some(&(_, size))) = (layout, named) {
                *chip = Some(size);
            }
        })?;
        if self.stage != Stage::Events {
            return Ok(header);
        }
        let (records, rest) = bytes[header..].as_chunks::<8>();
        let (start, others) = (events.len(), self.layout.others());
        // Without an early exit, so that the loop runs in vectors.
        let bits = records.iter().fold(0, |bits, record| bits | words(record).0);
        self.bits |= bits;
        if bits & others == 0 {
            self.append(records, events);
            self.clock.correct(&mut events.t[start..]);
            return Ok(bytes.len() - rest.len());
        }
        let is_other = |record: &[u8; 8]| words(record).0 & others != 0;
        for run in records.chunk_by(|a, b| is_other(a) == is_other(b)) {
            if !is_other(&run[0]) {
                self.append(run, events);
            }
        }
        self.clock.correct(&mut events.t[start..]);
        Ok(bytes.len() - rest.len())
    }

    fn finish(&mut self, rest: &[u8], _events: &mut Events) -> Result<(), Fault> {
        // The addresses of a DVS128 have 16 bits, which in the other order are the upper ones.
        if self.layout == Layout::Dvs128 && self.bits > 0xffff && self.bits as u16 == 0 {
            return Err(Fault::new("byte order", "big-endian addresses", "little-endian ones"));
        }
        self.stage.finish(MAGIC, rest)
    }

    fn sensor(&self) -> Option<(usize, usize)> {
        self.chip
    }
}

/// Writes a header and one record per event.
pub(crate) fn encode(
    events: &Events,
    layout: Layout,
) -> Result<Vec<u8>, (&'static str, String, String)> {
    let camera = match layout {
        Layout::Dvs128 => "DVS128",
        Layout::Davis => {
            let size = (events.width, events.height);
            CHIPS.iter().find(|(_, chip)| *chip == size).map_or("DAVIS", |(name, _)| name)
        }
    };
    let mut bytes = format!(
        "{MAGIC}\r\n# This is a raw AE data file created by candlewick\r\n\
         # Data format is int32 address, int32 timestamp (8 bytes total), repeated for each event\r\n\
         # Timestamps tick is 1 us\r\n# AEChip: {camera}\r\n{END_OF_LINES}\r\n"
    )
    .into_bytes();
    bytes.reserve(8 * events.len());
    let (columns, rows) = match layout {
        Layout::Dvs128 => (1 << 7, 1 << 7),
        Layout::Davis => (1 << 10, 1 << 9),
    };
    for (((&x, &y), &t), &p) in events.x.iter().zip(&events.y).zip(&events.t).zip(&events.p) {
        for (field, value, end) in [("x", x, columns), ("y", y, rows)] {
            if value >= end {
                return Err((field, format!("below {end}"), value.to_string()));
            }
        }
        let time =
            u32::try_from(t).map_err(|_| ("t", "0 to 4294967295".to_owned(), t.to_string()))?;
        let (x, y) = (u32::from(x), u32::from(y));
        let address = match layout {
            Layout::Dvs128 => y << 8 | x << 1 | u32::from(!p),
            Layout::Davis => y << 22 | x << 12 | u32::from(p) << 11,
        };
        bytes.extend(address.to_be_bytes());
        bytes.extend(time.to_be_bytes());
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::event::{Format, decode, detect};

    fn file(lines: &str, records: &[[u32; 2]]) -> Vec<u8> {
        let mut bytes = lines.as_bytes().to_vec();
        bytes.extend(records.iter().flatten().flat_map(|word| word.to_be_bytes()));
        bytes
    }

    #[test]
    fn dvs128_addresses_are_read_by_hand() {
        // y 3, x 5, ON is 0; then y 127, x 127, OFF; then a record that is no event.
        let records = [[3 << 8 | 5 << 1, 7], [0x7fff, 9], [0x8000, 10]];
        let bytes = file("#!AER-DAT2.0\r\n# created\r\n", &records);
        assert_eq!(detect(Path::new("a.aedat"), &bytes), Some(Format::Aedat2));
        let events = decode(Path::new("a.aedat"), &bytes, Format::Aedat2, None).unwrap();
        assert_eq!((events.width, events.height), (128, 128));
        assert_eq!((events.x, events.y), (vec![5, 127], vec![3, 127]));
        assert_eq!((events.t, events.p), (vec![7, 9], vec![true, false]));
    }

    /// The first byte of the events is that of a header line: y = 140 is 0x23 << 24.
    #[test]
    fn davis_addresses_are_read_by_hand() {
        let records = [[140 << 22 | 7 << 12 | 1 << 11, 1], [1 << 31, 2], [1 << 10, 3], [0, 4]];
        let bytes =
            file("#!AER-DAT2.0\r\n# AEChip: eu.seebetter.ini.chips.DAVIS240C\r\n", &records);
        assert_eq!(detect(Path::new("a.aedat"), &bytes), Some(Format::Aedat2Davis));
        let events = decode(Path::new("a.aedat"), &bytes, Format::Aedat2Davis, None).unwrap();
        assert_eq!((events.width, events.height), (240, 180));
        assert_eq!((events.x, events.y), (vec![7, 0], vec![140, 0]));
        assert_eq!((events.t, events.p), (vec![1, 4], vec![true, false]));
    }

    #[test]
    fn faults_are_named() {
        let fault = |bytes: &[u8]| {
            decode(Path::new("a"), bytes, Format::Aedat2, None).unwrap_err().to_string()
        };
        let expected = "a: magic: expected `#!AER-DAT2.0`, found the end of the file";
        assert_eq!(fault(b""), expected);
        let expected = "a: magic: expected `#!AER-DAT2.0`, found `#!AER-DAT3.1\\r\\n`";
        assert_eq!(fault(b"#!AER-DAT3.1\r\n"), expected);
        let expected = "a: end of the file: expected whole records, found 3 bytes after the last \
                        (0 events before the cut)";
        assert_eq!(fault(b"#!AER-DAT2.0\r\n\0\0\0"), expected);
        let expected = "a: header: expected a line that ends, found 8 bytes";
        assert_eq!(fault(b"#!AER-DAT2.0\r\n# created"), expected.replace('8', "9"));
    }
}
