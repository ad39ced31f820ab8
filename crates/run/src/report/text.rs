//! A report for the terminal: tables of box-drawing characters, at most 118 columns wide, with the protocol below.

mod claims;
mod layout;
mod maps;

use std::fmt::Write;

use crate::claim::paragraph;
use crate::report::cells::{
    Cells, PUBLISHED_HEADER, accuracy_header, command, difference_header, protocol, scale_note,
};
use crate::report::text::layout::{Column, framed, push_list, push_paragraph};
use crate::table::TableReport;

/// Renders the report as text that ends with a line break.
pub fn text(report: &TableReport) -> String {
    let mut out = match report.scale.as_str() {
        "" => format!("{}\n", report.title),
        scale => format!("{} ({}, {scale} scale)\n", report.title, report.id),
    };
    if let Some(network) = &report.network {
        let _ = writeln!(out, "Network: {network}");
    }
    claims::push(&mut out, &report.claims);
    if !report.rows.is_empty() {
        push_rows(&mut out, report);
    }
    maps::push(&mut out, &report.maps);
    push_list(&mut out, "Protocol", &protocol(report));
    push_list(&mut out, "Deviations", &report.deviations);
    let environment: Vec<String> =
        report.environment.iter().map(|fact| format!("{}: {}", fact.name, fact.value)).collect();
    push_list(&mut out, "Environment", &environment);
    if !report.scale.is_empty() {
        let _ = writeln!(out, "\nTo make this table again: {}", command(report));
    }
    let found = paragraph(&report.claims, &report.scale);
    if !found.is_empty() {
        out.push_str("\nWhat was found\n");
        for line in found.lines() {
            push_paragraph(&mut out, "", line);
        }
    }
    out
}

fn push_rows(out: &mut String, report: &TableReport) {
    let columns = [
        Column::new("Method", 22, false),
        Column::new(accuracy_header(report), 19, true),
        Column::new(difference_header(report), 24, true),
        Column::new("Firing rate", 6, true),
        Column::new("Time per run", 11, true),
        Column::new(PUBLISHED_HEADER, 17, true),
    ];
    let rows: Vec<Vec<Vec<String>>> = report
        .rows
        .iter()
        .map(|row| {
            let cells = Cells::of(report, row);
            vec![
                cells.method,
                cells.accuracy,
                cells.difference,
                vec![cells.firing_rate],
                vec![cells.time],
                cells.published,
            ]
        })
        .collect();
    if !report.claims.is_empty() {
        out.push_str("\nAccuracy\n");
    }
    out.push_str(&framed(&columns, &rows));
    if !report.scale.is_empty() {
        push_paragraph(out, "", &scale_note(report));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::example;

    #[test]
    fn the_small_example_as_a_whole() {
        example::assert_golden("report.txt", &text(&example::report()));
    }

    #[test]
    fn claims_and_maps_as_a_whole() {
        example::assert_golden("claims.txt", &text(&example::claims::report()));
    }

    #[test]
    fn no_line_is_wider_than_a_terminal() {
        let mut visited = 0;
        for report in [example::report(), example::claims::report()] {
            let text = text(&report);
            let widths: Vec<usize> = text.lines().map(|line| line.chars().count()).collect();
            assert!(widths.iter().all(|&width| width <= 118), "{:?}", widths.iter().max());
            visited += widths.len();
        }
        assert!(visited > 100, "{visited} lines");
    }

    #[test]
    fn a_report_of_claims_alone_has_no_table_of_accuracies() {
        let report = TableReport { rows: Vec::new(), ..example::claims::report() };
        let text = text(&report);
        assert!(text.contains("Claims of TET") && text.contains("What was found"), "{text}");
        assert!(!text.contains("Test accuracy, % on"), "{text}");
    }
}
