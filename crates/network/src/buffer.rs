//! Large arrays of floats that are reused from step to step.
//!
//! Every step of a training asks for the same sizes; a fresh array costs a page fault per 4 kB and a
//! fill with zeros, which is more than most kernels take.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError};

use candlewick_device::Arena;
use rayon::prelude::*;

/// Arrays that wait for their next use.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    shelf: Mutex<Shelf>,
    /// Those of a device with kernels.
    pub(crate) arena: Arc<Arena>,
}

#[derive(Debug, Default)]
struct Shelf {
    free: Vec<Waiting>,
    pass: u64,
    /// Floats of all arrays that are in use.
    lent: usize,
    /// The most that were in use at once.
    most_lent: usize,
}

#[derive(Debug)]
struct Waiting {
    values: Vec<f32>,
    /// The pass in which it was put back.
    pass: u64,
}

/// Passes after which an array that nobody took is given back to the system.
const PATIENCE: u64 = 8;

impl Pool {
    fn shelf(&self) -> std::sync::MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a pass over the network: what was not used for long is freed.
    pub(crate) fn start_pass(&self) {
        self.arena.start_pass();
        let mut shelf = self.shelf();
        shelf.pass += 1;
        let pass = shelf.pass;
        shelf.free.retain(|kept| kept.pass + PATIENCE >= pass);
    }

    /// Peak number of floats in use at once, including the spare capacity of arrays.
    pub(crate) fn most_lent(&self) -> usize {
        self.shelf().most_lent
    }

    /// An array of unspecified content.
    pub(crate) fn take(self: &Arc<Self>, length: usize) -> Buffer {
        let mut shelf = self.shelf();
        let fits =
            |kept: &Waiting| (length..=length.saturating_mul(2)).contains(&kept.values.len());
        let best = (0..shelf.free.len())
            .filter(|&index| fits(&shelf.free[index]))
            .min_by_key(|&index| shelf.free[index].values.len());
        let values = best.map(|index| shelf.free.swap_remove(index).values);
        shelf.lent += values.as_ref().map_or(length, Vec::len);
        shelf.most_lent = shelf.most_lent.max(shelf.lent);
        drop(shelf);
        let values = values.unwrap_or_else(|| vec![0.0; length]);
        Buffer { values, length, pool: self.clone() }
    }

    /// An array with these values.
    pub(crate) fn filled(self: &Arc<Self>, values: &[f32]) -> Buffer {
        let mut buffer = self.take(values.len());
        buffer.copy_from_slice(values);
        buffer
    }
}

/// An array of floats, which the network keeps for its next use when this is dropped.
pub struct Buffer {
    values: Vec<f32>,
    length: usize,
    pool: Arc<Pool>,
}

impl Buffer {
    /// The same values in another array of the pool.
    pub(crate) fn copy(&self) -> Self {
        self.pool.filled(self)
    }

    /// Forgets all but the first `length` values.
    pub(crate) fn truncate(&mut self, length: usize) {
        self.length = self.length.min(length);
    }
}

impl Deref for Buffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.values[..self.length]
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.values[..self.length]
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let values = std::mem::take(&mut self.values);
        let mut shelf = self.pool.shelf();
        let pass = shelf.pass;
        shelf.lent -= values.len();
        shelf.free.push(Waiting { values, pass });
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Buffer({} values)", self.length)
    }
}

/// `sum[i] += other[i]`.
///
/// # Panics
/// If the arrays are not of one length.
pub(crate) fn add(sum: &mut [f32], other: &[f32]) {
    /// Values per task.
    const TASK: usize = 1 << 14;
    assert_eq!(sum.len(), other.len(), "elements of a sum");
    sum.par_chunks_mut(TASK).zip(other.par_chunks(TASK)).for_each(|(sum, other)| {
        sum.iter_mut().zip(other).for_each(|(sum, other)| *sum += other);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_array_comes_back_and_is_freed_when_nobody_wants_it() {
        let pool = Arc::new(Pool::default());
        let mut first = pool.take(100);
        first[99] = 5.0;
        let place = first.as_ptr();
        drop(first);
        // Too small for 200, too large for 40, right for 60.
        assert_ne!(pool.take(200).as_ptr(), place);
        assert_ne!(pool.take(40).as_ptr(), place);
        assert_eq!(pool.most_lent(), 200);
        let again = pool.take(60);
        assert_eq!((again.as_ptr(), again.len()), (place, 60));
        assert_eq!(pool.shelf().lent, 100);
        assert_eq!(pool.most_lent(), 200);
        drop(again);
        for _ in 0..=PATIENCE {
            pool.start_pass();
        }
        assert!(pool.shelf().free.is_empty());
    }
}
