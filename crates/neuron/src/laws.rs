//! Laws that every registered neuron obeys, under every registered surrogate.

use std::sync::Arc;

use candle_core::{Device, Tensor, Var};
use candlewick_core::{Key, Result};
use candlewick_surrogate::{AnySurrogate, Surrogate};
use rayon::prelude::*;

use crate::{AnyNeuron, Firing, FiringRule, Model, MultiStep, Output, Reset, composed};

const RESETS: [Reset; 3] = [Reset::Hard, Reset::Subtract, Reset::None];
const RULES: [FiringRule; 2] = [FiringRule::Above, FiringRule::AtOrAbove];

/// The neuron with changed entries of its `firing` table; `None` if it has no such table.
fn with_firing(neuron: &AnyNeuron, change: impl FnOnce(&mut toml::Table)) -> Option<AnyNeuron> {
    let mut recipe = toml::Table::try_from(neuron).expect("a neuron is a table");
    let settings = recipe[neuron.name()].as_table_mut().expect("settings are a table");
    change(settings.get_mut("firing")?.as_table_mut().expect("firing is a table"));
    Some(recipe.try_into().expect("the same neuron"))
}

/// Every registered neuron with every reset, firing rule and way to differentiate the reset that it
/// accepts.
fn variants() -> Vec<(String, Arc<dyn Model>)> {
    let mut all = Vec::new();
    for neuron in AnyNeuron::all() {
        let before = all.len();
        for (reset, rule, detach_reset) in RESETS
            .into_iter()
            .flat_map(|reset| RULES.map(|rule| (reset, rule)))
            .flat_map(|(reset, rule)| [false, true].map(|detach| (reset, rule, detach)))
        {
            let firing = Firing { v_threshold: 0.8, v_reset: -0.1, reset, rule, detach_reset };
            let firing = toml::Table::try_from(firing).expect("a table");
            let Some(variant) = with_firing(&neuron, |table| *table = firing) else {
                all.push((format!("{neuron:?}"), neuron.model()));
                break;
            };
            if variant.problem().is_none() {
                all.push((format!("{variant:?}"), variant.model()));
            }
        }
        let expected = match neuron.name() {
            "leaky_integrator" => 1,
            "izhikevich" => 4,
            _ => 12,
        };
        assert_eq!(all.len() - before, expected, "{neuron:?}");
    }
    all
}

fn normal(purpose: &str, dims: &[usize], scale: f32) -> Result<Tensor> {
    let mut stream = Key::new(11).named(purpose).stream();
    let values: Vec<f32> =
        (0..dims.iter().product()).map(|_| scale * stream.normal() + 0.3).collect();
    Ok(Tensor::from_vec(values, dims, &Device::Cpu)?)
}

/// The inputs of one comparison.
struct Case {
    model: Arc<dyn Model>,
    surrogate: Arc<dyn Surrogate>,
    time_steps: usize,
    input: Var,
    state: Var,
    parameters: Option<Var>,
    width: Option<Var>,
}

impl Case {
    fn new(
        model: &Arc<dyn Model>,
        surrogate: &AnySurrogate,
        steps_in: usize,
        time_steps: usize,
        n: usize,
    ) -> Result<Self> {
        let scale = if time_steps > 8 { 0.5 } else { 0.9 };
        let scalars = model.initial_parameters();
        let scalar = |values: &[f32]| Var::from_tensor(&Tensor::new(values, &Device::Cpu)?);
        Ok(Self {
            model: model.clone(),
            surrogate: surrogate.shared(),
            time_steps,
            input: Var::from_tensor(&normal("input", &[steps_in, 1, n], scale)?)?,
            state: Var::from_tensor(&normal("state", &[model.states(), 1, n], 0.3)?)?,
            parameters: (!scalars.is_empty()).then(|| scalar(&scalars)).transpose()?,
            width: surrogate
                .parameter()
                .filter(|_| model.fires())
                .map(|value| scalar(&[value]))
                .transpose()?,
        })
    }

    fn variables(&self) -> Vec<&Var> {
        [&self.input, &self.state].into_iter().chain(&self.parameters).chain(&self.width).collect()
    }

    fn fused(&self) -> Result<Output> {
        Ok(MultiStep {
            parameters: self.parameters.as_deref(),
            surrogate_parameter: self.width.as_deref(),
            state: Some(&self.state),
            return_state: true,
            ..MultiStep::new(
                self.model.clone(),
                self.surrogate.clone(),
                &self.input,
                self.time_steps,
            )
        }
        .run()?)
    }

