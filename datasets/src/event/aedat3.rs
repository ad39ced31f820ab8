//! AEDAT 3.1, the format of cAER: DVS128 Gesture.
//!
//! Lines that begin with `#` up to `#!END-HEADER`, then packets: a header of 28 little-endian bytes
//! (type `u16`, source `u16`, and as `u32` the size of an event, the place of its time, the overflow
//! of its time, capacity, number, number of valid ones), then `capacity` events.
//! Of the types only polarity (1) is decoded: a word with bit 0 valid, bit 1 ON, bits 2..17 y,
//! bits 17..32 x, and the time in µs, whose bits from 31 on are the overflow.
//!
//! Some files in the wild leave all valid bits at 0, so an event is left out only where its bit is 0
//! and the packet says that some but not all of its events are valid.

use super::decoder::{Decoder, Fault, append};
use super::header::{Line, Stage, line, wrong_magic};
use crate::Events;

const MAGIC: &str = "#!AER-DAT3.1";
const END_OF_HEADER: &str = "#!END-HEADER";
const HEADER_BYTES: usize = 28;
const POLARITY: u16 = 1;
/// Events per packet that our writer makes.
const PACKET: usize = 8192;

/// What is left of the packet that is being read.
#[derive(Clone, Copy, Debug, Default)]
struct Packet {
    /// Bytes to skip when `events` is 0.
    bytes: usize,
    /// Polarity events to decode before that.
    events: usize,
    overflow: i64,
    drop_invalid: bool,
}

/// Decodes packets.
#[derive(Debug, Default)]
pub(crate) struct Aedat3 {
    stage: Stage,
    packet: Packet,
}

impl Aedat3 {
    fn header(&mut self, bytes: &[u8]) -> Result<usize, Fault> {
        let mut used = 0;
        while self.stage != Stage::Events {
            match line(&bytes[used..], b'#') {
                Line::Unfinished => break,
                Line::Text(text) if self.stage == Stage::Start => {
                    // 3.0 differs in nothing that concerns polarity events.
                    if !text.starts_with(&MAGIC.as_bytes()[..MAGIC.len() - 1]) {
                        return Err(wrong_magic(MAGIC, bytes));
                    }
                    self.stage = Stage::Header;
                    used += text.len();
                }
                Line::Text(text) => {
                    if text.starts_with(END_OF_HEADER.as_bytes()) {
                        self.stage = Stage::Events;
                    }
                    used += text.len();
                }
                Line::Events if self.stage == Stage::Start => {
                    return Err(wrong_magic(MAGIC, bytes));
                }
                Line::Events => {
                    let found = "another line or the events";
                    return Err(Fault::new("header", format!("`{END_OF_HEADER}`"), found));
                }
            }
        }
        Ok(used)
    }

    /// Reads the header of a packet.
    fn packet(bytes: &[u8; HEADER_BYTES]) -> Result<Packet, Fault> {
        let word = |at: usize| {
            u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        let [kind, source] = [word(0) as u16, (word(0) >> 16) as u16];
        let [size, time_at, overflow] = [word(4), word(8), word(12)];
        let [capacity, number, valid] = [word(16), word(20), word(24)];
        if kind == POLARITY.swap_bytes() && size == 8_u32.swap_bytes() {
            return Err(Fault::new("byte order", "little-endian packets", "big-endian ones"));
        }
        // All are signed in the format; a larger one is no number of anything.
        if [size, capacity, number, valid, overflow].iter().any(|&value| value > i32::MAX as u32) {
            let found = format!("a negative field in a packet of type {kind}, source {source}");
            return Err(Fault::new("packet header", "numbers below 2147483648", found));
        }
        if number > capacity {
            let expected = format!("at most the capacity {capacity}");
            return Err(Fault::new("number of events", expected, number));
        }
        let bytes = u64::from(size) * u64::from(capacity);
        let bytes = usize::try_from(bytes)
            .map_err(|_| Fault::new("packet size", "what memory can hold", bytes))?;
        let mut packet = Packet { bytes, ..Packet::default() };
        if kind == POLARITY {
            if (size, time_at) != (8, 4) {
                let found = format!("{size} with the time at {time_at}");
                return Err(Fault::new("event size", "8 with the time at 4", found));
            }
            packet.events = number as usize;
            packet.overflow = i64::from(overflow) << 31;
            packet.drop_invalid = 0 < valid && valid < number;
        }
        Ok(packet)
    }

    fn append(&self, records: &[[u8; 8]], events: &mut Events) {
        let overflow = self.packet.overflow;
        append(records, events, |&[a, b, c, d, e, f, g, h]| {
            let (data, time) = (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]));
            let time = overflow | i64::from(time);
            ((data >> 17) as u16, (data >> 2 & 0x7fff) as u16, time, data & 2 != 0)
        });
    }
}

