//! A slice of which parallel tasks write disjoint parts that are not contiguous.

use std::marker::PhantomData;
use std::ops::Range;

/// Lends exclusive parts of one slice to several tasks at a time.
pub(crate) struct Shared<'a, T = f32> {
    data: *mut T,
    length: usize,
    lent: PhantomData<&'a mut [T]>,
}

impl<T> Clone for Shared<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Shared<'_, T> {}

// SAFETY: the pointer comes from an exclusive borrow that lasts for `'a`, the elements may be written
// from any thread, and whoever takes parts promises that no two of them overlap while both are in use.
unsafe impl<T: Send> Send for Shared<'_, T> {}
// SAFETY: as for `Send`.
unsafe impl<T: Send> Sync for Shared<'_, T> {}

impl<'a, T> Shared<'a, T> {
    /// Shares `values` until the borrow ends.
    pub(crate) fn new(values: &'a mut [T]) -> Self {
        Self { data: values.as_mut_ptr(), length: values.len(), lent: PhantomData }
    }

    /// The elements of `range`.
    ///
    /// # Safety
    /// No element of `range` is part of another slice that is in use.
    #[expect(clippy::mut_from_ref, reason = "the caller promises that parts do not overlap")]
    pub(crate) unsafe fn part(&self, range: Range<usize>) -> &mut [T] {
        assert!(range.start <= range.end && range.end <= self.length, "a part outside its slice");
        // SAFETY: the range lies inside the slice, and the caller promises that it is not aliased.
        unsafe { std::slice::from_raw_parts_mut(self.data.add(range.start), range.len()) }
    }
}
