//! How every source file begins, and what none of them contains.

use crate::new::TO_BE_WRITTEN;
use crate::tidy::{Tree, Violation};

/// Where printing is the job: programs, and what runs only under cargo's test and bench harnesses.
const PRINTERS: [&str; 4] = ["crates/cli/", "xtask/", "benches/", "datasets/embedded/"];

const PRINTING: [&str; 5] = ["println!", "eprintln!", "print!", "eprint!", "dbg!"];

pub(crate) fn check(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (path, text) in tree.rust() {
        if !text.starts_with("//! ") {
            let message = "the file does not open with `//! `: say in one sentence what it is";
            violations.push(Violation::new(path, 1, message));
        }
        for (index, line) in text.lines().enumerate() {
            let code = line.trim_start();
            if ["//! ", "/// "].iter().any(|start| {
                code.strip_prefix(start).is_some_and(|text| text.starts_with(TO_BE_WRITTEN))
            }) {
                let message = "this line is still to be written: replace it by what it asks for";
                violations.push(Violation::new(path, index + 1, message));
            }
            if silences_a_lint(code) {
                let message = "a lint is silenced: use `#[expect(…, reason = \"…\")]`, which says why and when it is over";
                violations.push(Violation::new(path, index + 1, message));
            }
            if !may_print(path) && prints(code) {
                let message = "a library prints: return the text, or emit a `tracing` event";
                violations.push(Violation::new(path, index + 1, message));
            }
        }
    }
    violations
}

fn silences_a_lint(code: &str) -> bool {
    code.starts_with("#[allow(") || code.starts_with("#![allow(")
}

fn may_print(path: &str) -> bool {
    let is_script = path.ends_with("/build.rs");
    let is_harness = path.contains("/tests/") || path.contains("/examples/");
    is_script || is_harness || PRINTERS.iter().any(|folder| path.starts_with(folder))
}

fn prints(code: &str) -> bool {
    let code = if code.starts_with("//") { "" } else { code };
    PRINTING.iter().any(|name| {
        code.match_indices(name).any(|(at, _)| {
            // `eprint!` contains `print!`, and `my_print!` is none of ours.
            !code[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_')
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_file_must_and_must_not_contain() {
        let tree = Tree::of(&[
            ("crates/run/src/good.rs", "//! Good.\n\n/// Not `println!` itself.\nfn f() {}\n"),
            (
                "crates/run/src/bad.rs",
                "use std::fmt;\n    #[allow(dead_code)]\nfn f() { println!(\"x\"); }\n",
            ),
            ("crates/cli/src/main.rs", "//! Main.\nfn main() { println!(\"x\"); }\n"),
            ("crates/run/src/new.rs", "//! New.\n    /// To be written: its equation.\n"),
            ("crates/run/tests/t.rs", "//! T.\nfn f() { eprintln!(\"x\"); }\n"),
        ]);
        let found: Vec<(String, usize)> =
            check(&tree).into_iter().map(|violation| (violation.path, violation.line)).collect();
        let bad = "crates/run/src/bad.rs".to_owned();
        let new = "crates/run/src/new.rs".to_owned();
        assert_eq!(found, [(bad.clone(), 1), (bad.clone(), 2), (bad, 3), (new, 2)]);
    }

    #[test]
    fn every_way_of_printing_is_known_and_others_are_not_taken_for_one() {
        let cases = [
            ("println!(\"\")", true),
            ("let x = dbg!(y);", true),
            ("std::eprint!(\"\")", true),
            ("my_print!(\"\")", false),
            ("// println!(\"\")", false),
            ("pprint(x)", false),
        ];
        for (code, expected) in cases {
            assert_eq!(prints(code), expected, "{code}");
        }
        assert_eq!(cases.len(), 6);
    }
}
