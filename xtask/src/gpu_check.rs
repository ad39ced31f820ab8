//! `cargo xtask gpu-check`: builds the release binary for CUDA and becomes `candlewick gpu-check`.

use std::process::{Command, ExitCode};

use anyhow::Result;

use crate::process::become_command;
use crate::reproduce::{build, split_features};
use crate::workspace::Workspace;

/// Builds and runs; `--features LIST` in front replaces `cuda`, everything else goes to `candlewick`.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<ExitCode> {
    let (features, arguments) = split_features(arguments)?;
    let binary = build(workspace, Some(features.unwrap_or("cuda")))?;
    become_command(Command::new(binary).arg("gpu-check").args(arguments))
}
