//! Golden values from PyTorch (`golden/optimizer.py`), and laws over all registered optimizers.

use candle_core::{Device, Tensor};
use candlewick_core::Key;
use candlewick_core::initializer::Initializer;
use candlewick_core::parameters::{Parameters, Role, Scope, seeded};

use super::*;
use crate::error::Error;

/// Settings, and the parameters after four steps; PyTorch 2.15.0.
fn golden() -> Vec<(AnyOptimizer, [f64; 5])> {
    let sgd = |momentum, nesterov, weight_decay| {
        AnyOptimizer::Sgd(Sgd { learning_rate: 0.1, momentum, nesterov, weight_decay })
    };
    vec![
        (
            sgd(0.0, false, 0.0),
            [-1.113_508_58, -0.314_597_76, -0.040_800_51, 0.348_555_80, 1.166_846_63],
        ),
        (
            sgd(0.0, false, 0.05),
            [-1.091_424_58, -0.305_696_28, -0.042_181_94, 0.340_804_01, 1.146_568_54],
        ),
        (
            sgd(0.9, false, 0.05),
            [-1.436_450_72, -0.112_130_82, 0.177_214_79, -0.035_363_88, 1.204_780_10],
        ),
        (
            sgd(0.9, true, 0.05),
            [-1.478_434_56, 0.041_180_61, 0.112_793_83, -0.135_058_16, 1.330_980_54],
        ),
        (
            AnyOptimizer::Adam(Adam { learning_rate: 0.01, ..Adam::default() }),
            [-1.031_297_92, -0.488_364_13, 0.018_044_79, 0.466_064_21, 1.004_911_18],
        ),
        (
            AnyOptimizer::AdamW(AdamW {
                learning_rate: 0.01,
                beta1: 0.8,
                beta2: 0.95,
                epsilon: 1e-6,
                weight_decay: 0.1,
            }),
            [-1.025_803_21, -0.485_309_33, 0.015_676_63, 0.465_110_30, 1.002_737_88],
        ),
    ]
}

/// One parameter of each role, all with the start values of the golden script.
fn network() -> Result<Parameters> {
    let root = Scope::from(seeded(&Device::Cpu, Key::new(1)));
    let start = Tensor::new(&[-1.0_f32, -0.5, 0.0, 0.5, 1.0], &Device::Cpu)?;
    for (name, role) in [
        ("weight", Role::Weight),
        ("bias", Role::Bias),
        ("scale", Role::Normalization),
        ("statistics", Role::Buffer),
        ("decay", Role::Neuron),
        ("width", Role::Surrogate),
    ] {
        root.create(name, role, &[5], Initializer::Constant(0.0))?.variable.set(&start)?;
    }
    Ok(root.parameters())
}

/// The gradients `sin(i + 2 j)` of step `i` for all learned parameters but those in `without`.
fn gradients(parameters: &Parameters, i: u64, without: &str) -> Result<Gradients> {
    let slopes: Vec<f32> = (0..5).map(|j| (i as f32 + 2.0 * j as f32).sin()).collect();
    let slopes = Tensor::new(slopes, &Device::Cpu)?;
    let mut loss = Tensor::zeros((), candle_core::DType::F32, &Device::Cpu)?;
    for parameter in parameters.learned() {
        if parameter.name != without {
            loss = (loss + (parameter.variable.as_tensor() * &slopes)?.sum_all()?)?;
        }
    }
    Gradients::take(parameters, loss.backward()?)
}

fn values(parameters: &Parameters, name: &str) -> Result<Vec<f32>> {
    let entry = parameters.get(name).map(|entry| entry.variable.to_vec1::<f32>());
    Ok(entry.transpose()?.unwrap_or_default())
}

/// Fused and composed, as on a device without a kernel.
fn both(rule: &AnyOptimizer, groups: Groups, parameters: &Parameters) -> Result<[Optimizer; 2]> {
    let start = |fused| Optimizer::start(rule, groups, parameters, fused);
    Ok([start(true)?, start(false)?])
}

fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    let differences = a.iter().zip(b).map(|(a, b)| (a - b).abs());
    differences.fold(0.0, f32::max)
}

#[test]
fn four_steps_equal_those_of_pytorch_fused_and_composed() -> Result<()> {
    let mut visited = 0;
    for (rule, expected) in golden() {
        for fused in [0, 1] {
            let parameters = network()?;
            let mut optimizer = both(&rule, Groups::default(), &parameters)?;
            for i in 1..=4 {
                optimizer[fused].step(1.0, &parameters, &gradients(&parameters, i, "")?)?;
            }
            let difference =
                largest_difference(&values(&parameters, "weight")?, &expected.map(|x| x as f32));
            assert!(difference < 1e-6, "{rule:?}, composed {fused}: {difference}");
            visited += 1;
        }
    }
    assert_eq!(visited, 2 * golden().len());
    Ok(())
}

