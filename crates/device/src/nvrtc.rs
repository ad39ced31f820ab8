//! Whether texts compile for GPUs, asked of NVRTC where no GPU is.
//!
//! NVRTC is a library of its own, which needs neither a device nor a driver; it comes with CUDA and in Python's
//! wheel `nvidia-cuda-nvrtc`.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::path::Path;
use std::ptr;

use candle_core::{Error, Result};
use libloading::{Library, Symbol};

/// What a kernel takes of a GPU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usage {
    /// The kernel.
    pub kernel: String,
    /// Registers of a thread.
    pub registers: u32,
    /// Bytes of a thread that had no place in registers.
    pub spilled: u32,
}

/// NVRTC, loaded from a file.
#[derive(Debug)]
pub struct Nvrtc(Library);

type Program = *mut c_void;

fn failed(what: &str, error: impl std::fmt::Display) -> Error {
    Error::Msg(format!("NVRTC: {what}: {error}"))
}

impl Nvrtc {
    /// Loads `libnvrtc.so`.
    ///
    /// # Errors
    /// If the file is no library.
    pub fn load(file: &Path) -> Result<Self> {
        // SAFETY: the library has no initializers that anything depends on.
        let library = unsafe { Library::new(file) };
        library.map(Self).map_err(|error| failed("cannot be loaded", error))
    }

    fn symbol<T>(&self, name: &str) -> Result<Symbol<'_, T>> {
        // SAFETY: the callers name functions of NVRTC with their documented types.
        unsafe { self.0.get(name.as_bytes()) }.map_err(|error| failed(name, error))
    }

    /// Compiles a text for an architecture such as `sm_90`, as [`Engine`](crate::Engine) would, and gives what each
    /// of its kernels takes.
    ///
    /// # Errors
    /// If the text does not compile, with the compiler's words.
    pub fn compile(&self, text: &str, architecture: &str) -> Result<Vec<Usage>> {
        type Create = unsafe extern "C" fn(
            *mut Program,
            *const c_char,
            *const c_char,
            c_int,
            *const *const c_char,
            *const *const c_char,
        ) -> c_int;
        type Compile = unsafe extern "C" fn(Program, c_int, *const *const c_char) -> c_int;
        type LogSize = unsafe extern "C" fn(Program, *mut usize) -> c_int;
        type Log = unsafe extern "C" fn(Program, *mut c_char) -> c_int;
        type Destroy = unsafe extern "C" fn(*mut Program) -> c_int;
        let create: Symbol<'_, Create> = self.symbol("nvrtcCreateProgram")?;
        let compile: Symbol<'_, Compile> = self.symbol("nvrtcCompileProgram")?;
        let log_size: Symbol<'_, LogSize> = self.symbol("nvrtcGetProgramLogSize")?;
        let get_log: Symbol<'_, Log> = self.symbol("nvrtcGetProgramLog")?;
        let destroy: Symbol<'_, Destroy> = self.symbol("nvrtcDestroyProgram")?;
        let string = |text: &str| CString::new(text).map_err(|error| failed("text", error));
        let (source, name) = (string(text)?, string("kernels.cu")?);
        let architecture = format!("--gpu-architecture={architecture}");
        let options = [
            architecture.as_str(),
            "--fmad=false",
            "--ftz=false",
            "--prec-div=true",
            "--prec-sqrt=true",
            "--ptxas-options=-v",
        ];
        let options = options.into_iter().map(string).collect::<Result<Vec<_>>>()?;
        let pointers: Vec<*const c_char> = options.iter().map(|option| option.as_ptr()).collect();
        let mut program: Program = ptr::null_mut();
        // SAFETY: NVRTC's documented calls, in their order, with strings that outlive them.
        let (code, log) = unsafe {
            let none = ptr::null();
            let code = create(&raw mut program, source.as_ptr(), name.as_ptr(), 0, none, none);
            if code != 0 {
                return Err(failed("cannot start", code));
            }
            let code = compile(program, pointers.len() as c_int, pointers.as_ptr());
            let mut size = 0;
            log_size(program, &raw mut size);
            let mut log = vec![0_u8; size.max(1)];
            get_log(program, log.as_mut_ptr().cast());
            destroy(&raw mut program);
            (code, log)
        };
        let log = CStr::from_bytes_until_nul(&log)
            .map_or_else(|_| String::new(), |log| log.to_string_lossy().into_owned());
        if code == 0 { Ok(usages(&log)) } else { Err(failed("refuses a kernel", log)) }
    }
}

/// What `ptxas` says of each kernel.
fn usages(log: &str) -> Vec<Usage> {
    let number_before = |line: &str, word: &str| -> Option<u32> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let at = words.windows(2).position(|pair| pair[1..].join(" ").starts_with(word))?;
        words[at].parse().ok()
    };
    let mut all: Vec<Usage> = Vec::new();
    for line in log.lines() {
        if let Some((_, rest)) = line.split_once("Compiling entry function '") {
            let kernel = rest.split('\'').next().unwrap_or_default().to_owned();
            all.push(Usage { kernel, registers: 0, spilled: 0 });
        }
        let Some(last) = all.last_mut() else { continue };
        if let Some(registers) = number_before(line, "registers") {
            last.registers = registers;
        }
        if let Some((before, _)) = line.split_once(" bytes spill stores") {
            last.spilled =
                before.rsplit([' ', ',']).next().and_then(|n| n.parse().ok()).unwrap_or(0);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registers_and_spills_are_read_from_the_log() {
        let log = "\
ptxas info    : 0 bytes gmem
ptxas info    : Compiling entry function 'squares' for 'sm_80'
ptxas info    : Function properties for squares
ptxas         .     0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 30 registers, used 0 barriers, 384 bytes cmem[0]
ptxas info    : Compiling entry function 'scan' for 'sm_80'
ptxas         .     16 bytes stack frame, 12 bytes spill stores, 20 bytes spill loads
ptxas info    : Used 255 registers, used 0 barriers, 384 bytes cmem[0]
";
        let usage = |kernel: &str, registers, spilled| Usage {
            kernel: kernel.to_owned(),
            registers,
            spilled,
        };
        assert_eq!(usages(log), [usage("squares", 30, 0), usage("scan", 255, 12)]);
    }
}