    fn composed(&self) -> Result<Output> {
        let trace = composed(
            &*self.model,
            &*self.surrogate,
            &self.input,
            self.time_steps,
            self.parameters.as_deref(),
            self.width.as_deref(),
            Some(&self.state),
        )?;
        Ok(Output { output: trace.output, state: Some(trace.state) })
    }

    /// Gradients of a fixed, uneven weighting of spikes and final state with respect to all variables.
    fn gradients(&self, out: &Output) -> Result<Vec<Vec<f32>>> {
        let weights = normal("weights of spikes", out.output.dims(), 1.0)?;
        let state = out.state.as_ref().expect("the state was asked for");
        let state_weights = normal("weights of the state", state.dims(), 1.0)?;
        let loss = ((&out.output * weights)?.sum_all()? + (state * state_weights)?.sum_all()?)?;
        let gradients = loss.backward()?;
        let mut all = Vec::new();
        for variable in self.variables() {
            let gradient = gradients.get(variable).expect("a gradient for each variable");
            all.push(gradient.flatten_all()?.to_vec1::<f32>()?);
        }
        Ok(all)
    }
}

fn assert_close(a: &[f32], b: &[f32], tolerance: f32, what: &str) {
    assert_eq!(a.len(), b.len(), "{what}");
    for (i, (a, b)) in a.iter().zip(b).enumerate() {
        let bound = tolerance * (1.0 + a.abs().max(b.abs()));
        assert!((a - b).abs() <= bound, "{what} [{i}]: {a} and {b}");
    }
}

fn flat(tensor: &Tensor) -> Result<Vec<f32>> {
    Ok(tensor.flatten_all()?.to_vec1()?)
}

#[test]
fn the_fused_operation_equals_the_composition_of_candle_operations() -> Result<()> {
    let sizes = [(1, 1), (1, 3), (2, 5), (4, 37), (7, 8), (16, 19)];
    let mut visited = 0;
    for (name, model) in variants() {
        for (which, surrogate) in AnySurrogate::all().iter().enumerate() {
            // Every neuron meets every surrogate; the sizes take turns, all with constant input too.
            let (time_steps, n) = sizes[(which + visited) % sizes.len()];
            for steps_in in [time_steps, 1] {
                let case = Case::new(&model, surrogate, steps_in, time_steps, n)?;
                let (fused, reference) = (case.fused()?, case.composed()?);
                let what = format!("{name} {surrogate:?} T={time_steps} n={n}");
                let outputs = (flat(&fused.output)?, flat(&reference.output)?);
                if model.fires() {
                    assert_eq!(outputs.0, outputs.1, "{what}");
                } else {
                    assert_close(&outputs.0, &outputs.1, 1e-5, &what);
                }
                let states = (fused.state.as_ref().zip(reference.state.as_ref())).expect("states");
                assert_close(&flat(states.0)?, &flat(states.1)?, 1e-5, &what);
                let pairs = case.gradients(&fused)?.into_iter().zip(case.gradients(&reference)?);
                for (a, b) in pairs {
                    assert_close(&a, &b, 1e-4, &what);
                }
                visited += 1;
            }
        }
    }
    assert_eq!(visited, 2 * variants().len() * AnySurrogate::NAMES.len());
    Ok(())
}

