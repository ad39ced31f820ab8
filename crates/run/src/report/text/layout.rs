//! Text in columns: framed tables, lists and wrapped paragraphs.

use std::fmt::Write;

/// Columns of text that lines of prose are wrapped at; a table is at most two columns wider.
pub(super) const WIDTH: usize = 116;

/// One column: its header, its greatest width, and whether its text stands at the right.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) header: String,
    pub(super) limit: usize,
    pub(super) right: bool,
}

impl Column {
    pub(super) fn new(header: impl Into<String>, limit: usize, right: bool) -> Self {
        Self { header: header.into(), limit, right }
    }
}

/// A framed table of `rows`, whose cells are lines that are wrapped at the limits of the columns; rows of one line each
/// stand close, others are parted by rules.
pub(super) fn framed(columns: &[Column], rows: &[Vec<Vec<String>>]) -> String {
    let wrapped = |cells: &[Vec<String>]| -> Vec<Vec<String>> {
        let cells = cells.iter().zip(columns);
        cells
            .map(|(lines, column)| lines.iter().flat_map(|line| wrap(line, column.limit)).collect())
            .collect()
    };
    let header: Vec<Vec<String>> =
        columns.iter().map(|column| wrap(&column.header, column.limit)).collect();
    let body: Vec<Vec<Vec<String>>> = rows.iter().map(|cells| wrapped(cells)).collect();
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
    push_row(&mut out, columns, &widths, &header);
    let mut close = false;
    for row in &body {
        let one_line = row.iter().all(|cell| cell.len() <= 1);
        if !(close && one_line) {
            out.push_str(&rule('├', '┼', '┤'));
        }
        push_row(&mut out, columns, &widths, row);
        close = one_line;
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

pub(super) fn push_list(out: &mut String, heading: &str, items: &[String]) {
    if items.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n{heading}");
    for item in items {
        push_paragraph(out, "• ", item);
    }
}

/// A wrapped paragraph whose first line begins with `bullet` and whose others are indented as far.
pub(super) fn push_paragraph(out: &mut String, bullet: &str, text: &str) {
    let indent = bullet.chars().count();
    for (index, line) in wrap(text, WIDTH - indent).iter().enumerate() {
        let start = if index == 0 { bullet.to_owned() } else { " ".repeat(indent) };
        let _ = writeln!(out, "{start}{line}");
    }
}

/// Breaks at spaces into lines of at most `limit` characters, but not before a percent sign; a longer word is cut.
pub(super) fn wrap(text: &str, limit: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut length = 0;
    let text = text.replace(" %", "\u{a0}%");
    for word in text.split_ascii_whitespace() {
        let mut rest: Vec<char> = word.replace('\u{a0}', " ").chars().collect();
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

    #[test]
    fn wrapping_cuts_only_words_that_are_too_long() {
        assert_eq!(wrap("a bb ccc", 4), ["a bb", "ccc"]);
        assert_eq!(wrap("abcdefgh i", 3), ["abc", "def", "gh", "i"]);
        assert_eq!(wrap("at 95 % it", 5), ["at", "95 %", "it"]);
        assert_eq!(wrap("", 3), [""]);
    }
}
