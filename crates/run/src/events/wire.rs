//! `TFRecords` with masked CRC-32C, and the fields of protocol buffers.

/// A message while it is written.
#[derive(Clone, Debug, Default)]
pub(super) struct Message(pub(super) Vec<u8>);

impl Message {
    fn key(&mut self, number: u32, wire: u32) {
        self.raw_varint(u64::from(number << 3 | wire));
    }

    fn raw_varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    pub(super) fn varint(&mut self, number: u32, value: u64) {
        self.key(number, 0);
        self.raw_varint(value);
    }

    pub(super) fn double(&mut self, number: u32, value: f64) {
        self.key(number, 1);
        self.0.extend(value.to_le_bytes());
    }

    pub(super) fn float(&mut self, number: u32, value: f32) {
        self.key(number, 5);
        self.0.extend(value.to_le_bytes());
    }

    pub(super) fn bytes(&mut self, number: u32, value: &[u8]) {
        self.key(number, 2);
        self.raw_varint(value.len() as u64);
        self.0.extend(value);
    }

    /// Packed numbers.
    pub(super) fn doubles(&mut self, number: u32, values: &[f64]) {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.bytes(number, &bytes);
    }
}

/// A field of a message.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Field<'a> {
    Varint(u64),
    Fixed64([u8; 8]),
    Bytes(&'a [u8]),
    Fixed32([u8; 4]),
}

/// Number and value of all fields; `None` if the message is damaged.
pub(super) fn fields(mut rest: &[u8]) -> Option<Vec<(u32, Field<'_>)>> {
    let mut all = Vec::new();
    while !rest.is_empty() {
        let key = varint(&mut rest)?;
        let field = match key & 7 {
            0 => Field::Varint(varint(&mut rest)?),
            1 => Field::Fixed64(split(&mut rest, 8)?.try_into().ok()?),
            2 => {
                let length = usize::try_from(varint(&mut rest)?).ok()?;
                Field::Bytes(split(&mut rest, length)?)
            }
            5 => Field::Fixed32(split(&mut rest, 4)?.try_into().ok()?),
            _ => return None,
        };
        all.push((u32::try_from(key >> 3).ok()?, field));
    }
    Some(all)
}

fn split<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (front, behind) = rest.split_at_checked(length)?;
    *rest = behind;
    Some(front)
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = *split(rest, 1)?.first()?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// A record around `data`.
pub(super) fn frame(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    let mut record = Vec::with_capacity(data.len() + 16);
    record.extend(length);
    record.extend(masked(crc(&length)).to_le_bytes());
    record.extend(data);
    record.extend(masked(crc(data)).to_le_bytes());
    record
}

/// An event in a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record<'a> {
    /// Its message.
    pub(super) data: &'a [u8],
    /// Where it ends in the file.
    pub(super) end: usize,
}

impl Record<'_> {
    /// Its step; 0 for the first event, which says the version of the file.
    pub(super) fn step(&self) -> i64 {
        let step = fields(self.data).into_iter().flatten().find_map(|field| match field {
            (2, Field::Varint(step)) => Some(step as i64),
            _ => None,
        });
        step.unwrap_or(0)
    }
}

/// All records up to the first that is truncated or damaged.
pub(super) fn records(file: &[u8]) -> impl Iterator<Item = Record<'_>> {
    let mut rest = file;
    std::iter::from_fn(move || {
        let mut ahead = rest;
        let length: [u8; 8] = split(&mut ahead, 8)?.try_into().ok()?;
        check(&length, split(&mut ahead, 4)?)?;
        let data = split(&mut ahead, usize::try_from(u64::from_le_bytes(length)).ok()?)?;
        check(data, split(&mut ahead, 4)?)?;
        rest = ahead;
        Some(Record { data, end: file.len() - rest.len() })
    })
}

/// Whether `stored` is the masked checksum of `data`.
fn check(data: &[u8], stored: &[u8]) -> Option<()> {
    (masked(crc(data)).to_le_bytes() == stored).then_some(())
}

/// The mask of `TFRecords`, for data that hold checksums themselves.
fn masked(crc: u32) -> u32 {
    crc.rotate_right(15).wrapping_add(0xa282_ead8)
}

/// CRC-32C (Castagnoli), reflected.
fn crc(data: &[u8]) -> u32 {
    const TABLE: [u32; 256] = table();
    !data.iter().fold(!0, |crc, &byte| TABLE[((crc ^ u32::from(byte)) & 0xff) as usize] ^ crc >> 8)
}

const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let (mut value, mut bit) = (byte as u32, 0);
        while bit < 8 {
            value = if value & 1 == 1 { value >> 1 ^ 0x82f6_3b78 } else { value >> 1 };
            bit += 1;
        }
        table[byte] = value;
        byte += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The check value of CRC-32C, and the test vectors of RFC 3720, appendix B.4.
    #[test]
    fn checksums_are_those_of_castagnoli() {
        let ascending: Vec<u8> = (0..32).collect();
        let cases: [(&[u8], u32); 4] = [
            (b"123456789", 0xe306_9283),
            (&[0; 32], 0x8a91_36aa),
            (&[0xff; 32], 0x62a8_ab43),
            (&ascending, 0x46dd_794e),
        ];
        for (data, expected) in cases {
            assert_eq!(crc(data), expected);
        }
        assert_eq!(cases.len(), 4);
    }

    /// 300 is 10 0101100 in binary, 0xac 0x02; field 1 of type 0 is 0x08 (the example of the protocol buffers' manual).
    #[test]
    fn fields_by_hand() {
        let mut message = Message::default();
        message.varint(1, 300);
        message.bytes(2, b"testing");
        assert_eq!(message.0, *b"\x08\xac\x02\x12\x07testing");
        message.float(3, 1.0);
        message.double(16, -2.0);
        let expected = [
            (1, Field::Varint(300)),
            (2, Field::Bytes(b"testing")),
            (3, Field::Fixed32(1.0_f32.to_le_bytes())),
            (16, Field::Fixed64((-2.0_f64).to_le_bytes())),
        ];
        assert_eq!(fields(&message.0).as_deref(), Some(&expected[..]));
        assert_eq!(fields(&message.0[..7]), None);
    }
}
