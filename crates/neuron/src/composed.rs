//! The plain reference of the fused operation: a loop over time of ordinary candle operations.
//!
//! The fused operation is tested against it, and it runs on devices without a kernel.

use candle_core::{Result, Tensor};
use candlewick_core::value::Value;
use candlewick_surrogate::{Surrogate, spike_at};

use crate::Model;

/// The results and intermediate values of a composed run, in candle's graph.
#[derive(Clone, Debug)]
pub struct Trace {
    /// Spikes `[T, …]`; potentials, for a neuron that does not fire.
    pub output: Tensor,
    /// State `[S, …]` after the last step.
    pub state: Tensor,
    /// Pre-reset potentials `[T, …]`.
    pub potentials: Tensor,
    /// Distances to the threshold `[T, …]`, of neurons that fire.
    pub distances: Option<Tensor>,
}

/// Runs `model` on `x` (`[T, …]`, or `[1, …]` for a constant input) for `time_steps` steps.
///
/// `parameters` `[P]` are the learned scalars, `surrogate_parameter` the learned parameter that
/// `surrogate` has, `state` `[S, …]` the state before the first step.
///
/// # Errors
/// If a shape does not fit, or candle fails.
pub fn composed(
    model: &dyn Model,
    surrogate: &dyn Surrogate,
    x: &Tensor,
    time_steps: usize,
    parameters: Option<&Tensor>,
    surrogate_parameter: Option<&Tensor>,
    state: Option<&Tensor>,
) -> Result<Trace> {
    let learned: Vec<Value> = match parameters {
        Some(values) => rows(values, model.parameters())?,
        None => Vec::new(),
    };
    let parameters = model.effective_values(learned);
    let mut state: Vec<Value> = match state {
        Some(state) => rows(state, model.states())?,
        None => model
            .initial_state()
            .into_iter()
            .map(|value| Ok(x.get(0)?.zeros_like()?.affine(1.0, f64::from(value))?.into()))
            .collect::<Result<_>>()?,
    };
    let constant_input = x.dim(0)? == 1;
    let like = x.get(0)?.detach();
    let (mut outputs, mut potentials, mut distances) = (Vec::new(), Vec::new(), Vec::new());
    for t in 0..time_steps {
        let input = x.get(if constant_input { 0 } else { t })?;
        let charged = model.charge_values(&parameters, state, input.into());
        potentials.push(charged[0].clone().tensor(&like)?);
        if !model.fires() {
            state = charged;
            continue;
        }
        let distance = model.distance_values(&parameters, charged.clone()).tensor(&like)?;
        let first = (t * distance.elem_count()) as u64;
        let mut spikes = spike_at(&distance, model.firing().rule, surrogate, first)?;
        if let Some(parameter) = surrogate_parameter {
            spikes = with_parameter(spikes, &distance, surrogate, parameter, first)?;
        }
        let resetting = if model.firing().detach_reset { spikes.detach() } else { spikes.clone() };
        outputs.push(spikes);
        distances.push(distance);
        state = model.reset_values(&parameters, charged, resetting.into());
    }
    let state = state.into_iter().map(|value| value.tensor(&like)).collect::<Result<Vec<_>>>()?;
    let potentials = Tensor::stack(&potentials, 0)?;
    let (output, distances) = if model.fires() {
        (Tensor::stack(&outputs, 0)?, Some(Tensor::stack(&distances, 0)?))
    } else {
        (potentials.clone(), None)
    };
    Ok(Trace { output, state: Tensor::stack(&state, 0)?, potentials, distances })
}

/// The first `count` rows of a tensor.
fn rows(tensor: &Tensor, count: usize) -> Result<Vec<Value>> {
    (0..count).map(|row| Ok(tensor.get(row)?.into())).collect()
}

/// Adds a term that is 0 and whose gradient with respect to the surrogate's parameter is that of the
/// smooth step.
fn with_parameter(
    spikes: Tensor,
    distance: &Tensor,
    surrogate: &dyn Surrogate,
    parameter: &Tensor,
    first: u64,
) -> Result<Tensor> {
    let factor = surrogate.parameter_derivative_tensor(first, &distance.detach())?.detach();
    let parameter = parameter.flatten_all()?.get(0)?;
    let change = Value::from(parameter.clone()) - Value::from(parameter.detach());
    (Value::from(spikes) + Value::from(factor) * change).tensor(distance)
}
