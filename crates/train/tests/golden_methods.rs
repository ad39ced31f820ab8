//! The training methods, one step of a small network with each, against PyTorch: `golden/methods.py`
//! made the inputs and the expected values.

use std::collections::BTreeMap;

use candle_core::{Device, Tensor};
use candlewick_core::Key;
use candlewick_core::parameters::seeded;
use candlewick_methods::{MethodSettings, Methods, Moment};
use candlewick_network::{Context, Features, Network, Parts, Spec};
use candlewick_neuron::{Lif, Settings};
use candlewick_surrogate::AnySurrogate;
use serde::Deserialize;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

#[derive(Deserialize)]
struct Golden {
    seed: u64,
    time_steps: usize,
    batch: usize,
    size: usize,
    input: Vec<f32>,
    labels: Vec<u32>,
    parameters: BTreeMap<String, Vec<f32>>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    surrogate: String,
    loss: String,
    methods: String,
    weights: Vec<f64>,
    value: f32,
    penalty: f64,
    gradients: BTreeMap<String, Vec<f32>>,
}

impl Case {
    fn methods(&self) -> Result<Methods> {
        let settings: MethodSettings = toml::from_str(&self.methods)?;
        let mut methods = settings.methods(&toml::from_str(&self.loss)?);
        if !self.weights.is_empty() {
            let weights = self.weights.clone();
            methods.restore(&[("temporally_weighted_output.weights".into(), weights)])?;
        }
        Ok(methods)
    }
}

fn network(golden: &Golden, case: &Case, methods: &Methods) -> Result<Network> {
    let surrogate = AnySurrogate::named(&case.surrogate)?.shared();
    let parts = Parts { normalization: None, ..Parts::new(Lif::default().model(), surrogate) };
    let spec = Spec { layers: "3C3-AP2-3C3-FC3".into(), bias: true };
    let input = Features::Map { height: golden.size, width: golden.size, channels: 1 };
    let builder = seeded(&Device::Cpu, Key::new(1));
    let network = Network::new(&spec, &parts, methods, input, 3, builder)?;
    for entry in network.parameters().iter() {
        // Learned widths start where they should.
        if !entry.name.ends_with("surrogate") {
            let values = golden.parameters.get(&entry.name).ok_or_else(|| entry.name.clone())?;
            let shape = entry.variable.shape();
            entry.variable.set(&Tensor::from_slice(values, shape, &Device::Cpu)?)?;
        }
    }
    Ok(network)
}

#[test]
fn each_method_has_the_loss_and_the_gradients_of_pytorch() -> Result<()> {
    let golden: Golden = serde_json::from_str(include_str!("../golden/methods.json"))?;
    let input = (1, golden.batch, golden.size, golden.size, 1);
    let input = Tensor::from_slice(&golden.input, input, &Device::Cpu)?;
    let labels = Tensor::new(golden.labels.clone(), &Device::Cpu)?;
    let (mut visited, mut gradients_seen) = (0, 0);
    for case in &golden.cases {
        let Case { name, .. } = case;
        let methods = case.methods()?;
        let network = network(&golden, case, &methods)?;
        let context = Context::training(golden.time_steps, Key::new(golden.seed));
        let outputs = network.forward(&input, &context)?;
        let moment = Moment { epoch: 0, step: 0, progress: 0.0, training: true };
        let loss = methods.loss(&outputs, &labels, &moment)?;
        let value = loss.to_scalar::<f32>()?;
        assert!((value - case.value).abs() < 1e-4, "{name}: {value}, expected {}", case.value);
        let store = loss.backward()?;
        let penalty: f64 =
            network.take_observations().iter().map(|layer| layer.counts.penalty).sum();
        assert!((penalty - case.penalty).abs() < 1e-4, "{name}: penalty {penalty}");
        let learned: Vec<_> = network.parameters().learned().collect();
        assert_eq!(learned.len(), case.gradients.len(), "{name}");
        for parameter in learned {
            let what = format!("{name}, {}", parameter.name);
            let expected = case.gradients.get(&parameter.name).ok_or(what.clone())?;
            let found = store.get(&parameter.variable).ok_or(what.clone())?;
            let found = found.flatten_all()?.to_vec1::<f32>()?;
            assert_eq!(found.len(), expected.len(), "{what}");
            let scale = expected.iter().fold(1e-3, |most: f32, value| most.max(value.abs()));
            for (found, expected) in found.iter().zip(expected) {
                assert!((found - expected).abs() < 1e-4 * scale, "{what}: {found}, {expected}");
            }
            gradients_seen += 1;
        }
        visited += 1;
    }
    assert_eq!((visited, gradients_seen), (20, 20 * 6 + 3 * 2 + 2));
    Ok(())
}

