//! The files of Prophesee cameras: EVT 2.0 and EVT 3.0 (`.raw`), and DAT (`.dat`).
//!
//! Source: the pages "Data Encoding Formats" and "DAT File Format" of the Metavision documentation.
//! All begin with lines that begin with `%`; words are little-endian.
//! In EVT files events before the first word of time are left out: their time is unknown.

use super::clock::Clock;
use super::decoder::{Decoder, Fault, append};
use super::header::{Line, Stage, holds, line, wrong_magic};
use crate::Events;

/// The header of all three: a few lines of `%`, of which the size of the sensor is read.
#[derive(Debug, Default)]
struct Header {
    stage: Stage,
    width: Option<usize>,
    height: Option<usize>,
}

impl Header {
    /// Uses up lines; returns their bytes.
    fn feed(&mut self, bytes: &[u8]) -> Result<usize, Fault> {
        let mut used = 0;
        while self.stage != Stage::Events {
            match line(&bytes[used..], b'%') {
                Line::Unfinished => break,
                Line::Events if self.stage == Stage::Start => return Err(wrong_magic("%", bytes)),
                Line::Events => self.stage = Stage::Events,
                Line::Text(text) => {
                    self.stage = Stage::Header;
                    self.read(text);
                    used += text.len();
                }
            }
        }
        Ok(used)
    }

    /// Understands `% end`, `% geometry 640x480`, `% format EVT3;height=480;width=640`, and
    /// `% Width 640`.
    fn read(&mut self, text: &[u8]) {
        let text = String::from_utf8_lossy(text).to_ascii_lowercase();
        let separator = |letter: char| !letter.is_ascii_alphanumeric() && letter != '.';
        let words: Vec<&str> = text.split(separator).filter(|word| !word.is_empty()).collect();
        if words == ["end"] {
            self.stage = Stage::Events;
        }
        let size = |word: &str| word.parse().ok().filter(|size| (1..=1 << 16).contains(size));
        for pair in words.windows(2) {
            match pair[0] {
                "width" => self.width = size(pair[1]).or(self.width),
                "height" => self.height = size(pair[1]).or(self.height),
                "geometry" => {
                    if let Some((width, height)) = pair[1].split_once('x') {
                        (self.width, self.height) = (size(width), size(height));
                    }
                }
                _ => {}
            }
        }
    }

    fn sensor(&self) -> Option<(usize, usize)> {
        self.width.zip(self.height)
    }
}

/// The format that the header names: `Some("2")` for EVT 2.0, `Some("3")` for EVT 3.0.
pub(crate) fn evt_version(mut start: &[u8]) -> Option<&'static str> {
    while let Line::Text(text) = line(start, b'%') {
        for (version, names) in [("2", ["evt 2.0", "evt2;"]), ("3", ["evt 3.0", "evt3;"])] {
            if names.iter().any(|name| holds(text, name)) {
                return Some(version);
            }
        }
        start = &start[text.len()..];
    }
    None
}

/// A time in two parts, of which the high one comes in words of its own and starts again from 0.
#[derive(Debug)]
struct Base<const BITS: u32, const LOW_BITS: u32> {
    high: Option<i64>,
    rounds: i64,
}

impl<const BITS: u32, const LOW_BITS: u32> Base<BITS, LOW_BITS> {
    const fn new() -> Self {
        Self { high: None, rounds: 0 }
    }

    /// Takes a new high part; true if it changed.
    fn set(&mut self, high: u32) -> bool {
        let (high, last) = (i64::from(high), self.high);
        if last.is_some_and(|last| last - high > 1 << (BITS - 1)) {
            self.rounds += 1;
        }
        self.high = Some(high);
        last != self.high
    }

    /// The time at low part 0; `None` before the first word of time.
    fn start(&self) -> Option<i64> {
        self.high.map(|high| (self.rounds << BITS | high) << LOW_BITS)
    }
}

/// EVT 2.0: words of 32 bits with the type in the top four.
#[derive(Debug)]
pub(crate) struct Evt2 {
    header: Header,
    base: Base<28, 6>,
}

impl Default for Evt2 {
    fn default() -> Self {
        Self { header: Header::default(), base: Base::new() }
    }
}

