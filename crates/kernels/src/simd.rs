//! Run-time dispatch to the widest instruction set of this machine.
//!
//! A kernel is written once, as plain loops in a [`Kernel::call`] that is inlined into one copy per
//! instruction set; the compiler vectorizes each copy.
//! No copy contracts `a * b + c`, so that an elementwise kernel gives the same bits on every path.

pub(crate) mod matrix_unit;
pub(crate) mod vector;

use std::sync::atomic::{AtomicU8, Ordering};

pub use pulp::NullaryFnOnce as Kernel;

/// An instruction set that kernels are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// What every machine of the target has.
    Portable,
    /// AVX2 and FMA on x86-64.
    Avx2,
    /// The widest vectors that the machine offers: AVX-512 on x86-64, NEON on aarch64.
    Vectors,
    /// Also a matrix unit where the machine has one: AMX on x86-64 with Linux.
    Best,
}

static LIMIT: AtomicU8 = AtomicU8::new(Level::Best as u8);

/// Limits every later [`dispatch`] of this process to `level`; for tests and benches.
pub fn limit(level: Level) {
    LIMIT.store(level as u8, Ordering::Relaxed);
}

/// The level that [`dispatch`] may use at most.
pub fn limited_to() -> Level {
    match LIMIT.load(Ordering::Relaxed) {
        0 => Level::Portable,
        1 => Level::Avx2,
        2 => Level::Vectors,
        _ => Level::Best,
    }
}

/// What kernels use on this machine under the present limit: `portable`, `avx2`, `avx512`, `amx` or `neon`.
///
/// Floating-point sums may round differently under different names. With [`Level::Avx2`] they are the same on
/// every machine that has AVX2 and FMA; without a limit, matrix products also depend on the sizes of the caches,
/// and with [`Level::Portable`] on whether the machine has AVX2.
pub fn in_use() -> &'static str {
    let level = limited_to();
    if level == Level::Portable {
        return "portable";
    }
    if cfg!(target_arch = "aarch64") {
        return "neon";
    }
    if has_matrix_unit() {
        return "amx";
    }
    #[cfg(target_arch = "x86_64")]
    {
        if level != Level::Avx2 && pulp::x86::V4::is_available() {
            return "avx512";
        }
        if pulp::x86::V3::is_available() {
            return "avx2";
        }
    }
    "portable"
}

/// Whether kernels may use a matrix unit: this machine has one, and the level is [`Level::Best`].
pub fn has_matrix_unit() -> bool {
    limited_to() == Level::Best && matrix_unit::is_available()
}

/// Runs `kernel` compiled for the widest instruction set of this machine.
#[inline]
pub fn dispatch<K: Kernel>(kernel: K) -> K::Output {
    match limited_to() {
        Level::Portable => kernel.call(),
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => match pulp::x86::V3::try_new() {
            Some(v3) => v3.vectorize(kernel),
            None => kernel.call(),
        },
        _ => pulp::Arch::new().dispatch(kernel),
    }
}