/// Elementwise, to the bit; sums over neurons within rounding. The texts are compiled for the host: every pair
/// of a neuron that fires and a surrogate, and each variant of a neuron with a quarter of the surrogates.
#[test]
fn the_kernels_for_devices_give_the_bits_of_the_fused_operation() -> Result<()> {
    let sizes = [(1, 1), (2, 5), (4, 37), (5, 64 * 9)];
    let compare = |(variant, (name, model)): (usize, &(String, Arc<dyn Model>))| -> Result<usize> {
        let mut visited = 0;
        let surrogates = AnySurrogate::all();
        for (which, surrogate) in surrogates.iter().enumerate().skip(variant % 4).step_by(4) {
            // Resets that differ in constants alone share a text.
            let (time_steps, n) = sizes[which / 4 % sizes.len()];
            let steps_in = if which % 3 == 0 { 1 } else { time_steps };
            let case = Case::new(model, surrogate, steps_in, time_steps, n)?;
            let run = || -> Result<(Output, Vec<Vec<f32>>)> {
                let out = case.fused()?;
                let gradients = case.gradients(&out)?;
                Ok((out, gradients))
            };
            let (host, host_gradients) = run()?;
            let (device, device_gradients) = candlewick_device::pretend(run)?;
            let what = format!("{name} {surrogate:?} T={time_steps} n={n}");
            assert_eq!(flat(&device.output)?, flat(&host.output)?, "{what}");
            let states = host.state.as_ref().zip(device.state.as_ref()).expect("states");
            assert_eq!(flat(states.0)?, flat(states.1)?, "{what}");
            for (index, (a, b)) in device_gradients.iter().zip(&host_gradients).enumerate() {
                if index < 2 {
                    assert_eq!(a, b, "{what}");
                } else {
                    assert_close(a, b, 1e-6, &what);
                }
            }
            visited += 1;
        }
        Ok(visited)
    };
    let visited = variants().par_iter().enumerate().map(compare).sum::<Result<usize>>()?;
    let quarter = |variant: usize| (AnySurrogate::NAMES.len() - variant % 4).div_ceil(4);
    assert_eq!(visited, (0..variants().len()).map(quarter).sum::<usize>());
    Ok(())
}

#[test]
fn a_sequence_may_be_split_in_time() -> Result<()> {
    let surrogate = AnySurrogate::named("triangle")?;
    let mut visited = 0;
    for (name, model) in variants() {
        let case = Case::new(&model, &surrogate, 6, 6, 300)?;
        let whole = case.fused()?;
        for cut in [1, 4] {
            let part = |start: usize, length: usize, state: &Tensor| -> Result<Output> {
                Ok(MultiStep {
                    parameters: case.parameters.as_deref(),
                    surrogate_parameter: case.width.as_deref(),
                    state: Some(state),
                    return_state: true,
                    ..MultiStep::new(
                        model.clone(),
                        case.surrogate.clone(),
                        &case.input.narrow(0, start, length)?,
                        length,
                    )
                }
                .run()?)
            };
            let first = part(0, cut, &case.state)?;
            let second = part(cut, 6 - cut, first.state.as_ref().expect("a state"))?;
            let joined = Output {
                output: Tensor::cat(&[&first.output, &second.output], 0)?,
                state: second.state,
            };
            assert_eq!(flat(&joined.output)?, flat(&whole.output)?, "{name}");
            for (a, b) in case.gradients(&joined)?.iter().zip(&case.gradients(&whole)?) {
                assert_close(a, b, 1e-5, &name);
            }
            visited += 1;
        }
    }
    assert_eq!(visited, 2 * variants().len());
    Ok(())
}

/// Central differences of the charge, through a neuron that never fires: the potentials are smooth.
#[test]
fn the_charge_has_the_derivatives_that_it_states() -> Result<()> {
    let mut visited = 0;
    for neuron in AnyNeuron::all() {
        let silent = with_firing(&neuron, |table| {
            table.insert("v_threshold".into(), 50.0.into());
        });
        let neuron = silent.unwrap_or(neuron);
        let model = neuron.model();
        let scalars = model.initial_parameters();
        let mut inputs =
            vec![normal("x", &[2, 1, 5], 0.2)?, normal("h", &[model.states(), 1, 5], 0.2)?];
        if !scalars.is_empty() {
            inputs.push(Tensor::new(scalars.as_slice(), &Device::Cpu)?);
        }
        let surrogate = AnySurrogate::named("rectangle")?.shared();
        let worst = candlewick_core::gradient_check::largest_difference(&inputs, 5e-3, |inputs| {
            let out = MultiStep {
                parameters: inputs.get(2),
                state: Some(&inputs[1]),
                return_state: true,
                ..MultiStep::new(model.clone(), surrogate.clone(), &inputs[0], 2)
            }
            .run()?;
            Ok(out.state.expect("a state"))
        })?;
        assert!(worst < 2e-3, "{neuron:?}: {worst}");
        visited += 1;
    }
    assert_eq!(visited, AnyNeuron::NAMES.len());
    Ok(())
}

