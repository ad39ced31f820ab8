//! What the measured values say of each claim: test, correction and verdict.
//!
//! Two tests are made of every claim but identities: the paired t test that the method changes nothing, and the two
//! one-sided t tests that it changes less than the margin.
//! Each of the two is corrected by Holm over all claims of the table, and at the level of 5 %
//!
//! 1. a change of less than the margin for certain is *no effect*, even one that is told from zero;
//! 2. otherwise a change that is told from zero *holds* if the paper expects it, and *contradicts* the claim if the
//!    paper expects the other direction or none;
//! 3. otherwise the runs *cannot tell*, and the verdict carries the smallest effect that they would have told from zero.
//!
//! So of the tables in which no method changes anything, at most 5 % have a claim that holds or is contradicted; and of
//! those in which every method changes its quantity by exactly its margin, at most 5 % have a claim of no effect.
//! An identity is no estimate: it holds if every pair is equal to the bit, and counts in no correction.

use serde::{Deserialize, Serialize};

use crate::claim::{ClaimReport, Expectation, Pair, Unit};
use crate::statistics::{Difference, PairedTest, holm};

/// The chance of any false verdict in a table, and of a true difference outside its interval.
pub const LEVEL: f64 = 0.05;

/// The answer to a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The method does what the paper says.
    Holds,
    /// The method does the opposite, or something where the paper expects nothing.
    Contradicted,
    /// What the method does is smaller than the margin.
    NoEffect,
    /// The runs do not tell.
    CannotTell,
}

/// The p value of a test, alone and among the claims of its table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tested {
    /// As if there were no other claim.
    pub p: f64,
    /// By Holm's correction over the table.
    pub corrected: f64,
}

/// What the measured values say of a claim.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Finding {
    /// Mean difference of method and baseline with its uncorrected 95 % interval, of common logarithms for
    /// [`Unit::Ratio`]; `None` of identities, of fewer than two pairs, and where a difference does not exist.
    pub difference: Option<Difference>,
    /// The test that the method changes nothing.
    pub differs: Option<Tested>,
    /// The tests that it changes less than the margin.
    pub equivalent: Option<Tested>,
    /// The answer.
    pub verdict: Verdict,
    /// The smallest effect that the interval alone would tell from zero: half its width. `None` without an interval, and
    /// where every seed has the same difference other than zero, since its spread is then unknown.
    pub sees: Option<f64>,
}

/// The findings of the claims of one table, in their order.
pub fn findings(claims: &[ClaimReport]) -> Vec<Finding> {
    let tests: Vec<Option<PairedTest>> = claims.iter().map(paired_test).collect();
    let differs = family(&tests, claims, |test, _| test.difference());
    let equivalent = family(&tests, claims, |test, claim| test.equivalence(claim.margin));
    (0..claims.len())
        .map(|index| Finding {
            difference: tests[index].map(|test| test.interval()),
            differs: differs[index],
            equivalent: equivalent[index],
            verdict: match (claims[index].expected, tests[index]) {
                (Expectation::Identical, _) => identity(&claims[index].pairs),
                (expected, Some(test)) => verdict(
                    expected,
                    test.interval().mean,
                    differs[index].is_some_and(Tested::rejects),
                    equivalent[index].is_some_and(Tested::rejects),
                ),
                (_, None) => Verdict::CannotTell,
            },
            sees: tests[index].and_then(|test| test.sees()),
        })
        .collect()
}

/// The p values of one kind of test with their correction over all claims for which it is made.
fn family(
    tests: &[Option<PairedTest>],
    claims: &[ClaimReport],
    p: impl Fn(&PairedTest, &ClaimReport) -> f64,
) -> Vec<Option<Tested>> {
    let alone: Vec<Option<f64>> = tests
        .iter()
        .zip(claims)
        .map(|(test, claim)| test.as_ref().map(|test| p(test, claim)))
        .collect();
    let made: Vec<f64> = alone.iter().copied().flatten().collect();
    let mut corrected = holm(&made).into_iter();
    alone.into_iter().map(|p| Some(Tested { p: p?, corrected: corrected.next()? })).collect()
}

