//! A report for the terminal: a table of box-drawing characters, at most 118 columns wide, with the protocol below.

use std::fmt::Write;

use crate::report::cells::{
    Cells, PUBLISHED_HEADER, accuracy_header, command, difference_header, protocol, scale_note,
};
use crate::table::TableReport;

/// Columns of text that lines of prose are wrapped at; the table itself is at most two columns wider.
const WIDTH: usize = 116;

/// One column: its header, its greatest width, and whether its text stands at the right.
struct Column {
    header: String,
    limit: usize,
    right: bool,
}

/// Renders the report as text that ends with a line break.
pub fn text(report: &TableReport) -> String {
    let column = |header: String, limit, right| Column { header, limit, right };
    let columns = [
        column("Method".to_owned(), 22, false),
        column(accuracy_header(report), 19, true),
        column(difference_header(report), 24, true),
        column("Firing rate".to_owned(), 6, true),
        column("Time per run".to_owned(), 11, true),
        column(PUBLISHED_HEADER.to_owned(), 17, true),
    ];
    let header: Vec<Vec<String>> =
        columns.iter().map(|column| wrap(&column.header, column.limit)).collect();
    let rows = report.rows.iter().map(|row| {
        let cells = Cells::of(report, row);
        let lines = [
            cells.method,
            cells.accuracy,
            cells.difference,
            vec![cells.firing_rate],
            vec![cells.time],
            cells.published,
        ];
        let wrapped = lines.iter().zip(&columns).map(|(lines, column)| {
            lines.iter().flat_map(|line| wrap(line, column.limit)).collect()
        });
        wrapped.collect()
    });
    let body: Vec<Vec<Vec<String>>> = rows.collect();

    let mut out = format!("{} ({}, {} scale)\n", report.title, report.id, report.scale);
    if let Some(network) = &report.network {
        let _ = writeln!(out, "Network: {network}");
    }
    out.push_str(&draw(&columns, &header, &body));
    push_paragraph(&mut out, "", &scale_note(report));
    push_list(&mut out, "Protocol", &protocol(report));
    push_list(&mut out, "Deviations", &report.deviations);
    let environment: Vec<String> =
        report.environment.iter().map(|fact| format!("{}: {}", fact.name, fact.value)).collect();
    push_list(&mut out, "Environment", &environment);
    let _ = writeln!(out, "\nTo make this table again: {}", command(report));
    out
}

/// The table with its frame; rows of one line each stand close, others are parted by rules.
fn draw(columns: &[Column], header: &[Vec<String>], body: &[Vec<Vec<String>>]) -> String {
    let widths: Vec<usize> = (0..columns.len())
        .map(|index| {
            let lines = header[index].iter().chain(body.iter().flat_map(|row| &row[index]));
            lines.map(|line| line.chars().count()).max().unwrap_or(0)
        })
        .collect();
    let rule = |left: char, middle: char, right: char| {
        let bars: Vec<String> = widths.iter().map(|width| "─".repeat(width + 2)).collect();
        format!("{left}{}{right}\n", bars.join(&middle.to_string()))
    };
    let mut out = rule('┌', '┬', '┐');
    push_row(&mut out, columns, &widths, header);
    for row in body {
        out.push_str(&rule('├', '┼', '┤'));
        push_row(&mut out, columns, &widths, row);
    }
    out.push_str(&rule('└', '┴', '┘'));
    out
}

fn push_row(out: &mut String, columns: &[Column], widths: &[usize], cells: &[Vec<String>]) {
    let height = cells.iter().map(Vec::len).max().unwrap_or(0);
    for index in 0..height {
        for ((cell, column), width) in cells.iter().zip(columns).zip(widths) {
            let line = cell.get(index).map_or("", String::as_str);
            let padding = " ".repeat(width - line.chars().count());
            let (before, after) =
                if column.right { (padding.as_str(), "") } else { ("", padding.as_str()) };
            let _ = write!(out, "│ {before}{line}{after} ");
        }
        out.push_str("│\n");
    }
}

fn push_list(out: &mut String, heading: &str, items: &[String]) {
    if items.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n{heading}");
    for item in items {
        push_paragraph(out, "• ", item);
    }
}

/// A wrapped paragraph whose first line begins with `bullet` and whose others are indented as far.
fn push_paragraph(out: &mut String, bullet: &str, text: &str) {
    let indent = bullet.chars().count();
    for (index, line) in wrap(text, WIDTH - indent).iter().enumerate() {
        let start = if index == 0 { bullet.to_owned() } else { " ".repeat(indent) };
        let _ = writeln!(out, "{start}{line}");
    }
}

/// Breaks at spaces into lines of at most `limit` characters; a longer word is cut.
fn wrap(text: &str, limit: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut length = 0;
    for word in text.split_whitespace() {
        let mut rest: Vec<char> = word.chars().collect();
        while !rest.is_empty() {
            let gap = usize::from(length > 0);
            if length + gap + rest.len() > limit && length > 0 {
                lines.push(String::new());
                length = 0;
                continue;
            }
            let taken = rest.len().min(limit);
            let line = lines.last_mut().expect("there is always a line");
            if gap > 0 {
                line.push(' ');
            }
            line.extend(rest.drain(..taken));
            length += gap + taken;
        }
    }
    lines
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
    fn no_line_is_wider_than_a_terminal() {
        let text = text(&example::report());
        let widths: Vec<usize> = text.lines().map(|line| line.chars().count()).collect();
        assert!(widths.len() > 20, "{} lines", widths.len());
        assert!(widths.iter().all(|&width| width <= 118), "{:?}", widths.iter().max());
    }

    #[test]
    fn wrapping_cuts_only_words_that_are_too_long() {
        assert_eq!(wrap("a bb ccc", 4), ["a bb", "ccc"]);
        assert_eq!(wrap("abcdefgh i", 3), ["abc", "def", "gh", "i"]);
        assert_eq!(wrap("", 3), [""]);
    }
}
