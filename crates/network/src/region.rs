//! Ranges of addresses that are cut into arrays.

use std::alloc::{Layout, handle_alloc_error};
use std::fmt;
use std::ops::Range;
use std::slice;
use std::sync::Arc;

use memmap2::{MmapOptions, MmapRaw};

/// Bytes of a region where the system grants them: more than the arrays of most networks take.
const ADDRESSES: usize =
    if cfg!(all(unix, target_pointer_width = "64")) { 1 << 34 } else { 1 << 24 };

/// Bytes of a large page, at whose multiples memory is given back.
const PAGE: usize = 1 << 21;

/// Bytes at whose multiples pieces begin: a line of the cache, and the widest vector.
const LINE: usize = 64;

/// Passes after which memory that none of them used is given back.
const PATIENCE: usize = 8;

/// A range of addresses, which takes memory only where it was written to.
///
/// Pieces are cut by first fit, and free neighbors are joined, so that little more memory is needed than is in use at
/// once.
pub(crate) struct Region {
    map: Arc<MmapRaw>,
    /// What is in no piece, in order.
    free: Vec<Range<usize>>,
    /// Where the memory that the system has provided ends.
    touched: usize,
    /// The highest end of a piece, in this pass and in those before it.
    ends: [usize; PATIENCE],
}

impl Region {
    /// A region with room for so many floats.
    pub(crate) fn new(floats: usize) -> Self {
        let bytes = in_lines(floats);
        let mut length = ADDRESSES.max(bytes);
        let map = loop {
            match MmapOptions::new().len(length).no_reserve_swap().map_anon() {
                Ok(map) => break map,
                // The system limits addresses, or the memory that could be asked for.
                Err(_) if length > bytes => length = (length / 2).max(bytes),
                Err(_) => {
                    handle_alloc_error(Layout::array::<u8>(bytes).unwrap_or(Layout::new::<u8>()))
                }
            }
        };
        #[cfg(target_os = "linux")]
        // Where the system has no large pages, small ones do.
        drop(map.advise(memmap2::Advice::HugePage));
        Self {
            map: Arc::new(map.into()),
            free: Vec::from([Range { start: 0, end: length }]),
            touched: 0,
            ends: [0; PATIENCE],
        }
    }

    /// Floats of unspecified value from the first place that has room for them.
    pub(crate) fn take(&mut self, floats: usize) -> Option<Piece> {
        let bytes = in_lines(floats);
        let index = self.free.iter().position(|free| free.len() >= bytes)?;
        let start = self.free[index].start;
        self.free[index].start += bytes;
        if self.free[index].is_empty() {
            self.free.remove(index);
        }
        let bytes = start..start + bytes;
        self.touched = self.touched.max(bytes.end);
        self.ends[0] = self.ends[0].max(bytes.end);
        Some(Piece { map: self.map.clone(), bytes })
    }

    /// Whether a piece is of this region.
    pub(crate) fn has(&self, piece: &Piece) -> bool {
        Arc::ptr_eq(&self.map, &piece.map)
    }

    /// Puts back a piece of this region.
    pub(crate) fn put(&mut self, piece: Piece) {
        let mut bytes = piece.bytes;
        let next = self.free.partition_point(|free| free.start < bytes.start);
        if self.free.get(next).is_some_and(|free| free.start == bytes.end) {
            bytes.end = self.free.remove(next).end;
        }
        match next.checked_sub(1).map(|before| &mut self.free[before]) {
            Some(before) if before.end == bytes.start => before.end = bytes.end,
            _ => self.free.insert(next, bytes),
        }
    }

    /// Starts a pass: memory that none of the last ones used is given back to the system.
    pub(crate) fn start_pass(&mut self) {
        let kept = self.ends.iter().copied().max().unwrap_or(0);
        self.give_back_behind(kept);
        self.ends.rotate_right(1);
        self.ends[0] = self.in_use();
    }

    /// Where the last piece ends.
    fn in_use(&self) -> usize {
        match self.free.last() {
            Some(last) if last.end == self.map.len() => last.start,
            _ => self.map.len(),
        }
    }

