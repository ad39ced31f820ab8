//! Plain regularizers of the activity: a target for the firing rate.
//!
//! `lambda · (rate - target)²` per spiking layer, as a mean over the layers; with a target of 0 and a
//! small weight this is the usual L2 penalty on spike counts.

use candlewick_neuron::{Activity, ActivityGradient, ActivityPenalty};
use serde::{Deserialize, Serialize};

/// Settings of the firing-rate target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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

impl FiringRateTarget {
    /// What makes the settings unusable, as (field, expected); `None` if they are fine.
    pub fn problem(&self) -> Option<(&'static str, &'static str)> {
        if !(0.0..f32::INFINITY).contains(&self.lambda) {
            Some(("lambda", "a number of at least 0"))
        } else if !(0.0..=1.0).contains(&self.target) {
            Some(("target", "a rate in [0, 1]"))
        } else {
            None
        }
    }
}

impl ActivityPenalty for FiringRateTarget {
    fn needs_potentials(&self) -> bool {
        false
    }

    fn penalty(&self, activity: &Activity) -> (f64, ActivityGradient) {
        let elements = activity.elements.max(1) as f64;
        let distance = activity.spikes as f64 / elements - f64::from(self.target);
        let lambda = f64::from(self.lambda);
        let spike = (2.0 * lambda * distance / elements) as f32;
        (lambda * distance * distance, ActivityGradient { spike, ..Default::default() })
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
        let (value, gradient) = penalty.penalty(&activity);
        assert!((value - 0.02).abs() < 1e-8);
        assert!((gradient.spike - 0.02).abs() < 1e-7);
    }
}
