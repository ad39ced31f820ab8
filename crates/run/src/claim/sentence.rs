//! One claim and what was found of it, as a sentence with its numbers.

use crate::claim::paragraph::{broken, quoted, reason, unchanged};
use crate::claim::{ClaimReport, Expectation, Finding, Verdict};

/// What was found of one claim.
pub(crate) fn sentence(claim: &ClaimReport, finding: &Finding) -> String {
    let said = quoted(claim);
    let words = &claim.quantity.words;
    let unit = claim.quantity.unit;
    let identity = claim.expected == Expectation::Identical;
    // Values and, where the spread is known, the difference with its interval.
    let values = || {
        let means = claim.means().map(|(baseline, method)| {
            format!(": {method} under {} and {baseline} under {}", claim.method, claim.baseline)
        });
        let change = finding.difference.filter(|_| finding.sees.is_some()).map(|difference| {
            format!(", {} {}", unit.change(difference.mean), unit.interval(&difference))
        });
        format!("{words}{}{}", means.unwrap_or_default(), change.unwrap_or_default())
    };
    match finding.verdict {
        Verdict::Holds if identity => format!("{said} holds to the bit ({words})."),
        Verdict::Contradicted if identity => format!("{said} fails ({}).", broken(claim)),
        Verdict::Holds => format!("{said} holds ({}).", values()),
        Verdict::Contradicted => format!("{said} is contradicted ({}).", values()),
        Verdict::NoEffect => {
            format!("{said} shows no effect here: {} ({}).", unchanged(claim), values())
        }
        Verdict::CannotTell if finding.sees.is_some() => {
            format!("{said} is inconclusive ({}; {}).", values(), reason(claim, finding))
        }
        Verdict::CannotTell => {
            format!("{said} is inconclusive ({words}: {}).", reason(claim, finding))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claim::findings;
    use crate::report::example;

    #[test]
    fn a_sentence_for_each_verdict() {
        let mut claims = example::claims::report().claims;
        let mut broken = claims[2].clone();
        broken.pairs[0].method += 1e-9;
        claims.push(broken);
        let findings = findings(&claims);
        let sentences: Vec<String> =
            claims.iter().zip(&findings).map(|(claim, finding)| sentence(claim, finding)).collect();
        let expected = [
            "“TET is right after fewer steps than SDT” holds (test accuracy after 1 of 10 steps: 65.76 % under TET and 53.64 % under SDT, +12.12 points [+8.87, +15.37]).",
            "“TET is more accurate than SDT” is inconclusive (test accuracy: 86.57 % under TET and 86.27 % under SDT, +0.30 points [−1.98, +2.58]; 3 seeds detect only changes above 2.28 points).",
            "“At T = 1 the loss of TET is that of SDT” holds to the bit (training loss after an epoch at T = 1).",
            "“The shortcut makes deep chains more accurate” is contradicted (test accuracy: 26.80 % under Shortcut and 33.50 % under SDT, −6.70 points [−9.33, −4.07]).",
            "“With the shortcut, the gradient of the first layer vanishes less” holds (gradient norm of the first layer: 0.0333 under Shortcut and 7.90e-4 under SDT, ×42.1 [×29.0, ×61.1]).",
            "“The shortcut changes no firing rate” shows no effect here: spikes per neuron and step changes by less than 0.0200, as claimed (spikes per neuron and step: 0.221 under TET and 0.221 under SDT, +2.50e-4 [−0.00214, +0.00264]).",
            "“A learned width makes up for a bad start <of any size>” is inconclusive (test accuracy: only one seed).",
            "“The width becomes the same from every start” is inconclusive (test accuracy: a value of 0 has no ratio).",
            "“At T = 1 the loss of TET is that of SDT” fails (training loss after an epoch at T = 1 differs in 1 of 2 seeds, which is a mistake in the code).",
        ];
        assert_eq!(sentences, expected);
    }
}