    /// Gives the memory of addresses behind `end` back to the system; none of them is in use.
    fn give_back_behind(&mut self, end: usize) {
        assert!(end >= self.in_use(), "memory in use");
        let end = end.next_multiple_of(PAGE);
        if end >= self.touched {
            return;
        }
        #[cfg(unix)]
        // SAFETY: no piece has these addresses, and those that come will hold unspecified values.
        let given = unsafe {
            let bytes = self.touched - end;
            self.map.unchecked_advise_range(memmap2::UncheckedAdvice::DontNeed, end, bytes)
        };
        #[cfg(not(unix))]
        let given: std::io::Result<()> = Err(std::io::ErrorKind::Unsupported.into());
        if given.is_ok() {
            self.touched = end;
        }
    }
}

/// Bytes of the lines that so many floats take.
fn in_lines(floats: usize) -> usize {
    floats.saturating_mul(size_of::<f32>()).saturating_add(LINE - 1).max(LINE) / LINE * LINE
}

impl fmt::Debug for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Region({} bytes of memory)", self.touched)
    }
}

/// An exclusive part of a region.
pub(crate) struct Piece {
    map: Arc<MmapRaw>,
    /// Multiples of [`LINE`].
    bytes: Range<usize>,
}

impl Piece {
    /// Number of floats.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len() / size_of::<f32>()
    }

    pub(crate) fn floats(&self) -> &[f32] {
        // SAFETY: the range lies inside the map, which starts at a page, so that it is aligned; all bits are
        // floats; and no other piece has a part of it, for as long as this one lives and holds the map.
        unsafe {
            let first = self.map.as_ptr().add(self.bytes.start).cast();
            slice::from_raw_parts(first, self.len())
        }
    }

    pub(crate) fn floats_mut(&mut self) -> &mut [f32] {
        // SAFETY: as for `floats`; the borrow of the piece is exclusive.
        unsafe {
            let first = self.map.as_mut_ptr().add(self.bytes.start).cast();
            slice::from_raw_parts_mut(first, self.len())
        }
    }
}

#[cfg(test)]
mod tests {
    use candlewick_core::Key;

    use super::*;

    fn is_whole(region: &Region) -> bool {
        region.free.len() == 1 && region.free[0].len() == region.map.len()
    }

    #[test]
    fn pieces_come_from_the_front_and_join_again() {
        let mut region = Region::new(1);
        let [first, second] = [100, 20].map(|floats| region.take(floats).unwrap());
        assert_eq!(first.floats().as_ptr().cast::<u8>().align_offset(LINE), 0);
        assert_eq!((first.len(), second.len()), (112, 32));
        assert_eq!((first.bytes.clone(), second.bytes.clone()), (0..448, 448..576));
        region.put(first);
        let [smaller, larger] = [60, 200].map(|floats| region.take(floats).unwrap());
        assert_eq!((smaller.bytes.clone(), larger.bytes.clone()), (0..256, 576..1408));
        for piece in [smaller, larger, second] {
            assert!(region.has(&piece));
            region.put(piece);
        }
        assert!(is_whole(&region));
        assert!(region.take(region.map.len()).is_none());
    }

    /// Pieces of random lengths that come and go keep what is written to them.
    #[test]
    fn pieces_do_not_overlap() {
        let mut region = Region::new(1);
        let mut random = Key::new(7).stream();
        let mut held: Vec<(f32, Piece)> = Vec::new();
        let mut taken = 0;
        for round in 0..2000 {
            if held.len() > 40 || (round % 3 == 0 && !held.is_empty()) {
                let (mark, piece) = held.swap_remove(random.below(held.len() as u32) as usize);
                assert!(piece.floats().iter().all(|&value| value == mark));
                region.put(piece);
            } else {
                let mut piece = region.take(random.below(20_000) as usize).unwrap();
                piece.floats_mut().fill(round as f32);
                held.push((round as f32, piece));
                taken += 1;
            }
        }
        assert!(taken > 1000);
        for (_, piece) in held {
            region.put(piece);
        }
        assert!(is_whole(&region));
    }

    #[cfg(unix)]
    #[test]
    fn memory_that_nobody_used_for_long_goes_back() {
        let floats = PAGE / size_of::<f32>();
        let mut region = Region::new(1);
        let [first, second] = [(); 2].map(|()| region.take(floats).unwrap());
        region.put(second);
        for _ in 0..PATIENCE {
            assert_eq!(region.touched, 2 * PAGE);
            region.start_pass();
        }
        region.start_pass();
        // What is in use stays.
        assert_eq!(region.touched, PAGE);
        assert!(first.floats().iter().all(|&value| value == 0.0));
        region.put(first);
        (0..=PATIENCE).for_each(|_| region.start_pass());
        assert_eq!(region.touched, 0);
    }
}
