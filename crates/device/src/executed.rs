//! Texts for devices as functions of the host: compiled by the machine's C compiler, loaded, and run thread
//! after thread.

use std::cell::Cell;
use std::ffi::c_void;
use std::fmt;
use std::fmt::Write;
use std::process::Command;
use std::sync::Arc;

use candle_core::{Error, Result, Tensor};
use candlewick_core::host;
use candlewick_kernels::cuda::{Signature, signatures};
use gemm::Parallelism;
use libloading::Library;

use crate::argument::{Argument, Words, with_values};
use crate::engine::{BLOCK, Backend, Module};
use crate::{Matrix, Precision, product};

/// The C compiler; another one is chosen by the environment variable `CC`.
const COMPILER: &str = "cc";

/// Nothing is contracted, as on the devices and on the CPU; no vector instructions of this machine are needed.
const FLAGS: [&str; 7] =
    ["-std=gnu11", "-O2", "-ffp-contract=off", "-fno-math-errno", "-shared", "-fPIC", "-w"];

#[derive(Debug)]
pub(crate) struct Executed;

/// The type of the functions that [`wrapper`] writes.
type Run = unsafe extern "C" fn(u32, u32, u32, *mut *mut c_void);

struct Loaded(Library);

impl fmt::Debug for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Loaded")
    }
}

thread_local! {
    static BACKWARDS: Cell<bool> = const { Cell::new(false) };
}

/// Runs `f` in such a way that kernels run their last thread first. Where two threads of a launch touched the same
/// number, of which one writes it, the results would depend on the order.
pub fn backwards<R>(f: impl FnOnce() -> R) -> R {
    host::with_flag(&BACKWARDS, f)
}

/// A function that runs all threads of a kernel.
fn wrapper(kernel: &Signature<'_>) -> String {
    let mut call = String::new();
    for (index, kind) in kernel.arguments.iter().enumerate() {
        let separator = if index == 0 { "" } else { ", " };
        write!(call, "{separator}*({kind} *)a[{index}]").expect("a string");
    }
    let name = kernel.name;
    format!(
        "void run_{name}(u32 blocks, u32 threads, u32 backwards, void **a) {{
    const u64 all = (u64)blocks * threads;
    blockDim.x = threads;
    for (u64 i = 0; i < all; i++) {{
        const u64 id = backwards ? all - 1 - i : i;
        blockIdx.x = (u32)(id / threads);
        threadIdx.x = (u32)(id % threads);
        {name}({call});
    }}
}}
"
    )
}

fn failed(what: &str, error: impl fmt::Display) -> Error {
    Error::Msg(format!("{what}: {error}"))
}

impl Backend for Executed {
    fn compile(&self, text: &str) -> Result<Arc<dyn Module>> {
        let folder = tempfile::tempdir()?;
        let (source, library) = (folder.path().join("kernels.c"), folder.path().join("kernels.so"));
        let wrappers: String = signatures(text).iter().map(wrapper).collect();
        std::fs::write(&source, format!("{text}\n{wrappers}"))?;
        let compiler = std::env::var_os("CC").unwrap_or_else(|| COMPILER.into());
        let mut command = Command::new(compiler);
        command.args(FLAGS).arg(&source).arg("-o").arg(&library).arg("-lm");
        let done =
            command.output().map_err(|error| failed("cannot start the C compiler", error))?;
        if !done.status.success() {
            return Err(failed(
                "the C compiler refuses a kernel",
                String::from_utf8_lossy(&done.stderr),
            ));
        }
        // SAFETY: the library was just made of a text of kernels, and has no initializers.
        let library = unsafe { Library::new(&library) };
        let library = library.map_err(|error| failed("cannot load kernels", error))?;
        Ok(Arc::new(Loaded(library)))
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
        let mut rounded = [a, b].map(|matrix| Rounded::new(matrix, precision)).into_iter();
        let (a_rounded, b_rounded) = (rounded.next().expect("two")?, rounded.next().expect("two")?);
        let (a, b) = (a_rounded.matrix(a), b_rounded.matrix(b));
        let arguments = [
            Argument::In(a.values, a.offset),
            Argument::In(b.values, b.offset),
            Argument::Out(out),
        ];
        with_values(&arguments, &mut Vec::new(), &mut |values| {
            let [a_at, b_at, out_at] = [0, 1, 2].map(|index| values[index][0] as *mut f32);
            let [a_row, a_column] = a.strides().map(|stride| stride as isize);
            let [b_row, b_column] = b.strides().map(|stride| stride as isize);
            // SAFETY: the sizes were checked, and the tensors are locked.
            unsafe {
                gemm::gemm(
                    rows,
                    columns,
                    inner,
                    out_at,
                    1,
                    columns as isize,
                    accumulate,
                    a_at,
                    a_column,
                    a_row,
                    b_at,
                    b_column,
                    b_row,
                    1.0,
                    1.0,
                    false,
                    false,
                    false,
                    Parallelism::None,
                );
            }
            Ok(())
        })
    }
}

/// The operand of a product as its precision sees it.
struct Rounded(Option<Tensor>);

impl Rounded {
    fn new(matrix: Matrix<'_>, precision: Precision) -> Result<Self> {
        if precision == Precision::F32 {
            return Ok(Self(None));
        }
        let values = matrix.values.flatten_all()?.to_vec1::<f32>()?;
        let rounded: Vec<f32> = values.into_iter().map(|x| precision.round(x)).collect();
        let length = rounded.len();
        Ok(Self(Some(Tensor::from_vec(rounded, length, matrix.values.device())?)))
    }

    fn matrix<'a>(&'a self, matrix: Matrix<'a>) -> Matrix<'a> {
        Matrix { values: self.0.as_ref().unwrap_or(matrix.values), ..matrix }
    }
}

impl Module for Loaded {
    fn launch(&self, kernel: &str, blocks: u32, arguments: &mut [Words]) -> Result<()> {
        // SAFETY: `wrapper` wrote a function of this type for every kernel.
        let run = unsafe { self.0.get::<Run>(format!("run_{kernel}").as_bytes()) };
        let run = run.map_err(|error| failed("no such kernel", error))?;
        let mut pointers: Vec<*mut c_void> =
            arguments.iter_mut().map(|words| words.as_mut_ptr().cast()).collect();
        // SAFETY: the arguments are those of the kernel; their tensors are locked and long enough, as on a device.
        unsafe { run(blocks, BLOCK, u32::from(BACKWARDS.get()), pointers.as_mut_ptr()) };
        Ok(())
    }
}
