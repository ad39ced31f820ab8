//! What the allocator of the process does with memory that is freed.

/// Tells the allocator of glibc to keep freed memory for later allocations; elsewhere it does nothing. Call it at the
/// start of a program that trains.
///
/// By default glibc returns large blocks to the system at once, and gradients, which every training step allocates
/// anew, cost a page fault for every 4 kB.
pub fn keep_freed_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: the calls only set parameters of the allocator.
    unsafe {
        // Blocks of all sizes come from one heap, whose end is never given back.
        libc::mallopt(libc::M_ARENA_MAX, 1);
        libc::mallopt(libc::M_MMAP_MAX, 0);
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
    fn a_block_of_a_size_that_was_freed_costs_no_page_faults() {
        const FLOATS: usize = 4 << 20;
        let touched = || {
            let before = faults();
            drop(std::hint::black_box(vec![1.0_f32; FLOATS]));
            faults() - before
        };
        keep_freed_memory();
        touched();
        assert!(touched() < 100);
    }
}
