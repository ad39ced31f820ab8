//! Tests on the mean of paired differences: that it is not zero, and that it is less than a margin.

use crate::statistics::{Difference, Spread, student_quantile, upper_tail};

/// The paired differences of a few seeds, ready to be tested; assumes that they are drawn from one normal distribution.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PairedTest {
    mean: f64,
    /// Standard error of the mean; `None` where the differences do not differ.
    error: Option<f64>,
    /// Whether all differences are zero.
    zero: bool,
    pairs: usize,
}

impl PairedTest {
    /// Of one difference per seed; `None` of fewer than two, or if one is not finite.
    ///
    /// Differences whose standard deviation is at most `resolution` count as equal, and those whose size is at most
    /// `resolution` as zero, because they differ by rounding alone.
    pub fn of(differences: &[f64], resolution: f64) -> Option<Self> {
        let Spread { mean, std, runs } = Spread::of(differences)?;
        let std = std.filter(|std| std.is_finite())?;
        Some(Self {
            mean,
            error: (std > resolution).then(|| std / (runs as f64).sqrt()),
            zero: differences.iter().all(|difference| difference.abs() <= resolution),
            pairs: runs,
        })
    }

    /// p value of the paired t test that the mean is zero, two-sided.
    ///
    /// It is 1 where all differences are equal: the same difference in every seed is a coincidence of few seeds and few
    /// test samples, which gives no estimate of the noise.
    pub fn difference(&self) -> f64 {
        let Some(error) = self.error else {
            return 1.0;
        };
        (2.0 * upper_tail((self.mean / error).abs(), self.degrees())).min(1.0)
    }

    /// p value of the two one-sided t tests that the mean lies at or beyond `−margin` or `margin`: where it is small, the
    /// mean lies between them.
    ///
    /// It is 0 where all differences are zero, since nothing was changed, and 1 where all are equal but not zero.
    pub fn equivalence(&self, margin: f64) -> f64 {
        match self.error {
            Some(error) => upper_tail((margin - self.mean.abs()) / error, self.degrees()),
            None if self.zero => 0.0,
            None => 1.0,
        }
    }

    /// The mean with Student's 95 % interval, which has no width where all differences are equal.
    pub fn interval(&self) -> Difference {
        let quantile = student_quantile(self.degrees()).unwrap_or(f64::INFINITY);
        let half = self.error.map_or(0.0, |error| quantile * error);
        Difference {
            mean: self.mean,
            low: self.mean - half,
            high: self.mean + half,
            pairs: self.pairs,
        }
    }

    /// Half the width of the interval, which is the smallest mean that this many seeds with this spread tell from zero;
    /// `None` where the differences are equal but not zero, and their spread is not known.
    pub fn sees(&self) -> Option<f64> {
        let Difference { low, high, .. } = self.interval();
        (self.error.is_some() || self.zero).then_some((high - low) / 2.0)
    }

    fn degrees(&self) -> u32 {
        self.pairs as u32 - 1
    }
}
