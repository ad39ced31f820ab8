//! Plain `f32` slices of CPU tensors for the kernels, and a switch that forbids them.
//!
//! Whatever reads a tensor's memory directly goes through this file, so that a CPU can pretend to be
//! a device whose memory cannot be read: see [`forbid`].

use std::cell::Cell;
use std::ops::Deref;
use std::thread::LocalKey;

use candle_core::{CpuStorage, Device, Layout, Result, Storage, Tensor};

thread_local! {
    static FORBIDDEN: Cell<bool> = const { Cell::new(false) };
}

/// Whether kernels may read the memory of tensors on `device`.
pub fn is_reachable(device: &Device) -> bool {
    device.is_cpu() && !FORBIDDEN.get()
}

/// Runs `f` as if on a device: [`is_reachable`] is false for the CPU too, and every direct read of a
/// tensor's memory fails. For tests of the path that other devices take.
pub fn forbid<R>(f: impl FnOnce() -> R) -> R {
    with_flag(&FORBIDDEN, f)
}

/// Runs `f` while a flag of this thread is set; afterwards, also after a panic, it is what it was before.
pub fn with_flag<R>(flag: &'static LocalKey<Cell<bool>>, f: impl FnOnce() -> R) -> R {
    struct Restore(&'static LocalKey<Cell<bool>>, bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            self.0.set(self.1);
        }
    }
    let _restore = Restore(flag, flag.replace(true));
    f()
}

fn check() -> Result<()> {
    if FORBIDDEN.get() {
        candle_core::bail!("a kernel of the CPU read the memory of a tensor on a device");
    }
    Ok(())
}

/// The contiguous values of a CPU storage at `layout`.
///
/// # Errors
/// If the values are not `f32` or not contiguous.
pub fn slice<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    check()?;
    let values = storage.as_slice::<f32>()?;
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&values[start..end]),
        None => candle_core::bail!("a kernel needs a contiguous tensor, got {layout:?}"),
    }
}

/// A read lock on the values of a contiguous `f32` CPU tensor.
#[derive(Debug)]
pub struct Values<G> {
    storage: G,
    start: usize,
    end: usize,
}

/// Locks the values of `tensor` for reading.
///
/// # Errors
/// If the tensor is not a contiguous `f32` tensor on the CPU.
pub fn values(tensor: &Tensor) -> Result<Values<impl Deref<Target = Storage> + '_>> {
    check()?;
    let (storage, layout) = tensor.storage_and_layout();
    let Some((start, end)) = layout.contiguous_offsets() else {
        candle_core::bail!("a kernel needs a contiguous tensor, got {layout:?}");
    };
    match &*storage {
        Storage::Cpu(CpuStorage::F32(_)) => Ok(Values { storage, start, end }),
        _ => candle_core::bail!("a CPU kernel needs f32 values on the CPU"),
    }
}

impl<G: Deref<Target = Storage>> Deref for Values<G> {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        match &*self.storage {
            Storage::Cpu(CpuStorage::F32(values)) => &values[self.start..self.end],
            _ => unreachable!("checked by `values`"),
        }
    }
}

/// The values of a tensor on the host, in place or copied from its device.
#[derive(Debug)]
pub enum Read<G> {
    /// In the memory of the tensor.
    InPlace(Values<G>),
    /// In memory of its own.
    Copied(Vec<f32>),
}

/// Reads a contiguous `f32` tensor on any device.
///
/// # Errors
/// If the tensor is not one.
pub fn read(tensor: &Tensor) -> Result<Read<impl Deref<Target = Storage> + '_>> {
    if is_reachable(tensor.device()) {
        return values(tensor).map(Read::InPlace);
    }
    tensor.flatten_all()?.to_vec1().map(Read::Copied)
}

impl<G: Deref<Target = Storage>> Deref for Read<G> {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        match self {
            Self::InPlace(values) => values,
            Self::Copied(values) => values,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_that_is_forbidden_cannot_be_read() -> Result<()> {
        let x = Tensor::new(&[1.0_f32, 2.0], &Device::Cpu)?;
        assert_eq!(*values(&x)?, [1.0, 2.0]);
        forbid(|| {
            assert!(!is_reachable(&Device::Cpu));
            assert!(values(&x).is_err());
            forbid(|| ());
            assert!(values(&x).is_err());
        });
        assert!(is_reachable(&Device::Cpu) && values(&x).is_ok());
        Ok(())
    }
}
