//! The multi-step neuron: one differentiable operation over all time steps of a layer.

mod on_device;

use std::sync::{Arc, Once};

use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor};
use candlewick_core::host;
use candlewick_device::Queue;
use candlewick_kernels::neuron::current::Source;
use candlewick_kernels::neuron::scan::{self, ActivityGradient, Backward, Forward, Measure};
use candlewick_surrogate::Surrogate;

use crate::{Model, composed};

/// The result of the multi-step operation.
#[derive(Clone, Debug)]
pub struct Output {
    /// Spikes `[T, …]`; potentials, for a neuron that does not fire.
    pub output: Tensor,
    /// State `[S, …]` after the last step, if it was asked for.
    pub state: Option<Tensor>,
}

/// A call of the multi-step operation: a layer of neurons over all time steps, forward and backward, as one
/// operation of candle's graph.
///
/// ```
/// use candle_core::{Device, Tensor};
/// use candlewick_neuron::{IntegrateAndFire, MultiStep, Settings};
/// use candlewick_surrogate::{Surrogate, Triangle};
///
/// let current = Tensor::new(&[[0.4_f32, 2.0]], &Device::Cpu)?; // [1, N]: the same at every step
/// let (model, surrogate) = (IntegrateAndFire::default().model(), Triangle::default().shared());
/// let spikes = MultiStep::new(model, surrogate, &current, 3).run()?.output; // [T, N]
/// assert_eq!(spikes.to_vec2::<f32>()?, [[0.0, 1.0], [0.0, 1.0], [1.0, 1.0]]);
/// # Ok::<(), candle_core::Error>(())
/// ```
#[derive(Debug)]
pub struct MultiStep<'a> {
    /// The neuron.
    pub model: Arc<dyn Model>,
    /// The derivative used in place of that of the spike.
    pub surrogate: Arc<dyn Surrogate>,
    /// Input currents `[T, …]`, or `[1, …]` for a current that is the same at every step.
    pub input: &'a Tensor,
    /// Number of time steps T.
    pub time_steps: usize,
    /// The learned scalars `[P]`; required if the neuron has any.
    pub parameters: Option<&'a Tensor>,
    /// The surrogate's learned parameter (one element); `surrogate` must have one, with its value.
    pub surrogate_parameter: Option<&'a Tensor>,
    /// State before the first step `[S, …]`; the neuron's initial state if absent.
    pub state: Option<&'a Tensor>,
    /// Whether to return the state after the last step.
    pub return_state: bool,
}

impl<'a> MultiStep<'a> {
    /// A call without state or learned scalars.
    pub fn new(
        model: Arc<dyn Model>,
        surrogate: Arc<dyn Surrogate>,
        input: &'a Tensor,
        time_steps: usize,
    ) -> Self {
        Self {
            model,
            surrogate,
            input,
            time_steps,
            parameters: None,
            surrogate_parameter: None,
            state: None,
            return_state: false,
        }
    }

    /// Runs all time steps.
    ///
    /// # Errors
    /// If a shape does not fit, a parameter is given for a surrogate that has none, or candle fails.
    pub fn run(self) -> Result<Output> {
        let steps_in = self.input.dim(0)?;
        if self.time_steps == 0 || (steps_in != self.time_steps && steps_in != 1) {
            candle_core::bail!(
                "neuron input, axis 0 (time): expected {} steps (or 1 for a constant input), got {steps_in}",
                self.time_steps
            );
        }
        let given = self.parameters.map_or(0, Tensor::elem_count);
        if given != self.model.parameters() {
            candle_core::bail!(
                "neuron parameters: expected {} values, got {given}",
                self.model.parameters()
            );
        }
        if let Some(state) = self.state {
            let mut expected = self.input.dims().to_vec();
            expected[0] = self.model.states();
            if state.dims() != expected {
                candle_core::bail!("neuron state: expected {expected:?}, got {:?}", state.dims());
            }
        }
        if let Some(parameter) = self.surrogate_parameter {
            if self.surrogate.parameter().is_none() {
                candle_core::bail!(
                    "surrogate parameter: expected none, as {:?} has no parameter",
                    self.surrogate
                );
            }
            if parameter.elem_count() != 1 {
                candle_core::bail!(
                    "surrogate parameter: expected 1 value, got {}",
                    parameter.elem_count()
                );
            }
        }
        if host::is_reachable(self.input.device()) {
            return self.fused();
        }
        match Queue::of(self.input.device()).zip(self.surrogate.trace()) {
            Some((queue, derivative)) => on_device::run(&self, queue, &derivative),
            None => self.composed(),
        }
    }

