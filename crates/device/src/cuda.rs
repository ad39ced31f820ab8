//! CUDA devices: texts compiled by NVRTC, matrix products by cuBLAS.

use std::collections::HashMap;
use std::ffi::c_void;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use candle_core::cuda_backend::cudarc::cublas::{result, sys};
use candle_core::cuda_backend::cudarc::driver::{
    DevicePtr, DevicePtrMut, LaunchConfig, PushKernelArg,
};
use candle_core::cuda_backend::cudarc::nvrtc::{CompileOptions, compile_ptx_with_opts};
use candle_core::cuda_backend::{CudaStorageSlice, DeviceId, WrapErr};
use candle_core::{CudaDevice, CudaStorage, Device, Error, Result, Tensor};

use crate::argument::{Argument, Words, with_values};
use crate::engine::{BLOCK, Backend, Module};
use crate::{Engine, Matrix, Precision, product};

#[derive(Debug)]
struct Cuda(CudaDevice);

struct Compiled {
    device: CudaDevice,
    /// The name under which the device keeps the module.
    name: String,
    ptx: String,
}

impl fmt::Debug for Compiled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Compiled").field(&self.name).finish()
    }
}

/// The engine of a device, of which there is one.
pub(crate) fn engine(device: &CudaDevice) -> Arc<Engine> {
    static ENGINES: OnceLock<Mutex<HashMap<DeviceId, Arc<Engine>>>> = OnceLock::new();
    let engines = ENGINES.get_or_init(Mutex::default);
    let mut engines = engines.lock().unwrap_or_else(PoisonError::into_inner);
    let make =
        || Arc::new(Engine::new(Box::new(Cuda(device.clone())), &Device::Cuda(device.clone())));
    engines.entry(device.id()).or_insert_with(make).clone()
}

/// Calls `then` with the address of an element while the storage is locked for reading.
pub(crate) fn with_address<R>(
    storage: &CudaStorage,
    start: usize,
    then: impl FnOnce(u64) -> Result<R>,
) -> Result<R> {
    let stream = storage.device.cuda_stream();
    match &storage.slice {
        CudaStorageSlice::F32(slice) => {
            let (address, _until_here) = slice.device_ptr(&stream);
            then(address + 4 * start as u64)
        }
        CudaStorageSlice::F64(slice) => {
            let (address, _until_here) = slice.device_ptr(&stream);
            then(address + 8 * start as u64)
        }
        _ => candle_core::bail!("a kernel needs f32 or f64 values"),
    }
}

/// As [`with_address`], locked for writing.
pub(crate) fn with_address_mut(
    storage: &mut CudaStorage,
    start: usize,
    then: impl FnOnce(u64) -> Result<()>,
) -> Result<()> {
    let stream = storage.device.cuda_stream();
    match &mut storage.slice {
        CudaStorageSlice::F32(slice) => {
            let (address, _until_here) = slice.device_ptr_mut(&stream);
            then(address + 4 * start as u64)
        }
        CudaStorageSlice::F64(slice) => {
            let (address, _until_here) = slice.device_ptr_mut(&stream);
            then(address + 8 * start as u64)
        }
        _ => candle_core::bail!("a kernel needs f32 or f64 values"),
    }
}

impl Backend for Cuda {
    fn compile(&self, text: &str) -> Result<Arc<dyn Module>> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let stream = self.0.cuda_stream();
        let (major, minor) = stream.context().compute_capability().w()?;
        let options = CompileOptions {
            ftz: Some(false),
            prec_div: Some(true),
            prec_sqrt: Some(true),
            fmad: Some(false),
            options: vec![format!("--gpu-architecture=compute_{major}{minor}")],
            ..CompileOptions::default()
        };
        let compiled = compile_ptx_with_opts(text, options)
            .map_err(|error| Error::Msg(format!("NVRTC refuses a kernel: {error:?}")))?;
        let name = format!("candlewick-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        Ok(Arc::new(Compiled { device: self.0.clone(), name, ptx: compiled.to_src() }))
    }

    fn product(
        &self,
        a: Matrix<'_>,
        b: Matrix<'_>,
        accumulate: bool,
        precision: Precision,
        out: &Tensor,
    ) -> Result<()> {
        let [rows, inner, columns] = product::sizes(&a, &b, out.elem_count())?;
        let compute = match precision {
            Precision::F32 => sys::cublasComputeType_t::CUBLAS_COMPUTE_32F,
            Precision::Tf32 => sys::cublasComputeType_t::CUBLAS_COMPUTE_32F_FAST_TF32,
            Precision::Bf16 => sys::cublasComputeType_t::CUBLAS_COMPUTE_32F_FAST_16BF,
        };
        let operation = |matrix: &Matrix<'_>| {
            if matrix.transposed {
                sys::cublasOperation_t::CUBLAS_OP_T
            } else {
                sys::cublasOperation_t::CUBLAS_OP_N
            }
        };
        let blas = self.0.cublas_handle();
        let arguments = [
            Argument::In(a.values, a.offset),
            Argument::In(b.values, b.offset),
            Argument::Out(out),
        ];
        with_values(&arguments, &mut Vec::new(), &mut |values| {
            let [a_at, b_at, out_at] = [0, 1, 2].map(|index| values[index][0] as *mut c_void);
            let (one, beta) = (1.0_f32, if accumulate { 1.0_f32 } else { 0.0 });
            let kind = sys::cudaDataType::CUDA_R_32F;
            // cuBLAS stores column after column: it computes the transpose, bᵀ · aᵀ.
            // SAFETY: the sizes were checked, and the tensors are locked.
            unsafe {
                result::gemm_ex(
                    *blas.handle(),
                    operation(&b),
                    operation(&a),
                    columns as i32,
                    rows as i32,
                    inner as i32,
                    (&raw const one).cast(),
                    b_at,
                    kind,
                    b.stored[1] as i32,
                    a_at,
                    kind,
                    a.stored[1] as i32,
                    (&raw const beta).cast(),
                    out_at,
                    kind,
                    columns as i32,
                    compute,
                    sys::cublasGemmAlgo_t::CUBLAS_GEMM_DEFAULT,
                )
                .w()
            }
        })
    }
}

impl Module for Compiled {
    fn launch(&self, kernel: &str, blocks: u32, arguments: &mut [Words]) -> Result<()> {
        let function = self.device.get_or_load_custom_func(kernel, &self.name, &self.ptx)?;
        let mut builder = function.builder();
        for words in &*arguments {
            builder.arg(&words[0]);
        }
        let shape = LaunchConfig {
            grid_dim: (blocks, 1, 1),
            block_dim: (BLOCK, 1, 1),
            shared_mem_bytes: 0,
        };
        // SAFETY: the arguments are those of the kernel, by the address of their first word; the tensors among
        // them are locked.
        unsafe { builder.launch(shape) }.w()?;
        Ok(())
    }
}
