//! Large arrays of floats that are reused from step to step.
//!
//! Every step of a training asks for the same sizes; a fresh array costs a page fault per 4 kB and a
//! fill with zeros, which is more than most kernels take.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::BytesMut;
use candlewick_device::Arena;
use rayon::prelude::*;

/// The memory that arrays are cut from.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    shelf: Mutex<Shelf>,
    /// Those of a device with kernels.
    pub(crate) arena: Arc<Arena>,
}

#[derive(Debug, Default)]
struct Shelf {
    slabs: Vec<Slab>,
    /// How many slabs there have been, which numbers them.
    made: u64,
    pass: u64,
    /// Floats of all arrays that are in use.
    lent: usize,
    /// The most that were in use at once.
    most_lent: usize,
}

/// A block of memory, which the system provides page by page as they are first written to.
#[derive(Debug)]
struct Slab {
    number: u64,
    bytes: usize,
    /// What no array has, in the order of addresses; neighbors are joined.
    free: Vec<BytesMut>,
    /// The pass in which an array was last cut from it.
    pass: u64,
}

/// Passes after which a slab that nobody took from is given back to the system.
const PATIENCE: u64 = 8;

/// Bytes at whose multiples arrays begin: a line of the cache, and the widest vector.
const LINE: usize = 64;

/// Bytes of the first slab. Each further one is as large as all before it together, or as the array that needs it.
const FIRST: usize = 1 << 20;

impl Slab {
    fn new(number: u64, bytes: usize) -> Self {
        let mut all = BytesMut::zeroed(bytes + LINE);
        let unaligned = all.as_ptr().align_offset(LINE).min(LINE);
        drop(all.split_to(unaligned));
        all.truncate(bytes);
        Self { number, bytes, free: vec![all], pass: 0 }
    }

    fn is_unused(&self) -> bool {
        self.free.iter().map(BytesMut::len).sum::<usize>() == self.bytes
    }

    /// Cuts from the first piece that is long enough, so that what is in use stays together.
    fn take(&mut self, bytes: usize) -> Option<BytesMut> {
        let index = self.free.iter().position(|piece| piece.len() >= bytes)?;
        if self.free[index].len() == bytes {
            return Some(self.free.remove(index));
        }
        Some(self.free[index].split_to(bytes))
    }

    /// Puts back what was taken.
    fn put(&mut self, mut piece: BytesMut) {
        let end = |piece: &BytesMut| piece.as_ptr_range().end;
        let next = self.free.partition_point(|other| other.as_ptr() < piece.as_ptr());
        if self.free.get(next).is_some_and(|other| end(&piece) == other.as_ptr()) {
            piece.unsplit(self.free.remove(next));
        }
        match next.checked_sub(1).map(|before| &mut self.free[before]) {
            Some(before) if end(before) == piece.as_ptr() => before.unsplit(piece),
            _ => self.free.insert(next, piece),
        }
    }
}

impl Shelf {
    /// Bytes, and the number of the slab that they are of.
    fn take(&mut self, bytes: usize) -> (BytesMut, u64) {
        for slab in &mut self.slabs {
            if let Some(piece) = slab.take(bytes) {
                slab.pass = self.pass;
                return (piece, slab.number);
            }
        }
        let all: usize = self.slabs.iter().map(|slab| slab.bytes).sum();
        self.made += 1;
        let mut slab = Slab::new(self.made, bytes.max(all).max(FIRST));
        slab.pass = self.pass;
        let piece = slab.take(bytes).expect("the slab is large enough");
        self.slabs.push(slab);
        (piece, self.made)
    }

    fn put(&mut self, piece: BytesMut, number: u64) {
        let slab = self.slabs.iter_mut().find(|slab| slab.number == number);
        slab.expect("slabs in use are kept").put(piece);
    }
}

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
        shelf.slabs.retain(|slab| slab.pass + PATIENCE >= pass || !slab.is_unused());
    }

    /// Peak number of floats in use at once, including what fills the last line of each array.
    pub(crate) fn most_lent(&self) -> usize {
        self.shelf().most_lent
    }

    /// An array of unspecified content.
    pub(crate) fn take(self: &Arc<Self>, length: usize) -> Buffer {
        let bytes = (length * size_of::<f32>()).next_multiple_of(LINE).max(LINE);
        let mut shelf = self.shelf();
        let (piece, slab) = shelf.take(bytes);
        shelf.lent += bytes / size_of::<f32>();
        shelf.most_lent = shelf.most_lent.max(shelf.lent);
        drop(shelf);
        Buffer { piece, length, slab, pool: self.clone() }
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
    piece: BytesMut,
    length: usize,
    /// The number of the slab that the piece is of.
    slab: u64,
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
        &bytemuck::cast_slice(&self.piece[..])[..self.length]
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut bytemuck::cast_slice_mut(&mut self.piece[..])[..self.length]
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let piece = std::mem::take(&mut self.piece);
        let mut shelf = self.pool.shelf();
        shelf.lent -= piece.len() / size_of::<f32>();
        shelf.put(piece, self.slab);
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
    use candlewick_core::Key;

    use super::*;

    #[test]
    fn memory_comes_back_and_is_freed_when_nobody_wants_it() {
        let pool = Arc::new(Pool::default());
        let mut first = pool.take(100);
        first[99] = 5.0;
        let place = first.as_ptr();
        assert!(place.cast::<u8>().align_offset(LINE) == 0);
        let second = pool.take(20);
        // Each begins in a line of its own.
        assert_eq!(second.as_ptr(), place.wrapping_add(112));
        assert_eq!(pool.most_lent(), 112 + 32);
        drop(first);
        let [smaller, larger] = [60, 200].map(|length| pool.take(length));
        assert_eq!((smaller.as_ptr(), smaller.len()), (place, 60));
        assert_eq!(larger.as_ptr(), place.wrapping_add(112 + 32));
        assert_eq!(pool.most_lent(), 64 + 32 + 208);
        drop((smaller, larger, second));
        assert_eq!((pool.shelf().slabs.len(), pool.shelf().lent), (1, 0));
        // What is larger than a slab gets one of its own.
        drop(pool.take(FIRST));
        assert_eq!(pool.shelf().slabs.len(), 2);
        for _ in 0..=PATIENCE {
            pool.start_pass();
        }
        assert!(pool.shelf().slabs.is_empty());
    }

    /// Arrays of random lengths that come and go: none overlaps another, and no memory is lost.
    #[test]
    fn arrays_do_not_overlap_and_join_again() {
        let pool = Arc::new(Pool::default());
        let mut random = Key::new(7).stream();
        let mut held: Vec<(f32, Buffer)> = Vec::new();
        let mut taken = 0;
        for round in 0..2000 {
            if held.len() > 40 || (round % 3 == 0 && !held.is_empty()) {
                let (mark, array) = held.swap_remove(random.below(held.len() as u32) as usize);
                assert!(array.iter().all(|&value| value == mark));
            } else {
                let mut array = pool.take(random.below(20_000) as usize);
                array.fill(round as f32);
                held.push((round as f32, array));
                taken += 1;
            }
        }
        assert!(taken > 1000);
        held.clear();
        let shelf = pool.shelf();
        assert!(shelf.slabs.iter().all(|slab| slab.free.len() == 1 && slab.is_unused()));
        assert!(!shelf.slabs.is_empty());
    }
}
