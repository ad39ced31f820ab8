//! The width of a surrogate by the statistics of its layer's potentials.

use std::sync::Arc;

use candle_core::{DType, Device, Result, Tensor};
use candlewick_core::value::Value;
use candlewick_neuron::Model;
use candlewick_surrogate::Surrogate;

use crate::SpikingSite;

/// What the deviation of a layer's potentials depends on.
#[derive(Debug)]
pub(super) struct Statistics {
    parameter_per_support: f32,
    neuron: Arc<dyn Model>,
    learned: Vec<Tensor>,
    gammas: Vec<Tensor>,
}

impl Statistics {
    /// Keeps what is needed of `site`; `None` if the parameter of its surrogate is no width.
    pub(super) fn new(site: &SpikingSite<'_>) -> Option<Self> {
        Some(Self {
            parameter_per_support: parameter_per_support(&**site.surrogate)?,
            neuron: site.neuron.clone(),
            learned: site.learned.to_vec(),
            gammas: site.gammas.to_vec(),
        })
    }

    /// The parameter with which the support is as wide as the potentials deviate in a pass of
    /// `time_steps` steps: potentials that sum up currents of the deviation `gain · γ · v_threshold`,
    /// and leak once.
    pub(super) fn parameter(&self, time_steps: usize) -> Result<f32> {
        let (decay, gain) = self.slopes()?;
        let summed = if time_steps > 1 { (1.0 + decay * decay).sqrt() } else { 1.0 };
        let deviation = summed * gain * self.gamma()? * self.neuron.firing().v_threshold;
        Ok(self.parameter_per_support * deviation.abs())
    }

    /// Derivatives of the charged potential with respect to the potential before and to the current,
    /// as differences over 1 from the initial state.
    fn slopes(&self) -> Result<(f32, f32)> {
        let scalar = |value: f32| Ok(Value::from(Tensor::new(&[value], &Device::Cpu)?));
        let scalars = |values: Vec<f32>| values.into_iter().map(scalar).collect::<Result<Vec<_>>>();
        let value = |scalar: &Tensor| scalar.get(0)?.to_scalar::<f32>();
        let learned = self.learned.iter().map(value).collect::<Result<Vec<_>>>()?;
        let parameters = self.neuron.effective_values(scalars(learned)?);
        let potential = |above_rest: f32, current: f32| -> Result<f32> {
            let mut state = self.neuron.initial_state();
            state[0] += above_rest;
            let charged = self.neuron.charge_values(&parameters, scalars(state)?, scalar(current)?);
            let potential = charged.into_iter().next().expect("a neuron has a potential");
            potential.tensor(&Tensor::zeros(1, DType::F32, &Device::Cpu)?)?.get(0)?.to_scalar()
        };
        let rest = potential(0.0, 0.0)?;
        Ok((potential(1.0, 0.0)? - rest, potential(0.0, 1.0)? - rest))
    }

    /// Mean weight of the normalization of the currents; where several normalized branches meet, the
    /// root of the sum of the squares; 1 without normalization.
    fn gamma(&self) -> Result<f32> {
        if self.gammas.is_empty() {
            return Ok(1.0);
        }
        let mut squares = 0.0;
        for gamma in &self.gammas {
            squares += gamma.mean_all()?.to_scalar::<f32>()?.powi(2);
        }
        Ok(squares.sqrt())
    }
}

/// The parameter that stands for each unit of support; `None` if the parameter is not the scale of a
/// support.
pub(super) fn parameter_per_support(surrogate: &dyn Surrogate) -> Option<f32> {
    let (parameter, support) = (surrogate.parameter()?, surrogate.support()?);
    let doubled = surrogate.with_parameter(2.0 * parameter).support()?;
    let proportional = (doubled - 2.0 * support).abs() <= 1e-5 * support;
    proportional.then(|| parameter / support)
}

#[cfg(test)]
mod tests {
    use candlewick_core::Key;
    use candlewick_core::parameters::{Scope, seeded};
    use candlewick_neuron::{Firing, Leak, Lif, ParametricLif, Settings};
    use candlewick_surrogate::{AnySurrogate, Effective, Site};