impl Decoder for Evt2 {
    fn feed(&mut self, bytes: &[u8], events: &mut Events) -> Result<usize, Fault> {
        let header = self.header.feed(bytes)?;
        if self.header.stage != Stage::Events {
            return Ok(header);
        }
        let (words, rest) = bytes[header..].as_chunks::<4>();
        events.reserve(words.len());
        let mut start = self.base.start();
        for &word in words {
            let word = u32::from_le_bytes(word);
            match word >> 28 {
                // OFF and ON: 6 bits of time, 11 of x, 11 of y.
                kind @ (0 | 1) => {
                    if let Some(start) = start {
                        let time = start + i64::from(word >> 22 & 0x3f);
                        let (x, y) = (word >> 11 & 0x7ff, word & 0x7ff);
                        events.push(x as u16, y as u16, time, kind == 1);
                    }
                }
                8 => {
                    self.base.set(word & 0x0fff_ffff);
                    start = self.base.start();
                }
                _ => {}
            }
        }
        Ok(bytes.len() - rest.len())
    }

    fn finish(&mut self, rest: &[u8], _events: &mut Events) -> Result<(), Fault> {
        self.header.stage.finish("%", rest)
    }

    fn sensor(&self) -> Option<(usize, usize)> {
        self.header.sensor()
    }
}

/// EVT 3.0: words of 16 bits with the type in the top four, which change parts of a state.
#[derive(Debug)]
pub(crate) struct Evt3 {
    header: Header,
    base: Base<12, 12>,
    low: i64,
    y: u16,
    x: u16,
    on: bool,
}

impl Default for Evt3 {
    fn default() -> Self {
        Self { header: Header::default(), base: Base::new(), low: 0, y: 0, x: 0, on: false }
    }
}

impl Evt3 {
    /// Events at the set bits of a vector of `size` pixels from the base x on.
    fn vector(&mut self, mut bits: u16, size: u16, time: Option<i64>, events: &mut Events) {
        if let Some(time) = time {
            while bits != 0 {
                let x = self.x.wrapping_add(bits.trailing_zeros() as u16);
                events.push(x, self.y, time, self.on);
                bits &= bits - 1;
            }
        }
        self.x = self.x.wrapping_add(size);
    }
}

impl Decoder for Evt3 {
    fn feed(&mut self, bytes: &[u8], events: &mut Events) -> Result<usize, Fault> {
        let header = self.header.feed(bytes)?;
        if self.header.stage != Stage::Events {
            return Ok(header);
        }
        let (words, rest) = bytes[header..].as_chunks::<2>();
        let mut time = self.base.start().map(|start| start + self.low);
        for &word in words {
            let word = u16::from_le_bytes(word);
            match word >> 12 {
                0x0 => self.y = word & 0x7ff,
                0x2 => {
                    if let Some(time) = time {
                        events.push(word & 0x7ff, self.y, time, word & 0x800 != 0);
                    }
                }
                0x3 => (self.x, self.on) = (word & 0x7ff, word & 0x800 != 0),
                0x4 => self.vector(word & 0xfff, 12, time, events),
                0x5 => self.vector(word & 0xff, 8, time, events),
                0x6 => {
                    self.low = i64::from(word & 0xfff);
                    time = self.base.start().map(|start| start + self.low);
                }
                0x8 => {
                    // The low part of an older high part would be a time ahead of its own.
                    if self.base.set(u32::from(word & 0xfff)) {
                        self.low = 0;
                    }
                    time = self.base.start().map(|start| start + self.low);
                }
                _ => {}
            }
        }
        Ok(bytes.len() - rest.len())
    }

    fn finish(&mut self, rest: &[u8], _events: &mut Events) -> Result<(), Fault> {
        self.header.stage.finish("%", rest)
    }

    fn sensor(&self) -> Option<(usize, usize)> {
        self.header.sensor()
    }
}

/// DAT: after the lines one byte of event type and one of event size, then records of a `u32` time
/// in µs and a word of 14 bits x, 14 bits y and the polarity.
#[derive(Debug, Default)]
pub(crate) struct Dat {
    header: Header,
    typed: bool,
    clock: Clock,
}

