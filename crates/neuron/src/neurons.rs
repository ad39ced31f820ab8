//! Neurons as a layer of any candle model.

use std::sync::Arc;

use candle_core::{Result, Tensor};
use candle_nn::Module;
use candlewick_core::parameters::Scope;
use candlewick_surrogate::Surrogate;

use crate::{Model, MultiStep, Output, Settings};

/// A layer of neurons, fused over all time steps on the CPU: input currents `[T, …]` to spikes
/// `[T, …]`, and to potentials for neurons that do not fire.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_nn::{Module, VarBuilder, VarMap};
/// use candlewick_neuron::{Neurons, ParametricLif};
/// use candlewick_surrogate::Triangle;
///
/// let variables = VarMap::new();
/// let vb = VarBuilder::from_varmap(&variables, DType::F32, &Device::Cpu);
/// let plif = Neurons::new(ParametricLif::default(), Triangle::default(), vb.pp("plif"))?;
/// let currents = Tensor::ones((4, 2, 10), DType::F32, &Device::Cpu)?; // [T, B, N]
/// let spikes = plif.forward(&currents)?;
/// assert_eq!(spikes.dims(), [4, 2, 10]);
/// // A sequence may be cut in time: state in, state out.
/// let first = plif.run(&currents.narrow(0, 0, 3)?, None)?;
/// let last = plif.run(&currents.narrow(0, 3, 1)?, first.state.as_ref())?;
/// assert_eq!(last.output.to_vec3::<f32>()?, spikes.narrow(0, 3, 1)?.to_vec3::<f32>()?);
/// # Ok::<(), candlewick_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Neurons {
    model: Arc<dyn Model>,
    surrogate: Arc<dyn Surrogate>,
    /// The learned scalars, of one element each.
    scalars: Vec<Tensor>,
}

impl Neurons {
    /// Neurons with these settings, whose spikes have the derivative `surrogate` in the backward pass;
    /// their learned scalars, if they have any, are created at `scope`, which a `VarBuilder` converts
    /// into.
    ///
    /// # Errors
    /// If a parameter cannot be created. Ranges of settings are not checked here; [`Settings::problem`] does.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "settings are passed by value, as everywhere in candle"
    )]
    pub fn new<'a>(
        neuron: impl Settings,
        surrogate: impl Surrogate,
        scope: impl Into<Scope<'a>>,
    ) -> candlewick_core::Result<Self> {
        let model = neuron.model();
        let scalars = model.create_parameters(&scope.into())?;
        Ok(Self { model, surrogate: surrogate.shared(), scalars })
    }

    /// Runs currents `[T, …]` from `state` `[S, …]`, or from the neuron's initial state, and also
    /// returns the state after the last step.
    ///
    /// # Errors
    /// If a shape does not fit, or candle fails.
    pub fn run(&self, currents: &Tensor, state: Option<&Tensor>) -> Result<Output> {
        self.call(currents, state, true)
    }

    fn call(
        &self,
        currents: &Tensor,
        state: Option<&Tensor>,
        return_state: bool,
    ) -> Result<Output> {
        let parameters = match &self.scalars[..] {
            [] => None,
            scalars => Some(Tensor::cat(scalars, 0)?),
        };
        let (model, surrogate) = (self.model.clone(), self.surrogate.clone());
        MultiStep {
            parameters: parameters.as_ref(),
            state,
            return_state,
            ..MultiStep::new(model, surrogate, currents, currents.dim(0)?)
        }
        .run()
    }
}

impl Module for Neurons {
    fn forward(&self, currents: &Tensor) -> Result<Tensor> {
        Ok(self.call(currents, None, false)?.output)
    }
}