    use super::*;
    use crate::{Method, ParameterUpdate, ParametricSurrogate};

    fn method() -> ParametricSurrogate {
        ParametricSurrogate { update: ParameterUpdate::Statistics, ..Default::default() }
    }

    fn firing() -> Firing {
        Firing { v_threshold: 0.5, ..Firing::default() }
    }

    /// γ = 2, threshold 0.5, decay 0.75: ±1 at one step, ±√(1 + 0.5625) = ±1.25 at several.
    #[test]
    fn the_width_by_hand() -> candlewick_core::Result<()> {
        let neuron = Lif { leak: Leak::Decay(0.75), firing: firing() }.model();
        let gammas = [Tensor::new(&[1.0_f32, 3.0], &Device::Cpu)?];
        let mut visited = 0;
        for (name, per_half_width) in
            [("triangle", 1.0), ("rectangle", 2.0), ("scaled_triangle", 1.0)]
        {
            let surrogate = AnySurrogate::named(name)?.shared();
            assert!(method().misfit(&*surrogate, &*neuron).is_none(), "{name}");
            let site = SpikingSite {
                surrogate: &surrogate,
                neuron: &neuron,
                learned: &[],
                gammas: &gammas,
            };
            let scope = Scope::from(seeded(&Device::Cpu, Key::new(1))).pp("neuron");
            let rule = method().surrogate_rule(&site, &scope)?.expect("a rule");
            for (time_steps, half_width) in [(1, 1.0), (2, 1.25), (6, 1.25)] {
                let current = Effective { surrogate: surrogate.clone(), parameter: None };
                let site = Site { key: Key::new(1), elements: 8, time_steps };
                let effective = rule.apply(current, site)?;
                let support = effective.surrogate.support().expect("a width");
                assert!((support - half_width).abs() < 1e-6, "{name}: {support}");
                let parameters = scope.parameters();
                let stored = &parameters.get("neuron.surrogate").expect("a buffer").variable;
                let stored = stored.to_vec1::<f32>()?[0].exp();
                assert!((stored - per_half_width * half_width).abs() < 1e-5, "{name}: {stored}");
                assert!(effective.parameter.is_none());
                visited += 1;
            }
        }
        assert_eq!(visited, 9);
        let mut refused = 0;
        for name in ["arctan", "truncated_tanh", "heaviside"] {
            let surrogate = AnySurrogate::named(name)?.shared();
            let misfit = method().misfit(&*surrogate, &*neuron).map(|(_, expected)| expected);
            assert!(misfit.is_some_and(|text| text.contains("a width")), "{name}");
            refused += 1;
        }
        assert_eq!(refused, 3);
        Ok(())
    }

    /// σ(w) = 1/4: decay 3/4, gain 1/4. Branches of γ = 3 and 4 meet: 5. The half width is
    /// 0.5 · 5 / 4 at one step, 1.25 times that at several.
    #[test]
    fn the_width_follows_learned_scalars_and_all_branches() -> Result<()> {
        let surrogate = AnySurrogate::named("triangle").expect("registered").shared();
        let neuron = ParametricLif { firing: firing(), ..ParametricLif::default() }.model();
        let learned = Tensor::new(&[-3.0_f32.ln()], &Device::Cpu)?;
        let gammas = [3.0_f32, 4.0].map(|gamma| Tensor::new(&[gamma], &Device::Cpu));
        let gammas = gammas.into_iter().collect::<Result<Vec<_>>>()?;
        let site = SpikingSite {
            surrogate: &surrogate,
            neuron: &neuron,
            learned: std::slice::from_ref(&learned),
            gammas: &gammas,
        };
        let statistics = Statistics::new(&site).expect("a width");
        for (time_steps, expected) in [(1, 0.625), (4, 0.78125)] {
            let parameter = statistics.parameter(time_steps)?;
            assert!((parameter - expected).abs() < 1e-6, "{time_steps}: {parameter}");
        }
        let statistics = Statistics::new(&SpikingSite { gammas: &[], ..site }).expect("a width");
        assert!((statistics.parameter(1)? - 0.125).abs() < 1e-6);
        Ok(())
    }
}
