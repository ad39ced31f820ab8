//! The scans of neurons over time, forward and backward.

use std::sync::Arc;

use candle_core::{Device, Tensor, Var};
use candlewick_core::Key;
use candlewick_neuron::{AnyNeuron, Model, MultiStep};
use candlewick_surrogate::AnySurrogate;

use super::Law;
use crate::check::{DeviceCheck, Result};

/// The surrogates; the last two learn a parameter, and have no support.
const SURROGATES: [&str; 4] = ["triangle", "rectangle", "arctan", "sigmoid"];

/// Numbers of time steps and of neurons, which take turns.
const SIZES: [(usize, usize); 4] = [(1, 3), (2, 5), (4, 37), (5, 64 * 9)];

/// Compares every registered neuron under several surrogates.
pub(super) fn compare(check: &DeviceCheck) -> Result<Law> {
    let surrogates = if check.quick { &SURROGATES[1..3] } else { &SURROGATES[..] };
    let neurons = AnyNeuron::all();
    let planned = (neurons.len() * surrogates.len()) as u64;
    let mut law = Law { planned, ..Law::default() };
    for (which, neuron) in neurons.iter().enumerate() {
        for (number, name) in surrogates.iter().enumerate() {
            if check.is_over() {
                return Ok(law);
            }
            let surrogate = AnySurrogate::named(name)?;
            let (time_steps, n) = SIZES[(which + number) % SIZES.len()];
            let steps_in = if which % 3 == 0 { 1 } else { time_steps };
            let scan = Scan { model: neuron.model(), surrogate, steps_in, time_steps, n };
            let host = scan.run(&Device::Cpu)?;
            let device = check.target.run(|| scan.run(&check.target.device()))?;
            law.comparisons += 1;
            if scan.model.fires() {
                law.spikes += host[0].iter().sum::<f32>() as u64;
            }
            law.values += host.iter().map(|array| array.len() as u64).sum::<u64>();
            let what = format!("{} under {name}, T = {time_steps}, {n} neurons", neuron.name());
            law.failures
                .extend(difference(&host, &device).map(|words| format!("{what}: {words}.")));
        }
    }
    Ok(law)
}

/// A scan of neurons.
struct Scan {
    model: Arc<dyn Model>,
    surrogate: AnySurrogate,
    /// Steps of the input: 1 if it is the same at every step.
    steps_in: usize,
    time_steps: usize,
    n: usize,
}

/// The names of what a scan gives, and whether each number of it belongs to one neuron.
const PARTS: [(&str, bool); 6] = [
    ("spikes", true),
    ("states", true),
    ("gradient of the current", true),
    ("gradient of the state", true),
    ("gradient of the neuron's parameters", false),
    ("gradient of the surrogate's parameter", false),
];

impl Scan {
    /// Spikes, states, and the gradients of an uneven weighting of both; empty where there is none.
    fn run(&self, device: &Device) -> Result<[Vec<f32>; 6]> {
        let scalars = self.model.initial_parameters();
        let variable = |tensor: Tensor| Var::from_tensor(&tensor.to_device(device)?);
        let scalar = |values: &[f32]| variable(Tensor::new(values, &Device::Cpu)?);
        let input = variable(normal("input", &[self.steps_in, 1, self.n], 0.9)?)?;
        let state = variable(normal("state", &[self.model.states(), 1, self.n], 0.3)?)?;
        let parameters = (!scalars.is_empty()).then(|| scalar(&scalars)).transpose()?;
        let width = self.surrogate.parameter().filter(|_| self.model.fires());
        let width = width.map(|value| scalar(&[value])).transpose()?;
        let surrogate = self.surrogate.shared();
        let out = MultiStep {
            parameters: parameters.as_deref(),
            surrogate_parameter: width.as_deref(),
            state: Some(&state),
            return_state: true,
            ..MultiStep::new(self.model.clone(), surrogate, &input, self.time_steps)
        }
        .run()?;
        let missing = |what: &str| candle_core::Error::Msg(format!("a scan gave no {what}"));
        let last = out.state.ok_or_else(|| missing("state"))?;
        let weighted = |tensor: &Tensor, purpose: &str| {
            let weights = normal(purpose, tensor.dims(), 1.0)?.to_device(device)?;
            (tensor * weights)?.sum_all()
        };
        let loss = (weighted(&out.output, "spikes")? + weighted(&last, "states")?)?;
        let gradients = loss.backward()?;
        let flat = |tensor: &Tensor| tensor.flatten_all()?.to_vec1::<f32>();
        let gradient = |variable: Option<&Var>| match variable {
            None => Ok(Vec::new()),
            Some(variable) => match gradients.get(variable) {
                None => Err(missing("gradient")),
                Some(gradient) => flat(gradient),
            },
        };
        Ok([
            flat(&out.output)?,
            flat(&last)?,
            gradient(Some(&input))?,
            gradient(Some(&state))?,
            gradient(parameters.as_ref())?,
            gradient(width.as_ref())?,
        ])
    }
}

fn normal(purpose: &str, dims: &[usize], scale: f32) -> candle_core::Result<Tensor> {
    let mut stream = Key::new(11).named(purpose).stream();
    let values: Vec<f32> =
        (0..dims.iter().product()).map(|_| scale * stream.normal() + 0.3).collect();
    Tensor::from_vec(values, dims, &Device::Cpu)
}

/// The first difference, in words.
fn difference(host: &[Vec<f32>; 6], device: &[Vec<f32>; 6]) -> Option<String> {
    for ((name, elementwise), (a, b)) in PARTS.iter().zip(host.iter().zip(device)) {
        if a.len() != b.len() {
            return Some(format!("{name}: expected {} numbers, got {}", a.len(), b.len()));
        }
        for (index, (a, b)) in a.iter().zip(b).enumerate() {
            let bound = 1e-6 * (1.0 + a.abs().max(b.abs()));
            // A number that is not finite is near nothing.
            let near = (a - b).abs() <= bound;
            if a.to_bits() != b.to_bits() && (!near || *elementwise) {
                return Some(format!("{name} [{index}]: expected {a:e}, got {b:e}"));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_bit_is_a_difference_and_a_rounded_sum_is_none() {
        let arrays = |spike: f32, sum: f32| {
            [vec![spike], vec![1.0], vec![0.5], vec![0.5], vec![sum], Vec::new()]
        };
        let host = arrays(1.0, 3.0);
        assert_eq!(difference(&host, &arrays(1.0, 3.000_001)), None);
        let bit = difference(&host, &arrays(1.0_f32.next_up(), 3.0)).unwrap_or_default();
        assert!(bit.starts_with("spikes [0]: expected 1e0, got 1.0000001e0"), "{bit}");
        let sum = difference(&host, &arrays(1.0, 3.1)).unwrap_or_default();
        assert!(sum.starts_with("gradient of the neuron's parameters [0]"), "{sum}");
        assert!(difference(&host, &arrays(1.0, f32::NAN)).is_some());
    }
}
