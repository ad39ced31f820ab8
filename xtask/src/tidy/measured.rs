//! Measured numbers are those of the committed files: the page of tables, what other pages quote, and no interval by
//! hand; and lists are those of the registries.

use crate::excerpts::{Part, filled, parts};
use crate::results::{FOLDER, PAGE, figures, page};
use crate::tidy::tree::has_extension;
use crate::tidy::{Tree, Violation};

/// Pages whose tables are all of measurements.
const MEASURED_ONLY: [&str; 1] = ["docs/performance.md"];

pub(crate) fn check(tree: &Tree) -> Vec<Violation> {
    let mut violations = page_of_tables(tree);
    violations.extend(figures_of_page(tree));
    for (path, text) in tree.markdown().filter(|(path, _)| is_page(path)) {
        violations.extend(quoted(path, text, tree));
        violations.extend(by_hand(path, text));
    }
    violations
}

/// Whether people read it as a page of the project, and it is not made as a whole.
fn is_page(path: &str) -> bool {
    path != PAGE && (path.starts_with("docs/") || !path.contains('/'))
}

fn page_of_tables(tree: &Tree) -> Vec<Violation> {
    let message = match page(tree) {
        Err(error) => format!("{error:#}"),
        Ok((page, count)) => match tree.text(PAGE) {
            Some(text) if text == page => return Vec::new(),
            None if count == 0 => return Vec::new(),
            _ => format!("not what the files in {FOLDER} give: run `cargo xtask results`"),
        },
    };
    vec![Violation::new(PAGE, 1, message)]
}

/// Figures that are missing, or not what the files give, or of nothing.
fn figures_of_page(tree: &Tree) -> Vec<Violation> {
    // Files that cannot be read are named with the page.
    let Ok(figures) = figures(tree) else { return Vec::new() };
    let stale = figures.iter().filter(|(path, figure)| tree.text(path) != Some(figure.as_str()));
    let violation = |path: &str, message: &str| Violation::new(path, 1, message);
    let mut violations: Vec<Violation> = stale
        .map(|(path, _)| violation(path, "not what the files give: run `cargo xtask results`"))
        .collect();
    let is_figure = |path: &str| path.starts_with(FOLDER) && has_extension(path, "svg");
    let left = tree.paths().filter(|path| is_figure(path) && !figures.contains_key(*path));
    violations
        .extend(left.map(|path| violation(path, "a figure of no committed table: delete it")));
    violations
}

/// The first line that differs from what the files give, or the first mistake.
fn quoted(path: &str, text: &str, tree: &Tree) -> Option<Violation> {
    let filled = match filled(text, tree) {
        Ok(filled) if filled == text => return None,
        Ok(filled) => filled,
        Err(mistake) => return Some(Violation::new(path, mistake.line, mistake.message)),
    };
    let same = text.lines().zip(filled.lines()).take_while(|(left, right)| left == right).count();
    let message =
        "not what the committed results or the registries give: run `cargo xtask results`";
    Some(Violation::new(path, same + 1, message))
}

/// Intervals of differences, and tables on pages of measurements, outside of what is made.
fn by_hand(path: &str, text: &str) -> Vec<Violation> {
    parts(text)
        .enumerate()
        .filter(|(_, (part, _))| *part == Part::Own)
        .filter_map(|(index, (_, line))| {
            let message = if has_interval(line) {
                "a measured interval by hand: quote the committed results instead"
            } else if MEASURED_ONLY.contains(&path) && line.starts_with('|') {
                "a table by hand: write it into a file of docs/measured, and quote that"
            } else {
                return None;
            };
            Some(Violation::new(path, index + 1, message))
        })
        .collect()
}

