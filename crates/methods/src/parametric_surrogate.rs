//! Parametric surrogate gradients (PSG).

mod statistics;

use std::sync::Arc;

use candle_core::{Tensor, Var};
use candlewick_core::initializer::Initializer;
use candlewick_core::parameters::{Parameter, Parameters, Role, Scope};
use candlewick_core::{Error, Result};
use candlewick_neuron::Model;
use candlewick_surrogate::{Effective, Site, Surrogate, SurrogateRule};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Method, Moment, SpikingSite, Trials};
use statistics::{Statistics, parameter_per_support};

/// How the parameter changes. All are inferred.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
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

/// Parametric surrogate gradients, PSG (Wang, Cheng, Lim, arXiv:2304.13289).
/// **Inferred from the abstract**: neither the paper's equations nor its code were found. The
/// abstract says that the surrogate's parameter is updated iteratively; here it is one scalar per
/// spiking layer (or one for all), learned by back-propagation with the smooth step that the
/// surrogate is the derivative of:
///
/// ```text
/// dL/dα = Σ (dL/ds) · ∂G(x; α)/∂α,   α = e^λ with λ learned, clamped around its start
/// ```
///
/// Two other readings are built. By statistics, the support follows the deviation of the potentials,
/// in the form of the code of MPD-AGL: `±γ·v_threshold` at one time step and `±√(1 + decay²)·γ·v_threshold` at
/// several, with the mean normalization weight `γ`. By search, every few epochs each scalar `w` is
/// tried as `w`, `w·(1 + d)` and `w·(1 - d)`, and the best stays.
///
/// The parameter is the one that the surrogate's page names first (`gamma` of the triangle, `alpha` of the
/// arctangent); a surrogate without one is refused where the network is built.
///
/// ```
/// use candlewick_methods::{Method, ParametricSurrogate};
/// use candlewick_neuron::{Lif, Settings};
/// use candlewick_surrogate::{Heaviside, Triangle};
///
/// let (psg, lif) = (ParametricSurrogate::default(), Lif::default().model());
/// assert!(psg.misfit(&Triangle::default(), &*lif).is_none());
/// assert!(psg.misfit(&Heaviside {}, &*lif).is_some()); // it has no width to learn
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
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

impl Method for ParametricSurrogate {
    fn name(&self) -> &'static str {
        "parametric_surrogate"
    }

    fn problem(&self) -> Option<(&'static str, &'static str)> {
        let search = self.search_settings().unwrap_or_default();
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

    fn misfit(&self, surrogate: &dyn Surrogate, _neuron: &dyn Model) -> Option<(&str, String)> {
        let expected = format!("{}; {surrogate:?} has none", self.needs());
        (!self.fits(surrogate)).then_some(("", expected))
    }

    fn surrogate_rule(
        &self,
        site: &SpikingSite<'_>,
        scope: &Scope<'_>,
    ) -> Result<Option<Arc<dyn SurrogateRule>>> {
        let base = &**site.surrogate;
        let (Some(parameter), true) = (base.parameter(), self.fits(base)) else {
            return Err(Error::Setting {
                field: "surrogate".into(),
                expected: self.needs().into(),
                got: format!("{base:?}"),
            });
        };
        let start = parameter.ln();
        let learns = self.update == ParameterUpdate::Gradient;
        let role = if learns { Role::Surrogate } else { Role::Buffer };
        let initial = Initializer::Constant(start);
        let logarithm = if self.global {
            scope.shared(SHARED, role, &[1], initial)?
        } else {
            scope.create("surrogate", role, &[1], initial)?
        };
        let statistics =
            (self.update == ParameterUpdate::Statistics).then(|| Statistics::new(site)).flatten();
        Ok(Some(Arc::new(Width { settings: self.clone(), start, logarithm, statistics })))
    }

    /// Tries each scalar as it is and changed by the share `change` up and down, one after the other,
    /// and keeps the best. The rules of the layers keep it in its range.
    fn search(&self, moment: &Moment, trials: &mut dyn Trials) -> Result<()> {
        let Some(ParameterSearch { period, change }) = self.search_settings() else {
            return Ok(());
        };
        if !(moment.epoch + 1).is_multiple_of(period) {
            return Ok(());
        }
        let scalars = scalars(trials.parameters()).map(|scalar| scalar.variable.clone());
        let scalars: Vec<Var> = scalars.collect();
        let Some(mut least) = trials.loss()? else { return Ok(()) };
        for scalar in scalars {
            let before = value(&scalar)?;
            let mut best = before;
            for factor in [1.0 + change, 1.0 - change] {
                let tried = before + factor.ln();
                set(&scalar, tried)?;
                if let Some(loss) = trials.loss()?
                    && loss < least
                {
                    (least, best) = (loss, tried);
                }
            }
            set(&scalar, best)?;
        }
        Ok(())
    }

    /// The parameter of each layer, or the one of all.
    fn report(&self, parameters: &Parameters, _: &Moment) -> Vec<(&'static str, Vec<f32>)> {
        // A scalar that cannot be read is left out: a report ends no training.
        let values = scalars(parameters).filter_map(|scalar| value(&scalar.variable).ok());
        vec![("parameter", values.map(f32::exp).collect())]
    }
}

