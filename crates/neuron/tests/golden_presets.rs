//! The presets and further neurons against the libraries: `golden/presets.py` made the values.

use candle_core::{Device, Tensor, Var};
use candlewick_core::Result;
use candlewick_neuron::{AnyNeuron, MultiStep, Preset};
use candlewick_surrogate::AnySurrogate;
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    time_steps: usize,
    neurons: usize,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    library: String,
    /// Absent for a preset.
    settings: Option<Settings>,
    x: Vec<f32>,
    weights: Vec<f32>,
    last_weights: Vec<f32>,
    output: Vec<f32>,
    v: Vec<f32>,
    grad_x: Vec<f32>,
}

#[derive(Deserialize)]
struct Settings {
    neuron: AnyNeuron,
    surrogate: String,
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

#[test]
fn each_preset_is_the_neuron_of_its_library() -> Result<()> {
    let golden: Golden =
        serde_json::from_str(include_str!("../golden/presets.json")).expect("golden values");
    let (steps, n) = (golden.time_steps, golden.neurons);
    let mut presets = Vec::new();
    let mut others = 0;
    for case in &golden.cases {
        let (neuron, surrogate) = if let Some(settings) = &case.settings {
            others += 1;
            (settings.neuron.clone(), AnySurrogate::named(&settings.surrogate)?)
        } else {
            let preset = Preset::named(&case.name)?;
            presets.push(preset.name);
            (preset.neuron, preset.surrogate)
        };
        let x = Var::from_tensor(&Tensor::from_slice(&case.x, (steps, 1, n), &Device::Cpu)?)?;
        let out = MultiStep {
            return_state: true,
            ..MultiStep::new(neuron.model(), surrogate.shared(), &x, steps)
        }
        .run()?;
        let v = out.state.expect("the state was asked for").get(0)?;
        let what = format!("{} of {}", case.name, case.library);
        assert_close(&out.output, &case.output, &what)?;
        assert_close(&v, &case.v, &what)?;
        let weights = Tensor::from_slice(&case.weights, (steps, 1, n), &Device::Cpu)?;
        let last_weights = Tensor::from_slice(&case.last_weights, (1, n), &Device::Cpu)?;
        let loss = ((out.output * weights)?.sum_all()? + (v * last_weights)?.sum_all()?)?;
        assert_close(loss.backward()?.get(&x).expect("by x"), &case.grad_x, &what)?;
    }
    presets.sort_unstable();
    assert_eq!((presets.as_slice(), others), (Preset::NAMES, 5));
    Ok(())
}
