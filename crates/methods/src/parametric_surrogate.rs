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

use candle_core::{Result, Tensor, Var};
use candlewick_surrogate::{Effective, Site, Surrogate, SurrogateRule};
use serde::{Deserialize, Serialize};

/// Settings of parametric surrogate gradients. Inferred from the abstract.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ParametricSurrogate {
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
        Self { global: false, range: 4.0, mean_gradient: true }
    }
}

impl ParametricSurrogate {
    /// What makes the settings unusable, as (field, expected); `None` if they are fine.
    pub fn problem(&self) -> Option<(&'static str, &'static str)> {
        (!(1.0..f32::INFINITY).contains(&self.range)).then_some(("range", "a factor of at least 1"))
    }
}

impl SurrogateRule for ParametricSurrogate {
    fn initial(&self, base: &dyn Surrogate) -> Option<f32> {
        base.parameter().map(f32::ln)
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
        let value = log.flatten_all()?.get(0)?.to_scalar::<f32>()?;
        let (start, room) = (start.ln(), self.range.ln());
        let clamped = value.clamp(start - room, start + room);
        if clamped != value {
            log.set(&Tensor::full(clamped, log.shape(), log.device())?)?;
        }
        let parameter = log.exp()?;
        let alpha = parameter.flatten_all()?.get(0)?.to_scalar::<f32>()?;
        let parameter = if self.mean_gradient {
            // The value as it is, with a gradient divided by the number of elements.
            let share = 1.0 / site.elements.max(1) as f64;
            ((&parameter * share)? + (parameter.detach() * (1.0 - share))?)?
        } else {
            parameter
        };
        Ok(Effective {
            surrogate: current.surrogate.with_parameter(alpha),
            parameter: Some(parameter),
        })
    }
}
