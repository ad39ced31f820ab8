//! The contents of the cells of a table of claims, in words, for every form of report.

use crate::claim::paragraph::papers;
use crate::claim::words::counted;
use crate::claim::{ClaimReport, Expectation, Finding, LEVEL, Pair, Verdict, findings};
use crate::report::cells::NOTHING;

/// Headers of the columns.
pub(crate) const HEADERS: [&str; 6] = [
    "Claim",
    "Quantity",
    "Baseline → method",
    "Difference [95 %]",
    "Verdict",
    "Published (elsewhere)",
];

/// The cells of one claim, each a list of lines.
#[derive(Debug)]
pub(crate) struct ClaimCells {
    /// The claim as a sentence.
    pub(crate) claim: String,
    /// What the claim was read from, if that is worth a word.
    pub(crate) provenance: Option<String>,
    /// What is compared.
    pub(crate) quantity: Vec<String>,
    /// Mean values, then whose they are, then the number of seeds.
    pub(crate) values: Vec<String>,
    /// Difference, then interval.
    pub(crate) difference: Vec<String>,
    /// Verdict, then what it rests on.
    pub(crate) verdict: Vec<String>,
    /// What was published, then its source.
    pub(crate) published: Vec<String>,
}

impl ClaimCells {
    pub(crate) fn of(claim: &ClaimReport, finding: &Finding) -> Self {
        Self {
            claim: claim.claim.clone(),
            provenance: claim.provenance.clone(),
            quantity: vec![claim.quantity.words.clone()],
            values: values(claim),
            difference: difference(claim, finding),
            verdict: verdict(claim, finding),
            published: match &claim.published {
                Some(published) => {
                    vec![published.text.clone(), published.source.words().to_owned()]
                }
                None => vec![NOTHING.to_owned()],
            },
        }
    }
}

fn values(claim: &ClaimReport) -> Vec<String> {
    let Some((baseline, method)) = claim.means() else {
        return vec!["not run".to_owned()];
    };
    let whose = format!("{} → {}", claim.baseline, claim.method);
    let seeds = counted(claim.pairs.len(), "seed");
    if claim.expected == Expectation::Identical {
        let equal = |pair: &&Pair| pair.method.to_bits() == pair.baseline.to_bits();
        let equal = claim.pairs.iter().filter(equal).count();
        return vec![format!("equal in {equal} of {seeds}"), whose];
    }
    vec![format!("{baseline} → {method}"), whose, seeds]
}

fn difference(claim: &ClaimReport, finding: &Finding) -> Vec<String> {
    let unit = claim.quantity.unit;
    match &finding.difference {
        Some(difference) => {
            let mut lines = vec![unit.change(difference.mean)];
            // Without a known spread there is no interval.
            lines.extend(finding.sees.map(|_| unit.interval(difference)));
            lines
        }
        None => vec![NOTHING.to_owned()],
    }
}

fn verdict(claim: &ClaimReport, finding: &Finding) -> Vec<String> {
    let unit = claim.quantity.unit;
    let mut lines = vec![finding.verdict.words().to_owned()];
    if let Some(obstacle) = finding.obstacle(claim) {
        lines.push(obstacle.to_owned());
        return lines;
    }
    if claim.expected == Expectation::Identical {
        lines.push("compared to the bit".to_owned());
    }
    match finding.verdict {
        Verdict::NoEffect => {
            if claim.expected == Expectation::Unchanged {
                lines.push("as claimed".to_owned());
            }
            lines.push(format!("less than {}", unit.short_size(claim.margin)));
        }
        Verdict::CannotTell => lines.extend(
            finding
                .differs
                .filter(|test| test.p <= LEVEL)
                .map(|test| format!("p = {:.3} alone, {:.3} among all", test.p, test.corrected)),
        ),
        Verdict::Holds | Verdict::Contradicted => {}
    }
    lines.extend(finding.sees.map(|sees| format!("δ = {}", unit.short_size(sees))));
    lines
}

/// A claim with what was found of it.
pub(crate) type Found<'a> = (&'a ClaimReport, Finding);

/// All claims of a table with what was found of them.
pub(crate) fn found(claims: &[ClaimReport]) -> Vec<Found<'_>> {
    claims.iter().zip(findings(claims)).collect()
}

/// The claims of each paper under a heading, papers in the order in which they first appear.
pub(crate) fn by_paper(claims: &[ClaimReport]) -> Vec<(String, Vec<Found<'_>>)> {
    let all = found(claims);
    papers(claims)
        .into_iter()
        .map(|paper| {
            let its = all.iter().copied().filter(|(claim, _)| claim.paper == paper);
            (format!("Claims of {paper}"), its.collect())
        })
        .collect()
}

/// How claims are tested, one sentence each.
pub(crate) fn protocol() -> Vec<String> {
    [
        "Claims: method and baseline are paired by seed; the difference is their mean difference with Student's 95 % interval, uncorrected, and δ is half the width of that, the smallest effect that these seeds tell from zero.",
        "Quantities that are compared by ratio have geometric means, and factors as differences.",
        "A claim holds, or is contradicted, where the paired t test tells the difference from zero at 5 % after Holm's correction over the claims of the table; it shows no effect where two one-sided t tests, corrected likewise, put the difference within the claim's margin.",
        "So of all tables without any effect at most 5 % have a claim that holds or is contradicted, and of those whose effects all lie at their margins at most 5 % have a claim of no effect.",
    ]
    .map(str::to_owned)
    .to_vec()
}
