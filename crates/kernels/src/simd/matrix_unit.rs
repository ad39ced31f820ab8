//! The matrix unit: eight registers of sixteen rows of 64 bytes, and their products.

use std::marker::PhantomData;

/// What a row of a register holds.
pub(crate) type Line = [u8; 64];
/// What a register holds.
pub(crate) type Tile = [Line; ROWS];
/// A register of sums, sixteen rows and columns.
pub(crate) type Sums<T> = [[T; ROWS]; ROWS];

/// Rows of a register, and columns of its sums.
pub(crate) const ROWS: usize = 16;
/// Rows that a product takes at a time: two registers of them.
pub(crate) const BLOCK: usize = 2 * ROWS;
/// Digits of a number: see `convolution::tiles::digits`.
pub(crate) const DIGITS: usize = 3;
/// Halves of a number: see `convolution::tiles::halves`.
pub(crate) const HALVES: usize = 2;

/// Whether this machine has a matrix unit that this process may use.
pub(crate) fn is_available() -> bool {
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    {
        static AVAILABLE: std::sync::LazyLock<bool> = std::sync::LazyLock::new(amx::request);
        *AVAILABLE
    }
    #[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
    false
}

/// Where the rows of the left side of a product lie: `BLOCK` of them, 64 bytes at each depth.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rows<'a> {
    pub(crate) bytes: &'a [u8],
    /// Bytes from a row to the next.
    pub(crate) row: usize,
    /// Where the first row lies at each depth.
    pub(crate) depths: &'a [usize],
}

impl Rows<'_> {
    /// Checks that the rows lie inside their bytes, and behind each a second one at `distance`.
    fn check(&self, depth: usize, distance: usize) {
        assert_eq!(depth, self.depths.len(), "depths of a product");
        let first = self.depths.iter().max().unwrap_or(&0);
        let last = first + distance + (BLOCK - 1) * self.row + size_of::<Line>();
        assert!(depth == 0 || last <= self.bytes.len(), "rows reach beyond their bytes");
    }
}

/// The unit, set up for this thread.
#[derive(Debug)]
pub(crate) struct Unit(PhantomData<*mut ()>);

impl Unit {
    /// Calls `body` with the unit. Calls must not nest: the inner one would give the unit back, and the
    /// processor refuses what comes after.
    ///
    /// # Panics
    /// If there is none.
    pub(crate) fn with<R>(body: impl FnOnce(&mut Self) -> R) -> R {
        assert!(is_available(), "a matrix unit");
        let mut unit = Self(PhantomData);
        #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
        amx::set_up();
        body(&mut unit)
    }

    /// `sums[i][j] = Σ rows[i] · right[j]`, for spikes on the left and the digits of numbers on the
    /// right: two registers of rows, each with all digits; added to `sums` with `accumulate`.
    ///
    /// A register of the right side has, in row `k` and column `j`, the numbers `4k..4k + 4` of column
    /// `j`.
    #[expect(clippy::unused_self, reason = "only a unit that is set up may multiply")]
    pub(crate) fn digits(
        &mut self,
        rows: Rows<'_>,
        right: &[[Tile; DIGITS]],
        accumulate: bool,
        sums: &mut [[Sums<i32>; DIGITS]; 2],
    ) {
        rows.check(right.len(), 0);
        if right.is_empty() && !accumulate {
            *sums = [[[[0; ROWS]; ROWS]; DIGITS]; 2];
        }
        #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
        if !right.is_empty() {
            // SAFETY: the unit is set up for this thread, and the rows and registers that are read at all
            // depths lie inside their slices, as was just checked.
            unsafe { amx::digits(rows, right, accumulate, sums) };
        }
    }

    /// `sums[i][j] = Σ rows[i] · right[j]`, for halves of numbers on both sides: two registers of rows
    /// and of columns; added to `sums` with `accumulate`. The second half of a row lies `distance` bytes
    /// behind the first.
    ///
    /// A register of the right side has, in row `k` and column `j`, the numbers `2k` and `2k + 1` of
    /// column `j`; the order is `[depth, HALVES, columns]`.
    #[expect(clippy::unused_self, reason = "only a unit that is set up may multiply")]
    pub(crate) fn halves(
        &mut self,
        rows: Rows<'_>,
        distance: usize,
        right: &[[[Tile; 2]; HALVES]],
        accumulate: bool,
        sums: &mut [[Sums<f32>; 2]; 2],
    ) {
        rows.check(right.len(), distance);
        if right.is_empty() && !accumulate {
            *sums = [[[[0.0; ROWS]; ROWS]; 2]; 2];
        }
        #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
        if !right.is_empty() {
            // SAFETY: the unit is set up for this thread, and the rows and registers that are read at all
            // depths lie inside their slices, as was just checked.
            unsafe { amx::halves(rows, distance, right, accumulate, sums) };
        }
    }
}

