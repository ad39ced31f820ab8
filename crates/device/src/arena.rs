//! Arrays on a device that are reused from step to step.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use candle_core::{DType, Device, Result, Tensor};

use crate::Counts;

/// Arrays that wait for their next use, and counts of what was done with them.
#[derive(Debug, Default)]
pub struct Arena {
    shelf: Mutex<Shelf>,
    pub(crate) tally: Tally,
}

/// What the launches of an arena's network cost.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) launches: AtomicU64,
    pub(crate) products: AtomicU64,
    pub(crate) reads: AtomicU64,
    pub(crate) allocations: AtomicU64,
    pub(crate) bytes: AtomicU64,
}

impl Tally {
    pub(crate) fn add(counter: &AtomicU64, amount: usize) {
        counter.fetch_add(amount as u64, Ordering::Relaxed);
    }
}

#[derive(Debug, Default)]
struct Shelf {
    free: Vec<Waiting>,
    pass: u64,
}

#[derive(Debug)]
struct Waiting {
    tensor: Tensor,
    /// The pass in which it was put back.
    pass: u64,
}

/// Passes after which an array that nobody took is given back to the device.
const PATIENCE: u64 = 8;

impl Arena {
    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a pass over the network: what was not used for long is freed.
    pub fn start_pass(&self) {
        let mut shelf = self.shelf();
        shelf.pass += 1;
        let pass = shelf.pass;
        shelf.free.retain(|waiting| waiting.pass + PATIENCE >= pass);
    }

    /// An array of unspecified content.
    fn take(self: &Arc<Self>, length: usize, dtype: DType, device: &Device) -> Result<Lent> {
        let fits = |waiting: &Waiting| {
            let tensor = &waiting.tensor;
            tensor.elem_count() == length
                && tensor.dtype() == dtype
                && tensor.device().same_device(device)
        };
        let mut shelf = self.shelf();
        let known = shelf.free.iter().rposition(fits);
        let known = known.map(|index| shelf.free.swap_remove(index).tensor);
        drop(shelf);
        let tensor = if let Some(tensor) = known {
            tensor
        } else {
            Tally::add(&self.tally.allocations, 1);
            Tensor::zeros(length, dtype, device)?
        };
        Ok(Lent { tensor, arena: Some(self.clone()), kept: AtomicBool::new(false) })
    }

    /// What was launched since the arena was made.
    pub fn counts(&self) -> Counts {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            launches: count(&self.tally.launches),
            products: count(&self.tally.products),
            reads: count(&self.tally.reads),
            allocations: count(&self.tally.allocations),
            bytes: count(&self.tally.bytes),
        }
    }

    pub(crate) fn floats(self: &Arc<Self>, length: usize, device: &Device) -> Result<Floats> {
        self.take(length, DType::F32, device).map(Floats)
    }

    pub(crate) fn doubles(self: &Arc<Self>, length: usize, device: &Device) -> Result<Doubles> {
        self.take(length, DType::F64, device).map(Doubles)
    }
}

struct Lent {
    tensor: Tensor,
    arena: Option<Arc<Arena>>,
    /// Whether a tensor that shares the memory was handed out.
    kept: AtomicBool,
}

impl Drop for Lent {
    fn drop(&mut self) {
        let Some(arena) = self.arena.take().filter(|_| !*self.kept.get_mut()) else { return };
        let mut shelf = arena.shelf();
        let (tensor, pass) = (self.tensor.clone(), shelf.pass);
        shelf.free.push(Waiting { tensor, pass });
    }
}

/// An array of `f32` on a device, which the arena keeps for its next use when this is dropped.
pub struct Floats(Lent);

/// An array of `f64` on a device, as [`Floats`].
pub struct Doubles(Lent);

impl Floats {
    /// The values of a tensor, which must not change while they are in use.
    ///
    /// # Errors
    /// If candle fails.
    pub fn of(tensor: &Tensor) -> Result<Self> {
        let tensor = tensor.detach().flatten_all()?.contiguous()?;
        Ok(Self(Lent { tensor, arena: None, kept: AtomicBool::new(true) }))
    }

    /// Number of values.
    pub fn len(&self) -> usize {
        self.0.tensor.elem_count()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The array as an argument of a kernel.
    pub fn flat(&self) -> &Tensor {
        &self.0.tensor
    }

    /// Whether a kernel may write into it: it came from an arena and no tensor shares its memory.
    pub(crate) fn is_own(&self) -> bool {
        !self.0.kept.load(Ordering::Relaxed)
    }

    /// A tensor of the shape `dims` that shares the memory, which the arena will not use again.
    ///
    /// # Errors
    /// If the shape has another number of elements.
    pub fn tensor(&self, dims: &[usize]) -> Result<Tensor> {
        self.0.kept.store(true, Ordering::Relaxed);
        self.0.tensor.reshape(dims)
    }
}

impl Doubles {
    /// The array as an argument of a kernel.
    pub fn flat(&self) -> &Tensor {
        &self.0.tensor
    }
}

impl fmt::Debug for Floats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Floats({} values)", self.len())
    }
}

impl fmt::Debug for Doubles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Doubles({} values)", self.0.tensor.elem_count())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_array_comes_back_unless_a_tensor_shares_it() -> Result<()> {
        let arena = Arc::new(Arena::default());
        let allocations = || arena.tally.allocations.load(Ordering::Relaxed);
        drop(arena.floats(100, &Device::Cpu)?);
        drop(arena.floats(100, &Device::Cpu)?);
        assert_eq!(allocations(), 1);
        // Another length, another type.
        drop(arena.floats(99, &Device::Cpu)?);
        drop(arena.doubles(100, &Device::Cpu)?);
        assert_eq!(allocations(), 3);
        let array = arena.floats(100, &Device::Cpu)?;
        assert!(array.is_own());
        let shared = array.tensor(&[10, 10])?;
        assert!(!array.is_own());
        drop(array);
        drop(arena.floats(100, &Device::Cpu)?);
        assert_eq!((allocations(), shared.dims()), (4, &[10, 10][..]));
        for _ in 0..=PATIENCE {
            arena.start_pass();
        }
        assert!(arena.shelf().free.is_empty());
        Ok(())
    }
}
