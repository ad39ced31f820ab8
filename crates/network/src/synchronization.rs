//! Normalization over the shards of a batch, each of which runs on a thread of its own.

use std::cell::RefCell;
use std::sync::Arc;

use candlewick_core::{Error, Result};
use candlewick_ranks::Seat;

thread_local! {
    static SEAT: RefCell<Option<Arc<Seat>>> = const { RefCell::new(None) };
}

/// Runs `pass`, the forward and backward pass of a shard, such that its normalizations have the statistics of
/// all shards. Every shard must run the same layers.
pub fn synchronized<R>(seat: Seat, pass: impl FnOnce() -> R) -> R {
    /// Leaves the seat, also after a panic.
    struct Leave;
    impl Drop for Leave {
        fn drop(&mut self) {
            SEAT.take();
        }
    }
    SEAT.set(Some(Arc::new(seat)));
    let _leave = Leave;
    pass()
}

/// The seat of the shard that runs on this thread, if its normalizations are synchronized.
pub(crate) fn seat() -> Option<Arc<Seat>> {
    SEAT.with_borrow(Clone::clone)
}

/// The number of the shard that runs on this thread; 0 if it is the only one.
pub(crate) fn shard() -> usize {
    seat().map_or(0, |seat| seat.shard())
}

/// The values of each shard.
pub(crate) fn gather(seat: &Seat, own: Vec<f64>) -> Result<Arc<Vec<Vec<f64>>>> {
    seat.gather(own).map_err(|error| Error::Candle(candle_core::Error::wrap(error)))
}
