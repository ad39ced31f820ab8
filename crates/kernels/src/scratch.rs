//! Buffers that each thread keeps from call to call, so that kernels do not allocate.

use memmap2::MmapMut;
use std::alloc::{Layout, handle_alloc_error};
use std::cell::RefCell;

/// Bytes of a large page: addresses in fewer pages take less time to translate.
const PAGE: usize = 1 << 21;

thread_local! {
    static BUFFERS: RefCell<Vec<Buffer>> = const { RefCell::new(Vec::new()) };
}

/// Calls `body` with `length` floats of unspecified content, which start at a cache line.
///
/// The buffer is taken from this thread's store and put back afterwards, so that calls may nest,
/// also when rayon steals another task in between.
pub(crate) fn with_floats<R>(length: usize, body: impl FnOnce(&mut [f32]) -> R) -> R {
    let found = BUFFERS.with_borrow_mut(|store| take(store, length));
    // What a smaller one held is of no use: a fresh one need not be copied to.
    let found = found.filter(|buffer| buffer.length() >= length);
    let mut buffer = found.unwrap_or_else(|| Buffer::new(length));
    let result = body(buffer.floats(length));
    BUFFERS.with_borrow_mut(|store| store.push(buffer));
    result
}

/// The smallest buffer that is large enough; else the largest one, to be replaced by a larger.
fn take(store: &mut Vec<Buffer>, length: usize) -> Option<Buffer> {
    let fits = (0..store.len()).filter(|&index| store[index].length() >= length);
    let best = fits.min_by_key(|&index| store[index].length());
    let best = best.or_else(|| (0..store.len()).max_by_key(|&index| store[index].length()));
    best.map(|index| store.swap_remove(index))
}

/// Memory of its own, in large pages where it fills half of one and the system has them.
struct Buffer {
    map: MmapMut,
    /// The first byte in use.
    start: usize,
}

impl Buffer {
    /// A buffer of at least so many floats.
    fn new(length: usize) -> Self {
        let layout = Layout::array::<f32>(length.max(1)).unwrap_or(Layout::new::<f32>());
        let is_large = layout.size() >= PAGE / 2;
        let room = if is_large { PAGE } else { 0 };
        let Ok(map) = MmapMut::map_anon(layout.size() + room) else { handle_alloc_error(layout) };
        if !is_large {
            return Self { map, start: 0 };
        }
        #[cfg(target_os = "linux")]
        // Where the system has no large pages, small ones do.
        drop(map.advise(memmap2::Advice::HugePage));
        let start = map.as_ptr().align_offset(PAGE).min(room);
        Self { map, start }
    }

    /// Floats that it has room for.
    fn length(&self) -> usize {
        (self.map.len() - self.start) / size_of::<f32>()
    }

    fn floats(&mut self, length: usize) -> &mut [f32] {
        bytemuck::cast_slice_mut(&mut self.map[self.start..][..length * size_of::<f32>()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_buffer_that_fits_is_taken_and_the_largest_is_replaced() {
        const UNIT: usize = 1 << 10;
        let mut store = [10, 40, 20].map(|units| Buffer::new(units * UNIT)).into();
        let mut taken = |units: usize| take(&mut store, units * UNIT).map(|buffer| buffer.length());
        assert_eq!(taken(15), Some(20 * UNIT));
        assert_eq!(taken(50), Some(40 * UNIT));
        assert_eq!(taken(5), Some(10 * UNIT));
        assert_eq!(taken(5), None);
    }

    #[test]
    fn buffers_start_at_a_cache_line_and_have_the_length_that_was_asked_for() {
        for length in [0, 1, 1000, PAGE / 8, PAGE, 3 * PAGE + 1] {
            with_floats(length, |floats| {
                assert_eq!(floats.len(), length);
                assert!(floats.as_ptr().cast::<u8>().align_offset(64) == 0);
                floats.fill(1.0);
            });
        }
    }
}
