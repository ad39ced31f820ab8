//! Text leads nowhere that a reader does not have: no paths of one machine, no links to nothing.

use crate::tidy::tree::has_extension;
use crate::tidy::{Tree, Violation};

/// Beginnings of paths that exist on one machine only, written so that this file does not contain them.
const MACHINE_PATHS: [&str; 4] =
    [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("../sha", "red")];

pub(crate) fn check(tree: &Tree) -> Vec<Violation> {
    let mut violations = machine_paths(tree);
    for (path, text) in tree.markdown() {
        violations.extend(broken_links(path, text, tree));
    }
    violations
}

fn machine_paths(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (path, text) in tree.texts() {
        for (index, line) in text.lines().enumerate() {
            let found = MACHINE_PATHS.iter().find(|needle| mentions(line, needle));
            if let Some(needle) = found {
                let message = format!(
                    "`{needle}` is a path of one machine: name the file by where a reader finds it"
                );
                violations.push(Violation::new(path, index + 1, message));
            }
        }
    }
    violations
}

/// Whether the path begins here, and is not the middle of a longer one such as a web address.
fn mentions(line: &str, needle: &str) -> bool {
    line.match_indices(needle).any(|(at, _)| {
        !line[..at].ends_with(|before: char| before.is_alphanumeric() || "_-.~".contains(before))
    })
}

fn broken_links(path: &str, text: &str, tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (line, target) in links(text) {
        let (file, anchor) = target.split_once('#').unwrap_or((&target, ""));
        let resolved = if file.is_empty() { path.to_owned() } else { beside(path, file) };
        if file.starts_with('/') || !tree.holds(&resolved) {
            let message = format!("the link to `{target}` leads nowhere: correct its path");
            violations.push(Violation::new(path, line, message));
        } else if !anchor.is_empty()
            && let Some(text) = tree.text(&resolved).filter(|_| has_extension(&resolved, "md"))
            && !headings(text).any(|heading| heading == anchor)
        {
            let message = format!(
                "the link to `{target}` names no heading of {resolved}: correct its anchor"
            );
            violations.push(Violation::new(path, line, message));
        }
    }
    violations
}

/// Line and target of every link to a file or heading, outside of code.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in prose_lines(text) {
        let line = without_code(line);
        for (at, _) in line.match_indices("](") {
            let Some((target, _)) = line[at + 2..].split_once(')') else { continue };
            let target = target.split_whitespace().next().unwrap_or_default();
            let elsewhere = target.contains("://") || target.starts_with("mailto:");
            if !target.is_empty() && !elsewhere {
                found.push((number, target.to_owned()));
            }
        }
    }
    found
}

/// The lines outside of fenced code, with their numbers.
fn prose_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    text.lines().enumerate().filter_map(move |(index, line)| {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            return None;
        }
        (!fenced).then_some((index + 1, line))
    })
}

/// The line with everything between backticks left out.
fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect::<Vec<_>>().join("`")
}

/// `target` as seen from the file `path`.
fn beside(path: &str, target: &str) -> String {
    let mut parts: Vec<&str> = path.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            name => parts.push(name),
        }
    }
    parts.join("/")
}

/// The anchors of the headings, as Markdown viewers make them.
fn headings(text: &str) -> impl Iterator<Item = String> {
    prose_lines(text).filter_map(|(_, line)| {
        let title = line.strip_prefix('#')?.trim_start_matches('#').strip_prefix(' ')?;
        let anchor = title.trim().to_lowercase().replace(' ', "-");
        Some(
            anchor
                .chars()
                .filter(|letter| letter.is_alphanumeric() || "-_".contains(*letter))
                .collect(),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_one_machine_are_found_in_any_text() {
        let (inside, outside) = (format!("see {}x", MACHINE_PATHS[0]), "example.org/work/x");
        let tree = Tree::of(&[("a.toml", &inside), ("b.md", outside), ("c.rs", "a framework/x")]);
        let found: Vec<String> = machine_paths(&tree).into_iter().map(|found| found.path).collect();
        assert_eq!(found, ["a.toml"]);
    }

    #[test]
    fn links_that_lead_nowhere_are_found() {
        let page = "# Top\n[a](other.md) [b](../README.md#use-it) [c](missing.md)\n\
                    [d](#top) [e](#bottom) [f](https://example.org) `[g](x.md)`\n\
                    ```\n[h](y.md)\n```\n[i](other.md#nothing) [j](.)\n";
        let tree = Tree::of(&[
            ("docs/page.md", page),
            ("docs/other.md", "# Other\n"),
            ("README.md", "# Hello\n## Use it!\n"),
        ]);
        let found: Vec<String> =
            broken_links("docs/page.md", page, &tree).iter().map(ToString::to_string).collect();
        assert_eq!(
            found,
            [
                "docs/page.md:2: the link to `missing.md` leads nowhere: correct its path",
                "docs/page.md:3: the link to `#bottom` names no heading of docs/page.md: correct its anchor",
                "docs/page.md:7: the link to `other.md#nothing` names no heading of docs/other.md: correct its anchor",
            ]
        );
    }

    #[test]
    fn anchors_are_those_of_the_viewers() {
        let found: Vec<String> =
            headings("# A `b` and C: d\n```\n# no\n```\n#no\n## x_y 2.0\n").collect();
        assert_eq!(found, ["a-b-and-c-d", "x_y-20"]);
    }
}