#[test]
fn groups_decide_on_decay_and_learning_rate() -> Result<()> {
    let groups =
        Groups { surrogate_learning_rate: 0.5, neuron_learning_rate: 0.0, ..Groups::default() };
    let decaying = |decay| {
        AnyOptimizer::Sgd(Sgd { learning_rate: 0.1, weight_decay: decay, ..Sgd::default() })
    };
    let after = |rule: &AnyOptimizer, groups, fused: usize| {
        let parameters = network()?;
        let mut optimizer = both(rule, groups, &parameters)?;
        optimizer[fused].step(1.0, &parameters, &gradients(&parameters, 1, "")?)?;
        Ok::<_, Error>(parameters)
    };
    let start = values(&network()?, "weight")?;
    let mut visited = 0;
    for fused in [0, 1] {
        let parameters = after(&decaying(0.5), groups, fused)?;
        let plain = after(&decaying(0.0), Groups::default(), fused)?;
        assert_ne!(values(&parameters, "weight")?, values(&plain, "weight")?);
        for undecayed in ["bias", "scale"] {
            assert_eq!(values(&parameters, undecayed)?, values(&plain, undecayed)?);
        }
        for unchanged in ["statistics", "decay"] {
            assert_eq!(values(&parameters, unchanged)?, start);
        }
        let full: Vec<f32> = values(&plain, "width")?;
        let half: Vec<f32> = full.iter().zip(&start).map(|(a, b)| (a + b) / 2.0).collect();
        assert!(largest_difference(&values(&parameters, "width")?, &half) < 1e-7);
        let all = Groups { decay: Decay::All, ..Groups::default() };
        let everywhere = after(&decaying(0.5), all, fused)?;
        assert_eq!(values(&everywhere, "bias")?, values(&everywhere, "weight")?);
        visited += 1;
    }
    assert_eq!(visited, 2);
    Ok(())
}

#[test]
fn a_restored_state_goes_on_to_the_same_bits() -> Result<()> {
    let mut visited = 0;
    for (rule, _) in golden() {
        for kind in [0, 1] {
            let whole = network()?;
            let mut optimizers = both(&rule, Groups::default(), &whole)?;
            // The bias has one step less than the others.
            for (i, without) in [(1, "bias"), (2, "")] {
                optimizers[kind].step(0.7, &whole, &gradients(&whole, i, without)?)?;
            }
            let saved = optimizers[kind].state(&whole)?;
            let resumed = network()?;
            resumed.load_safetensors(&whole.to_safetensors()?, std::path::Path::new("saved"))?;
            let mut again = both(&rule, Groups::default(), &resumed)?;
            let mut asked = 0;
            again[kind].restore(&resumed, |name, count| {
                asked += 1;
                let found = saved.iter().find(|(saved, _)| saved == name);
                let found = found.map(|(_, values)| values.clone()).unwrap_or_default();
                assert_eq!(found.len(), count, "{name}");
                Ok(found)
            })?;
            assert_eq!(asked, saved.len());
            assert_eq!(saved.len(), 5 * (rule.state_names().len() + 1));
            for i in 3..=4 {
                optimizers[kind].step(0.7, &whole, &gradients(&whole, i, "")?)?;
                again[kind].step(0.7, &resumed, &gradients(&resumed, i, "")?)?;
            }
            assert_eq!(resumed.to_safetensors()?, whole.to_safetensors()?, "{rule:?}");
            assert_eq!(again[kind].state(&resumed)?, optimizers[kind].state(&whole)?);
            visited += 1;
        }
    }
    assert_eq!(visited, 2 * golden().len());
    Ok(())
}

#[test]
fn a_parameter_without_a_gradient_stays_as_it_is() -> Result<()> {
    let mut visited = 0;
    for rule in AnyOptimizer::all() {
        let parameters = network()?;
        let start = values(&parameters, "weight")?;
        let mut optimizer = Optimizer::new(&rule, Groups::default(), &parameters)?;
        optimizer.step(1.0, &parameters, &gradients(&parameters, 1, "weight")?)?;
        assert_eq!(values(&parameters, "weight")?, start);
        assert_ne!(values(&parameters, "bias")?, start);
        let counts: Vec<f32> = ["weight", "bias"]
            .into_iter()
            .map(|name| count_of(&optimizer, &parameters, name))
            .collect::<Result<_>>()?;
        assert_eq!(counts, [0.0, 1.0]);
        visited += 1;
    }
    assert_eq!(visited, AnyOptimizer::NAMES.len());
    Ok(())
}

