//! Files that end too early: an error with what was expected and found, and, where it is allowed, the
//! events before the cut.

use std::path::Path;

use candlewick_datasets::event::{Chunks, Format, Options, decode_with};
use candlewick_datasets::{Error, Events, Result};

use crate::made::good;
use crate::read;

const ALLOWED: Options = Options { sensor: None, allow_truncated: true };

/// The events of a file that may be cut, and what is missing, whole and in pieces.
fn read_cut(bytes: &[u8], format: Format) -> Result<(Events, Option<String>)> {
    let whole = decode_with(Path::new("a"), bytes, format, ALLOWED)?;
    let missing = whole.truncated.map(|error| error.to_string());
    let mut times = Vec::new();
    let mut chunks = Chunks::new(Path::new("a"), bytes, format, ALLOWED);
    for piece in &mut chunks {
        times.extend(piece?.t);
    }
    assert_eq!(times, whole.events.t, "{format:?}");
    assert_eq!(chunks.truncated().map(Error::to_string), missing, "{format:?}");
    Ok((whole.events, missing))
}

/// Each prefix is an error that names a field, or the whole records before the cut; and where only the
/// rest is missing, the events before the cut are there for who wants them.
#[test]
fn a_cut_file_is_an_error_or_shorter() {
    let (mut damaged, mut cut, mut shorter) = (0, 0, 0);
    for (format, bytes) in good() {
        let whole = read(&bytes, format).unwrap();
        for end in 0..bytes.len() {
            let bytes = &bytes[..end];
            let (events, missing) = match read(bytes, format) {
                Err(Error::Format { field, expected, found, .. }) => {
                    assert!(!field.is_empty() && !expected.is_empty() && !found.is_empty());
                    assert!(read_cut(bytes, format).is_err(), "{format:?} cut at {end}");
                    damaged += 1;
                    continue;
                }
                Err(error @ Error::Truncated { .. }) => {
                    let (events, missing) = read_cut(bytes, format).unwrap();
                    assert_eq!(missing, Some(error.to_string()), "{format:?} cut at {end}");
                    let Error::Truncated { events: count, .. } = error else { unreachable!() };
                    assert_eq!(count, events.len(), "{format:?} cut at {end}");
                    cut += 1;
                    (events, true)
                }
                Err(other) => panic!("{format:?} cut at {end}: {other}"),
                Ok(events) => {
                    shorter += 1;
                    (events, false)
                }
            };
            assert!(events.len() <= whole.len(), "{format:?} cut at {end}");
            assert_eq!(events.t, whole.t[..events.len()], "{format:?} cut at {end}");
            // These announce where they end, so that no cut passes that loses events.
            let announces = matches!(format, Format::Aedat4 | Format::Npy | Format::Npz);
            let complete = events.len() == whole.len();
            assert!(missing || complete || !announces, "{format:?} cut at {end}");
        }
    }
    assert!(damaged > 1_000 && cut > 5_000 && shorter > 40, "{damaged}, {cut}, {shorter}");
}

/// The table at the end of AEDAT 4.0 says how long it is.
#[test]
fn a_recording_cut_in_its_table_is_truncated() {
    let files: [&[u8]; 2] =
        [include_bytes!("../fixtures/lz4.aedat4"), include_bytes!("../fixtures/zstd.aedat4")];
    let mut visited = 0;
    for bytes in files {
        assert_eq!(read(bytes, Format::Aedat4).unwrap().len(), 400);
        // The last bytes are the mark and the checksum of what is packed, behind the whole table.
        for end in bytes.len() - 80..bytes.len() - 8 {
            let text = read(&bytes[..end], Format::Aedat4).unwrap_err().to_string();
            assert!(text.contains("a whole table") && text.contains("400 events"), "{end}: {text}");
            visited += 1;
        }
    }
    assert_eq!(visited, 144);
}

/// The header of AEDAT 4.0 says where the table lies, behind the last packet.
#[test]
fn a_recording_cut_at_the_end_of_a_packet_is_truncated() {
    let bytes = include_bytes!("../fixtures/lz4.aedat4");
    // The ends of the packets, of 100 events each, and of the last one where the table begins.
    for (packets, end) in [(1, 2534), (2, 3672), (3, 4800), (4, 5924)] {
        let text = read(&bytes[..end], Format::Aedat4).unwrap_err().to_string();
        let expected = format!(
            "a: end of the file: expected packets up to byte 5924 and a whole table, as the header \
             says, found byte {end} ({} events before the cut)",
            100 * packets
        );
        assert_eq!(text, expected);
    }
    // A header that says another place is wrong.
    let mut bytes = bytes.to_vec();
    bytes[54..56].copy_from_slice(&3_000_u16.to_le_bytes());
    let text = read(&bytes, Format::Aedat4).unwrap_err().to_string();
    assert_eq!(text, "a: table: expected at byte 3000, found header and packets up to byte 3672");
    bytes[54..62].copy_from_slice(&0_i64.to_le_bytes());
    let text = read(&bytes, Format::Aedat4).unwrap_err().to_string();
    assert_eq!(text, "a: table: expected at byte 0, found header and packets up to byte 1406");
}
