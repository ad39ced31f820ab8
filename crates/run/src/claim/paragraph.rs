//! The findings of a table in plain words, for a reader who reads nothing else.

use crate::claim::words::{counted, paper_name};
use crate::claim::{ClaimReport, Expectation, Finding, LEVEL, Pair, Verdict, findings};

/// What the claims of a table came to: a line on all of them, a line per paper with its claims by verdict, and a line on
/// what they are said of, by the `scale` of the table. The empty text for no claims.
pub fn paragraph(claims: &[ClaimReport], scale: &str) -> String {
    let findings = findings(claims);
    let all: Vec<(&ClaimReport, &Finding)> = claims.iter().zip(&findings).collect();
    if all.is_empty() {
        return String::new();
    }
    let papers = papers(claims);
    let mut lines = vec![opening(&all, papers.len())];
    for paper in papers {
        let its: Vec<_> = all.iter().copied().filter(|(claim, _)| claim.paper == paper).collect();
        lines.push(format!("{}. {}", paper_name(paper), of_paper(&its)));
    }
    lines.push(format!(
        "All of this applies to {}: what shows no effect or is inconclusive here may differ {}.",
        match scale {
            "demo" => "small networks that were trained for seconds on the data that candlewick comes with",
            "reduced" => "small networks that were trained for a minute on parts of real data sets",
            "full" => "the networks, data and epochs that are named at the claims",
            _ => "the networks and data that were measured here",
        },
        if scale == "full" { "under others" } else { "on the networks and data of the papers" }
    ));
    lines.join("\n")
}

/// The papers of the claims, each once, in the order in which they first appear.
pub(crate) fn papers(claims: &[ClaimReport]) -> Vec<&str> {
    let mut papers: Vec<&str> = Vec::new();
    for claim in claims {
        if !papers.contains(&claim.paper.as_str()) {
            papers.push(&claim.paper);
        }
    }
    papers
}

fn opening(all: &[(&ClaimReport, &Finding)], papers: usize) -> String {
    let (identities, tested): (Vec<_>, Vec<_>) =
        all.iter().copied().partition(|(claim, _)| claim.expected == Expectation::Identical);
    let count = |among: &[(&ClaimReport, &Finding)], verdict| {
        among.iter().filter(|(_, finding)| finding.verdict == verdict).count()
    };
    let mut sentences = Vec::new();
    if !tested.is_empty() {
        let parts = [
            (count(&tested, Verdict::Holds), "holds", "hold"),
            (count(&tested, Verdict::Contradicted), "is contradicted", "are contradicted"),
            (count(&tested, Verdict::NoEffect), "shows no effect", "show no effect"),
            (count(&tested, Verdict::CannotTell), "is inconclusive", "are inconclusive"),
        ];
        let parts: Vec<String> = parts
            .into_iter()
            .filter(|(count, _, _)| *count > 0)
            .map(|(count, one, several)| {
                format!("{count} {}", if count == 1 { one } else { several })
            })
            .collect();
        let were = if tested.len() == 1 { "was" } else { "were" };
        let (claims, papers) = (counted(tested.len(), "claim"), counted(papers, "paper"));
        sentences.push(format!("Of {claims} of {papers} that {were} tested, {}.", listed(&parts)));
    }
    let held = count(&identities, Verdict::Holds);
    match identities.len() {
        0 => {}
        1 if held == 1 => sentences.push("The one identity is exact to the bit.".to_owned()),
        all if held == all => sentences.push(format!("All {all} identities are exact to the bit.")),
        all => sentences.push(format!(
            "{held} of {} to the bit.",
            match all {
                1 => "1 identity holds".to_owned(),
                _ => format!("{all} identities hold"),
            }
        )),
    }
    sentences.join(" ")
}

