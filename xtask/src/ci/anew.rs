//! Makes a new component of every kind in a copy of the workspace, which then compiles and is tidy.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::HDF5;
use crate::new::{TO_BE_WRITTEN, kinds};
use crate::process::{cargo, check};
use crate::tidy::Tree;
use crate::workspace::Workspace;

/// The name of each of them, which stands nowhere else.
const NAME: &str = "brand_new";

pub(super) fn run(workspace: &Workspace) -> Result<()> {
    let folder = workspace.target.join("new-of-every-kind");
    if folder.exists() {
        fs::remove_dir_all(&folder)
            .with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    let tree = Tree::read(&workspace.root)?;
    for path in tree.paths() {
        copy(&workspace.root.join(path), &folder.join(path))?;
    }
    // What git ignores in the workspace would be ignored here too.
    let _ = Command::new("git").args(["init", "--quiet"]).current_dir(&folder).status();
    let xtask = |words: &[&str]| -> Result<()> {
        let mut command = cargo();
        command.args(["run", "--quiet", "--package", "xtask", "--"]).args(words);
        check(command.current_dir(&folder).env("CARGO_TARGET_DIR", workspace.target.join("new")))
    };
    for kind in kinds() {
        // A type of each kind, since several live in one crate.
        xtask(&["new", kind, &format!("{NAME}_{}", kind.replace('-', "_"))])?;
    }
    // What its author would do first.
    for path in Tree::read(&folder)?.paths() {
        write_what_is_asked(&folder.join(path))?;
    }
    xtask(&["results"])?;
    check(cargo().args(["fmt", "--all"]).current_dir(&folder))?;
    xtask(&["tidy"])?;
    let mut command = cargo();
    command.args(["check", "--workspace", "--all-targets", "--features", HDF5]);
    // With the same features and in the same place, dependencies are there from the step `clippy`.
    check(command.current_dir(&folder).env("CARGO_TARGET_DIR", &workspace.target))?;
    fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    let parent = to.parent().context("a folder")?;
    fs::create_dir_all(parent).with_context(|| format!("cannot create {}", parent.display()))?;
    fs::copy(from, to).with_context(|| format!("cannot copy {}", from.display()))?;
    Ok(())
}

/// Puts words in the place of what is still to be written in a source file.
fn write_what_is_asked(path: &Path) -> Result<()> {
    let is_source = path.extension().is_some_and(|extension| extension == "rs");
    let Ok(text) = fs::read_to_string(path) else { return Ok(()) };
    let begins = |line: &str| {
        let line = line.trim_start();
        ["//! ", "/// "].iter().any(|start| {
            line.strip_prefix(start).is_some_and(|text| text.starts_with(TO_BE_WRITTEN))
        })
    };
    if is_source && text.lines().any(begins) {
        let line = |line: &str| {
            if begins(line) { line.replace(TO_BE_WRITTEN, "Here stands") } else { line.to_owned() }
        };
        let text: Vec<String> = text.lines().map(line).collect();
        fs::write(path, text.join("\n") + "\n")
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}
