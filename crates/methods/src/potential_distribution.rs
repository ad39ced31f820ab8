//! Potential distribution adjustment (PDA).

use std::sync::Arc;

use candlewick_neuron::{Activity, ActivityGradient, ActivityPenalty, Measure, Model};
use candlewick_surrogate::Surrogate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Method;

/// What the potentials are pulled to. All are inferred.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PotentialObjective {
    /// The normal distribution N(mu, sigma²), by the divergence.
    #[default]
    Target,
    /// The normal distribution with mean and variance of the layer's own input currents in the same
    /// pass, which count as constants, by the divergence.
    Currents,
    /// The spikes, by the mean squared distance.
    Spikes,
}

/// Potential distribution adjustment, PDA (Wang, Cheng, Lim, arXiv:2304.13289).
/// **Inferred from the abstract** and a third party's one-line description ("a symmetric
/// distribution-divergence objective"): neither the paper's equations nor its code were found.
/// A normal distribution is fitted to the pre-reset potentials of each layer, and its symmetric
/// Kullback-Leibler divergence to N(mu, sigma²) is added to the loss, as a mean over the layers:
///
/// ```text
/// D = ¼ · [ s²/sigma² + sigma²/s² - 2 + (m - mu)² · (1/s² + 1/sigma²) ]
/// ```
///
/// with the mean `m` and the variance `s²` of the layer's potentials. Two other readings of the
/// abstract are built: the mean and the variance of the layer's own currents as the target, and,
/// instead of the divergence, the quantization error `mean((u - s)²)` of potentials `u` to spikes `s`.
///
/// Mean and variance are over time, batch and neurons of a layer, `[T, B, …]`, potentials in the units of the
/// threshold, the divergence in nats.
///
/// ```
/// use candlewick_methods::{PotentialDistribution, symmetric_divergence};
///
/// // (mean, variance) of the potentials, and of the target.
/// assert_eq!(symmetric_divergence((0.0, 1.0), (0.0, 1.0)), 0.0);
/// assert_eq!(symmetric_divergence((1.0, 1.0), (0.0, 1.0)), 0.5);
/// assert_eq!(PotentialDistribution::default().sigma(0.5), 0.5); // by default the threshold
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PotentialDistribution {
    /// Weight in the loss, at least 0. Default 0.005 (our choice).
    pub lambda: f32,
    /// What the potentials are pulled to. Default `target`.
    pub objective: PotentialObjective,
    /// Mean of the target. Default 0, as tdBN aims at.
    pub mu: f32,
    /// Standard deviation of the target, above 0; by default the neuron's threshold, so that about
    /// 16 % of the potentials are above it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sigma: Option<f32>,
}

impl Default for PotentialDistribution {
    fn default() -> Self {
        Self { lambda: 0.005, objective: PotentialObjective::default(), mu: 0.0, sigma: None }
    }
}

impl PotentialDistribution {
    /// Standard deviation of the target for neurons with this threshold.
    pub fn sigma(&self, v_threshold: f32) -> f32 {
        self.sigma.unwrap_or(v_threshold)
    }
}

impl Method for PotentialDistribution {
    fn name(&self) -> &'static str {
        "potential_distribution"
    }

    fn problem(&self) -> Option<(&'static str, &'static str)> {
        let has_target = self.objective == PotentialObjective::Target;
        if !(0.0..f32::INFINITY).contains(&self.lambda) {
            Some(("lambda", "a number of at least 0"))
        } else if !self.mu.is_finite() {
            Some(("mu", "a finite number"))
        } else if self.sigma.is_some_and(|sigma| !(sigma > 0.0 && sigma.is_finite())) {
            Some(("sigma", "a number above 0"))
        } else if !has_target && self.mu != 0.0 {
            Some(("mu", "nothing, unless the objective is `target`"))
        } else if !has_target && self.sigma.is_some() {
            Some(("sigma", "nothing, unless the objective is `target`"))
        } else {
            None
        }
    }

    fn misfit(&self, _surrogate: &dyn Surrogate, neuron: &dyn Model) -> Option<(&str, String)> {
        let v_threshold = neuron.firing().v_threshold;
        let has_target = self.objective == PotentialObjective::Target;
        (has_target && self.sigma(v_threshold) <= 0.0).then(|| {
            let expected =
                format!("a number above 0; without one it is the threshold, {v_threshold}");
            ("sigma", expected)
        })
    }

    fn penalty(&self, neuron: &dyn Model) -> Option<Arc<dyn ActivityPenalty>> {
        let lambda = self.lambda;
        let target = match self.objective {
            PotentialObjective::Spikes => return Some(Arc::new(QuantizationError { lambda })),
            PotentialObjective::Currents => None,
            PotentialObjective::Target => Some((self.mu, self.sigma(neuron.firing().v_threshold))),
        };
        Some(Arc::new(Divergence { lambda, target }))
    }
}

/// The mean of both Kullback-Leibler divergences between two normal distributions, each given by its mean
/// and its variance, in nats.
pub fn symmetric_divergence((m, s2): (f64, f64), (mu, sigma2): (f64, f64)) -> f64 {
    0.25 * (s2 / sigma2 + sigma2 / s2 - 2.0 + (m - mu).powi(2) * (1.0 / s2 + 1.0 / sigma2))
}

/// `lambda` times the symmetric divergence of a layer's potentials from a normal distribution.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Divergence {
    lambda: f32,
    /// Mean and standard deviation of the target; those of the layer's currents if absent.
    target: Option<(f32, f32)>,
}

