//! `cargo xtask tidy`: the rules of the house that compilers do not check.

mod architecture;
mod arrows;
mod components;
mod features;
mod length;
mod measured;
mod modules;
mod prose;
mod sources;
mod tree;

use std::fmt;
use std::process::ExitCode;

use anyhow::Result;

pub(crate) use crate::tidy::tree::{Tree, has_extension};
use crate::workspace::Workspace;

/// A broken rule: where, what, and how to mend it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Violation {
    path: String,
    line: usize,
    message: String,
}

impl Violation {
    fn new(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, message: message.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}: {}", self.path, self.line, self.message)
    }
}

/// Checks everything and prints one line per violation.
pub(crate) fn run(workspace: &Workspace) -> Result<ExitCode> {
    let tree = Tree::read(&workspace.root)?;
    let mut violations = check(workspace, &tree);
    violations.sort();
    for violation in &violations {
        println!("{violation}");
    }
    let (files, packages) = (tree.paths().count(), workspace.packages.len());
    if violations.is_empty() {
        println!("tidy: {files} files, {packages} packages, nothing to mend");
        return Ok(ExitCode::SUCCESS);
    }
    println!("tidy: {files} files, {packages} packages, {} to mend", violations.len());
    Ok(ExitCode::FAILURE)
}

fn check(workspace: &Workspace, tree: &Tree) -> Vec<Violation> {
    [
        arrows::check(workspace, tree),
        features::check(workspace, tree),
        architecture::check(workspace, tree),
        modules::check(workspace, tree),
        components::check(tree),
        sources::check(tree),
        length::check(tree),
        prose::check(tree),
        measured::check(tree),
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_violation_is_one_line() {
        let violation = Violation::new("docs/a.md", 3, "a link leads nowhere: correct its path");
        assert_eq!(violation.to_string(), "docs/a.md:3: a link leads nowhere: correct its path");
    }
}