impl Decoder for Dat {
    fn feed(&mut self, bytes: &[u8], events: &mut Events) -> Result<usize, Fault> {
        let mut used = self.header.feed(bytes)?;
        if self.header.stage != Stage::Events {
            return Ok(used);
        }
        if !self.typed {
            let Some(&[kind, size]) = bytes[used..].first_chunk() else {
                return Ok(used);
            };
            // 0 are events of older sensors and 12 of newer ones, with the same record.
            if !matches!(kind, 0 | 12) {
                return Err(Fault::new("event type", "0 or 12 (changes of light)", kind));
            }
            if size != 8 {
                return Err(Fault::new("event size", 8, size));
            }
            self.typed = true;
            used += 2;
        }
        let (records, rest) = bytes[used..].as_chunks::<8>();
        let start = events.len();
        append(records, events, |&[a, b, c, d, e, f, g, h]| {
            let (time, place) =
                (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]));
            let (x, y) = (place & 0x3fff, place >> 14 & 0x3fff);
            (x as u16, y as u16, i64::from(time), place >> 28 & 1 != 0)
        });
        self.clock.correct(&mut events.t[start..]);
        Ok(bytes.len() - rest.len())
    }

    fn finish(&mut self, rest: &[u8], _events: &mut Events) -> Result<(), Fault> {
        self.header.stage.finish("%", rest)
    }

    fn sensor(&self) -> Option<(usize, usize)> {
        self.header.sensor()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::Events;
    use crate::event::{Format, decode, detect};

    fn read(name: &str, bytes: &[u8], format: Format) -> Events {
        assert_eq!(detect(Path::new(name), bytes), Some(format));
        decode(Path::new(name), bytes, format, None).unwrap()
    }

    #[test]
    fn evt2_words_are_read_by_hand() {
        let mut bytes = b"% evt 2.0\n% format EVT2;height=720;width=1280\n% end\n".to_vec();
        for word in [
            1_u32 << 28 | 1,                        // an event before the first time
            8 << 28 | 3,                            // high part 3: 192 us
            1 << 28 | 5 << 22 | 1279 << 11 | 0x2cf, // ON at (1279, 719), 192 + 5
            10 << 28,                               // a trigger
            63 << 22 | 2 << 11 | 4,                 // OFF at (2, 4), 192 + 63
            8 << 28 | 0x0fff_ffff,                  // the last high part
            8 << 28,                                // and the first again, 2^34 us later
            6 << 11,
        ] {
            bytes.extend(word.to_le_bytes());
        }
        let events = read("a.raw", &bytes, Format::Evt2);
        assert_eq!((events.width, events.height), (1280, 720));
        assert_eq!((events.x, events.y), (vec![1279, 2, 6], vec![719, 4, 0]));
        assert_eq!((events.t, events.p), (vec![197, 255, 1 << 34], vec![true, false, false]));
    }

    #[test]
    fn evt3_words_are_read_by_hand() {
        let mut bytes = b"% evt 3.0\r\n% geometry 640x480\r\n".to_vec();
        for word in [
            0x2801_u16, // an event before the first time
            0x8002,     // high part 2: 8192 us
            0x6003,     // low part 3
            0x0007,     // y 7
            0x2809,     // ON at x 9
            0x3010,     // OFF vectors from x 16
            0x4801,     // x 16 and 27
            0x5082,     // x 28 + 1 and 28 + 7
            0x8003,     // high part 3, low part 0: 12288 us
            0x2001,     // OFF at x 1
            0x8fff, 0x8000, // a new round: 2^24 us
            0xe000, // another type
            0x2002,
        ] {
            bytes.extend(word.to_le_bytes());
        }
        let events = read("a.raw", &bytes, Format::Evt3);
        assert_eq!((events.width, events.height), (640, 480));
        assert_eq!(events.x, [9, 16, 27, 29, 35, 1, 2]);
        assert_eq!(events.y, [7; 7]);
        assert_eq!(events.t, [8195, 8195, 8195, 8195, 8195, 12_288, 1 << 24]);
        assert_eq!(events.p, [true, false, false, false, false, false, false]);
    }

    #[test]
    fn dat_records_are_read_by_hand() {
        let mut bytes = b"% Data file containing CD events\n% Width 304\n% Height 240\n".to_vec();
        bytes.extend([12, 8]);
        for word in [100_u32, 1 << 28 | 239 << 14 | 0x12f, u32::MAX, 0, 1, 2] {
            bytes.extend(word.to_le_bytes());
        }
        let events = read("a.dat", &bytes, Format::Dat);
        assert_eq!((events.width, events.height), (304, 240));
        assert_eq!((events.x, events.y), (vec![303, 0, 2], vec![239, 0, 0]));
        assert_eq!(events.t, [100, (1 << 32) - 1, (1 << 32) + 1]);
        assert_eq!(events.p, [true, false, false]);
    }

    #[test]
    fn faults_are_named() {
        let fault = |bytes: &[u8], format| {
            decode(Path::new("a"), bytes, format, None).unwrap_err().to_string()
        };
        let expected = "a: magic: expected `%`, found `EVT3`";
        assert_eq!(fault(b"EVT3", Format::Evt3), expected);
        let expected = "a: x: expected below 640, found 700 in event 0";
        let mut bytes = b"% geometry 640x480\n".to_vec();
        bytes.extend([0, 0x80, 0xbc, 0x22]);
        assert_eq!(fault(&bytes, Format::Evt3), expected);
        assert_eq!(fault(b"% a\n\x0c\x04", Format::Dat), "a: event size: expected 8, found 4");
        let expected = "a: event type: expected 0 or 12 (changes of light), found 14";
        assert_eq!(fault(b"% a\n\x0e\x08", Format::Dat), expected);
    }
}
