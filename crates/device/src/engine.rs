//! Compiling texts for a device, and launching their kernels.

use std::cell::Cell;
use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use candle_core::{Device, Result};
use candlewick_core::host;

use crate::argument::Words;
use crate::{Arena, Matrix, Precision, executed};

/// Threads per block.
pub(crate) const BLOCK: u32 = 256;

/// A way to run kernels.
pub(crate) trait Backend: Debug + Send + Sync {
    fn compile(&self, text: &str) -> Result<Arc<dyn Module>>;

    /// `out = a · b`, or `out += a · b`; the sizes fit.
    fn product(
        &self,
        a: Matrix<'_>,
        b: Matrix<'_>,
        accumulate: bool,
        precision: Precision,
        out: &candle_core::Tensor,
    ) -> Result<()>;
}

/// A compiled text.
pub(crate) trait Module: Debug + Send + Sync {
    /// Runs so many blocks of [`BLOCK`] threads of a kernel.
    fn launch(&self, kernel: &str, blocks: u32, arguments: &mut [Words]) -> Result<()>;
}

/// Compiles texts for one device, each once, and launches their kernels.
#[derive(Debug)]
pub struct Engine {
    backend: Box<dyn Backend>,
    device: Device,
    /// The arrays of what stands outside of a network.
    pub(crate) arena: Arc<Arena>,
    modules: Mutex<HashMap<String, Arc<dyn Module>>>,
}

/// What the launches of a network cost since its arena was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Kernels that were launched.
    pub launches: u64,
    /// Matrix products.
    pub products: u64,
    /// Times that the host waited for values of the device.
    pub reads: u64,
    /// Arrays that had to be allocated.
    pub allocations: u64,
    /// Bytes of all arrays that kernels and products took.
    pub bytes: u64,
}

impl std::ops::Sub for Counts {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self {
            launches: self.launches - earlier.launches,
            products: self.products - earlier.products,
            reads: self.reads - earlier.reads,
            allocations: self.allocations - earlier.allocations,
            bytes: self.bytes - earlier.bytes,
        }
    }
}

thread_local! {
    static PRETENDING: Cell<bool> = const { Cell::new(false) };
}

/// Runs `f` as if the CPU were a device with kernels of its own: the host's kernels may not read its tensors
/// ([`host::forbid`]), and the texts for devices are compiled by the machine's C compiler and run.
///
/// For tests: it is exact, and slow.
pub fn pretend<R>(f: impl FnOnce() -> R) -> R {
    host::with_flag(&PRETENDING, || host::forbid(f))
}

impl Engine {
    /// The engine of a device; `None` for the CPU, unless it [pretends](pretend) to be one, and for devices
    /// that have no kernels.
    pub fn of(device: &Device) -> Option<Arc<Self>> {
        static EXECUTED: OnceLock<Arc<Engine>> = OnceLock::new();
        match device {
            Device::Cpu if PRETENDING.get() => {
                let engine = || Arc::new(Self::new(Box::new(executed::Executed), &Device::Cpu));
                Some(EXECUTED.get_or_init(engine).clone())
            }
            #[cfg(feature = "cuda")]
            Device::Cuda(cuda) => Some(crate::cuda::engine(cuda)),
            _ => None,
        }
    }

    pub(crate) fn new(backend: Box<dyn Backend>, device: &Device) -> Self {
        Self { backend, device: device.clone(), arena: Arc::default(), modules: Mutex::default() }
    }

    /// The device.
    pub fn device(&self) -> &Device {
        &self.device
    }

    pub(crate) fn backend(&self) -> &dyn Backend {
        &*self.backend
    }

    /// The compiled form of a text.
    pub(crate) fn module(&self, text: &str) -> Result<Arc<dyn Module>> {
        let mut modules = self.modules.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(module) = modules.get(text) {
            return Ok(module.clone());
        }
        let module = self.backend.compile(text)?;
        modules.insert(text.to_owned(), module.clone());
        Ok(module)
    }
}
