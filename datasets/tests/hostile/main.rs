//! What decoders do with files that are broken, cut, of something else, or made to harm: an error in
//! words or a documented repair, in memory that the size of the file bounds.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod bombs;
mod cuts;
mod made;
#[cfg(unix)]
mod pipes;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::path::Path;

use candlewick_datasets::event::{Format, decode, detect, encode};
use candlewick_datasets::image::idx;
use candlewick_datasets::{Events, Result};

use made::{events, good};

/// The allocator of the system; each thread counts what it has, and the most that it had.
struct Counted;

thread_local! {
    static USED: Cell<isize> = const { Cell::new(0) };
    static MOST: Cell<isize> = const { Cell::new(0) };
}

// SAFETY: every call is passed on to the system's allocator; counters of numbers allocate nothing.
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let used = USED.get() + layout.size() as isize;
        USED.set(used);
        MOST.set(MOST.get().max(used));
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        USED.set(USED.get() - layout.size() as isize);
        // SAFETY: the place comes from `alloc` above, with this layout.
        unsafe { System.dealloc(place, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counted = Counted;

/// The most memory that `task` has at a time.
fn memory<T>(task: impl FnOnce() -> T) -> (T, usize) {
    let before = USED.get();
    MOST.set(before);
    let result = task();
    (result, (MOST.get() - before).unsigned_abs())
}

fn read(bytes: &[u8], format: Format) -> Result<Events> {
    decode(Path::new("a"), bytes, format, None)
}

/// A bound of the memory for a file, as the documentation of the decoder promises.
fn bound(format: Format, bytes: usize) -> usize {
    match format {
        // Packed bytes become at most 64 times as many and 16 MiB, in vectors that grow by doubling;
        // 16 bytes are an event of 13, and blocks and windows have a size of their own.
        Format::Aedat4 => 4 * ((64 * bytes) + (16 << 20)) + (16 << 20),
        // Four bytes at least are an event of 13.
        Format::Npz => 8 * ((64 * bytes) + (16 << 20)),
        // Two bytes of EVT 3.0 are up to 12 events of 13 bytes.
        _ => 512 * bytes + (64 << 10),
    }
}

/// Every word of a file is replaced by numbers that a length must not be.
#[test]
fn lengths_that_lie_cost_no_memory() {
    let mut visited = 0;
    for (format, bytes) in good() {
        for at in 0..bytes.len().saturating_sub(3).min(600) {
            for word in [u32::MAX, i32::MAX as u32, 1 << 31, 0x0fff_fff0, 0x00ff_ffff] {
                for word in [word.to_le_bytes(), word.to_be_bytes()] {
                    let mut bytes = bytes.clone();
                    bytes[at..at + 4].copy_from_slice(&word);
                    let (_, used) = memory(|| read(&bytes, format));
                    assert!(used <= bound(format, bytes.len()), "{format:?} at {at}: {used}");
                    visited += 1;
                }
            }
        }
    }
    assert!(visited > 10_000, "{visited}");
    let idx = [0, 0, 8, 2, 0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 1, 5];
    let (result, used) = memory(|| idx::decode(Path::new("a"), &idx[..]));
    assert!(result.is_err() && used < 4096, "{used}");
}

#[test]
fn a_file_of_something_else_is_refused() {
    let mut visited = 0;
    for (format, _) in good() {
        // Records without a header take any bytes; five of them are an event.
        if format == Format::Atis {
            assert!(read(b"", format).unwrap().is_empty());
            continue;
        }
        for bytes in [&b""[..], b"\x89PNG\r\n\x1a\n", b"GIF89a", b"<html><body>Sorry</body></html>"]
        {
            let text = read(bytes, format).unwrap_err().to_string();
            assert!(text.starts_with("a: ") && text.contains("expected"), "{format:?}: {text}");
            visited += 1;
        }
    }
    assert_eq!(visited, 4 * (Format::ALL.len() - 1));
    // The answer of a server in the place of a recording.
    assert_eq!(detect(Path::new("a.aedat"), b"<html>"), None);
}

#[test]
fn the_other_byte_order_is_refused() {
    let fault = |bytes: &[u8], format| read(bytes, format).unwrap_err().to_string();
    let swap = |bytes: &[u8], start: usize| {
        let words = bytes[start..].as_chunks::<4>().0.iter();
        let swapped = words.flat_map(|word| u32::from_le_bytes(*word).to_be_bytes());
        bytes[..start].iter().copied().chain(swapped).collect::<Vec<u8>>()
    };
    let end_of = |bytes: &[u8], marker: &[u8]| {
        bytes.windows(marker.len()).position(|part| part == marker).unwrap() + marker.len()
    };
    let bytes = encode(&events(9), Format::Aedat2).unwrap();
    let swapped = swap(&bytes, end_of(&bytes, b"Header\r\n"));
    let expected = "a: byte order: expected big-endian addresses, found little-endian ones";
    assert_eq!(fault(&swapped, Format::Aedat2), expected);

    let bytes = encode(&events(9), Format::Aedat3).unwrap();
    let start = end_of(&bytes, b"END-HEADER\r\n");
    let mut swapped = swap(&bytes, start);
    // Type and source are words of 16 bits.
    swapped[start..start + 4].copy_from_slice(&[0, 1, 0, 1]);
    let expected = "a: byte order: expected little-endian packets, found big-endian ones";
    assert_eq!(fault(&swapped, Format::Aedat3), expected);

    let idx = [0, 0, 8, 1, 2, 0, 0, 0, 7, 9];
    let text = idx::decode(Path::new("a"), &idx[..]).unwrap_err().to_string();
    assert!(text.contains("expected 33554432 bytes"), "{text}");
}

/// Times that go back stay as they are, and can be put in order; times that no clock has are refused.
#[test]
fn times_out_of_order_are_kept() {
    let mut jumbled = events(5);
    jumbled.t = vec![50, 40, 60, 60, 10];
    let mut visited = 0;
    for format in [Format::Aedat2, Format::Aedat2Davis, Format::Aedat3, Format::Atis] {
        let read =
            decode(Path::new("a"), &encode(&jumbled, format).unwrap(), format, Some((34, 34)));
        let mut read = read.unwrap_or_else(|error| panic!("{format:?}: {error}"));
        assert_eq!(read, jumbled, "{format:?}");
        read.sort_by_time();
        assert_eq!((read.t, read.x), (vec![10, 40, 50, 60, 60], vec![4, 1, 0, 2, 3]));
        visited += 1;
    }
    assert_eq!(visited, 4);
    let mut bytes = include_bytes!("../fixtures/structured.npy").to_vec();
    // The last record is x and y of two bytes, t of eight and p of one.
    let end = bytes.len();
    bytes[end - 9..end - 1].copy_from_slice(&i64::MAX.to_le_bytes());
    let text = read(&bytes, Format::Npy).unwrap_err().to_string();
    let expected = "found 9223372036854775807 in event 4";
    assert!(text.starts_with("a: t: expected -2305843009213693952") && text.ends_with(expected));
}
