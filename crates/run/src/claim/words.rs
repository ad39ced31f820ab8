//! Values, differences and sizes of a quantity in words, by its unit; and the names of papers.

use crate::claim::{ClaimReport, Pair, Unit};
use crate::format::{percent, points, signed_significant, significant};
use crate::statistics::{Difference, mean};

impl Unit {
    /// A value with its unit: `50.40 %`, `1.25`.
    pub(crate) fn value(self, value: f64) -> String {
        match self {
            _ if !value.is_finite() => "none".to_owned(),
            Self::Fraction => format!("{} %", percent(value)),
            Self::Ratio | Self::Plain => significant(value),
        }
    }

    /// A difference without the name of its unit: `+1.20`, `×1.85`.
    fn signed(self, difference: f64) -> String {
        match self {
            Self::Fraction => points(difference),
            Self::Ratio => format!("×{}", significant(10.0_f64.powf(difference))),
            Self::Plain => signed_significant(difference),
        }
    }

    /// A difference with its unit: `+1.20 points`, `×1.85`, `+0.320`.
    pub(crate) fn change(self, difference: f64) -> String {
        let points = if self == Self::Fraction { " points" } else { "" };
        format!("{}{points}", self.signed(difference))
    }

    /// The interval of a difference: `[+0.30, +2.10]`.
    pub(crate) fn interval(self, difference: &Difference) -> String {
        format!("[{}, {}]", self.signed(difference.low), self.signed(difference.high))
    }

    /// The size of a difference: `1.20 points`, `a factor of 1.30`, `0.320`.
    pub(crate) fn size(self, size: f64) -> String {
        match self {
            Self::Fraction => format!("{} points", percent(size)),
            Self::Ratio => format!("a factor of {}", significant(10.0_f64.powf(size))),
            Self::Plain => significant(size),
        }
    }

    /// The size of a difference as short as a cell: `1.20 points`, `×1.30`, `0.320`.
    pub(crate) fn short_size(self, size: f64) -> String {
        match self {
            Self::Ratio => self.change(size),
            Self::Fraction | Self::Plain => self.size(size),
        }
    }

    /// The value that stands for several: the geometric mean of ratios, so that the factor between two such means is the
    /// mean factor, else the arithmetic mean; `None` of nothing.
    pub(crate) fn mean(self, values: &[f64]) -> Option<f64> {
        if self != Self::Ratio || values.iter().any(|value| *value <= 0.0) {
            return mean(values);
        }
        let logarithms: Vec<f64> = values.iter().map(|value| value.log10()).collect();
        Some(10.0_f64.powf(mean(&logarithms)?))
    }
}

impl ClaimReport {
    /// The paper's part of the id: `tet` of `tet/early-accuracy`.
    pub fn paper_id(&self) -> &str {
        self.id.split_once('/').map_or(&self.id, |(paper, _)| paper)
    }

    /// Mean value of baseline and method in words; `None` without pairs.
    pub(crate) fn means(&self) -> Option<(String, String)> {
        let mean_of = |value: fn(&Pair) -> f64| {
            let unit = self.quantity.unit;
            let values: Vec<f64> = self.pairs.iter().map(value).collect();
            Some(unit.value(unit.mean(&values)?))
        };
        Some((mean_of(|pair| pair.baseline)?, mean_of(|pair| pair.method)?))
    }
}

/// The name of a paper, which its words begin with: `TET` of `TET (Deng et al., ICLR 2022)`.
pub(crate) fn paper_name(paper: &str) -> &str {
    paper.split_once(" (").map_or(paper, |(name, _)| name)
}

/// A number with its noun: `1 claim`, `2 claims`.
pub(crate) fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_unit_in_words() {
        let log_two = 2.0_f64.log10();
        let cases = [
            (Unit::Fraction.value(0.504), "50.40 %"),
            (Unit::Fraction.change(-0.012), "−1.20 points"),
            (Unit::Fraction.size(0.012), "1.20 points"),
            (Unit::Ratio.value(33.0), "33.0"),
            (Unit::Ratio.change(log_two), "×2.00"),
            (Unit::Ratio.size(log_two), "a factor of 2.00"),
            (Unit::Plain.change(0.25), "+0.250"),
            (Unit::Plain.value(f64::NAN), "none"),
        ];
        for (got, expected) in &cases {
            assert_eq!(got, expected);
        }
        assert_eq!(cases.len(), 8);
    }

    /// 1 and 100: geometric mean 10; with a zero among them the arithmetic mean is all there is.
    #[test]
    fn ratios_have_a_geometric_mean() {
        assert!((Unit::Ratio.mean(&[1.0, 100.0]).unwrap() - 10.0).abs() < 1e-12);
        assert_eq!(Unit::Ratio.mean(&[0.0, 100.0]), Some(50.0));
        assert_eq!(Unit::Plain.mean(&[1.0, 100.0]), Some(50.5));
        assert_eq!(Unit::Plain.mean(&[]), None);
    }
}
