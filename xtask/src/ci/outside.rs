//! Tests the crate that stands outside of the workspace and sees of candlewick what any project sees.

use std::fs;

use anyhow::{Context, Result};

use crate::process::{cargo, check};
use crate::workspace::Workspace;

/// Where the crate lies, from the root.
const FOLDER: &str = "crates/candlewick/outside";

/// The file of a workspace that holds the versions of all dependencies.
const LOCK: &str = "Cargo.lock";

pub(super) fn run(workspace: &Workspace) -> Result<()> {
    let folder = workspace.root.join(FOLDER);
    // With the same versions and in the same place, dependencies are there from the step `test`.
    fs::copy(workspace.root.join(LOCK), folder.join(LOCK))
        .with_context(|| format!("cannot copy {LOCK} into {FOLDER}"))?;
    check(cargo().args(["fmt", "--check"]).current_dir(&folder))?;
    let mut command = cargo();
    command.args(["test", "--target-dir"]).arg(&workspace.target);
    check(command.current_dir(&folder))
}
