//! The `candlewick` command.

use std::process::ExitCode;

/// glibc gives large blocks back to the system, and the page faults that follow cost up to 40 % of a
/// training step.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    candlewick_cli::main()
}
