//! The methods of a recipe, in any combination.

use std::sync::Arc;

use candlewick_core::weight_rule::WeightGradientRule;
use candlewick_neuron::ActivityPenalty;
use candlewick_surrogate::{Surrogate, SurrogateRule};
use serde::{Deserialize, Serialize};

use crate::{
    FiringRateTarget, GradientScaling, MaskSite, MaskedSurrogate, ParameterUpdate,
    ParametricSurrogate, PotentialDistribution, PotentialObjective, Shortcut, SpikePenalty,
    TemporallyWeightedOutput,
};

/// The training methods beside the loss, each on if its table is there: `[methods.shortcut]`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Methods {
    /// A penalty on firing rates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub firing_rate_target: Option<FiringRateTarget>,
    /// Gradient scaling with local spike information.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gradient_scaling: Option<GradientScaling>,
    /// Masked surrogate gradients.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub masked_surrogate: Option<MaskedSurrogate>,
    /// Parametric surrogate gradients; inferred from the abstract.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parametric_surrogate: Option<ParametricSurrogate>,
    /// Potential distribution adjustment; inferred from the abstract.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub potential_distribution: Option<PotentialDistribution>,
    /// Shortcut back-propagation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shortcut: Option<Shortcut>,
    /// L1 and L2 penalties on spikes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spike_penalty: Option<SpikePenalty>,
    /// Temporally weighted output.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temporally_weighted_output: Option<TemporallyWeightedOutput>,
}

impl Methods {
    /// The keys of all methods with what they are, in one line each, in alphabetical order.
    pub const SUMMARIES: &'static [(&'static str, &'static str)] = &[
        ("firing_rate_target", "a penalty on the distance of firing rates to a target"),
        ("gradient_scaling", "weight gradients scaled by pre- and post-synaptic spike traces"),
        ("masked_surrogate", "surrogate derivatives set to 0 at random (MSG)"),
        ("parametric_surrogate", "a learned width per layer (PSG; inferred from the abstract)"),
        (
            "potential_distribution",
            "a divergence of potentials to a target (PDA; inferred from the abstract)",
        ),
        ("shortcut", "side heads in training, constant or evolutionary"),
        ("spike_penalty", "L1 and L2 penalties on spikes"),
        ("temporally_weighted_output", "time steps weighted by their training accuracy (TWO)"),
    ];

    /// What makes the settings unusable with this surrogate and threshold, as (path below
    /// `methods`, expected).
    pub fn problem(&self, surrogate: &dyn Surrogate, v_threshold: f32) -> Option<(String, String)> {
        let problems = [
            (
                "firing_rate_target",
                self.firing_rate_target.as_ref().and_then(FiringRateTarget::problem),
            ),
            ("gradient_scaling", self.gradient_scaling.as_ref().and_then(GradientScaling::problem)),
            ("masked_surrogate", self.masked_surrogate.as_ref().and_then(MaskedSurrogate::problem)),
            (
                "parametric_surrogate",
                self.parametric_surrogate.as_ref().and_then(ParametricSurrogate::problem),
            ),
            (
                "potential_distribution",
                self.potential_distribution.as_ref().and_then(PotentialDistribution::problem),
            ),
            ("spike_penalty", self.spike_penalty.as_ref().and_then(SpikePenalty::problem)),
            ("shortcut", self.shortcut.as_ref().and_then(Shortcut::problem)),
            (
                "temporally_weighted_output",
                self.temporally_weighted_output
                    .as_ref()
                    .and_then(TemporallyWeightedOutput::problem),
            ),
        ];
        let found = problems.into_iter().find_map(|(method, problem)| {
            problem.map(|(field, expected)| (format!("{method}.{field}"), expected.to_owned()))
        });
        if found.is_some() {
            return found;
        }
        if let Some(method) = &self.parametric_surrogate
            && !method.fits(surrogate)
        {
            let expected = match method.update {
                ParameterUpdate::Statistics => "a surrogate whose parameter is a width",
                _ => "a surrogate with a parameter to learn",
            };
            let expected = format!("{expected}; {surrogate:?} has none");
            return Some(("parametric_surrogate".into(), expected));
        }
        if let Some(method) = &self.potential_distribution
            && method.objective == PotentialObjective::Target
            && method.sigma(v_threshold) <= 0.0
        {
            let expected =
                format!("a number above 0; without one it is the threshold, {v_threshold}");
            return Some(("potential_distribution.sigma".into(), expected));
        }
        let masks_weights =
            self.masked_surrogate.as_ref().is_some_and(|mask| mask.site == MaskSite::Weight);
        (masks_weights && self.gradient_scaling.is_some()).then(|| {
            let expected = "`membrane` together with gradient_scaling: both would replace the \
                            weight gradient";
            ("masked_surrogate.site".into(), expected.into())
        })
    }

    /// The rules for the surrogates, in the order in which they are applied: a width is learned
    /// first, and masked then.
    pub fn surrogate_rules(&self) -> Vec<Arc<dyn SurrogateRule>> {
        let mut rules: Vec<Arc<dyn SurrogateRule>> = Vec::new();
        if let Some(method) = &self.parametric_surrogate {
            rules.push(Arc::new(method.clone()));
        }
        if let Some(method) = &self.masked_surrogate
            && method.site == MaskSite::Membrane
        {
            rules.push(Arc::new(method.clone()));
        }
        rules
    }

    /// The rule for the weight gradients.
    pub fn weight_rule(&self) -> Option<Arc<dyn WeightGradientRule>> {
        if let Some(method) = &self.gradient_scaling {
            return Some(Arc::new(method.clone()));
        }
        match &self.masked_surrogate {
            Some(method) if method.site == MaskSite::Weight => Some(Arc::new(method.clone())),
            _ => None,
        }
    }

    /// The penalties on the activity of neurons with this threshold.
    pub fn penalties(&self, v_threshold: f32) -> Vec<Arc<dyn ActivityPenalty>> {
        let mut penalties: Vec<Arc<dyn ActivityPenalty>> = Vec::new();
        if let Some(method) = &self.potential_distribution {
            penalties.push(method.penalty(v_threshold));
        }
        if let Some(method) = &self.spike_penalty {
            penalties.push(Arc::new(method.clone()));
        }
        if let Some(method) = &self.firing_rate_target {
            penalties.push(Arc::new(method.clone()));
        }
        penalties
    }
}