impl Decoder for Aedat3 {
    fn feed(&mut self, bytes: &[u8], events: &mut Events) -> Result<usize, Fault> {
        let mut used = self.header(bytes)?;
        // No more events than this can come, and one allocation is faster than one per packet.
        events.reserve((bytes.len() - used) / 8);
        while self.stage == Stage::Events {
            let rest = &bytes[used..];
            if self.packet.events > 0 {
                let (records, _) = rest.as_chunks::<8>();
                let records = &records[..records.len().min(self.packet.events)];
                if records.is_empty() {
                    break;
                }
                if self.packet.drop_invalid {
                    for run in records.chunk_by(|a, b| a[0] & 1 == b[0] & 1) {
                        if run[0][0] & 1 == 1 {
                            self.append(run, events);
                        }
                    }
                } else {
                    self.append(records, events);
                }
                self.packet.events -= records.len();
                self.packet.bytes -= 8 * records.len();
                used += 8 * records.len();
            } else if self.packet.bytes > 0 {
                let skipped = rest.len().min(self.packet.bytes);
                if skipped == 0 {
                    break;
                }
                self.packet.bytes -= skipped;
                used += skipped;
            } else {
                let Some(header) = rest.first_chunk::<HEADER_BYTES>() else {
                    break;
                };
                self.packet = Self::packet(header)?;
                used += HEADER_BYTES;
            }
        }
        Ok(used)
    }

    fn finish(&mut self, rest: &[u8], _events: &mut Events) -> Result<(), Fault> {
        if self.stage == Stage::Events && self.packet.bytes > 0 {
            let missing = self.packet.bytes - rest.len();
            let found = format!("a packet that lacks {missing} bytes");
            return Err(Fault::cut("end of the file", "whole packets", found));
        }
        if self.stage == Stage::Header && rest.is_empty() {
            let found = "the end of the file";
            return Err(Fault::new("header", format!("`{END_OF_HEADER}`"), found));
        }
        self.stage.finish(MAGIC, rest)
    }

    fn sensor(&self) -> Option<(usize, usize)> {
        None
    }
}

