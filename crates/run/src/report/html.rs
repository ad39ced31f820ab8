//! A report as one HTML page that needs nothing else: style, script and figures are inside.

mod claims;
mod maps;

use std::fmt::Write;

use crate::format::{duration, percent, significant, thousands};
use crate::report::cells::{
    Cells, NOTHING, PUBLISHED_HEADER, accuracy_header, command, difference_header, protocol,
    scale_note,
};
use crate::report::charts::Section;
use crate::report::diagnostics;
use crate::report::figures::sections;
use crate::svg::{self, escape};
use crate::table::{RowReport, TableReport};

/// A section with more figures than this is folded away.
const FOLDED_ABOVE: usize = 6;

/// Renders the report as a page.
pub fn html(report: &TableReport) -> String {
    page(&report.title, |out| {
        push_head(out, report);
        claims::push(out, report);
        if !report.rows.is_empty() {
            push_table(out, report);
        }
        maps::push(out, &report.maps);
        for (index, section) in sections(report).into_iter().enumerate() {
            push_figures(out, section, index == 0);
        }
        push_diagnostics(out, report);
        push_health(out, report);
        push_list(out, "Protocol", &protocol(report));
        push_list(out, "Deviations from the papers", &report.deviations);
        push_runs(out, report);
        push_environment(out, report);
    })
}

