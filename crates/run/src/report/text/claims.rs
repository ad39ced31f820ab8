//! Claims as a framed table per paper, with place and condition below.

use std::fmt::Write;

use crate::claim::{ClaimReport, Finding};
use crate::report::claims::{ClaimCells, HEADERS, by_paper};
use crate::report::text::layout::{Column, framed, push_paragraph};

pub(super) fn push(out: &mut String, claims: &[ClaimReport]) {
    let columns = [
        Column::new(HEADERS[0], 22, false),
        Column::new(HEADERS[1], 18, false),
        Column::new(HEADERS[2], 17, false),
        Column::new(HEADERS[3], 17, true),
        Column::new(HEADERS[4], 12, false),
        Column::new(HEADERS[5], 13, false),
    ];
    for (paper, claims) in by_paper(claims) {
        let _ = writeln!(out, "\n{paper}");
        let rows: Vec<Vec<Vec<String>>> =
            claims.iter().map(|(claim, finding)| row(claim, finding)).collect();
        out.push_str(&framed(&columns, &rows));
        for (claim, _) in &claims {
            let text = format!("{}: {}. {}", claim.id, claim.place, claim.condition);
            push_paragraph(out, "• ", &text);
        }
    }
}

fn row(claim: &ClaimReport, finding: &Finding) -> Vec<Vec<String>> {
    let cells = ClaimCells::of(claim, finding);
    // The heading has the paper's part of the name.
    let (_, name) = claim.id.split_once('/').unwrap_or(("", &claim.id));
    let notes = cells.provenance.into_iter().chain([name.to_owned()]);
    vec![
        [cells.claim].into_iter().chain(notes).collect(),
        cells.quantity,
        cells.values,
        cells.difference,
        cells.verdict,
        cells.published,
    ]
}
