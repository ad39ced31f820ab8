//! Claims as a Markdown table per paper, with place and condition below, and what was found in words.

use std::fmt::Write;

use crate::claim::paragraph;
use crate::report::claims::{ClaimCells, Found, HEADERS, by_paper};
use crate::report::markdown::{escape, push_cells, value_and_notes};
use crate::table::TableReport;

pub(super) fn push(out: &mut String, level: &str, report: &TableReport) {
    if report.claims.is_empty() {
        return;
    }
    let _ = write!(out, "\n{level} What was found\n\n{}", found(report));
    for (paper, claims) in by_paper(&report.claims) {
        let _ = write!(out, "\n{level} {}\n\n", escape(&paper));
        out.push_str(&table(&claims));
        out.push('\n');
        for (claim, _) in claims {
            let _ = writeln!(
                out,
                "* `{}`: {}. {}",
                claim.id,
                escape(&claim.place),
                escape(&claim.condition)
            );
        }
    }
}

/// The closing paragraph as a list, an item per paper between the first line and the last.
pub(crate) fn found(report: &TableReport) -> String {
    let paragraph = paragraph(&report.claims, &report.scale);
    let lines: Vec<&str> = paragraph.lines().collect();
    let mut out = String::new();
    if let [first, papers @ .., last] = &lines[..] {
        let _ = writeln!(out, "{}\n", escape(first));
        for paper in papers {
            let _ = writeln!(out, "* {}", escape(paper));
        }
        let _ = writeln!(out, "\n{}", escape(last));
    }
    out
}

/// The table of some claims.
pub(crate) fn table(claims: &[Found<'_>]) -> String {
    let mut out = String::new();
    push_cells(&mut out, &HEADERS.map(escape));
    out.push_str("|---|---|---|---:|---|---|\n");
    for (claim, finding) in claims {
        let cells = ClaimCells::of(claim, finding);
        let said = [cells.claim].into_iter().chain(cells.provenance).collect::<Vec<_>>();
        push_cells(
            &mut out,
            &[
                format!("{} `{}`", value_and_notes(&said), claim.id),
                value_and_notes(&cells.quantity),
                value_and_notes(&cells.values),
                escape(&cells.difference.join(" ")),
                value_and_notes(&cells.verdict),
                value_and_notes(&cells.published),
            ],
        );
    }
    out
}
