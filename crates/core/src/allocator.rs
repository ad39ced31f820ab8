//! What the allocator of the process does with memory that is freed.

/// Bytes from which on a block of memory is returned to the system when it is freed.
pub const LARGE_BLOCK: usize = 1 << 20;

/// Tells the allocator of glibc to keep freed memory for later allocations, up to blocks of [`LARGE_BLOCK`]; elsewhere
/// it does nothing. Call it at the start of a program that trains.
///
/// By default glibc returns blocks of 128 kB and more to the system at once, and what every training step allocates
/// anew costs a page fault for every 4 kB. Larger blocks are mostly the gradients of large weights: kept, they would
/// take their memory also in the forward pass, in which activations need it.
pub fn keep_freed_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: the calls only set parameters of the allocator.
    unsafe {
        // Smaller blocks come from one heap, whose end is never given back.
        libc::mallopt(libc::M_ARENA_MAX, 1);
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE_BLOCK as libc::c_int);
        libc::mallopt(libc::M_TRIM_THRESHOLD, -1);
    }
}

#[cfg(all(test, target_os = "linux", target_env = "gnu"))]
mod tests {
    use super::*;

    /// Page faults of this thread so far.
    fn faults() -> i64 {
        // SAFETY: plain numbers, of which all bits may be 0; the call fills them.
        unsafe {
            let mut usage: libc::rusage = std::mem::zeroed();
            assert_eq!(libc::getrusage(libc::RUSAGE_THREAD, &raw mut usage), 0);
            usage.ru_minflt
        }
    }

    #[test]
    fn a_block_that_was_freed_costs_no_page_faults_unless_it_is_large() {
        let touched = |bytes: usize| {
            let before = faults();
            drop(std::hint::black_box(vec![1_u8; bytes]));
            faults() - before
        };
        keep_freed_memory();
        let small = LARGE_BLOCK / 2;
        touched(small);
        assert!(touched(small) < 10);
        assert!(touched(4 * LARGE_BLOCK) > 100);
    }
}