/// A method whose weight is 0 leaves the gradients of the baseline, to the bit, and those of the
/// parameters that it brought along are 0.
#[test]
fn a_method_of_no_weight_leaves_the_bits_of_the_baseline() -> Result<()> {
    let golden: Golden = serde_json::from_str(include_str!("../golden/methods.json"))?;
    let input = (1, golden.batch, golden.size, golden.size, 1);
    let input = Tensor::from_slice(&golden.input, input, &Device::Cpu)?;
    let labels = Tensor::new(golden.labels.clone(), &Device::Cpu)?;
    let run = |methods: &str| -> Result<Vec<(String, Vec<f32>)>> {
        let settings: MethodSettings = toml::from_str(methods)?;
        let methods = settings.methods(&toml::from_str(&golden.cases[0].loss)?);
        let network = network(&golden, &golden.cases[0], &methods)?;
        let context = Context::training(golden.time_steps, Key::new(golden.seed));
        let outputs = network.forward(&input, &context)?;
        let moment = Moment { epoch: 0, step: 0, progress: 0.0, training: true };
        let loss = methods.loss(&outputs, &labels, &moment)?;
        let store = loss.backward()?;
        let mut gradients = Vec::new();
        for parameter in network.parameters().learned() {
            if let Some(gradient) = store.get(&parameter.variable) {
                let values = gradient.flatten_all()?.to_vec1()?;
                gradients.push((parameter.name.clone(), values));
            }
        }
        Ok(gradients)
    };
    let baseline = run("")?;
    assert_eq!(baseline.len(), 6);
    let mut visited = 0;
    for methods in [
        "[gradient_scaling]\nalpha = 0.0",
        "[masked_surrogate]\np = 0.0",
        "[masked_surrogate]\np = 0.0\nsite = \"weight\"",
        "[potential_distribution]\nlambda = 0.0",
        "[potential_distribution]\nlambda = 0.0\nobjective = \"currents\"",
        "[potential_distribution]\nlambda = 0.0\nobjective = \"spikes\"",
        "[firing_rate_target]\nlambda = 0.0",
        "[spike_penalty]\nl1 = 0.0",
        "[shortcut]\nlambda = 0.0",
        "[temporally_weighted_output]",
    ] {
        let (mut gradients, mut own) = (run(methods)?, Vec::new());
        gradients.retain(|(name, values)| {
            let known = baseline.iter().any(|(known, _)| known == name);
            if !known {
                own.extend_from_slice(values);
            }
            known
        });
        assert_eq!(gradients, baseline, "{methods}");
        assert!(own.iter().all(|&value| value == 0.0), "{methods}: {own:?}");
        visited += 1;
    }
    assert_eq!(visited, 10);
    Ok(())
}

/// What the values are good for: no method leaves the gradients of the baseline.
#[test]
fn no_method_has_the_gradients_of_the_baseline() -> Result<()> {
    let golden: Golden = serde_json::from_str(include_str!("../golden/methods.json"))?;
    let baseline = &golden.cases[0];
    let mut visited = 0;
    for case in &golden.cases[1..] {
        let differs = case.gradients.iter().any(|(name, values)| {
            baseline.gradients.get(name).is_none_or(|plain| {
                plain.iter().zip(values).any(|(plain, value)| (plain - value).abs() > 1e-3)
            })
        });
        assert!(differs, "{}", case.name);
        visited += 1;
    }
    assert_eq!(visited, 19);
    Ok(())
}
