//! How often the verdicts are wrong, by simulation; and the rules of each verdict by examples.

use serde::Deserialize;

use super::*;

/// Tables that are simulated for each rate.
const TABLES: usize = 1_000;

/// At most 5 % of the tables may go wrong; of 1,000 tables, three standard deviations of that count more.
const AT_MOST: usize = 50 + 21;

/// The generator `SplitMix64`, and normal numbers by Box and Muller.
struct Random(u64);

impl Random {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((bits ^ (bits >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }
}

fn claim(unit: Unit, expected: Expectation, margin: f64, pairs: &[(f64, f64)]) -> ClaimReport {
    let pairs = pairs.iter().enumerate();
    ClaimReport {
        id: "tet/claim".to_owned(),
        paper: "TET".to_owned(),
        claim: "The method does something.".to_owned(),
        place: "section 1".to_owned(),
        condition: "Always.".to_owned(),
        provenance: None,
        quantity: Quantity { metric: "metric".to_owned(), words: "the quantity".to_owned(), unit },
        expected,
        margin,
        baseline: "baseline".to_owned(),
        method: "method".to_owned(),
        pairs: pairs
            .map(|(seed, &(method, baseline))| Pair { seed: seed as u64, method, baseline })
            .collect(),
        published: None,
    }
}

/// A table of nine claims, three of each expectation, of every unit; the method moves each quantity by `effect`
/// margins up or down, and the noise of each seed's difference is `noise` margins.
fn table(random: &mut Random, seeds: usize, effect: f64, noise: f64) -> Vec<ClaimReport> {
    const MARGIN: f64 = 0.02;
    let expectations = [Expectation::Higher, Expectation::Lower, Expectation::Unchanged];
    let units = [Unit::Fraction, Unit::Ratio, Unit::Plain];
    let mut claims = Vec::new();
    for expected in expectations {
        for unit in units {
            let up = if random.uniform() < 0.5 { -1.0 } else { 1.0 };
            let mut pairs = Vec::new();
            for _ in 0..seeds {
                let baseline = 0.5 + 0.1 * random.normal();
                let difference = MARGIN * (up * effect + noise * random.normal());
                pairs.push(match unit {
                    Unit::Ratio => (10.0_f64.powf(baseline + difference), 10.0_f64.powf(baseline)),
                    Unit::Fraction | Unit::Plain => (baseline + difference, baseline),
                });
            }
            claims.push(claim(unit, expected, MARGIN, &pairs));
        }
    }
    claims
}

/// In how many of the simulated tables a claim has one of the verdicts.
fn tables_with(
    verdicts: &[Verdict],
    mut table: impl FnMut(&mut Random) -> Vec<ClaimReport>,
) -> usize {
    let mut random = Random(20_220_425);
    let any = |claims: &[ClaimReport]| {
        findings(claims).iter().any(|finding| verdicts.contains(&finding.verdict))
    };
    (0..TABLES).filter(|_| any(&table(&mut random))).count()
}

#[test]
fn tables_without_effects_rarely_find_one() {
    let found = [Verdict::Holds, Verdict::Contradicted];
    let mut visited = 0;
    for seeds in [3, 5] {
        let wrong = tables_with(&found, |random| table(random, seeds, 0.0, 3.0));
        assert!((25..=AT_MOST).contains(&wrong), "{wrong} of {TABLES} with {seeds} seeds");
        visited += 1;
    }
    assert_eq!(visited, 2);
}

/// The noise is far below the margin, where the tests of equivalence are wrong as often as they may be.
#[test]
fn tables_whose_effects_lie_at_the_margin_are_rarely_without_effect() {
    let mut visited = 0;
    for seeds in [3, 5] {
        let wrong = tables_with(&[Verdict::NoEffect], |random| table(random, seeds, 1.0, 0.05));
        assert!((25..=AT_MOST).contains(&wrong), "{wrong} of {TABLES} with {seeds} seeds");
        visited += 1;
    }
    assert_eq!(visited, 2);
}

/// Accuracies are counts of test samples: coarse, and often equal in every seed.
#[test]
fn accuracies_of_few_samples_keep_the_rate() {
    let mut visited = 0;
    for seeds in [3, 5] {
        let wrong = tables_with(&[Verdict::Holds, Verdict::Contradicted], |random| {
            let mut claims = table(random, seeds, 0.0, 0.2);
            for pair in claims.iter_mut().flat_map(|claim| &mut claim.pairs) {
                pair.method = (pair.method * 500.0).round() / 500.0;
                pair.baseline = (pair.baseline * 500.0).round() / 500.0;
            }
            claims
        });
        assert!(wrong <= AT_MOST, "{wrong} of {TABLES} with {seeds} seeds");
        visited += 1;
    }
    assert_eq!(visited, 2);
}

#[derive(Deserialize)]
struct Golden {
    powers: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    effect: f64,
    seeds: usize,
    power: f64,
}

/// A single claim, at the power that scipy computes from the noncentral distribution; three standard deviations.
#[test]
fn effects_are_found_as_often_as_they_should() {
    let golden: Golden =
        serde_json::from_str(include_str!("../../golden/statistics.json")).unwrap();
    for Case { effect, seeds, power } in &golden.powers {
        let found = tables_with(&[Verdict::Holds], |random| {
            let pairs: Vec<(f64, f64)> =
                (0..*seeds).map(|_| (effect + random.normal(), 0.0)).collect();
            vec![claim(Unit::Plain, Expectation::Higher, 1e-3, &pairs)]
        });
        let deviation = (power * (1.0 - power) * TABLES as f64).sqrt();
        let off = (found as f64 - power * TABLES as f64).abs();
        assert!(off < 3.0 * deviation + 1.0, "{found} of {TABLES}, expected a share of {power}");
    }
    assert_eq!(golden.powers.len(), 4);
}

#[test]
fn each_verdict_by_its_rule() {
    let far_up: &[(f64, f64)] = &[(0.66, 0.50), (0.67, 0.52), (0.66, 0.51)];
    let far_down: &[(f64, f64)] = &[(0.50, 0.66), (0.52, 0.67), (0.51, 0.66)];
    let slightly_up: &[(f64, f64)] = &[(0.501, 0.5), (0.5012, 0.5), (0.5011, 0.5)];
    let open: &[(f64, f64)] = &[(0.52, 0.50), (0.50, 0.53), (0.51, 0.51)];
    let cases = [
        (Expectation::Higher, far_up, Verdict::Holds),
        (Expectation::Higher, far_down, Verdict::Contradicted),
        (Expectation::Lower, far_down, Verdict::Holds),
        (Expectation::Lower, far_up, Verdict::Contradicted),
        (Expectation::Unchanged, far_up, Verdict::Contradicted),
        // Told from zero, and yet too small to matter.
        (Expectation::Higher, slightly_up, Verdict::NoEffect),
        (Expectation::Unchanged, slightly_up, Verdict::NoEffect),
        (Expectation::Higher, open, Verdict::CannotTell),
        (Expectation::Unchanged, open, Verdict::CannotTell),
        // The same difference in every seed, of either size; and none at all.
        (Expectation::Higher, &[(0.6, 0.5), (0.7, 0.6)], Verdict::CannotTell),
        (Expectation::Unchanged, &[(0.501, 0.5), (0.601, 0.6)], Verdict::CannotTell),
        (Expectation::Higher, &[(0.5, 0.5), (0.6, 0.6)], Verdict::NoEffect),
        (Expectation::Higher, &[(0.6, 0.5)], Verdict::CannotTell),
        (Expectation::Higher, &[], Verdict::CannotTell),
        (Expectation::Higher, &[(0.6, 0.5), (f64::NAN, 0.5), (0.6, 0.51)], Verdict::CannotTell),
        (Expectation::Identical, &[(0.1, 0.1)], Verdict::Holds),
        (Expectation::Identical, &[(0.1, 0.1), (0.3, 0.1 + 0.2)], Verdict::Contradicted),
        (Expectation::Identical, &[(f64::NAN, f64::NAN)], Verdict::CannotTell),
        (Expectation::Identical, &[], Verdict::CannotTell),
    ];
    for (index, (expected, pairs, verdict)) in cases.iter().enumerate() {
        let claim = claim(Unit::Fraction, *expected, 0.01, pairs);
        let finding = findings(std::slice::from_ref(&claim))[0];
        assert_eq!(finding.verdict, *verdict, "case {index}: {finding:?}");
        let settled = *verdict != Verdict::CannotTell || pairs == &open;
        assert_eq!(finding.obstacle(&claim).is_none(), settled, "case {index}");
    }
    assert_eq!(cases.len(), 19);
}

/// 1, 10, 100 times: logarithms 0, 1, 2.
#[test]
fn ratios_are_compared_by_their_logarithms() {
    let ratios =
        claim(Unit::Ratio, Expectation::Higher, 0.1, &[(3.0, 3.0), (20.0, 2.0), (0.1, 0.001)]);
    let difference = findings(&[ratios])[0].difference.unwrap();
    assert!((difference.mean - 1.0).abs() < 1e-12, "{difference:?}");

    // Where both are zero nothing changed; where one is, there is no ratio.
    let nothing = claim(Unit::Ratio, Expectation::Higher, 0.1, &[(0.0, 0.0), (2.0, 2.0)]);
    assert_eq!(findings(&[nothing])[0].verdict, Verdict::NoEffect);
    let none = claim(Unit::Ratio, Expectation::Higher, 0.1, &[(0.0, 1e-9), (2.0, 2.0)]);
    let finding = findings(std::slice::from_ref(&none))[0];
    assert_eq!((finding.verdict, finding.difference), (Verdict::CannotTell, None));
    assert_eq!(finding.obstacle(&none), Some("a value of 0 has no ratio"));
}

/// The correction counts the tests that are made: neither identities nor claims without two pairs.
#[test]
fn a_family_is_the_tests_that_are_made() {
    let pairs = [(0.66, 0.50), (0.67, 0.52), (0.66, 0.51)];
    let tested = claim(Unit::Fraction, Expectation::Higher, 0.01, &pairs);
    let identity = claim(Unit::Fraction, Expectation::Identical, 0.0, &[(1.0, 1.0)]);
    let single = claim(Unit::Fraction, Expectation::Higher, 0.01, &pairs[..1]);
    let found = findings(&[tested.clone(), identity, single, tested]);
    let [first, second, third, fourth] = found[..] else { panic!("four findings") };
    let Tested { p, corrected } = first.differs.unwrap();
    assert!((corrected - 2.0 * p).abs() < 1e-15);
    assert_eq!(first, fourth);
    assert_eq!((second.differs, third.differs), (None, None));
}

#[test]
fn values_that_are_no_numbers_are_read_back() {
    let pairs = [(f64::NAN, 0.5), (f64::INFINITY, 0.6)];
    let written = serde_json::to_string(&claim(Unit::Plain, Expectation::Higher, 0.1, &pairs));
    let read: ClaimReport = serde_json::from_str(&written.unwrap()).unwrap();
    assert!(read.pairs.iter().all(|pair| pair.method.is_nan()));
    assert_eq!(read.pairs[1].baseline, 0.6);
}
