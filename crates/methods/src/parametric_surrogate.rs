//! Parametric surrogate gradients, PSG (Wang, Cheng, Lim, arXiv:2304.13289).
//!
//! **Inferred from the abstract**: neither the paper's equations nor its code were found. The
//! abstract says that the surrogate's parameter is updated iteratively; here it is one scalar per
//! spiking layer (or one for all), learned by back-propagation with the smooth step that the
//! surrogate is the derivative of:
//!
//! ```text
//! dL/dα = Σ (dL/ds) · ∂G(x; α)/∂α,   α = e^λ with λ learned, clamped around its start
//! ```
//!
//! Two other readings are built. By statistics, the support follows the deviation of the potentials,
//! in the form of the code of MPD-AGL: `±γ·v_threshold` at one time step and `±√(1 + decay²)·γ·v_threshold` at
//! several, with the mean normalization weight `γ`. By search, every few epochs each scalar `w` is
//! tried as `w`, `w·(1 + d)` and `w·(1 - d)`, and the best stays.

use std::sync::Arc;

use candle_core::{Result, Tensor, Var};
use candlewick_surrogate::{Dynamics, Effective, Site, Surrogate, SurrogateRule};
use serde::{Deserialize, Serialize};

/// How the parameter changes. All are inferred.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ParameterUpdate {
    /// By the optimizer, as other parameters.
    #[default]
    Gradient,
    /// In every step from the normalization, the threshold and the leak of the layer.
    Statistics,
    /// By trials.
    Search(ParameterSearch),
}

/// Settings of the search: a trial is a step of the optimizer on the first half of the last training
/// batch of an epoch, and its result is the loss of the second half.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ParameterSearch {
    /// Epochs from one search to the next, at least 1. Default 1 (our choice).
    pub period: u32,
    /// The relative change `d` that is tried, in (0, 1). Default 0.25 (our choice).
    pub change: f32,
}

impl Default for ParameterSearch {
    fn default() -> Self {
        Self { period: 1, change: 0.25 }
    }
}

/// Settings of parametric surrogate gradients. Inferred from the abstract.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ParametricSurrogate {
    /// How the parameter changes. Default `gradient`.
    pub update: ParameterUpdate,
    /// One scalar for all layers instead of one per layer. Default false.
    pub global: bool,
    /// The parameter stays within its start divided and multiplied by this, at least 1. Default 4.
    pub range: f32,
    /// Whether the gradient is the mean over the layer's elements instead of the sum, which would
    /// dominate. Default true.
    pub mean_gradient: bool,
}

impl Default for ParametricSurrogate {
    fn default() -> Self {
        Self { update: ParameterUpdate::default(), global: false, range: 4.0, mean_gradient: true }
    }
}

impl ParametricSurrogate {
    /// What makes the settings unusable, as (field, expected); `None` if they are fine.
    pub fn problem(&self) -> Option<(&'static str, &'static str)> {
        let search = self.search().unwrap_or_default();
        if !(1.0..f32::INFINITY).contains(&self.range) {
            Some(("range", "a factor of at least 1"))
        } else if search.period == 0 {
            Some(("update.search.period", "at least 1 epoch"))
        } else if !(search.change > 0.0 && search.change < 1.0) {
            Some(("update.search.change", "a share in (0, 1)"))
        } else if self.update == ParameterUpdate::Statistics && self.global {
            Some(("global", "false with statistics, which each layer has of its own"))
        } else if self.update != ParameterUpdate::Gradient && !self.mean_gradient {
            Some(("mean_gradient", "true, unless the update is by gradient"))
        } else {
            None
        }
    }

    /// Whether this surrogate has what the update changes.
    pub(crate) fn fits(&self, surrogate: &dyn Surrogate) -> bool {
        match self.update {
            ParameterUpdate::Statistics => parameter_of_support(surrogate, 1.0).is_some(),
            _ => surrogate.parameter().is_some(),
        }
    }

    /// The settings of the search, if the update is by search.
    pub fn search(&self) -> Option<ParameterSearch> {
        match self.update {
            ParameterUpdate::Search(search) => Some(search),
            _ => None,
        }
    }
}

/// The parameter with which the derivative is 0 beyond ±`half_width`; `None` if the parameter is not
/// the scale of such a support.
fn parameter_of_support(surrogate: &dyn Surrogate, half_width: f32) -> Option<f32> {
    let (parameter, support) = (surrogate.parameter()?, surrogate.support()?);
    let doubled = surrogate.with_parameter(2.0 * parameter).support()?;
    let proportional = (doubled - 2.0 * support).abs() <= 1e-5 * support;
    proportional.then(|| parameter * half_width / support)
}