impl ParametricSurrogate {
    /// The settings of the search, if the update is by search.
    pub fn search_settings(&self) -> Option<ParameterSearch> {
        match self.update {
            ParameterUpdate::Search(search) => Some(search),
            _ => None,
        }
    }

    /// Whether this surrogate has what the update changes.
    fn fits(&self, surrogate: &dyn Surrogate) -> bool {
        // What is learned is a logarithm.
        surrogate.parameter().is_some_and(|parameter| parameter > 0.0)
            && (self.update != ParameterUpdate::Statistics
                || parameter_per_support(surrogate).is_some())
    }

    fn needs(&self) -> &'static str {
        match self.update {
            ParameterUpdate::Statistics => "a surrogate whose parameter is a width",
            _ => "a surrogate with a parameter to learn",
        }
    }

    /// The allowed logarithm next to `value`, for a parameter that started at the logarithm `start`.
    fn clamp(&self, value: f32, start: f32) -> f32 {
        let room = self.range.ln();
        value.clamp(start - room, start + room)
    }
}

/// Name of the scalar of all layers.
const SHARED: &str = "shared_surrogate";

/// What the parameters hold of this method, in their order.
fn scalars(parameters: &Parameters) -> impl Iterator<Item = &Parameter> {
    parameters
        .iter()
        .filter(|entry| entry.name == SHARED || entry.name.rsplit('.').next() == Some("surrogate"))
}

fn value(scalar: &Var) -> candle_core::Result<f32> {
    scalar.flatten_all()?.get(0)?.to_scalar()
}

fn set(scalar: &Var, value: f32) -> candle_core::Result<()> {
    scalar.set(&Tensor::full(value, scalar.shape(), scalar.device())?)
}

/// The rule of one layer.
#[derive(Debug)]
struct Width {
    settings: ParametricSurrogate,
    /// Logarithm of the parameter at the start.
    start: f32,
    /// Logarithm of the parameter, `[1]`.
    logarithm: Parameter,
    /// Where it comes from, if it is by statistics.
    statistics: Option<Statistics>,
}

