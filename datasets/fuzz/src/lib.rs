//! What must hold for any bytes that a decoder is given, with the memory that it takes.

use std::alloc::{GlobalAlloc, Layout, System};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use candlewick_datasets::event::{Chunks, Format, Options, decode, encode};
use candlewick_datasets::image::idx;
use candlewick_datasets::{Events, Result, Sample, Split, open};

/// The allocator of the system, and how much of it is in use.
struct Counted;

static USED: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is passed on to the system's allocator.
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        MOST.fetch_max(USED.fetch_add(layout.size(), Relaxed) + layout.size(), Relaxed);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        USED.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the place comes from `alloc` above, with this layout.
        unsafe { System.dealloc(place, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counted = Counted;

/// Runs `task` and checks that it takes at most `bytes` of memory more than there was before.
fn within<T>(bytes: usize, task: impl FnOnce() -> T) -> T {
    let before = USED.load(Relaxed);
    MOST.store(before, Relaxed);
    let result = task();
    let taken = MOST.load(Relaxed).saturating_sub(before);
    assert!(taken <= bytes, "{taken} bytes of memory, where {bytes} are allowed");
    result
}

/// Memory per byte of a file, and memory that any file may take.
fn allowance(format: Format) -> (usize, usize) {
    match format {
        // Packets unpack to 64 times the file and 16 MiB, in vectors that grow by doubling; their blocks
        // and windows have a size of their own.
        Format::Aedat4 => (4 * 64, (4 * 16 + 16) << 20),
        // The same, and four bytes at least are an event of 13.
        Format::Npz => (8 * 64, 8 * (16 << 20)),
        // Two bytes of EVT 3.0 are up to 12 events of 13 bytes, in vectors that grow by doubling.
        _ => (512, 1 << 20),
    }
}

/// Decodes whole and in pieces; the two agree, events lie on the sensor, and what can be written is
/// read back.
///
/// # Panics
/// If not, which the fuzzer reports.
pub fn decoder_survives(format: Format, bytes: &[u8]) {
    let name = Path::new("fuzz");
    let (per_byte, fixed) = allowance(format);
    let limit = per_byte * bytes.len() + fixed;
    let whole = within(limit, || decode(name, bytes, format, None));
    let pieces = within(limit, || in_pieces(name, bytes, format));
    match (&whole, &pieces) {
        // No piece tells the size of the sensor where there is no event.
        (Ok(whole), Ok(pieces)) => assert!(whole == pieces || whole.is_empty()),
        (Err(_), Err(_)) => {}
        (whole, pieces) => panic!("whole {whole:?}, in pieces {pieces:?}"),
    }
    let Ok(mut events) = whole else { return };
    assert_eq!([events.x.len(), events.y.len(), events.p.len()], [events.len(); 3]);
    assert!(events.x.iter().all(|&x| usize::from(x) < events.width));
    assert!(events.y.iter().all(|&y| usize::from(y) < events.height));
    if let Ok(written) = encode(&events, format) {
        let sensor = Some((events.width, events.height));
        assert_eq!(decode(name, &written, format, sensor).ok().as_ref(), Some(&events));
    }
    events.sort_by_time();
    assert!(events.t.is_sorted());
}

/// Three bytes at a time, so that every record is cut somewhere.
struct Trickle<'a>(&'a [u8]);

impl std::io::Read for Trickle<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = 3.min(buffer.len()).min(self.0.len());
        buffer[..count].copy_from_slice(&self.0[..count]);
        self.0 = &self.0[count..];
        Ok(count)
    }
}

fn in_pieces(name: &Path, bytes: &[u8], format: Format) -> Result<Events> {
    let mut all = Events::default();
    for piece in Chunks::new(name, Trickle(bytes), format, Options::default()) {
        let piece = piece?;
        (all.width, all.height) = (piece.width, piece.height);
        all.x.extend(piece.x);
        all.y.extend(piece.y);
        all.t.extend(piece.t);
        all.p.extend(piece.p);
    }
    Ok(all)
}

/// Decodes an IDX file, plain or gzipped.
///
/// # Panics
/// If what comes out does not fit together, which the fuzzer reports.
pub fn idx_survives(bytes: &[u8]) {
    let limit = 4 * (64 * bytes.len() + (16 << 20));
    if let Ok(array) = within(limit, || idx::decode(Path::new("fuzz"), bytes)) {
        assert_eq!(array.data.len(), array.dims.iter().product::<usize>());
    }
}

/// How many samples of one file are read: many may share one array, and take the time of one each.
const SAMPLES: usize = 64;

/// Opens a file of SHD, which is HDF5, and reads its samples.
///
/// # Panics
/// If what comes out does not fit together, which the fuzzer reports.
pub fn hdf5_survives(bytes: &[u8]) {
    let folder = std::env::temp_dir().join(format!("candlewick-fuzz-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a temporary folder");
    std::fs::write(folder.join("shd_test.h5"), bytes).expect("a temporary file");
    // Deflate packs up to 1,032 bytes into one; an object may state 65,535 messages, which take 9 MB,
    // and a file of this layout has ten objects.
    let limit = (4 << 10) * bytes.len() + (96 << 20);
    within(limit, || {
        let Ok(set) = open("shd", Split::Test, Some(&folder)) else { return };
        assert!(set.labels().iter().all(|&label| (label as usize) < set.info().classes.len()));
        for index in 0..set.len().min(SAMPLES) {
            let Ok(Sample::Events(events)) = set.read(index) else { continue };
            assert_eq!([events.x.len(), events.y.len(), events.p.len()], [events.t.len(); 3]);
            assert!(events.x.iter().all(|&x| x < 700) && events.y.iter().all(|&y| y == 0));
        }
        assert!(set.read(set.len()).is_err());
    });
}