fn verdict(expected: Expectation, mean: f64, differs: bool, equivalent: bool) -> Verdict {
    let as_expected = match expected {
        Expectation::Higher => mean > 0.0,
        Expectation::Lower => mean < 0.0,
        Expectation::Unchanged | Expectation::Identical => false,
    };
    match (equivalent, differs, as_expected) {
        (true, _, _) => Verdict::NoEffect,
        (false, true, true) => Verdict::Holds,
        (false, true, false) => Verdict::Contradicted,
        (false, false, _) => Verdict::CannotTell,
    }
}

/// Whether all pairs are equal to the bit; nothing is told by no pair, nor by a value that is not a number.
fn identity(pairs: &[Pair]) -> Verdict {
    let finite = |pair: &Pair| pair.method.is_finite() && pair.baseline.is_finite();
    if pairs.is_empty() || !pairs.iter().all(finite) {
        Verdict::CannotTell
    } else if pairs.iter().all(|pair| pair.method.to_bits() == pair.baseline.to_bits()) {
        Verdict::Holds
    } else {
        Verdict::Contradicted
    }
}

/// The test of a claim; `None` of an identity, of fewer than two pairs, and if a pair has no difference.
fn paired_test(claim: &ClaimReport) -> Option<PairedTest> {
    if claim.expected == Expectation::Identical {
        return None;
    }
    claim.quantity.unit.test(&claim.pairs)
}

impl Unit {
    /// The test of paired values; `None` of fewer than two, and if a pair has no difference.
    ///
    /// A pair without a difference is not left out: the seeds in which a training fails are not drawn at random.
    pub(crate) fn test(self, pairs: &[Pair]) -> Option<PairedTest> {
        /// Spread, relative to the values, that may be rounding to 32 bits; far below the share of one test sample.
        const ROUNDING: f64 = 1e-6;
        let differences: Vec<f64> =
            pairs.iter().map(|pair| self.difference(*pair)).collect::<Option<_>>()?;
        let values = || pairs.iter().flat_map(|pair| [pair.method.abs(), pair.baseline.abs()]);
        let scale = match self {
            Self::Fraction | Self::Ratio => 1.0,
            Self::Plain => values().fold(0.0, f64::max),
        };
        PairedTest::of(&differences, ROUNDING * scale)
    }

    /// Method minus baseline, of common logarithms for a ratio; `None` if that is no finite number, as of a ratio with a
    /// value of zero.
    pub fn difference(self, pair: Pair) -> Option<f64> {
        let Pair { method, baseline, .. } = pair;
        let difference = match self {
            _ if method == baseline => method - baseline,
            Self::Fraction | Self::Plain => method - baseline,
            Self::Ratio if method > 0.0 && baseline > 0.0 => method.log10() - baseline.log10(),
            Self::Ratio => f64::NAN,
        };
        difference.is_finite().then_some(difference)
    }
}

impl Tested {
    /// Whether the corrected p value is at most [`LEVEL`].
    pub fn rejects(self) -> bool {
        self.corrected <= LEVEL
    }
}

impl Verdict {
    /// The verdict in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::Contradicted => "contradicted",
            Self::NoEffect => "no effect",
            Self::CannotTell => "cannot tell",
        }
    }
}

impl Finding {
    /// Why there is no interval by which to tell, if that is so.
    pub fn obstacle(&self, claim: &ClaimReport) -> Option<&'static str> {
        let finite = |pair: &Pair| pair.method.is_finite() && pair.baseline.is_finite();
        let identity = claim.expected == Expectation::Identical;
        if self.sees.is_some() || identity && self.verdict != Verdict::CannotTell {
            None
        } else if claim.pairs.is_empty() {
            Some("not measured")
        } else if !claim.pairs.iter().all(finite) {
            Some("a run has no finite value")
        } else if claim.pairs.len() < 2 {
            Some("only one seed")
        } else if self.difference.is_none() {
            Some("a value of 0 has no ratio")
        } else {
            Some("the same difference in every seed, so that the noise is unknown")
        }
    }
}
