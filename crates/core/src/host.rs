//! Plain `f32` slices of CPU tensors, for the kernels.

use std::ops::Deref;

use candle_core::{CpuStorage, Layout, Result, Storage, Tensor};

/// The contiguous values of a CPU storage at `layout`.
///
/// # Errors
/// If the values are not `f32` or not contiguous.
pub fn slice<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
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
