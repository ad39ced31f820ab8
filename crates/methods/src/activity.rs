//! Plain regularizers of the activity, each a mean over the spiking layers.

use std::sync::Arc;

use candlewick_neuron::{Activity, ActivityGradient, ActivityPenalty, Model};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Method;

/// A pull of firing rates to a target, a term of the loss:
///
/// ```text
/// lambda · mean over the layers of (rate - target)²
/// ```
///
/// where the rate of a layer is its number of spikes per neuron, step and sample, in [0, 1]. Its gradient reaches
/// the potentials through the surrogate, as that of every spike.
///
/// Elsewhere: `l1_rate_sparsity` and the like in snnTorch's `functional.reg` pull to 0.
///
/// ```
/// use candlewick_methods::FiringRateTarget;
/// use candlewick_neuron::{Activity, ActivityPenalty};
///
/// let activity = Activity { spikes: 30, elements: 100, ..Activity::default() };
/// let (value, _gradient) = FiringRateTarget { lambda: 0.1, target: 0.1 }.penalty(&activity);
/// assert!((value - 0.1 * 0.2 * 0.2).abs() < 1e-8);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FiringRateTarget {
    /// Weight in the loss, at least 0. Default 0.1.
    pub lambda: f32,
    /// Spikes per neuron and step that each layer is pulled to, in [0, 1]. Default 0.1.
    pub target: f32,
}

impl Default for FiringRateTarget {
    fn default() -> Self {
        Self { lambda: 0.1, target: 0.1 }
    }
}

impl Method for FiringRateTarget {
    fn name(&self) -> &'static str {
        "firing_rate_target"
    }

    fn problem(&self) -> Option<(&'static str, &'static str)> {
        if !(0.0..f32::INFINITY).contains(&self.lambda) {
            Some(("lambda", "a number of at least 0"))
        } else if !(0.0..=1.0).contains(&self.target) {
            Some(("target", "a rate in [0, 1]"))
        } else {
            None
        }
    }

    fn penalty(&self, _neuron: &dyn Model) -> Option<Arc<dyn ActivityPenalty>> {
        Some(Arc::new(self.clone()))
    }
}

impl ActivityPenalty for FiringRateTarget {
    fn penalty(&self, activity: &Activity) -> (f64, ActivityGradient) {
        let elements = activity.elements.max(1) as f64;
        let distance = activity.spikes as f64 / elements - f64::from(self.target);
        let lambda = f64::from(self.lambda);
        let spike = (2.0 * lambda * distance / elements) as f32;
        (lambda * distance * distance, ActivityGradient { spike, ..Default::default() })
    }
}

/// L1 and L2 penalties on spikes, a term of the loss:
///
/// ```text
/// mean over the layers of l1 · rate + l2 · rate²
/// ```
///
/// where the rate of a layer is its number of spikes per neuron, step and sample, in [0, 1].
/// A spike is 0 or 1, so that their absolute values and their squares have the same mean, the rate; the
/// L2 penalty is that of the layers' rates.
///
/// ```
/// use candlewick_methods::SpikePenalty;
/// use candlewick_neuron::{Activity, ActivityPenalty};
///
/// let activity = Activity { spikes: 50, elements: 100, ..Activity::default() };
/// let (value, _gradient) = SpikePenalty { l1: 0.5, l2: 1.0 }.penalty(&activity);
/// assert_eq!(value, 0.25 + 0.25);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SpikePenalty {
    /// Weight of the rate in the loss, at least 0. Default 0.01.
    pub l1: f32,
    /// Weight of the squared rate in the loss, at least 0. Default 0.
    pub l2: f32,
}

impl Default for SpikePenalty {
    fn default() -> Self {
        Self { l1: 0.01, l2: 0.0 }
    }
}

impl Method for SpikePenalty {
    fn name(&self) -> &'static str {
        "spike_penalty"
    }

    fn problem(&self) -> Option<(&'static str, &'static str)> {
        let fine = |weight: f32| (0.0..f32::INFINITY).contains(&weight);
        let wrong = if fine(self.l1) { (!fine(self.l2)).then_some("l2") } else { Some("l1") };
        wrong.map(|field| (field, "a number of at least 0"))
    }

    fn penalty(&self, _neuron: &dyn Model) -> Option<Arc<dyn ActivityPenalty>> {
        Some(Arc::new(self.clone()))
    }
}

impl ActivityPenalty for SpikePenalty {
    fn penalty(&self, activity: &Activity) -> (f64, ActivityGradient) {
        let elements = activity.elements.max(1) as f64;
        let rate = activity.spikes as f64 / elements;
        let (l1, l2) = (f64::from(self.l1), f64::from(self.l2));
        let spike = ((l1 + 2.0 * l2 * rate) / elements) as f32;
        (l1 * rate + l2 * rate * rate, ActivityGradient { spike, ..Default::default() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rate 0.3 against 0.1: 0.5 · 0.04; each spike adds 1/10 to the rate: 2 · 0.5 · 0.2 / 10.
    #[test]
    fn values_by_hand() {
        let penalty = FiringRateTarget { lambda: 0.5, target: 0.1 };
        let activity = Activity { spikes: 3, elements: 10, ..Activity::default() };
        let (value, gradient) = ActivityPenalty::penalty(&penalty, &activity);
        assert!((value - 0.02).abs() < 1e-8);
        assert!((gradient.spike - 0.02).abs() < 1e-7);
    }

    /// Rate 0.3: 0.5 · 0.3 + 2 · 0.09; each spike adds 1/10 to the rate: (0.5 + 2 · 2 · 0.3) / 10.
    #[test]
    fn spikes_cost_by_their_rate_and_its_square() {
        let activity = Activity { spikes: 3, elements: 10, ..Activity::default() };
        let penalty = SpikePenalty { l1: 0.5, l2: 2.0 };
        let (value, gradient) = ActivityPenalty::penalty(&penalty, &activity);
        assert!((value - 0.33).abs() < 1e-8);
        assert!((gradient.spike - 0.17).abs() < 1e-7);
        assert_eq!(
            SpikePenalty { l1: 0.0, l2: -1.0 }.problem().map(|(field, _)| field),
            Some("l2")
        );
    }
}