impl Drop for Unit {
    fn drop(&mut self) {
        #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
        amx::release();
    }
}

/// The instructions themselves. Rust has no stable functions for them.
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod amx {
    use super::{BLOCK, DIGITS, HALVES, Line, ROWS, Rows, Sums, Tile};
    use std::arch::asm;
    use std::arch::x86_64::__cpuid_count;

    /// Bits of leaf 7 of the processor's description: 16-bit floats, registers, bytes.
    const FEATURES: u32 = 1 << 22 | 1 << 24 | 1 << 25;
    /// `arch_prctl`: asks for a part of the processor's state, here the registers' content.
    const REQUEST: libc::c_int = 0x1023;
    const CONTENT: libc::c_ulong = 18;

    /// Whether the processor has the unit and the system lets this process use it.
    pub(super) fn request() -> bool {
        if __cpuid_count(0, 0).eax < 7 || __cpuid_count(7, 0).edx & FEATURES != FEATURES {
            return false;
        }
        // SAFETY: the call only changes what this process may use; older systems refuse it.
        unsafe { libc::syscall(libc::SYS_arch_prctl, REQUEST, CONTENT) == 0 }
    }

    /// What the registers look like.
    #[repr(C, align(64))]
    struct Configuration {
        palette: u8,
        start: u8,
        reserved: [u8; 14],
        bytes_per_row: [u16; ROWS],
        rows: [u8; ROWS],
    }

    /// Sets all eight registers up with sixteen full rows.
    pub(super) fn set_up() {
        let of_eight = |index: usize, value: u8| if index < 8 { value } else { 0 };
        let configuration = Configuration {
            palette: 1,
            start: 0,
            reserved: [0; 14],
            bytes_per_row: std::array::from_fn(|index| of_eight(index, 64).into()),
            rows: std::array::from_fn(|index| of_eight(index, ROWS as u8)),
        };
        // SAFETY: the processor has the unit, and the 64 bytes follow its layout.
        unsafe {
            asm!("ldtilecfg [{}]", in(reg) &raw const configuration, options(nostack, readonly));
        }
    }

    /// Gives the registers back, so that the system need not save them.
    pub(super) fn release() {
        // SAFETY: the processor has the unit.
        unsafe { asm!("tilerelease", options(nostack, nomem)) };
    }

    /// # Safety
    /// The unit is set up, `right` is not empty, and the rows lie inside their bytes at all depths.
    pub(super) unsafe fn digits(
        rows: Rows<'_>,
        right: &[[Tile; DIGITS]],
        accumulate: bool,
        sums: &mut [[Sums<i32>; DIGITS]; 2],
    ) {
        const { assert!(BLOCK == 2 * ROWS && size_of::<Tile>() == 1024 && DIGITS == 3) };
        // SAFETY: reads what the caller vouches for and writes the six registers of sums.
        unsafe {
            asm!(
                "tilezero tmm0",
                "tilezero tmm1",
                "tilezero tmm2",
                "tilezero tmm3",
                "tilezero tmm4",
                "tilezero tmm5",
                "test {accumulate:e}, {accumulate:e}",
                "jz 2f",
                "tileloadd tmm0, [{sums} + {line}]",
                "tileloadd tmm1, [{sums} + {line} + 1024]",
                "tileloadd tmm2, [{sums} + {line} + 2048]",
                "tileloadd tmm3, [{sums} + {line} + 3072]",
                "tileloadd tmm4, [{sums} + {line} + 4096]",
                "tileloadd tmm5, [{sums} + {line} + 5120]",
                "2:",
                "mov {first}, [{depths}]",
                "add {first}, {bytes}",
                "lea {second}, [{first} + {tile}]",
                // The rows are read once each: they may lie across lines of the cache.
                "tileloadd tmm6, [{first} + {row}]",
                "tileloadd tmm7, [{right} + {line}]",
                "tdpbssd tmm0, tmm6, tmm7",
                "tileloadd tmm7, [{right} + {line} + 1024]",
                "tdpbssd tmm1, tmm6, tmm7",
                "tileloadd tmm7, [{right} + {line} + 2048]",
                "tdpbssd tmm2, tmm6, tmm7",
                "tileloadd tmm6, [{second} + {row}]",
                "tdpbssd tmm5, tmm6, tmm7",
                "tileloadd tmm7, [{right} + {line} + 1024]",
                "tdpbssd tmm4, tmm6, tmm7",
                "tileloadd tmm7, [{right} + {line}]",
                "tdpbssd tmm3, tmm6, tmm7",
                "add {depths}, 8",
                "add {right}, 3072",
                "dec {depth}",
                "jnz 2b",
                "tilestored [{sums} + {line}], tmm0",
                "tilestored [{sums} + {line} + 1024], tmm1",
                "tilestored [{sums} + {line} + 2048], tmm2",
                "tilestored [{sums} + {line} + 3072], tmm3",
                "tilestored [{sums} + {line} + 4096], tmm4",
                "tilestored [{sums} + {line} + 5120], tmm5",
                first = out(reg) _,
                second = out(reg) _,
                bytes = in(reg) rows.bytes.as_ptr(),
                depths = inout(reg) rows.depths.as_ptr() => _,
                tile = in(reg) ROWS * rows.row,
                right = inout(reg) right.as_ptr() => _,
                depth = inout(reg) right.len() => _,
                sums = in(reg) sums.as_mut_ptr(),
                accumulate = in(reg) u32::from(accumulate),
                row = in(reg) rows.row,
                line = in(reg) size_of::<Line>(),
                out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                options(nostack),
            );
        }
    }

    /// # Safety
    /// The unit is set up, `right` is not empty, and both halves of the rows lie inside their bytes at
    /// all depths.
    pub(super) unsafe fn halves(
        rows: Rows<'_>,
        distance: usize,
        right: &[[[Tile; 2]; HALVES]],
        accumulate: bool,
        sums: &mut [[Sums<f32>; 2]; 2],
    ) {
        const { assert!(BLOCK == 2 * ROWS && size_of::<Tile>() == 1024 && HALVES == 2) };
        // SAFETY: reads what the caller vouches for and writes the four registers of sums.
        unsafe {
            asm!(
                "tilezero tmm0",
                "tilezero tmm1",
                "tilezero tmm2",
                "tilezero tmm3",
                "test {accumulate:e}, {accumulate:e}",
                "jz 2f",
                "tileloadd tmm0, [{sums} + {line}]",
                "tileloadd tmm1, [{sums} + {line} + 1024]",
                "tileloadd tmm2, [{sums} + {line} + 2048]",
                "tileloadd tmm3, [{sums} + {line} + 3072]",
                "2:",
                "mov {first}, [{depths}]",
                "add {first}, {bytes}",
                "lea {second}, [{first} + {tile}]",
                // First halves of both.
                "tileloadd tmm4, [{first} + {row}]",
                "tileloadd tmm6, [{right} + {line}]",
                "tdpbf16ps tmm0, tmm4, tmm6",
                "tileloadd tmm7, [{right} + {line} + 1024]",
                "tdpbf16ps tmm1, tmm4, tmm7",
                "tileloadd tmm5, [{second} + {row}]",
                "tdpbf16ps tmm2, tmm5, tmm6",
                "tdpbf16ps tmm3, tmm5, tmm7",
                // Second halves of the right side.
                "tileloadd tmm6, [{right} + {line} + 2048]",
                "tdpbf16ps tmm0, tmm4, tmm6",
                "tileloadd tmm7, [{right} + {line} + 3072]",
                "tdpbf16ps tmm1, tmm4, tmm7",
                "tdpbf16ps tmm2, tmm5, tmm6",
                "tdpbf16ps tmm3, tmm5, tmm7",
                // Second halves of the left side.
                "add {first}, {distance}",
                "add {second}, {distance}",
                "tileloadd tmm4, [{first} + {row}]",
                "tileloadd tmm6, [{right} + {line}]",
                "tdpbf16ps tmm0, tmm4, tmm6",
                "tileloadd tmm7, [{right} + {line} + 1024]",
                "tdpbf16ps tmm1, tmm4, tmm7",
                "tileloadd tmm5, [{second} + {row}]",
                "tdpbf16ps tmm2, tmm5, tmm6",
                "tdpbf16ps tmm3, tmm5, tmm7",
                "add {depths}, 8",
                "add {right}, 4096",
                "dec {depth}",
                "jnz 2b",
                "tilestored [{sums} + {line}], tmm0",
                "tilestored [{sums} + {line} + 1024], tmm1",
                "tilestored [{sums} + {line} + 2048], tmm2",
                "tilestored [{sums} + {line} + 3072], tmm3",
                first = out(reg) _,
                second = out(reg) _,
                bytes = in(reg) rows.bytes.as_ptr(),
                depths = inout(reg) rows.depths.as_ptr() => _,
                tile = in(reg) ROWS * rows.row,
                distance = in(reg) distance,
                right = inout(reg) right.as_ptr() => _,
                depth = inout(reg) right.len() => _,
                sums = in(reg) sums.as_mut_ptr(),
                accumulate = in(reg) u32::from(accumulate),
                row = in(reg) rows.row,
                line = in(reg) size_of::<Line>(),
                out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                options(nostack),
            );
        }
    }
}
