//! How long a source file may be: a reader holds one concept at a time.

use crate::tidy::{Tree, Violation};

/// The most lines of a file, its own unit tests included.
const MOST: usize = 400;

pub(crate) fn check(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (path, text) in tree.rust().filter(|(path, _)| !only_tests(path)) {
        let lines = text.lines().count();
        if lines > MOST {
            let message =
                format!("{lines} lines, where {MOST} are the limit: split the file by concept");
            violations.push(Violation::new(path, MOST + 1, message));
        }
    }
    violations
}

/// Whether a file holds nothing but tests, which are as long as what they go through.
fn only_tests(path: &str) -> bool {
    let mut parts = path.rsplit('/');
    let stem = parts.next().unwrap_or_default().trim_end_matches(".rs");
    stem == "tests"
        || stem == "laws"
        || stem.ends_with("_laws")
        || parts.any(|part| part == "tests")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_not_longer_than_the_limit() {
        let full = format!("//! Full.\n{}", "\n".repeat(MOST - 1));
        let long = format!("{full}\n");
        let tree = Tree::of(&[
            ("crates/run/src/full.rs", &full),
            ("crates/run/src/long.rs", &long),
            ("crates/run/src/long.md", &long),
            ("crates/run/tests/long.rs", &long),
        ]);
        let found: Vec<String> = check(&tree).iter().map(ToString::to_string).collect();
        assert_eq!(
            found,
            [
                "crates/run/src/long.rs:401: 401 lines, where 400 are the limit: split the file by concept"
            ]
        );
    }

    #[test]
    fn files_of_tests_alone_are_known_by_their_names() {
        let cases = [
            ("crates/run/tests/directory.rs", true),
            ("crates/kernels/tests/laws/mod.rs", true),
            ("crates/neuron/src/laws.rs", true),
            ("crates/network/src/block_laws.rs", true),
            ("crates/train/src/optimizer/tests.rs", true),
            ("crates/run/src/events.rs", false),
            ("crates/run/src/contests.rs", false),
            ("crates/run/src/outlaws.rs", false),
        ];
        for (path, expected) in cases {
            assert_eq!(only_tests(path), expected, "{path}");
        }
        assert_eq!(cases.len(), 8);
    }
}
