//! The plain reference of the fused operation: a loop over time of ordinary candle operations.
//!
//! It is what the fused operation is proven against, and what runs where a device has no kernel.

use candle_core::{Result, Tensor};
use candlewick_core::value::Value;
use candlewick_surrogate::{Surrogate, spike_at};

use crate::{Model, Output};

/// Runs `model` on `x` (`[T, …]`, or `[1, …]` for a constant input) for `time_steps` steps.
///
/// `parameters` `[P]` are the learned scalars, `surrogate_parameter` the learned parameter that
/// `surrogate` has, `state` `[S, …]` the state before the first step.
/// Returns the spikes `[T, …]` and the state `[S, …]` after the last step.
pub fn composed(
    model: &dyn Model,
    surrogate: &dyn Surrogate,
    x: &Tensor,
    time_steps: usize,
    parameters: Option<&Tensor>,
    surrogate_parameter: Option<&Tensor>,
    state: Option<&Tensor>,
) -> Result<Output> {
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
    let mut outputs = Vec::with_capacity(time_steps);
    for t in 0..time_steps {
        let input = x.get(if constant_input { 0 } else { t })?;
        let charged = model.charge_values(&parameters, state, input.into());
        if !model.fires() {
            outputs.push(charged[0].clone().tensor()?);
            state = charged;
            continue;
        }
        let distance = model.distance_values(&parameters, charged.clone()).tensor()?;
        let first = (t * distance.elem_count()) as u64;
        let mut spikes = spike_at(&distance, model.firing().rule, surrogate, first)?;
        if let Some(parameter) = surrogate_parameter {
            spikes = with_parameter(spikes, &distance, surrogate, parameter, first)?;
        }
        let resetting = if model.firing().detach_reset { spikes.detach() } else { spikes.clone() };
        outputs.push(spikes);
        state = model.reset_values(&parameters, charged, resetting.into());
    }
    let state = state.into_iter().map(Value::tensor).collect::<Result<Vec<_>>>()?;
    Ok(Output { output: Tensor::stack(&outputs, 0)?, state: Some(Tensor::stack(&state, 0)?) })
}

/// The first `count` rows of a tensor.
fn rows(tensor: &Tensor, count: usize) -> Result<Vec<Value>> {
    (0..count).map(|row| Ok(tensor.get(row)?.into())).collect()
}

/// Adds a term that is 0 and whose gradient by the surrogate's parameter is that of the smooth step.
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
    (Value::from(spikes) + Value::from(factor) * change).tensor()
}
