//! A check of a device as Markdown, as one HTML page, as JSON, and as text for a terminal.

use std::fmt::Write;
use std::path::Path;

use crate::atomic::replace_file;
use crate::check::{CheckCell, CheckOutcome, CheckReport, CheckSection, CheckTable};
use crate::error::Result;
use crate::format::duration;
use crate::json;
use crate::report::html::{page, prose};
use crate::report::markdown::escape;

/// Writes `report.json`, `report.md` and `report.html` into an existing directory, each whole.
///
/// # Errors
///
/// [`RunError::Io`](crate::RunError::Io) if a file cannot be written,
/// [`RunError::Unwritable`](crate::RunError::Unwritable) if a time is not finite.
pub fn write_check(report: &CheckReport, directory: &Path) -> Result<()> {
    let path = directory.join("report.json");
    replace_file(&path, &json::to_document(report, &path)?)?;
    for (name, form) in [("report.md", check_markdown(report)), ("report.html", check_html(report))]
    {
        replace_file(&directory.join(name), form.as_bytes())?;
    }
    Ok(())
}

/// Numbers stand at the right.
fn is_number(table: &CheckTable, column: usize) -> bool {
    table.rows.iter().any(|row| matches!(row.get(column), Some(CheckCell::Number { .. })))
}

/// Text whose parts between backticks are code, by `plain` and `code`; as it is if they do not pair up.
fn spans(text: &str, plain: impl Fn(&str) -> String, code: impl Fn(&str) -> String) -> String {
    if text.matches('`').count() % 2 == 1 {
        return plain(text);
    }
    let part = |(number, part)| if number % 2 == 0 { plain(part) } else { code(part) };
    text.split('`').enumerate().map(part).collect()
}

/// Text for Markdown.
fn marked(text: &str) -> String {
    spans(text, escape, |code| format!("`{code}`"))
}

/// Text for HTML.
fn tagged(text: &str) -> String {
    spans(text, prose, |code| format!("<code>{}</code>", prose(code)))
}

/// The outcome and its sentence: `passed: 12 comparisons.`
fn outcome(section: &CheckSection) -> String {
    let CheckSection { outcome, sentence, .. } = section;
    if sentence.is_empty() {
        return format!("{}.", outcome.words());
    }
    format!("{}: {sentence}", outcome.words())
}

/// Renders a check as Markdown, one sentence per line.
pub fn check_markdown(report: &CheckReport) -> String {
    let mut out = format!("# {}\n\n", escape(&report.title));
    out.push_str("| section | outcome | time |\n|---|---|---:|\n");
    for section in &report.sections {
        let (heading, outcome) = (marked(&section.heading), marked(&outcome(section)));
        let _ = writeln!(out, "| {heading} | {outcome} | {} |", duration(section.seconds));
    }
    for section in &report.sections {
        let _ = write!(out, "\n## {}\n\n{}\n", marked(&section.heading), marked(&section.about));
        let _ = writeln!(out, "\n**{}** {}", section.outcome.words(), marked(&section.sentence));
        for table in &section.tables {
            push_markdown(&mut out, table);
        }
        if !section.notes.is_empty() {
            out.push('\n');
        }
        for note in &section.notes {
            let _ = writeln!(out, "* {}", marked(note));
        }
    }
    let _ = write!(out, "\n## Again\n\n```sh\n{}\n```\n", report.command);
    out
}

fn push_markdown(out: &mut String, table: &CheckTable) {
    let headers: Vec<String> = table.headers.iter().map(|header| escape(header)).collect();
    let _ = write!(out, "\n| {} |\n|", headers.join(" | "));
    for column in 0..headers.len() {
        out.push_str(if is_number(table, column) { "---:|" } else { "---|" });
    }
    out.push('\n');
    for row in &table.rows {
        let cells: Vec<String> = row.iter().map(|cell| escape(cell.shown())).collect();
        let _ = writeln!(out, "| {} |", cells.join(" | "));
    }
}

/// Renders a check as a page that needs nothing else.
pub fn check_html(report: &CheckReport) -> String {
    page(&report.title, |out| {
        out.push_str("<header>\n<p class=\"kicker\">check of a device</p>\n");
        let _ = writeln!(out, "<h1>{}</h1>\n<ul>", prose(&report.title));
        for section in &report.sections {
            let heading = prose(&section.heading);
            let _ =
                writeln!(out, "<li><strong>{heading}</strong>: {}</li>", tagged(&outcome(section)));
        }
        out.push_str("</ul>\n</header>\n");
        for section in &report.sections {
            push_section(out, section);
        }
        let _ = write!(
            out,
            "<section>\n<h2>Again</h2>\n<p>It took {}. Make this page again:</p>\n<pre><code>{}</code></pre>\n</section>\n",
            duration(report.seconds),
            prose(&report.command)
        );
    })
}

