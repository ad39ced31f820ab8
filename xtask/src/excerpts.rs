//! Parts of pages that are made of the committed results, so that a measured number is written once, or of the
//! registries in the sources, so that a list is complete.
//!
//! Such a part stands between two comments, each on a line of its own:
//!
//! ```text
//! <!-- from docs/results/table-1/demo.json: table sdt tet -->
//! <!-- end -->
//! ```
//!
//! `cargo xtask results` fills it in, and `cargo xtask tidy` compares it with what the file gives.
//! What may stand behind the colon, `excerpt` says, and [`lists`](crate::lists) for sources.

use std::path::Path;

use candlewick_run::report::{excerpt, read_results};

use crate::lists::list;
use crate::tidy::{Tree, has_extension};

const BEGIN: &str = "<!-- from ";
const COLON: &str = ": ";
const CLOSE: &str = " -->";
const END: &str = "<!-- end -->";

/// What is wrong with a page, and in which line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mistake {
    /// Its number, from 1.
    pub(crate) line: usize,
    pub(crate) message: String,
}

/// A line of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part<'a> {
    /// A line by hand.
    Own,
    /// The line that begins a part; what stands in its comment.
    Begin(&'a str),
    /// A line that is made.
    Made,
    /// The line that ends a part.
    End,
}

/// Each line of a page with what it is; comments in fenced code are text.
pub(crate) fn parts(page: &str) -> impl Iterator<Item = (Part<'_>, &str)> {
    let (mut fenced, mut inside) = (false, false);
    page.lines().map(move |line| {
        let made = line.strip_prefix(BEGIN).and_then(|rest| rest.strip_suffix(CLOSE));
        let part = match made {
            _ if inside && line == END => Part::End,
            _ if inside => Part::Made,
            Some(source) if !fenced => Part::Begin(source),
            _ if !fenced && line == END => Part::End,
            _ => Part::Own,
        };
        inside = matches!(part, Part::Begin(_) | Part::Made);
        if part == Part::Own && line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        (part, line)
    })
}

/// The page with every such part made anew of the files in the tree.
pub(crate) fn filled(page: &str, tree: &Tree) -> Result<String, Mistake> {
    if parts(page).all(|(part, _)| part == Part::Own) {
        return Ok(page.to_owned());
    }
    let mut out = String::with_capacity(page.len());
    let mut open = None;
    for (index, (part, line)) in parts(page).enumerate() {
        let mistake = |message: String| Mistake { line: index + 1, message };
        match part {
            Part::Made => continue,
            Part::Begin(source) => {
                open = Some(index + 1);
                out.push_str(line);
                out.push_str("\n\n");
                out.push_str(&made(source, tree).map_err(mistake)?);
                out.push('\n');
                continue;
            }
            Part::End if open.take().is_none() => {
                return Err(mistake(format!("`{END}` ends nothing: delete it")));
            }
            Part::Own | Part::End => {}
        }
        out.push_str(line);
        out.push('\n');
    }
    match open {
        Some(line) => {
            Err(Mistake { line, message: format!("nothing ends what begins here: add `{END}`") })
        }
        None => Ok(out),
    }
}

/// The text of a part by its comment, `FILE: KIND`.
fn made(source: &str, tree: &Tree) -> Result<String, String> {
    let (file, kind) = source
        .split_once(COLON)
        .ok_or_else(|| format!("`{source}` is not of the form `FILE: KIND`"))?;
    if has_extension(file, "rs") {
        return list(file, kind, tree).map_err(|error| format!("{file}: {error}"));
    }
    let text = tree.text(file).ok_or_else(|| format!("there is no `{file}`: name another file"))?;
    if has_extension(file, "tsv") {
        return match kind {
            "table" => {
                columns(text).map_err(|line| format!("{file}:{line}: not as many cells as above"))
            }
            _ => Err(format!("{file}: `{kind}` is not `table`, the only part that columns have")),
        };
    }
    let report = read_results(text, Path::new(file)).map_err(|error| error.to_string())?;
    excerpt(&report, kind).map_err(|error| format!("{file}: {error}"))
}

