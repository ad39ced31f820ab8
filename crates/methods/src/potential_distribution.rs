//! Potential distribution adjustment, PDA (Wang, Cheng, Lim, arXiv:2304.13289).
//!
//! **Inferred from the abstract** and a third party's one-line description ("a symmetric
//! distribution-divergence objective"): neither the paper's equations nor its code were found.
//! A normal distribution is fitted to the pre-reset potentials of each layer, and its symmetric
//! Kullback-Leibler divergence to N(mu, sigma²) is added to the loss, as a mean over the layers:
//!
//! ```text
//! D = ¼ · [ s²/sigma² + sigma²/s² - 2 + (m - mu)² · (1/s² + 1/sigma²) ]
//! ```
//!
//! with the mean `m` and the variance `s²` of the layer's potentials.

use candlewick_neuron::{Activity, ActivityGradient, ActivityPenalty};
use serde::{Deserialize, Serialize};

/// Settings of potential distribution adjustment. Inferred from the abstract.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PotentialDistribution {
    /// Weight of the divergence in the loss, at least 0. Default 0.005 (our choice).
    pub lambda: f32,
    /// Mean of the target. Default 0, as tdBN aims at.
    pub mu: f32,
    /// Standard deviation of the target, above 0; by default the neuron's threshold, so that about
    /// 16 % of the potentials are above it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sigma: Option<f32>,
}

impl Default for PotentialDistribution {
    fn default() -> Self {
        Self { lambda: 0.005, mu: 0.0, sigma: None }
    }
}

impl PotentialDistribution {
    /// What makes the settings unusable, as (field, expected); `None` if they are fine.
    pub fn problem(&self) -> Option<(&'static str, &'static str)> {
        if !(0.0..f32::INFINITY).contains(&self.lambda) {
            Some(("lambda", "a number of at least 0"))
        } else if !self.mu.is_finite() {
            Some(("mu", "a finite number"))
        } else if self.sigma.is_some_and(|sigma| !(sigma > 0.0 && sigma.is_finite())) {
            Some(("sigma", "a number above 0"))
        } else {
            None
        }
    }
}

impl PotentialDistribution {
    /// The penalty for neurons with this threshold.
    pub fn penalty(&self, v_threshold: f32) -> Divergence {
        let sigma = self.sigma.unwrap_or(v_threshold);
        Divergence { lambda: self.lambda, mu: self.mu, sigma }
    }
}

/// `lambda` times the symmetric divergence of a layer's potentials from N(mu, sigma²).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Divergence {
    /// Weight in the loss.
    pub lambda: f32,
    /// Mean of the target.
    pub mu: f32,
    /// Standard deviation of the target, above 0.
    pub sigma: f32,
}

/// Keeps the divergence of a layer that is silent and constant finite.
const LEAST_VARIANCE: f64 = 1e-6;

impl ActivityPenalty for Divergence {
    fn needs_potentials(&self) -> bool {
        true
    }

    fn penalty(&self, activity: &Activity) -> (f64, ActivityGradient) {
        let potentials = &activity.potentials;
        let count = potentials.count.max(1) as f64;
        let (mean, variance) = (potentials.mean(), potentials.variance().max(LEAST_VARIANCE));
        let (mu, target) = (f64::from(self.mu), f64::from(self.sigma).powi(2));
        let weight = f64::from(self.lambda);
        let distance = mean - mu;
        let precision = 1.0 / variance + 1.0 / target;
        let divergence =
            0.25 * (variance / target + target / variance - 2.0 + distance * distance * precision);
        let by_mean = 0.5 * distance * precision;
        let by_variance =
            0.25 * (1.0 / target - (target + distance * distance) / (variance * variance));
        // d mean / du = 1/N and d variance / du = 2 (u - mean) / N.
        let linear = weight * 2.0 * by_variance / count;
        let gradient = ActivityGradient {
            constant: (weight * by_mean / count - linear * mean) as f32,
            linear: linear as f32,
            spike: 0.0,
        };
        (weight * divergence, gradient)
    }
}

#[cfg(test)]
mod tests {
    use candlewick_neuron::Potentials;

    use super::*;

    fn activity(values: &[f64]) -> Activity {
        let potentials = Potentials {
            count: values.len() as u64,
            sum: values.iter().sum(),
            sum_of_squares: values.iter().map(|v| v * v).sum(),
        };
        Activity { potentials, ..Activity::default() }
    }

    /// m = 1, s² = 4 against N(0, 1): ¼ · (4 + ¼ - 2 + 1 · (¼ + 1)) = 0.875.
    #[test]
    fn divergence_by_hand() {
        let pda = Divergence { lambda: 1.0, mu: 0.0, sigma: 1.0 };
        assert!((pda.penalty(&activity(&[3.0, -1.0])).0 - 0.875).abs() < 1e-12);
        assert!(pda.penalty(&activity(&[1.0, -1.0])).0.abs() < 1e-12);
    }

    #[test]
    fn the_target_is_as_wide_as_the_threshold_unless_it_is_given() {
        let sigma = |sigma, threshold| {
            PotentialDistribution { sigma, ..Default::default() }.penalty(threshold).sigma
        };
        assert_eq!((sigma(None, 0.5), sigma(Some(2.0), 0.5)), (0.5, 2.0));
    }

    #[test]
    fn the_gradient_is_that_of_finite_differences() {
        let pda = Divergence { lambda: 0.3, mu: 0.2, sigma: 0.7 };
        let values = [0.4, -1.0, 2.5, 0.1, 0.9];
        let (_, gradient) = pda.penalty(&activity(&values));
        let mut visited = 0;
        for i in 0..values.len() {
            let at = |delta: f64| {
                let mut moved = values;
                moved[i] += delta;
                pda.penalty(&activity(&moved)).0
            };
            let numeric = (at(1e-5) - at(-1e-5)) / 2e-5;
            let analytic = f64::from(gradient.constant) + f64::from(gradient.linear) * values[i];
            assert!((numeric - analytic).abs() < 1e-6, "{numeric} {analytic}");
            visited += 1;
        }
        assert_eq!(visited, 5);
    }
}
