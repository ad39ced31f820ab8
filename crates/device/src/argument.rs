//! The arguments of kernels, and the addresses of the tensors among them.

use std::cell::RefCell;

use candle_core::{CpuStorage, CudaStorage, InplaceOp1, Layout, Result, Storage, Tensor};

/// An argument of a kernel, in the order of its text.
#[derive(Clone, Debug)]
pub enum Argument<'a> {
    /// A pointer to read from, so many elements behind the start of a contiguous tensor.
    In(&'a Tensor, usize),
    /// A pointer to a contiguous tensor that the kernel writes, and may read. Nothing else may hold a lock on it.
    Out(&'a Tensor),
    /// A pointer to nothing.
    Null,
    /// A count.
    U32(u32),
    /// A count or a distance in elements.
    U64(u64),
    /// A number.
    F32(f32),
    /// A structure of 32-bit words, by value.
    Structure(Vec<u32>),
}

impl<'a> Argument<'a> {
    /// A pointer to the start of a tensor, or to nothing.
    pub fn optional(tensor: Option<&'a Tensor>) -> Self {
        tensor.map_or(Self::Null, |tensor| Self::In(tensor, 0))
    }

    /// A pointer to the start of a tensor that is written, or to nothing.
    pub fn optional_out(tensor: Option<&'a Tensor>) -> Self {
        tensor.map_or(Self::Null, Self::Out)
    }

    /// A structure of numbers.
    pub fn numbers(values: &[f32]) -> Self {
        Self::Structure(values.iter().map(|value| value.to_bits()).collect())
    }
}

/// The value of an argument as a kernel receives it, aligned to 8 bytes.
pub(crate) type Words = Vec<u64>;

/// Calls `run` with the values of all arguments while their tensors are locked.
pub(crate) fn with_values(
    arguments: &[Argument<'_>],
    found: &mut Vec<Words>,
    run: &mut dyn FnMut(&mut [Words]) -> Result<()>,
) -> Result<()> {
    let Some((argument, rest)) = arguments.split_first() else { return run(found) };
    let value = match argument {
        Argument::In(tensor, offset) => {
            let (storage, layout) = tensor.storage_and_layout();
            let start = start(layout)? + offset;
            return with_address(&storage, start, |address| {
                found.push(vec![address]);
                with_values(rest, found, run)
            });
        }
        Argument::Out(tensor) => {
            let then = |address: u64| {
                found.push(vec![address]);
                with_values(rest, found, run)
            };
            return tensor.inplace_op1(&Locked(RefCell::new(Some(then))));
        }
        Argument::Null => vec![0],
        Argument::U32(value) => vec![u64::from(*value)],
        Argument::U64(value) => vec![*value],
        Argument::F32(value) => vec![u64::from(value.to_bits())],
        Argument::Structure(words) => {
            let pair = |pair: &[u32]| {
                u64::from(pair[0]) | u64::from(pair.get(1).copied().unwrap_or_default()) << 32
            };
            words.chunks(2).map(pair).collect()
        }
    };
    found.push(value);
    with_values(rest, found, run)
}

/// The bytes of the tensors among the arguments.
pub(crate) fn bytes(arguments: &[Argument<'_>]) -> usize {
    let of = |argument: &Argument<'_>| match argument {
        Argument::In(tensor, _) | Argument::Out(tensor) => {
            tensor.elem_count() * tensor.dtype().size_in_bytes()
        }
        _ => 0,
    };
    arguments.iter().map(of).sum()
}

fn start(layout: &Layout) -> Result<usize> {
    match layout.contiguous_offsets() {
        Some((start, _)) => Ok(start),
        None => candle_core::bail!("a kernel needs a contiguous tensor, got {layout:?}"),
    }
}

fn with_address<R>(
    storage: &Storage,
    start: usize,
    then: impl FnOnce(u64) -> Result<R>,
) -> Result<R> {
    match storage {
        Storage::Cpu(CpuStorage::F32(values)) => then(values[start..].as_ptr() as u64),
        Storage::Cpu(CpuStorage::F64(values)) => then(values[start..].as_ptr() as u64),
        #[cfg(feature = "cuda")]
        Storage::Cuda(storage) => crate::cuda::with_address(storage, start, then),
        _ => candle_core::bail!("a kernel needs f32 or f64 values, got {:?}", storage.dtype()),
    }
}

/// Hands the address of a tensor out while it is locked for writing.
struct Locked<F>(RefCell<Option<F>>);

impl<F: FnOnce(u64) -> Result<()>> Locked<F> {
    fn call(&self, address: u64) -> Result<()> {
        let then = self.0.borrow_mut().take().expect("one call");
        then(address)
    }
}

impl<F: FnOnce(u64) -> Result<()>> InplaceOp1 for Locked<F> {
    fn name(&self) -> &'static str {
        "a kernel of candlewick"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        let start = start(layout)?;
        match storage {
            CpuStorage::F32(values) => self.call(values[start..].as_mut_ptr() as u64),
            CpuStorage::F64(values) => self.call(values[start..].as_mut_ptr() as u64),
            _ => candle_core::bail!("a kernel needs f32 or f64 values"),
        }
    }

    fn cuda_fwd(&self, storage: &mut CudaStorage, layout: &Layout) -> Result<()> {
        #[cfg(feature = "cuda")]
        return crate::cuda::with_address_mut(storage, start(layout)?, |address| {
            self.call(address)
        });
        #[cfg(not(feature = "cuda"))]
        {
            let _ = (storage, layout);
            candle_core::bail!("candlewick was built without the feature `cuda`")
        }
    }
}
