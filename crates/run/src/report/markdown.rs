//! A report as Markdown, one sentence per line.

pub(super) mod claims;
pub(super) mod maps;

use std::fmt::Write;

use crate::report::cells::{
    Cells, PUBLISHED_HEADER, accuracy_header, command, difference_header, protocol, scale_note,
};
use crate::report::diagnostics;
use crate::report::direction::Directions;
use crate::table::{RowReport, TableReport};

/// Renders the report as Markdown that ends with a line break; its [maps](super::map_figures) are files beside it.
pub fn markdown(report: &TableReport) -> String {
    format!("# {}\n\n{}", escape(&report.title), sections(report, "##", ""))
}

/// Everything below the title, with `level` before the headings, and `figures` before the names of the maps' files.
pub(crate) fn sections(report: &TableReport, level: &str, figures: &str) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "Table `{}` at the {} scale.", report.id, report.scale);
    if let Some(network) = &report.network {
        let _ = writeln!(out, "Network: `{network}`.");
    }
    claims::push(&mut out, level, report);
    if !report.rows.is_empty() {
        if !report.claims.is_empty() {
            let _ = write!(out, "\n{level} Accuracy\n\n");
        }
        let _ = writeln!(out, "{}\n", scale_note(report).replace(". ", ".\n"));
        out.push_str(&accuracies(report, &report.rows.iter().collect::<Vec<_>>()));
        let directions = Directions::of(report).sentences(report);
        push_list(&mut out, level, "Direction", &directions);
        push_diagnostics(&mut out, level, report);
    }
    maps::push(&mut out, level, &report.maps, figures);
    push_list(&mut out, level, "Protocol", &protocol(report));
    push_list(&mut out, level, "Deviations", &report.deviations);
    let environment: Vec<String> =
        report.environment.iter().map(|fact| format!("{}: {}", fact.name, fact.value)).collect();
    push_list(&mut out, level, "Environment", &environment);
    let _ = write!(out, "\n{level} Again\n\n```sh\n{}\n```\n", command(report));
    out
}

/// The table of accuracies, of some rows of the report.
pub(crate) fn accuracies(report: &TableReport, rows: &[&RowReport]) -> String {
    let mut out = String::new();
    let header = [
        "Method".to_owned(),
        accuracy_header(report),
        difference_header(report),
        "Firing rate".to_owned(),
        "Time per run".to_owned(),
        PUBLISHED_HEADER.to_owned(),
    ];
    push_cells(&mut out, &header.map(|cell| escape(&cell)));
    out.push_str("|---|---:|---:|---:|---:|---|\n");
    for row in rows {
        let cells = Cells::of(report, row);
        let note = row.note.clone().into_iter();
        let method: Vec<String> = cells.method.into_iter().chain(note).collect();
        push_cells(
            &mut out,
            &[
                value_and_notes(&method),
                value_and_notes(&cells.accuracy),
                value_and_notes(&cells.difference),
                cells.firing_rate,
                cells.time,
                value_and_notes(&cells.published),
            ],
        );
    }
    out
}

fn push_cells(out: &mut String, cells: &[String; 6]) {
    let _ = writeln!(out, "| {} |", cells.join(" | "));
}

fn push_diagnostics(out: &mut String, level: &str, report: &TableReport) {
    let rows = diagnostics::rows(report);
    if rows.is_empty() {
        return;
    }
    let _ = write!(out, "\n{level} Diagnostics\n\n{}\n\n", diagnostics::CAPTION);
    push_cells(out, &diagnostics::HEADERS.map(escape));
    out.push_str("|---|---:|---:|---:|---:|---:|\n");
    for row in rows {
        push_cells(out, &row.map(|cell| escape(&cell)));
    }
}

/// The value, and behind it in brackets what explains it.
fn value_and_notes(lines: &[String]) -> String {
    match lines {
        [] => String::new(),
        [value] => escape(value),
        [value, notes @ ..] => format!("{} ({})", escape(value), escape(&notes.join("; "))),
    }
}

fn push_list(out: &mut String, level: &str, heading: &str, items: &[String]) {
    if items.is_empty() {
        return;
    }
    let _ = write!(out, "\n{level} {heading}\n\n");
    for item in items {
        let _ = writeln!(out, "* {}", escape(item));
    }
}

/// Takes the meaning from characters that would part a cell or start markup.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '|' | '*' | '_' | '<' | '`' | '\\' => out.extend(['\\', character]),
            '\n' => out.push(' '),
            _ => out.push(character),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::example;

    #[test]
    fn the_small_example_as_a_whole() {
        example::assert_golden("report.md", &markdown(&example::report()));
    }

    #[test]
    fn claims_and_maps_as_a_whole() {
        example::assert_golden("claims.md", &markdown(&example::claims::report()));
    }

    #[test]
    fn markup_in_names_stays_text() {
        assert_eq!(escape("a|b *c* <d>"), "a\\|b \\*c\\* \\<d>");
    }
}