#[test]
fn bits_do_not_depend_on_the_number_of_threads_or_the_instruction_set() -> Result<()> {
    use candlewick_kernels::simd::{Level, limit};
    let surrogate = AnySurrogate::named("sigmoid")?;
    let mut visited = 0;
    for neuron in AnyNeuron::all() {
        let model = neuron.model();
        // More than two tasks of 4096 neurons, and a ragged end.
        let case = Case::new(&model, &surrogate, 3, 3, 9_001)?;
        let run = |threads: usize| -> Result<(Vec<f32>, Vec<Vec<f32>>)> {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            pool.expect("a pool").install(|| {
                let out = case.fused()?;
                Ok((flat(&out.output)?, case.gradients(&out)?))
            })
        };
        let expected = run(1)?;
        assert_eq!(run(2)?, expected, "{neuron:?}");
        assert_eq!(run(3)?, expected, "{neuron:?}");
        for level in [Level::Portable, Level::Avx2] {
            limit(level);
            let got = run(2);
            limit(Level::Best);
            assert_eq!(got?, expected, "{neuron:?} {level:?}");
        }
        visited += 1;
    }
    assert_eq!(visited, AnyNeuron::NAMES.len());
    Ok(())
}

#[test]
fn defaults_are_usable_and_recipes_refuse_unknown_keys() -> Result<()> {
    let mut visited = 0;
    for neuron in AnyNeuron::all() {
        assert_eq!(neuron.problem(), None, "{neuron:?}");
        assert_eq!(neuron.model().parameter_names().len(), neuron.model().parameters());
        for name in std::iter::once(neuron.name()).chain(neuron.synonyms().iter().copied()) {
            assert_eq!(AnyNeuron::named(name)?, neuron);
            let wrong = toml::from_str::<AnyNeuron>(&format!("[{name}]\ntua = 1"));
            assert!(wrong.unwrap_err().to_string().contains("tua"));
        }
        visited += 1;
    }
    assert_eq!(visited, AnyNeuron::NAMES.len());
    Ok(())
}

#[test]
fn shapes_that_do_not_fit_are_refused_in_words() -> Result<()> {
    let model = AnyNeuron::named("plif")?.model();
    let surrogate = AnySurrogate::named("atan")?.shared();
    let input = normal("x", &[3, 2, 4], 1.0)?;
    let w = Tensor::new(&[0.0_f32], &Device::Cpu)?;
    let call = |time_steps| MultiStep {
        parameters: Some(&w),
        ..MultiStep::new(model.clone(), surrogate.clone(), &input, time_steps)
    };
    assert!(call(3).run().is_ok());
    let steps = call(4).run().unwrap_err().to_string();
    assert!(steps.contains("expected 4 steps") && steps.contains("got 3"), "{steps}");
    let state = normal("h", &[1, 2, 5], 1.0)?;
    let wrong = MultiStep { state: Some(&state), ..call(3) }.run().unwrap_err().to_string();
    assert!(wrong.contains("expected [1, 2, 4], got [1, 2, 5]"), "{wrong}");
    let none = MultiStep { parameters: None, ..call(3) }.run().unwrap_err().to_string();
    assert!(none.contains("expected 1 values, got 0"), "{none}");
    let two = Tensor::new(&[1.0_f32, 2.0], &Device::Cpu)?;
    let wrong = MultiStep { surrogate_parameter: Some(&two), ..call(3) }.run();
    let wrong = wrong.unwrap_err().to_string();
    assert!(wrong.contains("surrogate parameter: expected 1 value, got 2"), "{wrong}");
    Ok(())
}

/// Whoever learns a parameter that does not exist would get a gradient of 0.
#[test]
fn a_parameter_is_refused_for_every_surrogate_that_has_none() -> Result<()> {
    let model = AnyNeuron::named("lif")?.model();
    let input = normal("x", &[3, 2, 4], 1.0)?;
    let parameter = Tensor::new(&[1.0_f32], &Device::Cpu)?;
    let (mut refused, mut visited) = (0, 0);
    for surrogate in AnySurrogate::all() {
        let surrogate = surrogate.shared();
        let has_one = surrogate.parameter().is_some();
        let outcome = MultiStep {
            surrogate_parameter: Some(&parameter),
            ..MultiStep::new(model.clone(), surrogate, &input, 3)
        }
        .run();
        match outcome {
            Ok(_) => assert!(has_one),
            Err(error) => {
                let words = error.to_string();
                assert!(!has_one && words.contains("has no parameter"), "{words}");
                refused += 1;
            }
        }
        visited += 1;
    }
    assert_eq!(visited, AnySurrogate::NAMES.len());
    assert!(refused > 0 && refused < visited, "{refused} of {visited}");
    Ok(())
}