/// Columns with tabs between them as a Markdown table; lines that begin with `#` say where they come from. The error
/// is the line that has another number of cells.
fn columns(text: &str) -> Result<String, usize> {
    let mut out = String::new();
    let mut width = None;
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.starts_with('#')) {
        let cells: Vec<&str> = line.split('\t').collect();
        if *width.get_or_insert(cells.len()) != cells.len() {
            return Err(index + 1);
        }
        out.extend(["| ", &cells.join(" | "), " |\n"]);
        if out.lines().count() == 1 {
            out.extend(["|", &"---|".repeat(cells.len()), "\n"]);
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "docs/results/a/demo.json";
    const REPORT: &str = r#"{ "id": "a", "title": "A", "scale": "demo", "dataset": "digits",
        "selection": "final", "rows": [{ "id": "sdt", "label": "SDT", "runs": [] }] }"#;

    #[test]
    fn parts_are_made_and_the_rest_stays() {
        let tree = Tree::of(&[(FILE, REPORT)]);
        let begin = format!("{BEGIN}{FILE}{COLON}table sdt{CLOSE}");
        let fence = format!("```text\n{begin}\n```\n");
        let page = format!("# A\n{fence}before\n\n{begin}\nstale\n{END}\n\nafter\n");
        let full = filled(&page, &tree).unwrap();
        assert!(
            full.starts_with(&format!("# A\n{fence}before\n\n{begin}\n\n| Method | ")),
            "{full}"
        );
        assert!(full.contains("| SDT | not run | – |") && !full.contains("stale"), "{full}");
        assert!(full.ends_with(&format!("|\n\n{END}\n\nafter\n")), "{full}");
        assert_eq!(filled(&full, &tree).unwrap(), full);
        let own = "no line break at the end";
        assert_eq!(filled(own, &tree).unwrap(), own);
    }

    #[test]
    fn columns_are_a_table() {
        let file = "docs/measured/a.tsv";
        let tree = |text: &str| Tree::of(&[(file, text)]);
        let page = format!("{BEGIN}{file}{COLON}table{CLOSE}\n{END}\n");
        let full = filled(&page, &tree("# how\n\ttime, s\nour\t1.5\n")).unwrap();
        assert!(full.contains("\n\n|  | time, s |\n|---|---|\n| our | 1.5 |\n\n"), "{full}");
        let ragged = filled(&page, &tree("a\tb\n# how\n1\n")).unwrap_err();
        assert_eq!(ragged.message, format!("{file}:3: not as many cells as above"));
        let map = filled(&page.replace("table", "map"), &tree("a\n")).unwrap_err();
        assert!(map.message.contains("`map` is not `table`"), "{}", map.message);
    }

    #[test]
    fn mistakes_are_named_with_their_line() {
        let tree = Tree::of(&[(FILE, REPORT)]);
        let begin = |source: &str| format!("text\n{BEGIN}{source}{CLOSE}\n");
        let cases = [
            (
                format!("{}{END}\n", begin("x.json: table")),
                "there is no `x.json`: name another file",
            ),
            (format!("{}{END}\n", begin("x.json")), "`x.json` is not of the form `FILE: KIND`"),
            (
                format!("{}{END}\n", begin(&format!("{FILE}: table tet"))),
                "docs/results/a/demo.json: a has no row `tet`",
            ),
            (begin(&format!("{FILE}: table")), "nothing ends what begins here: add `<!-- end -->`"),
            (format!("text\n{END}\n"), "`<!-- end -->` ends nothing: delete it"),
        ];
        for (page, message) in &cases {
            let mistake = Mistake { line: 2, message: (*message).to_owned() };
            assert_eq!(filled(page, &tree), Err(mistake));
        }
        assert_eq!(cases.len(), 5);
    }
}