/// Whether the line has an interval of signed numbers or of factors, as reports write them: `[−0.40, +0.26]`.
fn has_interval(line: &str) -> bool {
    let is_end = |text: &str| {
        text.strip_prefix(['+', '−', '×'])
            .is_some_and(|number| number.starts_with(|first: char| first.is_ascii_digit()))
    };
    line.split('[').skip(1).any(|rest| {
        let inside = rest.split_once(']').map_or("", |(inside, _)| inside);
        let ends = inside.split_once(", ");
        ends.is_some_and(|(low, high)| is_end(low) && is_end(high))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_page_than_that_of_the_files_is_found() {
        let (empty, _) = page(&Tree::of(&[])).unwrap();
        assert_eq!(check(&Tree::of(&[(PAGE, &empty)])), []);
        assert_eq!(check(&Tree::of(&[])), []);
        let stale = check(&Tree::of(&[(PAGE, "by hand")]));
        assert!(stale[0].message.contains("run `cargo xtask results`"), "{stale:?}");
        let damaged = check(&Tree::of(&[(PAGE, &empty), ("docs/results/a/demo.json", "{")]));
        assert!(damaged[0].message.contains("docs/results/a/demo.json"), "{damaged:?}");
    }

    #[test]
    fn figures_of_maps_are_checked() {
        const FILE: &str = "docs/results/a/demo.json";
        const FIGURE: &str = "docs/results/a/demo-map-a-grid.svg";
        let report = r#"{ "id": "a", "title": "A", "scale": "demo", "dataset": "digits",
            "selection": "final", "rows": [], "maps": [{ "id": "a/grid", "paper": "A", "title": "Grid", "caption": "",
            "quantity": { "metric": "m", "words": "m", "unit": "plain" },
            "axes": [{ "label": "down", "values": [{ "label": "1" }] },
                     { "label": "across", "values": [{ "label": "1" }] }],
            "cells": [{ "at": [0, 0], "values": [[1, 0.5]] }] }] }"#;
        let (results, _) = page(&Tree::of(&[(FILE, report)])).unwrap();
        assert!(results.contains("(results/a/demo-map-a-grid.svg)"), "{results}");
        let made = figures(&Tree::of(&[(FILE, report)])).unwrap();
        let tree = |figure: &str| {
            Tree::of(&[
                (FILE, report),
                (PAGE, &results),
                (FIGURE, figure),
                ("docs/results/b.svg", ""),
            ])
        };
        let found = |figure: &str| -> Vec<String> {
            check(&tree(figure)).iter().map(ToString::to_string).collect()
        };
        let left = "docs/results/b.svg:1: a figure of no committed table: delete it";
        assert_eq!(found(&made[FIGURE]), [left]);
        let stale = format!("{FIGURE}:1: not what the files give: run `cargo xtask results`");
        assert_eq!(found("<svg/>"), [stale.as_str(), left]);
    }

    /// A right page, then one digit of what it quotes changed.
    #[test]
    fn a_wrong_number_in_a_page_is_found() {
        const FILE: &str = "docs/results/a/demo.json";
        let claim = r#"{ "id": "a/claim", "paper": "A", "claim": "A claim.", "place": "", "condition": "", "margin": 0.01,
            "quantity": { "metric": "accuracy", "words": "test accuracy", "unit": "fraction" },
            "expected": "higher", "baseline": "SDT", "method": "TET", "pairs": [
                { "seed": 1, "method": 0.71, "baseline": 0.60 },
                { "seed": 2, "method": 0.72, "baseline": 0.62 },
                { "seed": 3, "method": 0.73, "baseline": 0.61 }] }"#;
        let report = format!(
            r#"{{ "id": "a", "title": "A", "scale": "demo", "dataset": "digits", "selection": "final",
                "claims": [{claim}], "rows": [] }}"#
        );
        let (results, _) = page(&Tree::of(&[(FILE, &report)])).unwrap();
        let bare = format!("# A\n\n<!-- from {FILE}: claim a/claim -->\n<!-- end -->\n");
        let tree =
            |readme: &str| Tree::of(&[(FILE, &report), (PAGE, &results), ("README.md", readme)]);
        let right = filled(&bare, &tree(&bare)).unwrap();
        assert!(right.contains("72.00 % under TET"), "{right}");
        assert_eq!(check(&tree(&right)), []);
        let wrong = right.replace("72.00", "73.00");
        let found: Vec<String> = check(&tree(&wrong)).iter().map(ToString::to_string).collect();
        assert_eq!(
            found,
            [
                "README.md:5: not what the committed results or the registries give: run `cargo xtask results`"
            ]
        );
    }

    #[test]
    fn intervals_by_hand_are_found_outside_of_what_is_made() {
        let page = "gain of +1.20 [+0.30, +2.10]\nin [1 - alpha, 1], [0, 1], [a](b.md)\nfaster by [×1.2, ×1.4]\n";
        let lines: Vec<usize> = by_hand("docs/a.md", page).iter().map(|found| found.line).collect();
        assert_eq!(lines, [1, 3]);
        assert!(is_page("README.md") && is_page("docs/papers/tet.md"));
        assert!(!is_page(PAGE) && !is_page("crates/run/src/report/golden/claims.md"));
    }
}
