//! The `candlewick` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    candlewick_cli::main()
}
