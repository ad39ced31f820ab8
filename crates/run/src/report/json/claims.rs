//! The claims of a report for programs, with all that their verdicts are computed from.

use serde::Serialize;

use crate::claim::{
    ClaimReport, Expectation, Finding, Pair, PublishedClaim, Unit, Verdict, findings,
};

#[derive(Serialize)]
pub(super) struct Tested<'a> {
    id: &'a str,
    paper: &'a str,
    claim: &'a str,
    place: &'a str,
    condition: &'a str,
    provenance: Option<&'a str>,
    metric: &'a str,
    quantity: &'a str,
    unit: &'static str,
    identity: bool,
    expected: Expectation,
    margin: f64,
    baseline: &'a str,
    method: &'a str,
    pairs: &'a [Pair],
    difference: Option<Interval>,
    p: Option<f64>,
    p_corrected: Option<f64>,
    p_equivalent: Option<f64>,
    p_equivalent_corrected: Option<f64>,
    verdict: Verdict,
    sees: Option<f64>,
    published: Option<&'a PublishedClaim>,
}

#[derive(Serialize)]
struct Interval {
    mean: f64,
    low: f64,
    high: f64,
}

pub(super) fn all(claims: &[ClaimReport]) -> Vec<Tested<'_>> {
    claims.iter().zip(findings(claims)).map(|(claim, finding)| one(claim, &finding)).collect()
}

fn one<'a>(claim: &'a ClaimReport, finding: &Finding) -> Tested<'a> {
    Tested {
        id: &claim.id,
        paper: claim.paper_id(),
        claim: &claim.claim,
        place: &claim.place,
        condition: &claim.condition,
        provenance: claim.provenance.as_deref(),
        metric: &claim.quantity.metric,
        quantity: &claim.quantity.words,
        unit: match claim.quantity.unit {
            Unit::Fraction => "fraction",
            Unit::Ratio => "log10",
            Unit::Plain => "plain",
        },
        identity: claim.expected == Expectation::Identical,
        expected: claim.expected,
        margin: claim.margin,
        baseline: &claim.baseline,
        method: &claim.method,
        pairs: &claim.pairs,
        difference: finding.difference.map(|difference| Interval {
            mean: difference.mean,
            low: difference.low,
            high: difference.high,
        }),
        p: finding.differs.map(|test| test.p),
        p_corrected: finding.differs.map(|test| test.corrected),
        p_equivalent: finding.equivalent.map(|test| test.p),
        p_equivalent_corrected: finding.equivalent.map(|test| test.corrected),
        verdict: finding.verdict,
        sees: finding.sees,
        published: claim.published.as_ref(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use crate::report::{example, json};

    #[test]
    fn the_keys_that_programs_rely_on() {
        let value: Value = serde_json::from_str(&json(&example::claims::report())).unwrap();
        let claims = value["claims"].as_array().unwrap();
        let verdicts: Vec<(&str, &str)> = claims
            .iter()
            .map(|claim| (claim["id"].as_str().unwrap(), claim["verdict"].as_str().unwrap()))
            .collect();
        let expected = [
            ("tet/early-accuracy", "holds"),
            ("tet/final-accuracy", "cannot-tell"),
            ("tet/one-step", "holds"),
            ("shortcut/deep-accuracy", "contradicted"),
            ("shortcut/first-gradient", "holds"),
            ("shortcut/no-cost", "no-effect"),
            ("psg-pda/rescue", "cannot-tell"),
            ("psg-pda/spread", "cannot-tell"),
        ];
        assert_eq!(verdicts, expected);

        let early = &claims[0];
        assert_eq!(
            (early["paper"].as_str(), early["unit"].as_str()),
            (Some("tet"), Some("fraction"))
        );
        assert_eq!(early["metric"], "accuracy_after");
        assert_eq!(early["identity"], false);
        assert_eq!(early["pairs"][0]["baseline"], 0.504);
        let difference = &early["difference"];
        let half =
            (difference["high"].as_f64().unwrap() - difference["low"].as_f64().unwrap()) / 2.0;
        assert!((early["sees"].as_f64().unwrap() - half).abs() < 1e-12);
        assert!(early["p"].as_f64().unwrap() < early["p_corrected"].as_f64().unwrap());
        assert_eq!(early["published"]["source"], "paper");

        let identity = &claims[2];
        assert_eq!(identity["identity"], true);
        assert_eq!(identity["difference"], Value::Null);
        assert_eq!(claims[4]["unit"], "log10");
        assert_eq!(claims[6]["sees"], Value::Null);
        assert_eq!(value["maps"][1]["cells"].as_array().unwrap().len(), 8);
    }
}
