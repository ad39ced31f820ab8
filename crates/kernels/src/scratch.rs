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
    let mut buffer = FLOATS.with_borrow_mut(Vec::pop).unwrap_or_default();
    let needed = length + LINE / size_of::<f32>();
    if buffer.len() < needed {
        buffer.resize(needed, 0.0);
    }
    let start = buffer.as_ptr().align_offset(LINE).min(needed - length);
    let result = body(&mut buffer[start..start + length]);
    FLOATS.with_borrow_mut(|store| store.push(buffer));
    result
}