/// Half the width of the surrogate: the deviation of potentials that sum up currents of the deviation
/// `gain · γ · v_threshold` and leak once.
fn half_width(potentials: Dynamics) -> f32 {
    let Dynamics { time_steps, v_threshold, decay, gain, gamma } = potentials;
    let summed = if time_steps > 1 { (1.0 + decay * decay).sqrt() } else { 1.0 };
    (summed * gain * gamma * v_threshold).abs()
}

impl SurrogateRule for ParametricSurrogate {
    fn initial(&self, base: &dyn Surrogate) -> Option<f32> {
        base.parameter().map(f32::ln)
    }

    fn is_learned(&self) -> bool {
        self.update == ParameterUpdate::Gradient
    }

    fn is_global(&self) -> bool {
        self.global
    }

    fn apply(
        &self,
        base: &dyn Surrogate,
        current: Effective,
        learned: Option<&Var>,
        site: Site,
    ) -> Result<Effective> {
        let (Some(log), Some(start)) = (learned, base.parameter()) else {
            candle_core::bail!("parametric_surrogate: the surrogate {base:?} has no parameter");
        };
        let stored = log.flatten_all()?.get(0)?.to_scalar::<f32>()?;
        let value = match self.update {
            ParameterUpdate::Statistics => {
                let Some(value) = parameter_of_support(base, half_width(site.potentials)) else {
                    candle_core::bail!("parametric_surrogate: {base:?} has no width");
                };
                value.ln()
            }
            _ => stored,
        };
        let (start, room) = (start.ln(), self.range.ln());
        let clamped = value.clamp(start - room, start + room);
        if clamped != stored {
            log.set(&Tensor::full(clamped, log.shape(), log.device())?)?;
        }
        let parameter = log.exp()?;
        let alpha = parameter.flatten_all()?.get(0)?.to_scalar::<f32>()?;
        let surrogate: Arc<dyn Surrogate> = current.surrogate.with_parameter(alpha);
        if !self.is_learned() {
            return Ok(Effective { surrogate, parameter: None });
        }
        let parameter = if self.mean_gradient {
            // The value as it is, with a gradient divided by the number of elements.
            let share = 1.0 / site.elements.max(1) as f64;
            ((&parameter * share)? + (parameter.detach() * (1.0 - share))?)?
        } else {
            parameter
        };
        Ok(Effective { surrogate, parameter: Some(parameter) })
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;
    use candlewick_core::Key;
    use candlewick_surrogate::AnySurrogate;

    use super::*;

    /// γ = 2, threshold 0.5, decay 0.75: ±1 at one step, ±√(1 + 0.5625) = ±1.25 at several.
    #[test]
    fn the_width_by_statistics_by_hand() {
        let method = ParametricSurrogate {
            update: ParameterUpdate::Statistics,
            ..ParametricSurrogate::default()
        };
        let mut visited = 0;
        for (name, per_half_width) in
            [("triangle", 1.0), ("rectangle", 2.0), ("scaled_triangle", 1.0)]
        {
            let base = AnySurrogate::named(name).unwrap();
            assert!(method.fits(&*base), "{name}");
            for (time_steps, half_width) in [(1, 1.0), (2, 1.25), (6, 1.25)] {
                let potentials =
                    Dynamics { time_steps, v_threshold: 0.5, decay: 0.75, gain: 1.0, gamma: 2.0 };
                let start = method.initial(&*base).unwrap();
                let stored = Var::from_vec(vec![start], 1, &Device::Cpu).unwrap();
                let current = Effective { surrogate: base.shared(), parameter: None };
                let site = Site { key: Key::new(1), elements: 8, potentials };
                let effective = method.apply(&*base, current, Some(&stored), site).unwrap();
                let support = effective.surrogate.support().unwrap();
                assert!((support - half_width).abs() < 1e-6, "{name}: {support}");
                let stored = stored.to_vec1::<f32>().unwrap()[0].exp();
                assert!((stored - per_half_width * half_width).abs() < 1e-5, "{name}: {stored}");
                assert!(effective.parameter.is_none());
                visited += 1;
            }
        }
        assert_eq!(visited, 9);
        for name in ["arctan", "truncated_tanh", "heaviside"] {
            assert!(!method.fits(&*AnySurrogate::named(name).unwrap()), "{name}");
        }
    }

    #[test]
    fn settings_that_would_change_nothing_are_refused() {
        let field = |text: &str| {
            let settings: ParametricSurrogate = toml::from_str(text).unwrap();
            settings.problem().map(|(field, _)| field)
        };
        assert_eq!(field("update = \"statistics\"\nglobal = true"), Some("global"));
        assert_eq!(field("update = \"statistics\"\nmean_gradient = false"), Some("mean_gradient"));
        assert_eq!(field("update.search.period = 0"), Some("update.search.period"));
        assert_eq!(field("update.search.change = 1.0"), Some("update.search.change"));
        assert_eq!(field("global = true\nupdate.search.period = 2"), None);
    }
}