/// Steps 4, 8, …, 20 give the bias a gradient, so that its corrections are those of steps 1 to 5, as
/// in PyTorch, whose optimizers count the steps of each parameter that has a gradient. The expected
/// values are the formula at the head of `adamw.rs` in f64.
#[test]
fn the_bias_correction_counts_the_steps_with_a_gradient() -> Result<()> {
    let rules: [AnyOptimizer; 2] = [
        Adam { learning_rate: 0.01, ..Adam::default() }.into(),
        AdamW { learning_rate: 0.01, weight_decay: 0.1, ..AdamW::default() }.into(),
    ];
    let groups = Groups { decay: Decay::All, ..Groups::default() };
    let mut visited = 0;
    for (rule, decay) in rules.iter().zip([0.0, 0.1]) {
        let expected = adam_every_fourth_step(decay, |step| step / 4);
        let by_all_steps = adam_every_fourth_step(decay, |step| step);
        assert!(largest_difference(&expected, &by_all_steps) > 1e-3, "they can be told apart");
        for fused in [0, 1] {
            let parameters = network()?;
            let optimizer = &mut both(rule, groups, &parameters)?[fused];
            for i in 1..=20 {
                let without = if i % 4 == 0 { "" } else { "bias" };
                optimizer.step(1.0, &parameters, &gradients(&parameters, i, without)?)?;
            }
            let difference = largest_difference(&values(&parameters, "bias")?, &expected);
            assert!(difference < 1e-6, "{rule:?}, composed {fused}: {difference}");
            assert_eq!(count_of(optimizer, &parameters, "bias")?, 5.0);
            assert_eq!(count_of(optimizer, &parameters, "weight")?, 20.0);
            visited += 1;
        }
    }
    assert_eq!(visited, 4);
    Ok(())
}

/// What Adam with a learning rate of 0.01 and its default decays makes of the start values by the
/// gradients of steps 4, 8, …, 20, corrected as in step `number` of these.
fn adam_every_fourth_step(weight_decay: f64, number: impl Fn(i32) -> i32) -> Vec<f32> {
    let (learning_rate, beta1, beta2, epsilon) = (0.01, 0.9_f64, 0.999_f64, 1e-8);
    let after = |j: i32| {
        let (mut p, mut m, mut v) = (0.5 * f64::from(j) - 1.0, 0.0, 0.0);
        for step in (4..=20).step_by(4) {
            let gradient = f64::from(step + 2 * j).sin();
            m = beta1 * m + (1.0 - beta1) * gradient;
            v = beta2 * v + (1.0 - beta2) * gradient * gradient;
            let mean = m / (1.0 - beta1.powi(number(step)));
            let root = (v / (1.0 - beta2.powi(number(step)))).sqrt();
            p -= learning_rate * (weight_decay * p + mean / (root + epsilon));
        }
        p as f32
    };
    (0..5).map(after).collect()
}

/// The number of steps that the optimizer saves for a parameter.
fn count_of(optimizer: &Optimizer, parameters: &Parameters, name: &str) -> Result<f32> {
    let name = format!("steps/{name}");
    let state = optimizer.state(parameters)?;
    Ok(state.iter().find(|(found, _)| *found == name).map_or(f32::NAN, |(_, values)| values[0]))
}

#[test]
fn settings_out_of_range_name_their_field() {
    let refused = [
        ("[sgd]\nmomentum = 1.0", "optimizer.sgd.momentum"),
        ("[sgd]\nnesterov = true", "optimizer.sgd.nesterov"),
        ("[adam]\nlearning_rate = -1.0", "optimizer.adam.learning_rate"),
        ("[adam_w]\nbeta2 = nan", "optimizer.adamw.beta2"),
        ("[adamw]\nepsilon = 0.0", "optimizer.adamw.epsilon"),
    ];
    let mut visited = 0;
    for (recipe, field) in refused {
        let rule: AnyOptimizer = toml::from_str(recipe).unwrap();
        let message = rule.check().unwrap_err().to_string();
        assert!(message.starts_with(field), "{message}");
        visited += 1;
    }
    assert_eq!(visited, refused.len());
    assert!(toml::from_str::<AnyOptimizer>("[adam]\nweight_decay = 0.1").is_err());
}
