//! Claims as cards, those of a paper together, each with its small picture.

use std::fmt::Write;

use crate::claim::{ClaimReport, Expectation, Finding, Unit, Verdict, paragraph};
use crate::format::{short, signed_short};
use crate::report::claims::{ClaimCells, HEADERS, by_paper};
use crate::report::html::prose;
use crate::svg::{Figure, PairChart};
use crate::table::TableReport;

pub(super) fn push(out: &mut String, report: &TableReport) {
    if report.claims.is_empty() {
        return;
    }
    push_found(out, report);
    for (paper, claims) in by_paper(&report.claims) {
        let _ = write!(out, "<section>\n<h2>{}</h2>\n<div class=\"claims\">\n", prose(&paper));
        for (claim, finding) in claims {
            push_card(out, claim, &finding);
        }
        out.push_str("</div>\n</section>\n");
    }
}

/// What was found in words: the papers as a list between the first line and the last.
fn push_found(out: &mut String, report: &TableReport) {
    let paragraph = paragraph(&report.claims, &report.scale);
    let lines: Vec<&str> = paragraph.lines().collect();
    let [first, papers @ .., last] = &lines[..] else { return };
    let _ = write!(
        out,
        "<section>\n<h2>What was found</h2>\n<div class=\"note\">\n<p>{}</p>\n<ul>\n",
        prose(first)
    );
    for paper in papers {
        let (name, found) = paper.split_once(". ").unwrap_or(("", paper));
        let _ = writeln!(out, "<li><strong>{}</strong>. {}</li>", prose(name), prose(found));
    }
    let _ = write!(out, "</ul>\n<p>{}</p>\n</div>\n</section>\n", prose(last));
}

fn push_card(out: &mut String, claim: &ClaimReport, finding: &Finding) {
    let cells = ClaimCells::of(claim, finding);
    let (class, _) = appearance(finding.verdict);
    let _ = writeln!(out, "<article class=\"claim\" id=\"{}\">", prose(&claim.id));
    let _ =
        write!(out, "<p class=\"verdict {class}\"><strong>{}</strong>", finding.verdict.words());
    for note in cells.verdict.iter().skip(1) {
        let _ = write!(out, " <span>{}</span>", prose(note));
    }
    let _ = write!(out, "</p>\n<h3>{}</h3>\n", prose(&cells.claim));
    if let Some(provenance) = &claim.provenance {
        let _ = writeln!(out, "<span class=\"badge\">{}</span>", prose(provenance));
    }
    let _ = writeln!(out, "<p class=\"quantity\">{}</p>", prose(&claim.quantity.words));
    if let Some(figure) = picture(claim, finding) {
        let _ = writeln!(out, "<figure>{}</figure>", figure.inline());
    }
    out.push_str("<dl>\n");
    let mut line = |name: &str, text: &str| {
        let _ = writeln!(out, "<div><dt>{}</dt><dd>{}</dd></div>", prose(name), prose(text));
    };
    line(HEADERS[2], &cells.values.join("; "));
    if finding.difference.is_some() {
        line(HEADERS[3], &cells.difference.join(" "));
    }
    if claim.published.is_some() {
        line(HEADERS[5], &cells.published.join("; "));
    }
    line("Place", &claim.place);
    line("Condition", &claim.condition);
    let _ =
        write!(out, "</dl>\n<p class=\"id\"><code>{}</code></p>\n</article>\n", prose(&claim.id));
}

/// Class and color of a verdict.
fn appearance(verdict: Verdict) -> (&'static str, Option<usize>) {
    match verdict {
        Verdict::Holds => ("holds", Some(2)),
        Verdict::Contradicted => ("contradicted", Some(1)),
        Verdict::NoEffect => ("no-effect", Some(0)),
        Verdict::CannotTell => ("cannot-tell", None),
    }
}

/// The pairs and the interval of their difference; `None` of identities and where there is no difference.
fn picture(claim: &ClaimReport, finding: &Finding) -> Option<Figure> {
    let difference = finding.difference.filter(|_| claim.expected != Expectation::Identical)?;
    let unit = claim.quantity.unit;
    // Fractions in percent and ratios by their logarithms, so that ticks are round.
    let (place, scale): (fn(f64) -> f64, f64) = match unit {
        Unit::Fraction => (|value| 100.0 * value, 100.0),
        Unit::Ratio => (f64::log10, 1.0),
        Unit::Plain => (|value| value, 1.0),
    };
    let value_text: fn(f64) -> String = match unit {
        Unit::Fraction => |value| format!("{} %", Unit::Plain.value(value)),
        Unit::Ratio => |value| short(10.0_f64.powf(value)),
        Unit::Plain => |value| Unit::Plain.value(value),
    };
    let difference_text: fn(f64) -> String = match unit {
        Unit::Fraction | Unit::Plain => signed_short,
        Unit::Ratio => |value| Unit::Ratio.change(value),
    };
    let difference_label = match unit {
        Unit::Fraction => "points",
        Unit::Ratio => "factor",
        Unit::Plain => "difference",
    };
    let chart = PairChart {
        title: format!("{}: {}", claim.id, claim.quantity.words),
        baseline: claim.baseline.clone(),
        method: claim.method.clone(),
        pairs: claim
            .pairs
            .iter()
            .map(|pair| (pair.seed, place(pair.baseline), place(pair.method)))
            .collect(),
        difference: scale * difference.mean,
        half: finding.sees.map(|sees| scale * sees),
        margin: scale * claim.margin,
        value_text,
        difference_text,
        difference_label: difference_label.to_owned(),
        color: appearance(finding.verdict).1,
    };
    Some(chart.draw())
}
