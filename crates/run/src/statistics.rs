//! What a few seeds allow to say: mean, spread, and the paired difference to a baseline with its interval.
//!
//! Two rows of a table share their seeds, hence their data order and, where the shapes agree, their initial weights.
//! The difference is therefore taken seed by seed, and its interval is Student's for the mean of those differences.

use std::f64::consts::PI;

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
pub enum Verdict {
    /// The whole interval lies above zero.
    Higher,
    /// The whole interval lies below zero.
    Lower,
    /// The interval holds zero.
    NoMeasurableDifference,
}

impl Verdict {
    /// The verdict in words.
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
        let spread = Spread::of(&differences)?;
        let runs = spread.runs;
        let half = student_quantile(runs as u32 - 1)? * spread.std? / (runs as f64).sqrt();
        Some(Self {
            mean: spread.mean,
            low: spread.mean - half,
            high: spread.mean + half,
            pairs: runs,
        })
    }

    /// What the interval lets one say: nothing where it has no width, since the same difference in every
    /// seed is a coincidence of few seeds and few test samples, not a certainty.
    pub fn verdict(&self) -> Verdict {
        /// Far below the share of one test sample, far above rounding.
        const NO_WIDTH: f64 = 1e-9;
        if self.high - self.low < NO_WIDTH {
            Verdict::NoMeasurableDifference
        } else if self.low > 0.0 {
            Verdict::Higher
        } else if self.high < 0.0 {
            Verdict::Lower
        } else {
            Verdict::NoMeasurableDifference
        }
    }
}

/// The `t` that Student's distribution with `degrees` degrees of freedom exceeds in size 5 % of the time;
/// `None` for no degrees of freedom.
pub fn student_quantile(degrees: u32) -> Option<f64> {
    if degrees == 0 {
        return None;
    }
    // The widest distribution, of one degree, needs 12.7; bisection halves the bracket down to the last bit.
    let (mut low, mut high) = (0.0_f64, 16.0_f64);
    for _ in 0..64 {
        let middle = f64::midpoint(low, high);
        if central_probability(middle, degrees) < 0.95 {
            low = middle;
        } else {
            high = middle;
        }
    }
    Some(f64::midpoint(low, high))
}

/// Probability that Student's `t` lies within `±t`, by the finite series for whole degrees of freedom
/// (Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.3 and 26.7.4).
fn central_probability(t: f64, degrees: u32) -> f64 {
    let theta = (t / f64::from(degrees).sqrt()).atan();
    let (sin, cos) = theta.sin_cos();
    let odd = degrees % 2 == 1;
    // Odd: cos θ + (2/3) cos³ θ + …, even: 1 + (1/2) cos² θ + …, up to the power `degrees − 2`.
    let mut term = if odd { cos } else { 1.0 };
    let mut power = u32::from(odd);
    let mut sum = 0.0;
    while power + 2 <= degrees {
        sum += term;
        power += 2;
        term *= cos * cos * f64::from(power - 1) / f64::from(power);
    }
    if odd { 2.0 / PI * (theta + sin * sum) } else { sin * sum }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two-sided 5 % points as printed in tables of Student's distribution.
    #[test]
    fn quantiles_equal_the_tables() {
        let table = [
            (1, 12.706_204_736),
            (2, 4.302_652_730),
            (3, 3.182_446_305),
            (4, 2.776_445_105),
            (5, 2.570_581_836),
            (9, 2.262_157_163),
            (10, 2.228_138_852),
            (30, 2.042_272_456),
            (120, 1.979_930_405),
        ];
        for (degrees, expected) in table {
            let got = student_quantile(degrees).unwrap();
            assert!((got - expected).abs() < 1e-8, "{degrees}: {got} instead of {expected}");
        }
        assert_eq!(table.len(), 9);
        assert_eq!(student_quantile(0), None);
    }

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
        assert_eq!(difference.verdict(), Verdict::NoMeasurableDifference);
        assert_eq!(difference.verdict().words(), "no measurable difference at this scale");
    }

    #[test]
    fn intervals_on_either_side_of_zero() {
        let up = [(1.50, 1.0), (1.51, 1.0), (1.49, 1.0)];
        assert_eq!(Difference::paired(&up).unwrap().verdict(), Verdict::Higher);
        let down = up.map(|(value, baseline)| (baseline, value));
        assert_eq!(Difference::paired(&down).unwrap().verdict(), Verdict::Lower);
    }

    /// Two seeds of 1,000 test samples that both gain 5 samples.
    #[test]
    fn an_interval_without_width_tells_nothing() {
        let difference = Difference::paired(&[(0.860, 0.855), (0.852, 0.847)]).unwrap();
        assert!((difference.mean - 0.005).abs() < 1e-12);
        assert_eq!(difference.verdict(), Verdict::NoMeasurableDifference);
    }

    #[test]
    fn equal_runs_differ_by_nothing() {
        let difference = Difference::paired(&[(0.8, 0.8), (0.7, 0.7)]).unwrap();
        assert_eq!((difference.low, difference.mean, difference.high), (0.0, 0.0, 0.0));
        assert_eq!(difference.verdict(), Verdict::NoMeasurableDifference);
    }

    #[test]
    fn one_pair_gives_no_interval() {
        assert_eq!(Difference::paired(&[(0.9, 0.8)]), None);
        assert_eq!(Difference::paired(&[]), None);
    }
}