/// Writes a header and packets of polarity events; a packet ends where the overflow changes.
pub(crate) fn encode(events: &Events) -> Result<Vec<u8>, (&'static str, String, String)> {
    let mut bytes =
        format!("{MAGIC}\r\n#Format: RAW\r\n#Source 1: candlewick\r\n{END_OF_HEADER}\r\n")
            .into_bytes();
    bytes.reserve(8 * events.len() + HEADER_BYTES * (events.len() / PACKET + 1));
    let mut done = 0;
    while done < events.len() {
        let overflow = events.t[done] >> 31;
        let range = u64::try_from(events.t[done]).ok().map(|_| overflow);
        let Some(overflow_word) = range.and_then(|value| i32::try_from(value).ok()) else {
            return Err(("t", "0 to 62 bits".to_owned(), events.t[done].to_string()));
        };
        let times = &events.t[done..events.len().min(done + PACKET)];
        let count = times.iter().take_while(|&time| time >> 31 == overflow).count();
        bytes.extend(POLARITY.to_le_bytes());
        bytes.extend(1_u16.to_le_bytes());
        let count_word = count as u32;
        for word in [8, 4, overflow_word as u32, count_word, count_word, count_word] {
            bytes.extend(word.to_le_bytes());
        }
        for index in done..done + count {
            let (x, y) = (events.x[index], events.y[index]);
            for (field, value) in [("x", x), ("y", y)] {
                if value >= 1 << 15 {
                    return Err((field, "below 32768".to_owned(), value.to_string()));
                }
            }
            let polarity = u32::from(events.p[index]);
            let data = u32::from(x) << 17 | u32::from(y) << 2 | polarity << 1 | 1;
            bytes.extend(data.to_le_bytes());
            bytes.extend((events.t[index] as u32 & 0x7fff_ffff).to_le_bytes());
        }
        done += count;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::event::{Format, decode, encode};

    fn file(packets: &[(u16, [u32; 6], Vec<u32>)]) -> Vec<u8> {
        let mut bytes = b"#!AER-DAT3.1\r\n#Format: RAW\r\n#!END-HEADER\r\n".to_vec();
        for (kind, header, words) in packets {
            bytes.extend(kind.to_le_bytes());
            bytes.extend([1, 0]);
            bytes.extend(header.iter().chain(words).flat_map(|word| word.to_le_bytes()));
        }
        bytes
    }

    fn read(packets: &[(u16, [u32; 6], Vec<u32>)]) -> Events {
        decode(Path::new("a.aedat"), &file(packets), Format::Aedat3, None).unwrap()
    }

    #[test]
    fn packets_are_read_by_hand() {
        // x 127, y 3, ON, valid; x 0, y 1, OFF, not valid; then room for one more event.
        let words = vec![127 << 17 | 3 << 2 | 3, 50, 1 << 2, 60, 0, 0];
        let special = (0, [8, 4, 0, 1, 1, 1], vec![1, 1]);
        let packets = |valid| [special.clone(), (1, [8, 4, 2, 3, 2, valid], words.clone())];
        let events = read(&packets(2));
        assert_eq!((events.x, events.y), (vec![127, 0], vec![3, 1]));
        let time = 2 << 31;
        assert_eq!((events.t, events.p), (vec![time + 50, time + 60], vec![true, false]));
        // No event is left out where the packet calls none valid, one where it calls one valid.
        assert_eq!(read(&packets(0)).len(), 2);
        assert_eq!(read(&packets(1)).x, [127]);
    }

    #[test]
    fn faults_are_named() {
        let fault = |bytes: &[u8]| {
            decode(Path::new("a"), bytes, Format::Aedat3, None).unwrap_err().to_string()
        };
        let good = file(&[(1, [8, 4, 0, 1, 1, 1], vec![1, 50])]);
        let expected = "a: end of the file: expected whole packets, found a packet that lacks 3 bytes \
             (0 events before the cut)";
        assert_eq!(fault(&good[..good.len() - 3]), expected);
        let expected = "a: header: expected `#!END-HEADER`, found the end of the file";
        assert_eq!(fault(&good[..28]), expected);
        let expected = "a: number of events: expected at most the capacity 1, found 2";
        assert_eq!(fault(&file(&[(1, [8, 4, 0, 1, 2, 1], vec![])])), expected);
        let expected = "a: event size: expected 8 with the time at 4, found 4 with the time at 4";
        assert_eq!(fault(&file(&[(1, [4, 4, 0, 1, 1, 1], vec![])])), expected);
        let huge = file(&[(2, [i32::MAX as u32, 4, 0, i32::MAX as u32, 1, 1], vec![])]);
        assert!(fault(&huge).contains("found a packet that lacks 4611686014132420609 bytes"));
    }

    #[test]
    fn late_times_are_written_as_overflow() {
        let mut events = Events { width: 2, height: 2, ..Events::default() };
        events.push(0, 1, (1 << 31) - 1, true);
        events.push(1, 0, 5 << 31, false);
        let bytes = encode(&events, Format::Aedat3).unwrap();
        assert_eq!(decode(Path::new("a"), &bytes, Format::Aedat3, None).unwrap(), events);
        events.push(1, 1, -1, false);
        let text = encode(&events, Format::Aedat3).unwrap_err().to_string();
        assert_eq!(text, "cannot write aedat3: t: expected 0 to 62 bits, found -1");
    }
}
