//! A comparison of two runs as text and as one HTML page.

use std::fmt::Write;

use crate::comparison::{Comparison, ComparisonTable, NAMES};
use crate::report::charts::Section;
use crate::report::course::OVER_SEEDS;
use crate::report::figures::sections;
use crate::report::html::{page, prose, push_figures};
use crate::table::{RowReport, TableReport};

/// A table of more epochs than this is folded away.
const OPEN_UP_TO: usize = 12;

/// The section as it is called where there are no seeds to take the mean over.
fn of_one_run(section: Section) -> Section {
    let mut caption = section.caption;
    for (of_seeds, of_one) in [
        (OVER_SEEDS, "After each epoch."),
        (", mean over the seeds", ""),
        (": mean over the seeds, and the band spans the lowest and highest seed", ""),
        (": mean over the seeds, with the range from the lowest to the highest", ""),
        (", all seeds together", ""),
        ("that the first seed finds hardest", "that it finds hardest"),
    ] {
        caption = caption.replace(of_seeds, of_one);
    }
    Section { caption, ..section }
}

/// Renders a comparison for the terminal; the text ends with a line break.
pub fn comparison_text(comparison: &Comparison) -> String {
    let mut out = String::new();
    for (name, run) in NAMES.iter().zip(&comparison.runs) {
        let summary = &run.summary;
        let _ =
            writeln!(out, "{name}  {}: {}, seed {}", run.directory, summary.dataset, summary.seed);
    }
    for table in comparison.tables() {
        let _ = writeln!(out, "\n{}", table.heading);
        if table.rows.is_empty() {
            out.push_str("  none\n");
            continue;
        }
        push_text(&mut out, &table);
    }
    let [_, results, ..] = comparison.tables();
    let _ = writeln!(out, "\n{}", results.caption);
    out
}

/// Columns as wide as their widest cell: the first stands at the left, numbers at the right.
fn push_text(out: &mut String, table: &ComparisonTable) {
    let headers: Vec<String> = table.headers.iter().map(|&header| header.to_owned()).collect();
    let lines: Vec<&Vec<String>> = [&headers].into_iter().chain(&table.rows).collect();
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max();
    let widths: Vec<usize> = (0..headers.len()).map(|column| width(column).unwrap_or(0)).collect();
    for line in lines {
        let _ = write!(out, "  {:<1$}", line[0], widths[0]);
        for (cell, width) in line.iter().zip(&widths).skip(1) {
            let _ = write!(out, "  {cell:>width$}");
        }
        out.push('\n');
    }
}

/// Renders a comparison as a page that needs nothing else.
pub fn comparison_html(comparison: &Comparison) -> String {
    page("Two runs compared", |out| {
        out.push_str("<header>\n<p class=\"kicker\">comparison</p>\n<h1>Two runs compared</h1>\n");
        out.push_str("<dl class=\"facts\">\n");
        for (name, run) in NAMES.iter().zip(&comparison.runs) {
            let summary = &run.summary;
            let _ = writeln!(
                out,
                "<div><dt>{name}: {}, seed {}</dt><dd><code>{}</code></dd></div>",
                prose(&summary.dataset),
                summary.seed,
                prose(&run.directory)
            );
        }
        out.push_str("</dl>\n</header>\n");
        let [settings, results, epochs, layers] = comparison.tables();
        push_table(out, &settings, true, true);
        push_table(out, &results, true, false);
        let mut figures = sections(&as_table(comparison)).into_iter().map(of_one_run);
        if let Some(curves) = figures.next() {
            push_figures(out, curves, true);
        }
        push_table(out, &epochs, epochs.rows.len() <= OPEN_UP_TO, true);
        push_table(out, &layers, true, true);
        for section in figures {
            push_figures(out, section, false);
        }
    })
}

/// A table, folded away unless `open`; one whose rows are of different kinds does not sort.
fn push_table(out: &mut String, table: &ComparisonTable, open: bool, sortable: bool) {
    let _ = writeln!(out, "<section>\n<h2>{}</h2>\n<p>{}</p>", table.heading, prose(table.caption));
    if table.rows.is_empty() {
        out.push_str("<p>None.</p>\n</section>\n");
        return;
    }
    let folded = !open;
    if folded {
        let _ = writeln!(out, "<details><summary>{} rows</summary>", table.rows.len());
    }
    let class = if sortable { "plain sortable" } else { "plain" };
    let _ = write!(out, "<div class=\"scroll\"><table class=\"{class}\"><thead><tr>");
    for header in &table.headers {
        let _ = write!(out, "<th scope=\"col\">{}</th>", prose(header));
    }
    out.push_str("</tr></thead><tbody>\n");
    for row in &table.rows {
        let _ = write!(out, "<tr><th scope=\"row\">{}</th>", prose(&row[0]));
        for cell in &row[1..] {
            let _ = write!(out, "<td>{}</td>", prose(cell));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody></table></div>\n");
    out.push_str(if folded { "</details>\n</section>\n" } else { "</section>\n" });
}

/// The runs as the two rows of a table, which is what figures are drawn of.
fn as_table(comparison: &Comparison) -> TableReport {
    let row = |(name, run): (&&str, &crate::RunRecord)| RowReport {
        id: (*name).to_owned(),
        label: (*name).to_owned(),
        note: None,
        provenance: None,
        baseline: None,
        runs: vec![run.clone()],
        published: None,
        unpublished: None,
    };
    TableReport::of_rows(
        "Two runs compared".to_owned(),
        NAMES.iter().zip(&comparison.runs).map(row).collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::example;

    fn comparison() -> Comparison {
        let runs = [("sdt", 0.80), ("tet", 0.85)]
            .map(|(id, accuracy)| example::row(id, id, &[accuracy]).runs.remove(0));
        let setting = |value: &str| vec![("loss <kind>".to_owned(), value.to_owned())];
        Comparison { runs, settings: [setting("a"), setting("b")] }
    }

    #[test]
    fn the_text_stands_in_columns() {
        let text = comparison_text(&comparison());
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].starts_with("A  runs/table-0/sdt/s0-0123abcd: Digits"), "{text}");
        let place = lines.iter().position(|line| *line == "Settings that differ").unwrap();
        assert_eq!(lines[place + 1], "  Setting      A  B");
        assert_eq!(lines[place + 2], "  loss <kind>  a  b");
        assert!(text.contains("  Final accuracy, %          80.00   85.00   +5.00\n"), "{text}");
        let same = Comparison { settings: [Vec::new(), Vec::new()], ..comparison() };
        assert!(comparison_text(&same).contains("Settings that differ\n  none\n"));
    }

    #[test]
    fn the_page_has_tables_and_figures_of_both_runs() {
        let page = comparison_html(&comparison());
        assert!(page.contains("loss &lt;kind&gt;") && !page.contains("<kind>"));
        assert_eq!(page.matches("<table class=\"plain sortable\">").count(), 3);
        assert_eq!(page.matches("<table class=\"plain\">").count(), 1);
        for heading in ["Results", "Learning curves", "Layer by layer", "Loss around the minimum"] {
            assert!(page.contains(&format!("<h2>{heading}</h2>")), "{heading}");
        }
        assert!(!page.contains("seeds after") && !page.contains("over the seeds"), "one run each");
        for word in ["http://", "https://", "src=", "href=", "url("] {
            assert!(!page.contains(word), "{word}");
        }
    }
}
