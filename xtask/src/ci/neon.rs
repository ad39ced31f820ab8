//! The kernels on aarch64: compiled here, their laws run by an emulator.

use std::process::Command;

use anyhow::{Result, bail};

use crate::process::{cargo, check};
use crate::workspace::Workspace;

const TARGET: &str = "aarch64-unknown-linux-gnu";

/// Checks all libraries and the command line for aarch64, and runs the laws of the kernels under `qemu-aarch64`.
pub(super) fn run(workspace: &Workspace) -> Result<()> {
    if !has_target()? {
        bail!("this Rust cannot compile for {TARGET}: run `rustup target add {TARGET}`");
    }
    let run = |command: &str, arguments: &[&str]| {
        let emulator = "qemu-aarch64 -L /usr/aarch64-linux-gnu";
        check(
            cargo()
                .args([command, "--target", TARGET])
                .args(arguments)
                .env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER", "aarch64-linux-gnu-gcc")
                .env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER", emulator)
                .current_dir(&workspace.root),
        )
    };
    run("clippy", &["--package", "candlewick-cli", "--", "-D", "warnings"])?;
    let laws = ["--lib", "--test", "best", "--test", "threads"];
    run("test", &[&["--package", "candlewick-kernels"][..], &laws].concat())
}

/// Whether the standard library of the target is installed.
fn has_target() -> Result<bool> {
    let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    let output = rustc.args(["--print", "target-libdir", "--target", TARGET]).output()?;
    let folder = String::from_utf8_lossy(&output.stdout);
    Ok(std::fs::read_dir(folder.trim()).is_ok_and(|mut files| files.next().is_some()))
}
