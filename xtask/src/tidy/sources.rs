//! How every source file begins, and what none of them contains.

use crate::new::TO_BE_WRITTEN;
use crate::tidy::{Tree, Violation};

/// Code that no source file contains, except where it has its place.
struct Ban {
    /// What the code begins with; the end of a longer name is another one.
    names: &'static [&'static str],
    is_allowed: fn(&str) -> bool,
    message: &'static str,
}

const BANS: [Ban; 3] = [
    Ban {
        names: &["println!", "eprintln!", "print!", "eprint!", "dbg!"],
        is_allowed: is_program,
        message: "a library prints: return the text, or emit a `tracing` event",
    },
    Ban {
        names: &[
            "process::exit(",
            "process::abort(",
            "tracing_subscriber::",
            "set_global_default(",
        ],
        is_allowed: is_program,
        message: "a library exits or installs a logger: return an error, and leave both to the command",
    },
    Ban {
        names: &[
            "Tensor::rand(",
            "Tensor::randn(",
            "Var::rand(",
            "Var::randn(",
            "rand_like(",
            "randn_like(",
            "fastrand::",
            "RandomState",
        ],
        is_allowed: may_draw_without_a_seed,
        message: "this generator has no seed: draw from a stream of `Key`, so that a run can be repeated",
    },
];

/// Programs, and what runs only under cargo's test and bench harnesses.
const PROGRAMS: [&str; 3] = ["crates/cli/", "xtask/", "benches/"];

pub(crate) fn check(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (path, text) in tree.rust() {
        if !text.starts_with("//! ") {
            let message = "the file does not open with `//! `: say in one sentence what it is";
            violations.push(Violation::new(path, 1, message));
        }
        for (index, line) in text.lines().enumerate() {
            let code = line.trim_start();
            let found = |message: &str| Violation::new(path, index + 1, message);
            if ["//! ", "/// "].iter().any(|start| {
                code.strip_prefix(start).is_some_and(|text| text.starts_with(TO_BE_WRITTEN))
            }) {
                violations.push(found(
                    "this line is still to be written: replace it by what it asks for",
                ));
            }
            if silences_a_lint(text.lines().skip(index)) {
                violations.push(found(
                    "a lint is silenced: use `#[expect(…, reason = \"…\")]`, which says why and when it is over",
                ));
            }
            let bans = BANS.iter().filter(|ban| !(ban.is_allowed)(path) && uses(code, ban.names));
            violations.extend(bans.map(|ban| found(ban.message)));
        }
    }
    violations
}

/// Whether the first of `lines` begins an attribute that silences a lint, or expects it for no reason.
fn silences_a_lint<'a>(mut lines: impl Iterator<Item = &'a str>) -> bool {
    let Some(attribute) = lines
        .next()
        .map(str::trim_start)
        .and_then(|first| first.strip_prefix("#[").or_else(|| first.strip_prefix("#![")))
    else {
        return false;
    };
    if !attribute.starts_with("expect(") {
        return attribute.starts_with("allow(");
    }
    let attribute: String = std::iter::once(attribute).chain(lines).collect();
    let lints = attribute.split(")]").next().unwrap_or_default();
    !lints.contains("reason = \"") || lints.contains("reason = \"\"")
}

fn is_program(path: &str) -> bool {
    let is_script = path.ends_with("/build.rs");
    let is_harness = path.contains("/tests/") || path.contains("/examples/");
    is_script || is_harness || PROGRAMS.iter().any(|folder| path.starts_with(folder))
}

/// Attacks are to be new ones each time, and a project outside of this workspace uses what candle has.
fn may_draw_without_a_seed(path: &str) -> bool {
    ["xtask/", "crates/candlewick/outside/"].iter().any(|folder| path.starts_with(folder))
}

fn uses(code: &str, names: &[&str]) -> bool {
    let code = if code.starts_with("//") { "" } else { code };
    names.iter().any(|name| {
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
            ("crates/run/src/stop.rs", "//! S.\nfn f() {\n    std::process::exit(1);\n}\n"),
            ("crates/run/tests/r.rs", "//! R.\nfn f() { Tensor::randn(0.0, 1.0, 3, &Cpu); }\n"),
            ("xtask/src/r.rs", "//! R.\nfn f() { fastrand::u32(..); std::process::exit(1) }\n"),
        ]);
        let found: Vec<(String, usize)> =
            check(&tree).into_iter().map(|violation| (violation.path, violation.line)).collect();
        let bad = "crates/run/src/bad.rs".to_owned();
        let new = "crates/run/src/new.rs".to_owned();
        let stop = "crates/run/src/stop.rs".to_owned();
        let random = "crates/run/tests/r.rs".to_owned();
        let expected =
            [(bad.clone(), 1), (bad.clone(), 2), (bad, 3), (new, 2), (stop, 3), (random, 2)];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_lint_is_expected_for_a_reason_only() {
        let cases = [
            ("#[allow(dead_code, reason = \"r\")]", true),
            ("    #![allow(dead_code)]", true),
            ("#[expect(dead_code)]\nfn f() {}\nconst R: &str = \"reason = \";", true),
            ("#[expect(dead_code, reason = \"\")]", true),
            ("#[expect(\n    dead_code,\n    unused\n)]", true),
            ("#[expect(dead_code, reason = \"r\")]", false),
            ("#![expect(\n    dead_code,\n    reason = \"on [0, 1)]\"\n)]", false),
            ("x.expect(\"a number\");", false),
            ("// #[allow(dead_code)]", false),
            ("", false),
        ];
        for (code, expected) in cases {
            assert_eq!(silences_a_lint(code.lines()), expected, "{code}");
        }
        assert_eq!(cases.len(), 10);
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
            assert_eq!(uses(code, BANS[0].names), expected, "{code}");
        }
        assert_eq!(cases.len(), 6);
    }
}
