//! Every Rust file is part of a crate: a root that cargo compiles, or reached from one through `mod`.

use std::collections::BTreeSet;

use crate::tidy::{Tree, Violation};
use crate::workspace::Workspace;

pub(crate) fn check(workspace: &Workspace, tree: &Tree) -> Vec<Violation> {
    let roots = workspace.packages.iter().flat_map(|package| &package.roots).map(String::as_str);
    let apart = roots_apart(tree);
    unreached(roots.chain(apart.iter().map(String::as_str)), tree)
}

/// The roots of packages that are workspaces of their own, such as fuzz targets: what cargo finds by itself,
/// and the paths that the manifest gives.
fn roots_apart(tree: &Tree) -> Vec<String> {
    let mut roots = Vec::new();
    for (path, text) in tree.texts() {
        let Some(folder) = path.strip_suffix("/Cargo.toml") else { continue };
        if text.lines().any(|line| line.trim() == "[workspace]") {
            roots.extend(["lib.rs", "main.rs"].map(|root| format!("{folder}/src/{root}")));
            let tests = format!("{folder}/tests/");
            let is_test =
                |path: &str| path.strip_prefix(&tests).is_some_and(|name| !name.contains('/'));
            let found = tree.rust().map(|(path, _)| path).filter(|path| is_test(path));
            roots.extend(found.map(str::to_owned));
            let paths = text.lines().filter_map(|line| line.strip_prefix("path = \""));
            roots.extend(paths.map(|path| format!("{folder}/{}", path.trim_end_matches('"'))));
        }
    }
    roots
}

fn unreached<'a>(roots: impl Iterator<Item = &'a str>, tree: &Tree) -> Vec<Violation> {
    let mut reached: BTreeSet<String> = BTreeSet::new();
    let mut open: Vec<(String, bool)> = roots.map(|root| (root.to_owned(), true)).collect();
    while let Some((path, is_root)) = open.pop() {
        let Some(text) = tree.text(&path) else { continue };
        if reached.insert(path.clone()) {
            let files = declared(&path, is_root, text).into_iter();
            // A module is either `name.rs` or `name/mod.rs`; the one that is not there is skipped above.
            open.extend(files.map(|file| (file, false)));
        }
    }
    tree.rust()
        .filter(|(path, _)| !reached.contains(*path))
        .map(|(path, _)| {
            let message =
                "no `mod` reaches this file: declare it in its parent module, or delete it";
            Violation::new(path, 1, message)
        })
        .collect()
}

/// The files that the declarations in `text` may mean.
fn declared(path: &str, is_root: bool, text: &str) -> Vec<String> {
    let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
    let stem = file.trim_end_matches(".rs");
    let home =
        if is_root || stem == "mod" { folder.to_owned() } else { format!("{folder}/{stem}") };
    let mut files = Vec::new();
    let mut path_attribute = None;
    for line in text.lines().map(str::trim) {
        if let Some(quoted) = line.strip_prefix("#[path = \"") {
            path_attribute = quoted.split('"').next().map(|target| joined(folder, target));
        } else if let Some(name) = declaration(line) {
            match path_attribute.take() {
                Some(file) => files.push(file),
                None => {
                    files.extend([format!("{home}/{name}.rs"), format!("{home}/{name}/mod.rs")]);
                }
            }
        }
        if let Some(quoted) = line.split_once("include!(\"").map(|(_, quoted)| quoted) {
            files.extend(quoted.split('"').next().map(|target| joined(folder, target)));
        }
    }
    files
}

/// The name in `mod name;`, with whatever visibility.
fn declaration(line: &str) -> Option<&str> {
    let line = line.split_once("//").map_or(line, |(code, _)| code).trim_end();
    let line = match line.strip_prefix("pub") {
        Some(rest) => match rest.strip_prefix('(') {
            Some(scope) => scope.split_once(')')?.1,
            None => rest,
        },
        None => line,
    };
    let name = line.trim_start().strip_prefix("mod ")?.strip_suffix(';')?.trim();
    Some(name.strip_prefix("r#").unwrap_or(name))
}

/// `target` as seen from `folder`, with `..` resolved.
fn joined(folder: &str, target: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').collect();
    for part in target.split('/') {
        match part {
            "." => {}
            ".." => {
                parts.pop();
            }
            name => parts.push(name),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declarations_of_every_visibility() {
        let cases = [
            ("mod a;", Some("a")),
            ("pub mod a;", Some("a")),
            ("pub(crate) mod a; // why", Some("a")),
            ("pub(in crate::x) mod r#loop;", Some("loop")),
            ("mod a {", None),
            ("// mod a;", None),
            ("model;", None),
        ];
        for (line, expected) in cases {
            assert_eq!(declaration(line), expected, "{line}");
        }
        assert_eq!(cases.len(), 7);
    }

    #[test]
    fn workspaces_apart_have_roots_of_their_own() {
        let manifest = "[workspace]\n[dependencies]\na.path = \"..\"\n[[bin]]\npath = \"b/c.rs\"\n";
        let tree = Tree::of(&[
            ("Cargo.toml", "[workspace]\n"),
            ("a/Cargo.toml", "[package]\n"),
            ("a/fuzz/Cargo.toml", manifest),
            ("a/fuzz/tests/t.rs", "//! t\n"),
            ("a/fuzz/tests/common/mod.rs", "//! common\n"),
        ]);
        let expected = ["src/lib.rs", "src/main.rs", "tests/t.rs", "b/c.rs"];
        assert_eq!(roots_apart(&tree), expected.map(|path| format!("a/fuzz/{path}")));
    }

    #[test]
    fn files_are_reached_through_both_layouts_paths_and_tests() {
        let tree = Tree::of(&[
            ("c/src/lib.rs", "//! c\nmod a;\npub(crate) mod b;\n#[cfg(test)]\nmod tests;\n"),
            ("c/src/a.rs", "//! a\nmod deep;\n"),
            ("c/src/a/deep.rs", "//! deep\n#[path = \"../odd/name.rs\"]\nmod odd;\n"),
            ("c/src/odd/name.rs", "//! odd\n"),
            ("c/src/b/mod.rs", "//! b\nmod x;\n"),
            ("c/src/b/x.rs", "//! x\n"),
            ("c/src/tests.rs", "//! tests\n"),
            ("c/tests/run.rs", "//! run\nmod common;\n"),
            ("c/tests/common/mod.rs", "//! common\n"),
            ("c/src/forgotten.rs", "//! forgotten\n"),
            ("c/src/deep.rs", "//! in the wrong folder\n"),
        ]);
        let found = unreached(["c/src/lib.rs", "c/tests/run.rs"].into_iter(), &tree);
        let paths: Vec<&str> = found.iter().map(|violation| violation.path.as_str()).collect();
        // `#[path]` is relative to the folder of the file that states it: c/src/a/../odd.
        assert_eq!(paths, ["c/src/deep.rs", "c/src/forgotten.rs"]);
    }
}
