//! The findings of a table in plain words, for a reader who reads nothing else.

use crate::claim::words::{counted, paper_name};
use crate::claim::{ClaimReport, Expectation, Finding, Verdict, findings};

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
        let (claims, papers) = (counted(tested.len(), "claim"), counted(papers, "paper"));
        sentences.push(format!("Of {claims} of {papers} that were tested, {}.", listed(&parts)));
    }
    if !identities.is_empty() {
        sentences.push(format!(
            "Of {} that must hold to the bit, {} {}.",
            counted(identities.len(), "identity").replace("identitys", "identities"),
            count(&identities, Verdict::Holds),
            if count(&identities, Verdict::Holds) == 1 { "does" } else { "do" },
        ));
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
        Verdict::CannotTell => match (finding.obstacle(claim), finding.sees) {
            (None, Some(sees)) => {
                let seeds = counted(claim.pairs.len(), "seed");
                let sees = unit.size(sees);
                format!(
                    "{said} cannot be told ({}{change}; {seeds} see only changes above {sees}).",
                    means()
                )
            }
            (obstacle, _) => {
                let obstacle = obstacle.unwrap_or("not measured");
                format!("{said} cannot be told ({words}: {obstacle}).")
            }
        },
    }
}