/// Keeps the divergence of a layer that is silent and constant finite.
const LEAST_VARIANCE: f64 = 1e-6;

impl ActivityPenalty for Divergence {
    fn needs(&self) -> Measure {
        Measure { potentials: true, currents: self.target.is_none(), products: false }
    }

    fn penalty(&self, activity: &Activity) -> (f64, ActivityGradient) {
        let potentials = &activity.potentials;
        let count = potentials.count.max(1) as f64;
        let (mean, variance) = (potentials.mean(), potentials.variance().max(LEAST_VARIANCE));
        let (mu, target) = match self.target {
            Some((mu, sigma)) => (f64::from(mu), f64::from(sigma).powi(2)),
            None => (activity.currents.mean(), activity.currents.variance().max(LEAST_VARIANCE)),
        };
        let weight = f64::from(self.lambda);
        let distance = mean - mu;
        let precision = 1.0 / variance + 1.0 / target;
        let divergence = symmetric_divergence((mean, variance), (mu, target));
        let by_mean = 0.5 * distance * precision;
        let by_variance =
            0.25 * (1.0 / target - (target + distance * distance) / (variance * variance));
        // d mean / du = 1/N and d variance / du = 2 (u - mean) / N.
        let linear = weight * 2.0 * by_variance / count;
        let gradient = ActivityGradient {
            constant: (weight * by_mean / count - linear * mean) as f32,
            linear: linear as f32,
            ..ActivityGradient::default()
        };
        (weight * divergence, gradient)
    }
}

/// `lambda` times the mean of `(u - s)²` over potentials and their spikes.
#[derive(Clone, Copy, Debug, PartialEq)]
struct QuantizationError {
    lambda: f32,
}

impl ActivityPenalty for QuantizationError {
    fn needs(&self) -> Measure {
        Measure { potentials: true, currents: false, products: true }
    }

    fn penalty(&self, activity: &Activity) -> (f64, ActivityGradient) {
        let share = f64::from(self.lambda) / activity.elements.max(1) as f64;
        // A spike is its own square.
        let squares = activity.potentials.sum_of_squares + activity.spikes as f64;
        let error = (2.0 * share) as f32;
        let gradient = ActivityGradient { error, ..ActivityGradient::default() };
        (share * (squares - 2.0 * activity.products), gradient)
    }
}

#[cfg(test)]
mod tests {
    use candlewick_neuron::Potentials;

    use super::*;

    fn sums(values: &[f64]) -> Potentials {
        Potentials {
            count: values.len() as u64,
            sum: values.iter().sum(),
            sum_of_squares: values.iter().map(|v| v * v).sum(),
        }
    }

    fn activity(values: &[f64]) -> Activity {
        Activity { elements: values.len() as u64, potentials: sums(values), ..Activity::default() }
    }

    /// m = 1, s² = 4 against N(0, 1): ¼ · (4 + ¼ - 2 + 1 · (¼ + 1)) = 0.875.
    #[test]
    fn divergence_by_hand() {
        let pda = Divergence { lambda: 1.0, target: Some((0.0, 1.0)) };
        assert!((pda.penalty(&activity(&[3.0, -1.0])).0 - 0.875).abs() < 1e-12);
        assert!(pda.penalty(&activity(&[1.0, -1.0])).0.abs() < 1e-12);
    }

    /// Currents 1 and -1 have mean 0 and variance 1: the same target, measured.
    #[test]
    fn the_currents_are_the_target_by_hand() {
        let pda = Divergence { lambda: 1.0, target: None };
        let given = Activity { currents: sums(&[1.0, -1.0]), ..activity(&[3.0, -1.0]) };
        assert!((pda.penalty(&given).0 - 0.875).abs() < 1e-12);
        assert!(pda.penalty(&Activity { currents: sums(&[3.0, -1.0]), ..given }).0.abs() < 1e-12);
    }

    /// Potentials 1.5 (fires) and -1 (does not): (0.5² + 1²) / 2 = 0.625; d/du = 2 (u - s) / 2.
    #[test]
    fn quantization_error_by_hand() {
        let pda = QuantizationError { lambda: 1.0 };
        let given = Activity { spikes: 1, products: 1.5, ..activity(&[1.5, -1.0]) };
        let (value, gradient) = pda.penalty(&given);
        assert!((value - 0.625).abs() < 1e-12);
        assert_eq!(gradient, ActivityGradient { error: 1.0, ..ActivityGradient::default() });
    }

    #[test]
    fn the_target_is_as_wide_as_the_threshold_unless_it_is_given() {
        let pda = |sigma| PotentialDistribution { sigma, ..Default::default() };
        assert_eq!((pda(None).sigma(0.5), pda(Some(2.0)).sigma(0.5)), (0.5, 2.0));
        let objective = PotentialObjective::Currents;
        let field = |pda: PotentialDistribution| pda.problem().map(|(field, _)| field);
        let given = PotentialDistribution { objective, ..pda(Some(2.0)) };
        assert_eq!(field(given), Some("sigma"));
        let given = PotentialDistribution { objective, mu: 1.0, ..pda(None) };
        assert_eq!(field(given), Some("mu"));
    }

    #[test]
    fn the_gradient_is_that_of_finite_differences() {
        let pda = Divergence { lambda: 0.3, target: Some((0.2, 0.7)) };
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
