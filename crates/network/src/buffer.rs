//! Large arrays of floats that are reused from step to step.
//!
//! Every step of a training asks for the same sizes; a fresh array costs a page fault per 4 kB and a
//! fill with zeros, which is more than most kernels take.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError};

use candlewick_device::Arena;
use rayon::prelude::*;

use crate::region::{Piece, Region};

/// The memory that arrays are cut from.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    shelf: Mutex<Shelf>,
    /// Those of a device with kernels.
    pub(crate) arena: Arc<Arena>,
}

#[derive(Debug, Default)]
struct Shelf {
    /// One, as long as it has room.
    regions: Vec<Region>,
    /// Floats of all arrays that are in use.
    lent: usize,
    /// The most that were in use at once.
    most_lent: usize,
}

impl Shelf {
    fn take(&mut self, length: usize) -> Piece {
        if let Some(piece) = self.regions.iter_mut().find_map(|region| region.take(length)) {
            return piece;
        }
        let mut region = Region::new(length);
        let piece = region.take(length).expect("a new region has room");
        self.regions.push(region);
        piece
    }
}

impl Pool {
    fn shelf(&self) -> std::sync::MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a pass over the network: what was not used for long is freed.
    pub(crate) fn start_pass(&self) {
        self.arena.start_pass();
        self.shelf().regions.iter_mut().for_each(Region::start_pass);
    }

    /// Peak number of floats in use at once, including what fills the last line of each array.
    pub(crate) fn most_lent(&self) -> usize {
        self.shelf().most_lent
    }

    /// An array of unspecified content.
    pub(crate) fn take(self: &Arc<Self>, length: usize) -> Buffer {
        let mut shelf = self.shelf();
        let piece = shelf.take(length);
        shelf.lent += piece.len();
        shelf.most_lent = shelf.most_lent.max(shelf.lent);
        drop(shelf);
        Buffer { piece: Some(piece), length, pool: self.clone() }
    }

    /// An array with these values.
    pub(crate) fn filled(self: &Arc<Self>, values: &[f32]) -> Buffer {
        let mut buffer = self.take(values.len());
        buffer.copy_from_slice(values);
        buffer
    }
}

/// An array of floats, whose memory the network keeps for its next use when this is dropped.
pub struct Buffer {
    /// There until it is dropped.
    piece: Option<Piece>,
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
        self.piece.as_ref().map_or(&[], |piece| &piece.floats()[..self.length])
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        self.piece.as_mut().map_or(&mut [], |piece| &mut piece.floats_mut()[..self.length])
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let Some(piece) = self.piece.take() else { return };
        let mut shelf = self.pool.shelf();
        shelf.lent -= piece.len();
        let region = shelf.regions.iter_mut().find(|region| region.has(&piece));
        region.expect("regions are kept").put(piece);
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
    fn an_array_comes_back() {
        let pool = Arc::new(Pool::default());
        let mut first = pool.take(100);
        first[99] = 5.0;
        let place = first.as_ptr();
        let second = pool.filled(&[3.0]);
        drop(first);
        let mut again = pool.take(90);
        assert_eq!((again.as_ptr(), again.len()), (place, 90));
        again.truncate(7);
        assert_eq!((again.copy().len(), second[0]), (7, 3.0));
        assert_eq!(pool.most_lent(), 112 + 16);
        drop((second, again));
        assert_eq!(pool.shelf().lent, 0);
        assert_eq!(pool.take(0).len(), 0);
    }
}