/// `a`, `a and b`, `a, b and c`.
fn listed(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

/// The claims under the words for their verdicts, those that hold first.
fn of_paper(claims: &[(&ClaimReport, &Finding)]) -> String {
    let groups = [
        (Verdict::Holds, "Holds"),
        (Verdict::Contradicted, "Contradicted"),
        (Verdict::NoEffect, "No effect"),
        (Verdict::CannotTell, "Inconclusive"),
    ];
    let sentences: Vec<String> = groups
        .into_iter()
        .filter_map(|(verdict, words)| {
            let its = claims.iter().filter(|(_, finding)| finding.verdict == verdict);
            let its: Vec<String> = its
                .map(|(claim, finding)| format!("{} ({})", quoted(claim), ground(claim, finding)))
                .collect();
            (!its.is_empty()).then(|| format!("{words}: {}.", its.join("; ")))
        })
        .collect();
    sentences.join(" ")
}

/// The claim without its period, in quotation marks.
pub(crate) fn quoted(claim: &ClaimReport) -> String {
    format!("“{}”", claim.claim.trim_end_matches('.'))
}

/// What the verdict rests on, in a few words.
fn ground(claim: &ClaimReport, finding: &Finding) -> String {
    let words = &claim.quantity.words;
    let identity = claim.expected == Expectation::Identical;
    match (finding.verdict, claim.means()) {
        (Verdict::Holds, _) if identity => format!("{words}, to the bit"),
        (Verdict::Contradicted, _) if identity => broken(claim),
        (Verdict::Holds | Verdict::Contradicted, Some((baseline, method))) => {
            format!("{words} {method}, {baseline} for the baseline")
        }
        (Verdict::NoEffect, _) => unchanged(claim),
        _ => format!("{words}: {}", reason(claim, finding)),
    }
}

/// How an identity fails.
pub(crate) fn broken(claim: &ClaimReport) -> String {
    let differ = |pair: &&Pair| pair.method.to_bits() != pair.baseline.to_bits();
    let differing = claim.pairs.iter().filter(differ).count();
    let seeds = counted(claim.pairs.len(), "seed");
    let words = &claim.quantity.words;
    format!("{words} differs in {differing} of {seeds}, which is a mistake in the code")
}

/// How little changes.
pub(crate) fn unchanged(claim: &ClaimReport) -> String {
    let claimed = if claim.expected == Expectation::Unchanged { ", as claimed" } else { "" };
    let margin = claim.quantity.unit.size(claim.margin);
    format!("{} changes by less than {margin}{claimed}", claim.quantity.words)
}

/// Why the runs do not tell.
pub(crate) fn reason(claim: &ClaimReport, finding: &Finding) -> String {
    let seeds = counted(claim.pairs.len(), "seed");
    match (finding.obstacle(claim), finding.differs, finding.sees) {
        (Some(obstacle), ..) => obstacle.to_owned(),
        // The interval alone excludes zero, so that its width is not the reason.
        (None, Some(test), _) if test.p <= LEVEL => format!(
            "p is {:.3} for this claim alone, and {:.3} among all of them",
            test.p, test.corrected
        ),
        (None, _, sees) => {
            let sees = claim.quantity.unit.size(sees.unwrap_or(f64::INFINITY));
            format!("{seeds} detect only changes above {sees}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::example;

    #[test]
    fn numbers_of_one_and_of_several() {
        let claims = example::claims::report().claims;
        let first = |claims: &[ClaimReport]| {
            paragraph(claims, "demo").lines().next().unwrap_or_default().to_owned()
        };
        assert_eq!(first(&claims[..1]), "Of 1 claim of 1 paper that was tested, 1 holds.");
        assert_eq!(first(&claims[2..3]), "The one identity is exact to the bit.");
        let mut broken = claims[2].clone();
        broken.pairs[0].method += 1e-9;
        let identities = [claims[2].clone(), broken];
        assert_eq!(first(&identities), "1 of 2 identities hold to the bit.");
        assert_eq!(first(&identities[1..]), "0 of 1 identity holds to the bit.");
        assert_eq!(
            first(&claims),
            "Of 7 claims of 3 papers that were tested, 2 hold, 1 is contradicted, 1 shows no effect and 3 are inconclusive. The one identity is exact to the bit."
        );
        assert_eq!(paragraph(&[], "demo"), "");
        for (scale, words) in [
            ("demo", "for seconds"),
            ("reduced", "parts of real data sets"),
            ("full", "under others"),
        ] {
            let text = paragraph(&claims, scale);
            assert!(text.lines().last().is_some_and(|last| last.contains(words)), "{text}");
        }
    }

    /// Differences 0.03, 0.05, 0.04: t = 0.04 / (0.01 / √3) = 6.93, p = 0.0202 of two degrees of freedom.
    #[test]
    fn a_correction_that_decides_is_named() {
        let mut claim = example::claims::report().claims[0].clone();
        let pair = |(seed, method)| Pair { seed, method, baseline: 0.5 };
        claim.pairs = [(1, 0.53), (2, 0.55), (3, 0.54)].map(pair).to_vec();
        let alone = findings(&[claim.clone()])[0];
        assert_eq!(alone.verdict, Verdict::Holds);
        let among = findings(&vec![claim.clone(); 20])[0];
        assert_eq!(among.verdict, Verdict::CannotTell);
        let expected = "p is 0.020 for this claim alone, and 0.404 among all of them";
        assert_eq!(reason(&claim, &among), expected);
    }
}