fn push_section(out: &mut String, section: &CheckSection) {
    let class = match section.outcome {
        CheckOutcome::Passed => "holds",
        CheckOutcome::Failed => "contradicted",
        CheckOutcome::LeftOut => "cannot-tell",
    };
    let _ = write!(
        out,
        "<section id=\"{}\">\n<h2>{}</h2>\n<p>{}</p>\n<p class=\"verdict {class}\"><strong>{}</strong> <span>{}</span></p>\n",
        prose(&section.id),
        prose(&section.heading),
        tagged(&section.about),
        section.outcome.words(),
        tagged(&section.sentence)
    );
    for table in &section.tables {
        push_table(out, table);
    }
    if !section.notes.is_empty() {
        out.push_str("<ul>\n");
        for note in &section.notes {
            let _ = writeln!(out, "<li>{}</li>", tagged(note));
        }
        out.push_str("</ul>\n");
    }
    out.push_str("</section>\n");
}

fn push_table(out: &mut String, table: &CheckTable) {
    out.push_str("<div class=\"scroll\"><table class=\"plain check\"><thead><tr>");
    let aligned = |column| if is_number(table, column) { "" } else { " class=\"words\"" };
    for (column, header) in table.headers.iter().enumerate() {
        let _ = write!(out, "<th scope=\"col\"{}>{}</th>", aligned(column), prose(header));
    }
    out.push_str("</tr></thead><tbody>\n");
    for row in &table.rows {
        out.push_str("<tr>");
        for (column, cell) in row.iter().enumerate() {
            let shown = prose(cell.shown());
            let _ = match column {
                0 => write!(out, "<th scope=\"row\">{shown}</th>"),
                _ => write!(out, "<td{}>{shown}</td>", aligned(column)),
            };
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody></table></div>\n");
}

/// Renders a check as text for a terminal: the outcome of each section.
pub fn check_text(report: &CheckReport) -> String {
    let width = report.sections.iter().map(|section| section.heading.chars().count()).max();
    let width = width.unwrap_or(0);
    let mut out = format!("{}\n", report.title);
    for section in &report.sections {
        let _ = writeln!(out, "  {:<width$}  {}", section.heading, outcome(section));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> CheckReport {
        let mut table = CheckTable::new(&["net | kind", "ms"]);
        table.rows.push(vec!["<convnet>".into(), CheckCell::number(4.62, 1)]);
        table.rows.push(vec!["vggsnn".into(), "not measured".into()]);
        let section = CheckSection {
            id: "times".into(),
            heading: "Times of a step".into(),
            about: "Median of 20.".into(),
            outcome: CheckOutcome::Failed,
            sentence: "out of memory: lower the batch size.".into(),
            comparisons: Some(2),
            notes: vec!["Run `a_b | c`.".into()],
            tables: vec![table],
            seconds: 1.5,
        };
        CheckReport {
            title: "Check of a GPU".into(),
            command: "candlewick gpu-check".into(),
            sections: vec![section],
            seconds: 2.0,
        }
    }

    #[test]
    fn all_forms_say_the_same() {
        let report = report();
        let markdown = check_markdown(&report);
        assert!(markdown.contains("\n| net \\| kind | ms |\n|---|---:|\n| \\<convnet> | 4.6 |\n"));
        assert!(markdown.contains("**failed** out of memory: lower the batch size.\n"));
        let page = check_html(&report);
        assert!(page.contains("&lt;convnet&gt;") && !page.contains("<convnet>"));
        assert!(page.contains("<p class=\"verdict contradicted\"><strong>failed</strong>"));
        assert!(markdown.contains("\n* Run `a_b | c`.\n"), "{markdown}");
        assert!(page.contains("<li>Run <code>a_b | c</code>.</li>"));
        assert_eq!(marked("a ` b_c"), "a \\` b\\_c");
        let text = check_text(&report);
        assert!(text.contains("  Times of a step  failed: out of memory"), "{text}");
        let directory = tempfile::tempdir().unwrap();
        write_check(&report, directory.path()).unwrap();
        let json = std::fs::read(directory.path().join("report.json")).unwrap();
        let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(json["sections"][0]["outcome"], "failed");
        assert_eq!(json["sections"][0]["tables"][0]["rows"][0][1], 4.62);
    }
}
