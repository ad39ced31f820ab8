//! Buffers that each thread keeps from call to call, so that kernels do not allocate.

use std::cell::RefCell;

/// Bytes of a cache line, at which buffers start.
const LINE: usize = 64;

thread_local! {
    static FLOATS: RefCell<Vec<Vec<f32>>> = const { RefCell::new(Vec::new()) };
}

/// Calls `body` with `length` floats of unspecified content, which start at a cache line.
///
/// The buffer is taken from this thread's store and put back afterwards, so that calls may nest,
/// also when rayon steals another task in between.
pub(crate) fn with_floats<R>(length: usize, body: impl FnOnce(&mut [f32]) -> R) -> R {
    let needed = length + LINE / size_of::<f32>();
    let mut buffer = FLOATS.with_borrow_mut(|store| take(store, needed)).unwrap_or_default();
    if buffer.len() < needed {
        // What it held is of no use: a fresh one need not be copied to.
        buffer = vec![0.0; needed];
    }
    let start = buffer.as_ptr().align_offset(LINE).min(needed - length);
    let result = body(&mut buffer[start..start + length]);
    FLOATS.with_borrow_mut(|store| store.push(buffer));
    result
}

/// The smallest buffer that is large enough; else the largest one, to be replaced by a larger.
fn take(store: &mut Vec<Vec<f32>>, needed: usize) -> Option<Vec<f32>> {
    let fits = (0..store.len()).filter(|&index| store[index].len() >= needed);
    let best = fits.min_by_key(|&index| store[index].len());
    let best = best.or_else(|| (0..store.len()).max_by_key(|&index| store[index].len()));
    best.map(|index| store.swap_remove(index))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_buffer_that_fits_is_taken_and_the_largest_is_replaced() {
        let mut store = vec![vec![0.0; 10], vec![0.0; 40], vec![0.0; 20]];
        assert_eq!(take(&mut store, 15).map(|buffer| buffer.len()), Some(20));
        assert_eq!(take(&mut store, 50).map(|buffer| buffer.len()), Some(40));
        assert_eq!(take(&mut store, 5).map(|buffer| buffer.len()), Some(10));
        assert_eq!(take(&mut store, 5), None);
    }
}
