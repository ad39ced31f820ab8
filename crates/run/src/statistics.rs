//! What a few seeds allow to say: mean, spread, and the paired difference to a baseline with its interval.
//!
//! Two rows of a table share their seeds, hence their data order and, where the shapes agree, their initial weights.
//! The difference is therefore taken seed by seed, and its interval is Student's for the mean of those differences.

mod holm;
#[cfg(test)]
mod laws;
mod paired;
mod student;

pub use holm::holm;
pub use paired::PairedTest;
pub use student::{student_quantile, upper_tail};

/// The words for a difference whose interval holds zero.
pub const NO_DIFFERENCE: &str = "no measurable difference at this scale";

/// Mean of `values`; `None` of nothing.
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// Sample standard deviation, with `n − 1` in the denominator; `None` of fewer than two values.
pub fn sample_std(values: &[f64]) -> Option<f64> {
    if values.len() < 2 {
        return None;
    }
    let center = mean(values)?;
    let squares: f64 = values.iter().map(|value| (value - center).powi(2)).sum();
    Some((squares / (values.len() - 1) as f64).sqrt())
}

/// Mean and spread of the runs of a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// Mean over the runs.
    pub mean: f64,
    /// Sample standard deviation; `None` of a single run.
    pub std: Option<f64>,
    /// Number of runs.
    pub runs: usize,
}

impl Spread {
    /// Mean and spread of `values`; `None` of nothing.
    pub fn of(values: &[f64]) -> Option<Self> {
        Some(Self { mean: mean(values)?, std: sample_std(values), runs: values.len() })
    }
}

/// What an interval lets one say of a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The whole interval lies above zero.
    Higher,
    /// The whole interval lies below zero.
    Lower,
    /// The interval holds zero.
    NoMeasurableDifference,
}

impl Direction {
    /// The direction in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Higher => "higher than the baseline",
            Self::Lower => "lower than the baseline",
            Self::NoMeasurableDifference => NO_DIFFERENCE,
        }
    }
}

/// A mean paired difference with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Difference {
    /// Mean of the differences, seed by seed.
    pub mean: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
    /// Number of pairs.
    pub pairs: usize,
}

impl Difference {
    /// The difference `value − baseline` over pairs of `(value, baseline)`; `None` of fewer than two pairs,
    /// because one pair says nothing of the spread.
    pub fn paired(pairs: &[(f64, f64)]) -> Option<Self> {
        let differences: Vec<f64> =
            pairs.iter().map(|(value, baseline)| value - baseline).collect();
        Some(PairedTest::of(&differences, 0.0)?.interval())
    }

    /// What the interval lets one say: nothing where it has no width, since the same difference in every
    /// seed is a coincidence of few seeds and few test samples, not a certainty.
    pub fn direction(&self) -> Direction {
        /// Far below the share of one test sample, far above rounding.
        const NO_WIDTH: f64 = 1e-9;
        if self.high - self.low < NO_WIDTH {
            Direction::NoMeasurableDifference
        } else if self.low > 0.0 {
            Direction::Higher
        } else if self.high < 0.0 {
            Direction::Lower
        } else {
            Direction::NoMeasurableDifference
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2, 4, 9: mean 5, squares 9 + 1 + 16 = 26, variance 26 / 2 = 13.
    #[test]
    fn mean_and_spread() {
        let spread = Spread::of(&[2.0, 4.0, 9.0]).unwrap();
        assert_eq!(spread.mean, 5.0);
        assert!((spread.std.unwrap() - 13.0_f64.sqrt()).abs() < 1e-15);
        assert_eq!(Spread::of(&[3.0]), Some(Spread { mean: 3.0, std: None, runs: 1 }));
        assert_eq!(Spread::of(&[]), None);
    }

    /// Differences 1, 2, 3: mean 2, standard deviation 1, half width 4.302652730 / √3 = 2.484137712.
    #[test]
    fn an_interval_that_holds_zero() {
        let difference = Difference::paired(&[(11.0, 10.0), (22.0, 20.0), (33.0, 30.0)]).unwrap();
        assert_eq!(difference.mean, 2.0);
        assert!((difference.low + 0.484_137_712).abs() < 1e-8, "{}", difference.low);
        assert!((difference.high - 4.484_137_712).abs() < 1e-8, "{}", difference.high);
        assert_eq!(difference.direction(), Direction::NoMeasurableDifference);
        assert_eq!(difference.direction().words(), "no measurable difference at this scale");
    }

    #[test]
    fn intervals_on_either_side_of_zero() {
        let up = [(1.50, 1.0), (1.51, 1.0), (1.49, 1.0)];
        assert_eq!(Difference::paired(&up).unwrap().direction(), Direction::Higher);
        let down = up.map(|(value, baseline)| (baseline, value));
        assert_eq!(Difference::paired(&down).unwrap().direction(), Direction::Lower);
    }

    /// Two seeds of 1,000 test samples that both gain 5 samples.
    #[test]
    fn an_interval_without_width_tells_nothing() {
        let difference = Difference::paired(&[(0.860, 0.855), (0.852, 0.847)]).unwrap();
        assert!((difference.mean - 0.005).abs() < 1e-12);
        assert_eq!(difference.direction(), Direction::NoMeasurableDifference);
    }

    #[test]
    fn equal_runs_differ_by_nothing() {
        let difference = Difference::paired(&[(0.8, 0.8), (0.7, 0.7)]).unwrap();
        assert_eq!((difference.low, difference.mean, difference.high), (0.0, 0.0, 0.0));
        assert_eq!(difference.direction(), Direction::NoMeasurableDifference);
    }

    #[test]
    fn one_pair_gives_no_interval() {
        assert_eq!(Difference::paired(&[(0.9, 0.8)]), None);
        assert_eq!(Difference::paired(&[]), None);
    }
}