/// A page with style and script, whose main part `write` gives.
pub(crate) fn page(title: &str, write: impl FnOnce(&mut String)) -> String {
    let mut out =
        String::from("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    out.push_str("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    out.push_str("<meta name=\"color-scheme\" content=\"light dark\">\n");
    let _ = writeln!(out, "<title>{} · candlewick</title>", prose(title));
    let _ = write!(
        out,
        "<style>\n{}{}</style>\n</head>\n<body>\n<main>\n",
        svg::STYLE,
        include_str!("page.css")
    );
    write(&mut out);
    let _ =
        write!(out, "</main>\n<script>\n{}</script>\n</body>\n</html>\n", include_str!("page.js"));
    out
}

fn push_head(out: &mut String, report: &TableReport) {
    out.push_str("<header>\n");
    if !report.scale.is_empty() {
        let (id, scale) = (prose(&report.id), prose(&report.scale));
        let _ = writeln!(out, "<p class=\"kicker\">{id} · {scale} scale</p>");
    }
    let _ = writeln!(out, "<h1>{}</h1>", prose(&report.title));
    out.push_str("<dl class=\"facts\">\n");
    let mut fact = |name: &str, value: &str| {
        let _ = writeln!(out, "<div><dt>{}</dt><dd>{}</dd></div>", prose(name), prose(value));
    };
    if !report.dataset.is_empty() {
        fact("Measured on", &report.dataset);
    }
    if let Some(network) = &report.network {
        fact("Network", network);
    }
    if let Some(summary) =
        report.rows.iter().find_map(|row| row.runs.first()).map(|run| &run.summary)
    {
        fact("Epochs", &summary.epochs.to_string());
        fact("Parameters", &thousands(summary.parameters));
    }
    out.push_str("</dl>\n");
    if !report.rows.is_empty() && report.claims.is_empty() {
        push_scale_note(out, report);
    }
    out.push_str("</header>\n");
}

fn push_scale_note(out: &mut String, report: &TableReport) {
    if report.scale.is_empty() {
        return;
    }
    let _ = writeln!(out, "<p class=\"note\">{}</p>", prose(&scale_note(report)));
}

fn push_table(out: &mut String, report: &TableReport) {
    let headers = [
        "Method".to_owned(),
        accuracy_header(report),
        difference_header(report),
        "Firing rate".to_owned(),
        "Time per run".to_owned(),
        PUBLISHED_HEADER.to_owned(),
    ];
    out.push_str("<section>\n");
    if !report.claims.is_empty() {
        out.push_str("<h2>Accuracy</h2>\n");
        push_scale_note(out, report);
    }
    out.push_str("<table class=\"results sortable\">\n<thead><tr>");
    for header in &headers {
        let _ = write!(out, "<th scope=\"col\">{}</th>", prose(header));
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    let reach = report
        .rows
        .iter()
        .filter_map(|row| report.difference(row))
        .map(|difference| difference.low.abs().max(difference.high.abs()))
        .fold(0.0, f64::max);
    for row in &report.rows {
        push_row(out, report, row, &headers, reach);
    }
    out.push_str("</tbody>\n</table>\n</section>\n");
}

fn push_row(
    out: &mut String,
    report: &TableReport,
    row: &RowReport,
    headers: &[String; 6],
    reach: f64,
) {
    let cells = Cells::of(report, row);
    let kind = if report.is_baseline(row) { " class=\"baseline\"" } else { "" };
    let _ = write!(out, "<tr{kind}><th scope=\"row\" data-value=\"{}\">", prose(&row.label));
    let _ = write!(out, "<span class=\"value\">{}</span>", prose(&row.label));
    if let Some(provenance) = &row.provenance {
        let _ = write!(out, "<span class=\"badge\">{}</span>", prose(provenance));
    }
    if let Some(note) = &row.note {
        let _ = write!(out, "<span class=\"more\">{}</span>", prose(note));
    }
    out.push_str("</th>");

    let mut cell = |index: usize, class: &str, sort: Option<f64>, lines: &[String], after: &str| {
        let sort = sort.map_or_else(String::new, |value| format!(" data-value=\"{value}\""));
        let _ =
            write!(out, "<td class=\"{class}\" data-label=\"{}\"{sort}>", prose(&headers[index]));
        for (position, line) in lines.iter().enumerate() {
            let kind = if position == 0 { "value" } else { "more" };
            let _ = write!(out, "<span class=\"{kind}\">{}</span>", prose(line));
        }
        let _ = write!(out, "{after}</td>");
    };
    let difference = report.difference(row);
    let strip = difference.map_or_else(String::new, |difference| {
        let title = format!("{}: {}", row.label, cells.difference.join(", "));
        svg::interval(&title, (difference.low, difference.mean, difference.high), reach).inline()
    });
    let accuracy = report.accuracy(row).map(|spread| spread.mean);
    cell(1, "number", accuracy, &cells.accuracy, "");
    cell(2, "number", difference.map(|difference| difference.mean), &cells.difference, &strip);
    cell(3, "number", row.firing_rate(), &[cells.firing_rate], "");
    cell(4, "number", row.seconds(), &[cells.time], "");
    let published = row.published.as_ref().map(|published| published.value);
    let kind = if published.is_some() { "number published" } else { "number published none" };
    cell(5, kind, published, &cells.published, "");
    out.push_str("</tr>\n");
}

/// A section of figures; many of them are folded away, unless `open`.
pub(crate) fn push_figures(out: &mut String, section: Section, open: bool) {
    let _ = writeln!(out, "<section>\n<h2>{}</h2>\n<p>{}</p>", section.heading, section.caption);
    let folded = !open && section.figures.len() > FOLDED_ABOVE;
    if folded {
        let count = section.figures.len();
        let _ = writeln!(out, "<details><summary>{count} figures</summary>");
    }
    out.push_str("<div class=\"figures\">\n");
    for figure in section.figures {
        let _ = writeln!(out, "<figure>{}</figure>", figure.inline());
    }
    out.push_str("</div>\n");
    out.push_str(if folded { "</details>\n</section>\n" } else { "</section>\n" });
}

fn push_diagnostics(out: &mut String, report: &TableReport) {
    let rows = diagnostics::rows(report);
    if rows.is_empty() {
        return;
    }
    let _ =
        writeln!(out, "<section>\n<h2>Diagnostics</h2>\n<p>{}</p>", prose(diagnostics::CAPTION));
    out.push_str("<div class=\"scroll\"><table class=\"plain sortable\"><thead><tr>");
    for header in diagnostics::HEADERS {
        let _ = write!(out, "<th scope=\"col\">{}</th>", prose(header));
    }
    out.push_str("</tr></thead><tbody>\n");
    for [method, values @ ..] in rows {
        let _ = write!(out, "<tr><th scope=\"row\">{}</th>", prose(&method));
        for value in values {
            let _ = write!(out, "<td>{}</td>", prose(&value));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody></table></div>\n</section>\n");
}

/// Layer by layer, what tells a healthy network from a dead one.
fn push_health(out: &mut String, report: &TableReport) {
    let rows: Vec<_> = report
        .rows
        .iter()
        .map(|row| (row, row.layers()))
        .filter(|(_, layers)| !layers.is_empty())
        .collect();
    if rows.is_empty() {
        return;
    }
    out.push_str("<section>\n<h2>Health of the layers</h2>\n<p>Shares of neurons on the test data after the last epoch, mean over the seeds: silent ones, ones that fire at every step, and the share of neurons and steps with a surrogate gradient that is not zero.</p>\n");
    for (row, layers) in rows {
        let _ = write!(
            out,
            "<details><summary>{}</summary>\n<table class=\"plain\"><thead><tr>",
            prose(&row.full_label())
        );
        for header in ["Layer", "Firing rate", "Dead, %", "Saturated, %", "Gradient not zero, %"] {
            let _ = write!(out, "<th scope=\"col\">{header}</th>");
        }
        out.push_str("</tr></thead><tbody>\n");
        let share = |value: Option<f32>| {
            value.map_or_else(|| NOTHING.to_owned(), |value| percent(f64::from(value)))
        };
        for layer in layers {
            let _ = writeln!(
                out,
                "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
                prose(&layer.name),
                significant(f64::from(layer.firing_rate)),
                share(layer.dead),
                share(layer.saturated),
                share(layer.active_gradient),
            );
        }
        out.push_str("</tbody></table></details>\n");
    }
    out.push_str("</section>\n");
}

fn push_list(out: &mut String, heading: &str, items: &[String]) {
    if items.is_empty() {
        return;
    }
    let _ = write!(out, "<section>\n<h2>{heading}</h2>\n<ul>\n");
    for item in items {
        let _ = writeln!(out, "<li>{}</li>", prose(item));
    }
    out.push_str("</ul>\n</section>\n");
}

/// Every run with its accuracies under each rule, so that nobody has to trust the one that the table quotes.
fn push_runs(out: &mut String, report: &TableReport) {
    if report.rows.iter().all(|row| row.runs.is_empty()) {
        return;
    }
    out.push_str("<section>\n<h2>Runs</h2>\n<details><summary>Every run, with its accuracy under each rule</summary>\n<div class=\"scroll\"><table class=\"plain sortable\"><thead><tr>");
    for header in ["Run", "Final, %", "Best on validation, %", "Best on test, %", "Time"] {
        let _ = write!(out, "<th scope=\"col\">{header}</th>");
    }
    out.push_str("</tr></thead><tbody>\n");
    for run in report.rows.iter().flat_map(|row| &row.runs) {
        let accuracy = run.summary.accuracy;
        let _ = writeln!(
            out,
            "<tr><th scope=\"row\"><code>{}</code></th><td>{}</td><td>{}</td><td>{}</td><td data-value=\"{}\">{}</td></tr>",
            prose(&run.directory),
            percent(accuracy.final_epoch),
            accuracy.best_on_validation.map_or_else(|| NOTHING.to_owned(), percent),
            percent(accuracy.best_on_test),
            run.summary.seconds,
            duration(run.summary.seconds),
        );
    }
    out.push_str("</tbody></table></div></details>\n</section>\n");
}

fn push_environment(out: &mut String, report: &TableReport) {
    if report.scale.is_empty() && report.environment.is_empty() {
        return;
    }
    out.push_str("<section>\n<h2>Environment</h2>\n");
    if !report.environment.is_empty() {
        out.push_str("<dl class=\"facts\">\n");
        for fact in &report.environment {
            let _ = writeln!(
                out,
                "<div><dt>{}</dt><dd>{}</dd></div>",
                prose(&fact.name),
                prose(&fact.value)
            );
        }
        out.push_str("</dl>\n");
    }
    if !report.scale.is_empty() {
        let command = prose(&command(report));
        let _ = writeln!(out, "<p>Make this page again:</p>\n<pre><code>{command}</code></pre>");
    }
    out.push_str("</section>\n");
}

/// Text for HTML in which a number stays on one line with its unit or name.
pub(crate) fn prose(text: &str) -> String {
    let mut text = escape(text);
    for (loose, tight) in [(" %", "\u{a0}%"), (" = ", "\u{a0}=\u{a0}"), (" ± ", "\u{a0}±\u{a0}")]
    {
        text = text.replace(loose, tight);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::example;

    #[test]
    fn the_page_needs_nothing_from_elsewhere() {
        let page = html(&example::claims::report());
        let outside = ["http://", "https://", "src=", "href=", "@import", "url("];
        for word in outside {
            assert!(!page.contains(word), "{word}");
        }
        assert_eq!(outside.len(), 6);
    }

    #[test]
    fn every_row_and_cell_is_there_and_markup_in_labels_is_text() {
        let page = html(&example::report());
        let body = page.split("<tbody>").nth(1).unwrap().split("</tbody>").next().unwrap();
        assert_eq!(body.matches("<tr").count(), 3);
        assert_eq!(body.matches("<td").count(), 3 * 5);
        assert_eq!(body.matches("class=\"number published").count(), 3);
        assert!(body.contains("PDA &lt;alternate&gt;") && !body.contains("<alternate>"));
        assert!(body.contains("<span class=\"badge\">inferred from the abstract</span>"));
        assert!(body.contains("no measurable difference at this scale"));
        assert!(body.contains("<span class=\"more\">CIFAR-100, ResNet-19</span><span class=\"more\">third party</span>"));
    }

    #[test]
    fn every_claim_is_a_card_and_every_map_a_figure_with_its_numbers() {
        let report = example::claims::report();
        let page = html(&report);
        assert_eq!(page.matches("<article").count(), report.claims.len());
        // Identities, single seeds and ratios of zero have no picture.
        assert_eq!(page.matches("each seed, and mean with 95 %").count(), 5);
        assert_eq!(page.matches("<figcaption>").count(), report.maps.len());
        assert_eq!(page.matches("<summary>The numbers</summary>").count(), report.maps.len());
        assert!(page.find("What was found").unwrap() < page.find("class=\"results").unwrap());
    }

    /// Every element that is opened is closed, in order; a browser would mend it, a reader of the source should not have to.
    #[test]
    fn elements_are_nested_rightly() {
        let page = html(&example::claims::report());
        let body = page.split("<main>").nth(1).unwrap().split("</main>").next().unwrap();
        let mut open: Vec<&str> = Vec::new();
        let mut visited = 0;
        for tag in body.split('<').skip(1) {
            let (tag, _) = tag.split_once('>').unwrap();
            visited += 1;
            if let Some(name) = tag.strip_prefix('/') {
                assert_eq!(open.pop(), Some(name), "element {visited}");
            } else if !tag.ends_with('/') {
                open.push(tag.split(' ').next().unwrap());
            }
        }
        assert!(open.is_empty(), "{open:?}");
        assert!(visited > 300, "{visited} tags");
    }
}