    fn composed(self) -> Result<Output> {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| {
            tracing::info!(
                device = ?self.input.device().location(),
                surrogate = ?self.surrogate,
                "no fused neuron for this device and surrogate: composing candle operations"
            );
        });
        let out = composed(
            &*self.model,
            &*self.surrogate,
            self.input,
            self.time_steps,
            self.parameters,
            self.surrogate_parameter,
            self.state,
        )?;
        Ok(Output { output: out.output, state: self.return_state.then_some(out.state) })
    }

    fn fused(self) -> Result<Output> {
        let device = self.input.device();
        let mut scalars = Vec::new();
        scalars.extend(self.parameters.map(Tensor::flatten_all).transpose()?);
        scalars.extend(self.surrogate_parameter.map(Tensor::flatten_all).transpose()?);
        let scalars = match scalars.as_slice() {
            [] => Tensor::zeros(1, self.input.dtype(), device)?,
            [one] => one.clone(),
            several => Tensor::cat(several, 0)?,
        };
        let state = match self.state {
            Some(state) => state.contiguous()?,
            None => Tensor::zeros(1, self.input.dtype(), device)?,
        };
        let steps = self.time_steps;
        let states = self.model.states();
        let return_state = self.return_state;
        let op = FusedOp {
            model: self.model,
            surrogate: self.surrogate,
            steps,
            has_state: self.state.is_some(),
            return_state,
            learns_surrogate: self.surrogate_parameter.is_some(),
        };
        let out = self.input.contiguous()?.apply_op3(&scalars.contiguous()?, &state, op)?;
        if !return_state {
            return Ok(Output { output: out, state: None });
        }
        Ok(Output { output: out.narrow(0, 0, steps)?, state: Some(out.narrow(0, steps, states)?) })
    }
}

struct FusedOp {
    model: Arc<dyn Model>,
    surrogate: Arc<dyn Surrogate>,
    steps: usize,
    has_state: bool,
    return_state: bool,
    learns_surrogate: bool,
}

impl CustomOp3 for FusedOp {
    fn name(&self) -> &'static str {
        "multi-step neuron"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        scalars: &CpuStorage,
        scalars_layout: &Layout,
        state: &CpuStorage,
        state_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let x = host::slice(x, x_layout)?;
        let scalars = host::slice(scalars, scalars_layout)?;
        let state = host::slice(state, state_layout)?;
        let mut dims = x_layout.dims().to_vec();
        let n = x.len() / dims[0];
        dims[0] = self.steps + if self.return_state { self.model.states() } else { 0 };
        let mut values = vec![0.0; dims[0] * n];
        let (output, final_state) = values.split_at_mut(self.steps * n);
        self.model.forward(Forward {
            steps: self.steps,
            input: &[Source::Values(x)],
            state: self.has_state.then_some(state),
            parameters: &scalars[..self.model.parameters()],
            output: scan::Output::Values(output),
            final_state: self.return_state.then_some(final_state),
            potentials: None,
            measure: Measure::default(),
        });
        Ok((CpuStorage::F32(values), Shape::from_dims(&dims)))
    }

    fn bwd(
        &self,
        x: &Tensor,
        scalars: &Tensor,
        state: &Tensor,
        _result: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let grad = grad.contiguous()?;
        let n = x.elem_count() / x.dim(0)?;
        let states = self.model.states();
        let parameters = self.model.parameters();
        let mut grad_x = host::values(&grad)?[..self.steps * n].to_vec();
        let mut grad_state = vec![0.0; if self.has_state { states * n } else { 0 }];
        let derivative: &dyn Surrogate = &*self.surrogate;
        let sums = {
            let (x, scalars) = (host::values(x)?, host::values(scalars)?);
            let (state, grad) = (host::values(state)?, host::values(&grad)?);
            let grad_final = &grad[self.steps * n..];
            self.model.backward(Backward {
                steps: self.steps,
                input: &[Source::Values(&x)],
                state: self.has_state.then_some(&*state),
                parameters: &scalars[..parameters],
                gradient: &mut grad_x,
                grad_final_state: self.return_state.then_some(grad_final),
                derivative: &derivative,
                surrogate_gradient: self.learns_surrogate,
                activity: ActivityGradient::default(),
                grad_state: self.has_state.then_some(&mut grad_state),
            })
        };
        grad_x.truncate(x.elem_count());
        let device = x.device();
        let mut grad_scalars = sums.parameters;
        if self.learns_surrogate {
            grad_scalars.push(sums.surrogate as f32);
        }
        let grad_scalars = if grad_scalars.is_empty() {
            None
        } else {
            Some(Tensor::from_vec(grad_scalars, scalars.shape(), device)?)
        };
        let grad_state = if self.has_state {
            Some(Tensor::from_vec(grad_state, state.shape(), device)?)
        } else {
            None
        };
        Ok((Some(Tensor::from_vec(grad_x, x.shape(), device)?), grad_scalars, grad_state))
    }
}
