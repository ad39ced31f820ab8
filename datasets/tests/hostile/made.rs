//! Files that are good, and pieces of files that are made to harm.

use std::io::Write;

use candlewick_datasets::Events;
use candlewick_datasets::event::{Format, encode};
use flate2::write::{DeflateEncoder, GzEncoder};
use flate2::{Compression, Crc};

/// A few events in the order of their times.
pub(crate) fn events(count: u16) -> Events {
    let mut events = Events { width: 34, height: 34, ..Events::default() };
    for index in 0..count {
        events.push(index % 34, index * 5 % 34, i64::from(index) * 90_000, index % 3 == 0);
    }
    events
}

/// A small good file of each format.
pub(crate) fn good() -> Vec<(Format, Vec<u8>)> {
    let words = |header: &[u8], words: &[u32]| {
        let bytes = words.iter().flat_map(|word| word.to_le_bytes());
        header.iter().copied().chain(bytes).collect::<Vec<u8>>()
    };
    Format::ALL
        .iter()
        .map(|&format| {
            let bytes = match format {
                Format::Aedat4 => include_bytes!("../fixtures/lz4.aedat4").to_vec(),
                Format::Npy => include_bytes!("../fixtures/structured.npy").to_vec(),
                Format::Npz => include_bytes!("../fixtures/deflated.npz").to_vec(),
                Format::Aedat1 => {
                    [b"#!AER-DAT1.0\r\n", &[3, 10, 0, 0, 0, 7, 0x7f, 0xff, 0, 0, 1, 9][..]].concat()
                }
                Format::Es => {
                    [b"Event Stream\x02\0\0\x01\x22\0\x22\0", &[7, 33, 0, 2, 0, 0xff][..]].concat()
                }
                Format::Evt2 => words(b"% evt 2.0\n% end\n", &[8 << 28 | 3, 1 << 28 | 5, 2 << 11]),
                Format::Evt3 => words(b"% evt 3.0\n% end\n", &[0x6003_8002, 0x2809_0007]),
                Format::Dat => words(b"% Width 304\n\x0c\x08", &[100, 1 << 28 | 0x12f, 101, 4]),
                _ => encode(&events(40), format).unwrap(),
            };
            assert!(!crate::read(&bytes, format).unwrap().is_empty(), "{format:?}");
            (format, bytes)
        })
        .collect()
}

/// `start` and so many zeros, gzipped.
pub(crate) fn gzip(start: &[u8], zeros: usize) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(start).unwrap();
    write_zeros(&mut encoder, zeros);
    encoder.finish().unwrap()
}

fn write_zeros(out: &mut impl Write, count: usize) {
    let block = vec![0; 1 << 16];
    for done in (0..count).step_by(block.len()) {
        out.write_all(&block[..block.len().min(count - done)]).unwrap();
    }
}

/// `start` and so many zeros as a frame of Zstandard, in blocks of one byte that is repeated.
pub(crate) fn zstandard(start: &[u8], zeros: usize) -> Vec<u8> {
    const BLOCK: usize = 128 << 10;
    // Magic, and a window of 8 MiB; the last bit of a block says that it is the last.
    let mut bytes = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 13 << 3];
    bytes.extend(&((start.len() as u32) << 3).to_le_bytes()[..3]);
    bytes.extend(start);
    let blocks = zeros.div_ceil(BLOCK);
    for number in 1..=blocks {
        let size = BLOCK.min(zeros - (number - 1) * BLOCK) as u32;
        bytes.extend(&(size << 3 | 1 << 1 | u32::from(number == blocks)).to_le_bytes()[..3]);
        bytes.push(0);
    }
    bytes
}

/// An AEDAT 4.0 file with one packet, whose compression is that of Zstandard.
pub(crate) fn aedat4(packed: &[u8]) -> Vec<u8> {
    let mut bytes = include_bytes!("../fixtures/zstd.aedat4").to_vec();
    let header = 14 + 4 + u32::from_le_bytes([bytes[14], bytes[15], bytes[16], bytes[17]]) as usize;
    bytes.truncate(header);
    // Where the table lies: not known, as in a file that was not closed.
    bytes[54..62].copy_from_slice(&(-1_i64).to_le_bytes());
    bytes.extend(0_u32.to_le_bytes());
    bytes.extend((packed.len() as u32).to_le_bytes());
    bytes.extend(packed);
    bytes
}

/// The start of an AEDAT 4.0 packet with so many events: size, root, type, fields, table, vector.
pub(crate) fn aedat4_packet(events: usize) -> Vec<u8> {
    let mut bytes = (32 + 16 * events as u32 - 4).to_le_bytes().to_vec();
    bytes.extend([16, 0, 0, 0, b'E', b'V', b'T', b'S', 6, 0, 8, 0, 4, 0, 0, 0, 8, 0, 0, 0]);
    bytes.extend([4, 0, 0, 0]);
    bytes.extend((events as u32).to_le_bytes());
    bytes
}

/// The header of an array of NumPy with so many elements.
pub(crate) fn npy_header(kind: &str, count: usize) -> Vec<u8> {
    let text = format!("{{'descr': {kind}, 'fortran_order': False, 'shape': ({count},), }}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((text.len() as u16).to_le_bytes());
    bytes.extend(text.as_bytes());
    bytes
}

/// A ZIP archive; each member has a name, a beginning and so many zeros behind it.
pub(crate) fn zip(members: &[(&str, Vec<u8>, usize)]) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for (name, start, zeros) in members {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(start).unwrap();
        write_zeros(&mut encoder, *zeros);
        let packed = encoder.finish().unwrap();
        let mut crc = Crc::new();
        crc.update(start);
        write_zeros(&mut Counted(&mut crc), *zeros);
        // Version, flags, method and time, then checksum, sizes, and the length of the name.
        let mut fields = vec![20, 0, 0, 0, 8, 0, 0, 0, 0, 0];
        fields.extend(crc.sum().to_le_bytes());
        fields.extend((packed.len() as u32).to_le_bytes());
        fields.extend(((start.len() + zeros) as u32).to_le_bytes());
        fields.extend((name.len() as u32).to_le_bytes());
        directory.extend(b"PK\x01\x02\x14\x00");
        directory.extend(&fields);
        directory.extend([0; 10]);
        directory.extend((bytes.len() as u32).to_le_bytes());
        directory.extend(name.as_bytes());
        bytes.extend(b"PK\x03\x04");
        bytes.extend(fields);
        bytes.extend(name.as_bytes());
        bytes.extend(packed);
    }
    let (count, start) = (members.len() as u16, bytes.len() as u32);
    bytes.extend(&directory);
    bytes.extend(b"PK\x05\x06\0\0\0\0");
    bytes.extend([count.to_le_bytes(); 2].concat());
    bytes.extend((directory.len() as u32).to_le_bytes());
    bytes.extend(start.to_le_bytes());
    bytes.extend([0, 0]);
    bytes
}

/// A checksum as a place to write to.
struct Counted<'a>(&'a mut Crc);

impl Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
