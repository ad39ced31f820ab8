//! The fused neurons against PyTorch: `golden/lif.py` made the inputs and the expected values.

use candle_core::{Device, Tensor, Var};
use candlewick_core::Result;
use candlewick_neuron::{AnyNeuron, MultiStep, Output, Settings};
use candlewick_surrogate::AnySurrogate;
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    v_threshold: f32,
    v_reset: f32,
    w: f32,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    neuron: String,
    #[serde(default)]
    leak: String,
    surrogate: String,
    rule: String,
    reset: String,
    detach_reset: bool,
    time_steps: usize,
    x: Vec<f32>,
    state: Vec<f32>,
    weights: Vec<f32>,
    state_weights: Vec<f32>,
    spikes: Vec<f32>,
    final_state: Vec<f32>,
    grad_x: Vec<f32>,
    grad_state: Vec<f32>,
    grad_w: Vec<f32>,
}

impl Case {
    fn name(&self) -> String {
        let Self { neuron, leak, surrogate, rule, reset, detach_reset, time_steps, .. } = self;
        format!("{neuron} {leak} {surrogate} {rule} {reset} detach={detach_reset} T={time_steps}")
    }

    fn neuron(&self, golden: &Golden) -> AnyNeuron {
        let Golden { v_threshold, v_reset, .. } = golden;
        let Self { neuron, rule, reset, detach_reset, .. } = self;
        let leak = match self.leak.as_str() {
            "decay" => "leak = { decay = 0.5 }",
            "tau" => "leak = { tau = 2.0 }",
            _ => "",
        };
        let recipe = format!(
            "[{neuron}]\n{leak}\n[{neuron}.firing]\nv_threshold = {v_threshold:?}\n\
             v_reset = {v_reset:?}\nrule = \"{rule}\"\nreset = \"{reset}\"\n\
             detach_reset = {detach_reset}"
        );
        toml::from_str(&recipe).expect("a neuron")
    }
}

fn variable(values: &[f32], dims: &[usize]) -> Result<Var> {
    Ok(Var::from_tensor(&Tensor::from_slice(values, dims, &Device::Cpu)?)?)
}

fn assert_close(got: &Tensor, expected: &[f32], what: &str) -> Result<()> {
    let got = got.flatten_all()?.to_vec1::<f32>()?;
    assert_eq!(got.len(), expected.len(), "{what}");
    for (i, (got, expected)) in got.iter().zip(expected).enumerate() {
        let bound = 1e-5 * (1.0 + expected.abs());
        assert!((got - expected).abs() <= bound, "{what} [{i}]: {got}, expected {expected}");
    }
    Ok(())
}

/// Runs a case in the given pieces of time, the state carried from one to the next.
fn run(
    settings: &dyn Settings,
    surrogate: &AnySurrogate,
    x: &Tensor,
    state: &Tensor,
    w: Option<&Tensor>,
    pieces: &[usize],
) -> Result<Output> {
    let mut outputs = Vec::new();
    let mut state = state.clone();
    let mut start = 0;
    for &steps in pieces {
        let part = x.narrow(0, start, steps)?;
        let out = MultiStep {
            parameters: w,
            state: Some(&state),
            return_state: true,
            ..MultiStep::new(settings.model(), surrogate.shared(), &part, steps)
        }
        .run()?;
        outputs.push(out.output);
        state = out.state.expect("the state was asked for");
        start += steps;
    }
    Ok(Output { output: Tensor::cat(&outputs, 0)?, state: Some(state) })
}

#[test]
fn spikes_states_and_gradients_are_those_of_pytorch() -> Result<()> {
    let golden: Golden = serde_json::from_str(include_str!("../golden/lif.json")).expect("golden");
    let mut visited = 0;
    for case in &golden.cases {
        let (steps, n) = (case.time_steps, case.state.len());
        let neuron = case.neuron(&golden);
        let surrogate = AnySurrogate::named(&case.surrogate)?;
        let mut ways = vec![vec![steps]];
        if steps > 1 {
            ways.push(vec![steps / 2, steps - steps / 2]);
            ways.push(vec![1; steps]);
        }
        for pieces in ways {
            let what = format!("{} in {pieces:?}", case.name());
            let x = variable(&case.x, &[steps, 1, n])?;
            let state = variable(&case.state, &[1, 1, n])?;
            let w = variable(&[golden.w], &[1])?;
            let learned = (!case.grad_w.is_empty()).then_some(w.as_tensor());
            let out = run(&*neuron, &surrogate, &x, &state, learned, &pieces)?;
            let last = out.state.expect("a state");
            assert_close(&out.output, &case.spikes, &what)?;
            assert_close(&last, &case.final_state, &what)?;
            let weights = Tensor::from_slice(&case.weights, (steps, 1, n), &Device::Cpu)?;
            let state_weights = Tensor::from_slice(&case.state_weights, (1, 1, n), &Device::Cpu)?;
            let loss = ((out.output * weights)?.sum_all()? + (last * state_weights)?.sum_all()?)?;
            let gradients = loss.backward()?;
            assert_close(gradients.get(&x).expect("by x"), &case.grad_x, &what)?;
            assert_close(gradients.get(&state).expect("by the state"), &case.grad_state, &what)?;
            if learned.is_some() {
                assert_close(gradients.get(&w).expect("by w"), &case.grad_w, &what)?;
            }
            visited += 1;
        }
    }
    // A quarter of the cases has one step and cannot be split; the others run in three ways.
    assert_eq!((golden.cases.len(), visited), (120, 120 + 2 * 90));
    Ok(())
}
