//! The list of crates in `docs/architecture.md` is the list that cargo knows.

use std::collections::BTreeSet;

use crate::tidy::{Tree, Violation};
use crate::workspace::Workspace;

const PAGE: &str = "docs/architecture.md";

pub(crate) fn check(workspace: &Workspace, tree: &Tree) -> Vec<Violation> {
    let directories: Vec<&str> =
        workspace.packages.iter().map(|package| package.directory.as_str()).collect();
    compare(&directories, tree)
}

fn compare(directories: &[&str], tree: &Tree) -> Vec<Violation> {
    let Some(text) = tree.text(PAGE) else {
        return vec![Violation::new(
            PAGE,
            1,
            "the page is missing: write it, with a table of the crates",
        )];
    };
    let mut listed = BTreeSet::new();
    let mut violations = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let Some(directory) = listed_crate(line) else { continue };
        if !directories.contains(&directory) {
            let message =
                format!("there is no crate in {directory}: remove its row or correct its name");
            violations.push(Violation::new(PAGE, index + 1, message));
        }
        listed.insert(directory);
    }
    for directory in directories {
        if !listed.contains(directory) {
            let message = format!(
                "the crate in {directory} is not listed: add a row with `{directory}` in a cell of its own"
            );
            violations.push(Violation::new(PAGE, 1, message));
        }
    }
    violations
}

/// The directory that a row of the table of crates is about: the first cell that is nothing but a directory in backticks.
fn listed_crate(line: &str) -> Option<&str> {
    let row = line.trim().strip_prefix('|')?;
    row.split('|').find_map(|cell| {
        let name = cell.trim().strip_prefix('`')?.strip_suffix('`')?;
        let known = name.starts_with("crates/") || ["datasets", "benches", "xtask"].contains(&name);
        known.then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_must_agree_in_both_directions() {
        let page = "# House\n\n| floor | crate | what |\n|---|---|---|\n| 0 | `crates/run` | runs |\n| 1 | `crates/attic` | old |\n";
        let tree = Tree::of(&[(PAGE, page)]);
        let found: Vec<String> =
            compare(&["crates/run", "xtask"], &tree).iter().map(ToString::to_string).collect();
        assert_eq!(
            found,
            [
                "docs/architecture.md:6: there is no crate in crates/attic: remove its row or correct its name",
                "docs/architecture.md:1: the crate in xtask is not listed: add a row with `xtask` in a cell of its own",
            ]
        );
    }

    #[test]
    fn only_cells_of_tables_count() {
        let cases = [
            ("| 0 | `crates/run` | what |", Some("crates/run")),
            ("| `xtask` | tasks |", Some("xtask")),
            ("The crate `crates/run` is small.", None),
            ("| see `crates/run` | what |", None),
            ("|---|---|", None),
        ];
        for (line, expected) in cases {
            assert_eq!(listed_crate(line), expected, "{line}");
        }
        assert_eq!(cases.len(), 5);
    }

    #[test]
    fn a_missing_page_is_said() {
        assert_eq!(compare(&[], &Tree::default()).len(), 1);
    }
}
