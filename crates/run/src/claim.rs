//! Claims of papers with the measured values that decide them.

mod finding;
#[cfg(test)]
mod laws;
pub(crate) mod paragraph;
pub(crate) mod sentence;
pub(crate) mod words;

use serde::{Deserialize, Serialize};

use crate::table::Source;
use crate::unmeasured;

pub use finding::{Finding, LEVEL, Tested, Verdict, findings};
pub use paragraph::paragraph;

/// A claim, the condition under which it was tested, and what was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClaimReport {
    /// Name by which it is chosen, with that of the paper before the slash: `tet/early-accuracy`.
    pub id: String,
    /// The paper in words, its name before any parenthesis: `TET (Deng et al., ICLR 2022)`.
    pub paper: String,
    /// The claim in one sentence, in our words.
    pub claim: String,
    /// Where the paper says so: `section 4.2, figure 4A`.
    pub place: String,
    /// Under which condition it was tested, and by which rule on the baseline alone that was chosen.
    pub condition: String,
    /// Shown wherever the claim appears, such as `inferred from the abstract`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provenance: Option<String>,
    /// What is compared.
    pub quantity: Quantity,
    /// What the paper expects of the method against the baseline.
    pub expected: Expectation,
    /// The smallest difference of interest, in the unit of differences: what is smaller for certain is no effect.
    pub margin: f64,
    /// Label of what the method is compared with.
    pub baseline: String,
    /// Label of the method.
    pub method: String,
    /// The values of both, in the order of their seeds.
    pub pairs: Vec<Pair>,
    /// What was published of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published: Option<PublishedClaim>,
}

/// A measured quantity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quantity {
    /// Name of the metric, as in the files of claims: `accuracy_after`.
    pub metric: String,
    /// The quantity in words, with its unit: `test accuracy after 1 of 10 steps`.
    pub words: String,
    /// How its values are written and compared.
    pub unit: Unit,
}

/// How values are written, and what the difference of two of them is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// A fraction, written in percent; differences are in fractions, written in points.
    Fraction,
    /// A positive number that is compared by ratio; differences are common logarithms, written as factors.
    Ratio,
    /// A number in the unit that its words name; differences are in that unit.
    Plain,
}

impl Unit {
    /// What two equal values differ by, as a margin is written: a factor of 1, otherwise 0.
    pub fn neutral(self) -> f64 {
        if self == Self::Ratio { 1.0 } else { 0.0 }
    }

    /// A margin as it is compared, from one as it is written: the common logarithm of a factor.
    pub fn margin(self, written: f64) -> f64 {
        if self == Self::Ratio { written.log10() } else { written }
    }
}

/// What a paper expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expectation {
    /// The method has more of the quantity.
    Higher,
    /// The method has less of it.
    Lower,
    /// The method changes it by less than the margin.
    Unchanged,
    /// The values are the same to the bit: a control of the implementation, not a finding.
    Identical,
}

/// One seed's values.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Pair {
    /// The seed that both runs share.
    pub seed: u64,
    /// Of the method; not finite where the run has no such value.
    #[serde(deserialize_with = "unmeasured::value")]
    pub method: f64,
    /// Of the baseline; likewise.
    #[serde(deserialize_with = "unmeasured::value")]
    pub baseline: f64,
}

/// What was published of a claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishedClaim {
    /// The numbers with their data set and network.
    pub text: String,
    /// Who says so.
    pub source: Source,
}
