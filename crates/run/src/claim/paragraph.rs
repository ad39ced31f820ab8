//! The findings of a table in plain words, for a reader who reads nothing else.

use crate::claim::words::{counted, paper_name};
use crate::claim::{ClaimReport, Expectation, Finding, LEVEL, Verdict, findings};

/// What the claims of a table came to: a line on all of them, a line per paper with a sentence per claim, and a line on
/// what the verdicts mean. The empty text for no claims.
pub fn paragraph(claims: &[ClaimReport]) -> String {
    let findings = findings(claims);
    let all: Vec<(&ClaimReport, &Finding)> = claims.iter().zip(&findings).collect();
    if all.is_empty() {
        return String::new();
    }
    let papers = papers(claims);
    let mut lines = vec![opening(&all, papers.len())];
    for paper in papers {
        let its: Vec<_> = all.iter().copied().filter(|(claim, _)| claim.paper() == paper).collect();
        lines.push(format!("{}: {}", paper_name(paper), of_paper(&its)));
    }
    lines.push(
        "All of this is said of the small networks and data that were measured here: what shows no effect, or cannot be told, may be otherwise on those of the papers."
            .to_owned(),
    );
    lines.join("\n")
}

/// The papers of the claims, each once, in the order in which they first appear.
pub(crate) fn papers(claims: &[ClaimReport]) -> Vec<&str> {
    let mut papers: Vec<&str> = Vec::new();
    for claim in claims {
        if !papers.contains(&claim.paper()) {
            papers.push(claim.paper());
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
            (count(&tested, Verdict::CannotTell), "cannot be told", "cannot be told"),
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
        1 if held == 1 => sentences.push("The one identity holds to the bit.".to_owned()),
        all if held == all => sentences.push(format!("All {all} identities hold to the bit.")),
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

/// A sentence per claim, those that hold first.
fn of_paper(claims: &[(&ClaimReport, &Finding)]) -> String {
    let order = [Verdict::Holds, Verdict::Contradicted, Verdict::NoEffect, Verdict::CannotTell];
    let sentences: Vec<String> = order
        .into_iter()
        .flat_map(|verdict| claims.iter().filter(move |(_, finding)| finding.verdict == verdict))
        .map(|(claim, finding)| sentence(claim, finding))
        .collect();
    sentences.join(" ")
}

/// What was found of one claim, as a sentence.
pub(crate) fn sentence(claim: &ClaimReport, finding: &Finding) -> String {
    let said = format!("“{}”", claim.claim.trim_end_matches('.'));
    let words = &claim.quantity.words;
    let unit = claim.quantity.unit;
    let identity = claim.expected == Expectation::Identical;
    let means = || match claim.means() {
        Some((baseline, method)) => {
            format!(
                "{words}: {method} under {} and {baseline} under {}",
                claim.method, claim.baseline
            )
        }
        None => words.clone(),
    };
    let change = match (&finding.difference, finding.sees) {
        (Some(difference), Some(_)) => {
            format!(", {} {}", unit.change(difference.mean), unit.interval(difference))
        }
        _ => String::new(),
    };
    match finding.verdict {
        Verdict::Holds if identity => format!("{said} holds to the bit ({words})."),
        Verdict::Contradicted if identity => {
            format!("{said} fails ({}), which is a mistake in the code.", means())
        }
        Verdict::Holds => format!("{said} holds ({}{change}).", means()),
        Verdict::Contradicted => format!("{said} is contradicted ({}{change}).", means()),
        Verdict::NoEffect => {
            let claimed =
                if claim.expected == Expectation::Unchanged { ", as claimed" } else { "" };
            let margin = unit.size(claim.margin);
            format!(
                "{said} shows no effect{claimed} ({words} changes by less than {margin}{change})."
            )
        }
        Verdict::CannotTell => {
            let reason = reason(claim, finding);
            match finding.sees {
                Some(_) => format!("{said} cannot be told ({}{change}; {reason}).", means()),
                None => format!("{said} cannot be told ({words}: {reason})."),
            }
        }
    }
}

/// Why the runs do not tell.
fn reason(claim: &ClaimReport, finding: &Finding) -> String {
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
            format!("{seeds} see only changes above {sees}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claim::Pair;
    use crate::report::example;

    #[test]
    fn numbers_of_one_and_of_several() {
        let claims = example::claims::report().claims;
        let first = |claims: &[ClaimReport]| {
            paragraph(claims).lines().next().unwrap_or_default().to_owned()
        };
        assert_eq!(first(&claims[..1]), "Of 1 claim of 1 paper that was tested, 1 holds.");
        assert_eq!(first(&claims[2..3]), "The one identity holds to the bit.");
        let mut broken = claims[2].clone();
        broken.pairs[0].method += 1e-9;
        let identities = [claims[2].clone(), broken];
        assert_eq!(first(&identities), "1 of 2 identities hold to the bit.");
        assert_eq!(first(&identities[1..]), "0 of 1 identity holds to the bit.");
        assert_eq!(
            first(&claims),
            "Of 7 claims of 3 papers that were tested, 2 hold, 1 is contradicted, 1 shows no effect and 3 cannot be told. The one identity holds to the bit."
        );
        assert_eq!(paragraph(&[]), "");
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
        let sentence = sentence(&claim, &among);
        let reason = "p is 0.020 for this claim alone, and 0.404 among all of them";
        assert!(sentence.contains(reason), "{sentence}");
    }
}