impl SurrogateRule for Width {
    fn apply(&self, current: Effective, site: Site) -> candle_core::Result<Effective> {
        let scalar = &self.logarithm.variable;
        let stored = value(scalar)?;
        let wanted = match &self.statistics {
            Some(statistics) => statistics.parameter(site.time_steps)?.ln(),
            None => stored,
        };
        let clamped = self.settings.clamp(wanted, self.start);
        if clamped != stored {
            set(scalar, clamped)?;
        }
        let surrogate = current.surrogate.with_parameter(clamped.exp());
        if !self.logarithm.learns() {
            return Ok(Effective { surrogate, parameter: None });
        }
        let mut parameter = self.logarithm.tensor().exp()?;
        if self.settings.mean_gradient {
            // The value as it is, with a gradient divided by the number of elements.
            let share = 1.0 / site.elements.max(1) as f64;
            parameter = ((&parameter * share)? + (parameter.detach() * (1.0 - share))?)?;
        }
        Ok(Effective { surrogate, parameter: Some(parameter) })
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;
    use candlewick_core::Key;
    use candlewick_core::parameters::seeded;
    use candlewick_neuron::{Lif, Settings};
    use candlewick_surrogate::AnySurrogate;

    use super::*;

    /// Trials whose loss is the distance of the first parameter to a target.
    struct Distance {
        parameters: Parameters,
        target: f32,
        tried: u32,
    }

    impl Trials for Distance {
        fn parameters(&self) -> &Parameters {
            &self.parameters
        }

        fn loss(&mut self) -> Result<Option<f64>> {
            self.tried += 1;
            let first = scalars(&self.parameters).next().expect("a scalar");
            Ok(Some(f64::from((value(&first.variable)?.exp() - self.target).abs())))
        }
    }

    fn moment(epoch: u32) -> Moment {
        Moment { epoch, step: 10, progress: 0.5, training: true }
    }

    /// Starts at 1 in two layers; the first is pulled to 3: ·1.5 at the end of epochs 1 and 3. The
    /// second changes no loss and stays.
    #[test]
    fn the_search_by_hand() -> Result<()> {
        let search = ParameterSearch { period: 2, change: 0.5 };
        let update = ParameterUpdate::Search(search);
        let method = ParametricSurrogate { update, range: 2.0, ..Default::default() };
        let surrogate = AnySurrogate::named("triangle")?.with_parameter(1.0);
        let neuron = Lif::default().model();
        let site =
            SpikingSite { surrogate: &surrogate, neuron: &neuron, learned: &[], gammas: &[] };
        let root = Scope::from(seeded(&Device::Cpu, Key::new(1)));
        for layer in ["a.neuron", "b.neuron"] {
            assert!(method.surrogate_rule(&site, &root.pp(layer))?.is_some());
        }
        let parameters = root.parameters();
        assert!(parameters.iter().all(|entry| entry.role == Role::Buffer));
        let mut trials = Distance { parameters, target: 3.0, tried: 0 };
        for (epoch, expected, tried) in [(0, 1.0, 0), (1, 1.5, 5), (2, 1.5, 5), (3, 2.25, 10)] {
            method.search(&moment(epoch), &mut trials)?;
            assert_eq!(trials.tried, tried, "epoch {epoch}");
            let report = method.report(&trials.parameters, &moment(epoch));
            let [("parameter", values)] = &report[..] else { panic!("{report:?}") };
            assert!((values[0] - expected).abs() < 1e-6, "epoch {epoch}: {values:?}");
            assert!((values[1] - 1.0).abs() < 1e-6, "epoch {epoch}: {values:?}");
        }
        Ok(())
    }

    #[test]
    fn a_shared_parameter_is_one_for_all_layers() -> Result<()> {
        let method = ParametricSurrogate { global: true, ..Default::default() };
        let surrogate = AnySurrogate::named("triangle")?.shared();
        let neuron = Lif::default().model();
        let site =
            SpikingSite { surrogate: &surrogate, neuron: &neuron, learned: &[], gammas: &[] };
        let root = Scope::from(seeded(&Device::Cpu, Key::new(1)));
        for layer in ["a.neuron", "b.neuron"] {
            method.surrogate_rule(&site, &root.pp(layer))?;
        }
        let names: Vec<_> = root.parameters().iter().map(|entry| entry.name.clone()).collect();
        assert_eq!(names, [SHARED]);
        assert_eq!(method.report(&root.parameters(), &moment(0))[0].1.len(), 1);
        Ok(())
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
