//! Small files that unpack to very much: refused by what they announce, with the limit in the error.

use std::path::Path;

use candlewick_datasets::event::Format;
use candlewick_datasets::image::idx;

use crate::made::{aedat4, aedat4_packet, gzip, npy_header, zip, zstandard};
use crate::{bound, memory, read};

/// The limit of a file of so many bytes, as its error says it.
fn limit(bytes: usize) -> String {
    let limit = 64 * bytes + (16 << 20);
    format!("expected at most {limit} bytes (64 times the {bytes} packed ones, and 16 MiB), found ")
}

/// An archive of zeros of one byte, of so many events.
fn npz(events: usize) -> Vec<u8> {
    zip(&["x.npy", "y.npy", "t.npy", "p.npy"]
        .map(|name| (name, npy_header("'|u1'", events), events)))
}

fn images(count: u32) -> Vec<u8> {
    let [a, b, c, d] = count.to_be_bytes();
    gzip(&[0, 0, 8, 3, a, b, c, d, 0, 0, 0, 28, 0, 0, 0, 28], 28 * 28 * count as usize)
}

#[test]
fn a_recording_that_unpacks_to_too_much_is_refused_by_what_it_announces() {
    let packet = |events| aedat4(&zstandard(&aedat4_packet(events), 16 * events));
    let cases = [
        (Format::Aedat4, packet(4_000_000), packet(500_000)),
        (Format::Npz, npz(32_000_000), npz(4_000_000)),
    ];
    let mut visited = 0;
    for (format, bomb, good) in cases {
        let (result, used) = memory(|| read(&bomb, format));
        let text = result.unwrap_err().to_string();
        assert!(text.contains(&limit(bomb.len())), "{text}");
        assert!(used <= 8 * bomb.len() + (16 << 20), "{format:?}: {used}");
        // What unpacks as much but stays below the limit is read, in memory that it bounds.
        let (result, used) = memory(|| read(&good, format));
        assert!(result.unwrap().len() >= 500_000);
        assert!(used <= bound(format, good.len()), "{format:?}: {used}");
        visited += 1;
    }
    assert_eq!(visited, 2);
}

/// Packets that hold no events are not unpacked, and those that do count together.
#[test]
fn packets_count_together_and_others_are_left_packed() {
    let zeros = zstandard(&[0; 12], 100 << 20);
    let mut bytes = aedat4(&zeros);
    let (result, used) = memory(|| read(&bytes, Format::Aedat4));
    assert!(result.unwrap().is_empty() && used < 24 << 20, "{used}");
    // Not even the first bytes, if a window larger than the limit has to be filled for them.
    let mut wide = zeros;
    wide[5] = 15 << 3;
    let text = read(&aedat4(&wide), Format::Aedat4).unwrap_err().to_string();
    assert!(text.contains("packet: expected Zstd data") && text.contains("33554432"), "{text}");
    let packet = &aedat4(&zstandard(&aedat4_packet(400_000), 16 * 400_000));
    let header = aedat4(&[]).len() - 8;
    for _ in 0..4 {
        bytes.extend(&packet[header..]);
    }
    let text = read(&bytes, Format::Aedat4).unwrap_err().to_string();
    assert!(text.contains("packets: expected at most ") && text.ends_with("found 19200096 bytes"));
}

#[test]
fn images_that_unpack_to_too_much_are_refused_by_their_header() {
    let bomb = images(200_000);
    let (result, used) = memory(|| idx::decode(Path::new("a"), &bomb[..]));
    let text = result.unwrap_err().to_string();
    assert!(text.starts_with("a: elements: ") && text.contains(&limit(bomb.len())), "{text}");
    assert!(used <= 4 * bomb.len() + (1 << 20), "{used}");
    assert_eq!(idx::decode(Path::new("a"), &images(20_000)[..]).unwrap().dims[0], 20_000);
}
