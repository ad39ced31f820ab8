//! A user's own neuron, written against the public trait in a few lines, and trained.

use candle_core::{D, DType, Device, Tensor, Var};
use candlewick_core::{Key, Result};
use candlewick_neuron::{Firing, Fused, Model, MultiStep, Neuron, Real, composed};
use candlewick_surrogate::{AnySurrogate, Surrogate};
use std::sync::Arc;

// begin: the neuron
/// A potential that saturates, `v ← decay·v + x·(1 - v²)`, with a learnable decay.
#[derive(Clone, Copy, Debug)]
struct Saturating {
    firing: Firing,
}

impl Neuron<1, 1> for Saturating {
    fn firing(&self) -> &Firing {
        &self.firing
    }

    fn initial_parameters(&self) -> [f32; 1] {
        [0.9]
    }

    fn charge<V: Real>(&self, [decay]: &[V; 1], [v]: [V; 1], x: V) -> [V; 1] {
        let room = -(v.clone() * v.clone()) + 1.0;
        [v * decay.clone() + x * room]
    }
}
// end: the neuron

const STEPS: usize = 6;
const INPUTS: usize = 20;

fn model() -> Arc<dyn Model> {
    Arc::new(Fused(Saturating { firing: Firing { v_threshold: 0.6, ..Firing::default() } }))
}

fn surrogate() -> Result<Arc<dyn Surrogate>> {
    Ok(AnySurrogate::named("triangle")?.shared())
}

#[test]
fn it_takes_less_than_40_lines() {
    let source = include_str!("own_neuron.rs");
    let start = source.find("// begin: the neuron").expect("a mark");
    let end = source.find("// end: the neuron").expect("a mark");
    let lines = source[start..end].lines().count() - 1;
    assert!((20..40).contains(&lines), "{lines}");
}

#[test]
fn its_fused_form_equals_candle_operations() -> Result<()> {
    let mut stream = Key::new(3).stream();
    let values = (0..STEPS * 50).map(|_| 0.5 * stream.normal() + 0.2).collect();
    let x = Var::from_tensor(&Tensor::from_vec(values, (STEPS, 1, 50), &Device::Cpu)?)?;
    let decay = Var::new(&[0.9_f32], &Device::Cpu)?;
    let fused =
        MultiStep { parameters: Some(&decay), ..MultiStep::new(model(), surrogate()?, &x, STEPS) }
            .run()?;
    let reference = composed(&*model(), &*surrogate()?, &x, STEPS, Some(&decay), None, None)?;
    let spikes = fused.output.sum_all()?.to_scalar::<f32>()?;
    assert!(spikes > 20.0, "{spikes}");
    let (a, b) = (fused.output.sqr()?.backward()?, reference.output.sqr()?.backward()?);
    for variable in [&x, &decay] {
        let gradients = (a.get(variable).expect("by fused"), b.get(variable).expect("by composed"));
        let largest = (gradients.0 - gradients.1)?.abs()?.max_all()?.to_scalar::<f32>()?;
        let scale = gradients.0.abs()?.max_all()?.to_scalar::<f32>()?;
        assert!(scale > 0.1 && largest < 1e-5 * scale, "{largest} of {scale}");
    }
    Ok(())
}

/// Two noisy patterns of currents to tell apart, by which of two such neurons fires more.
#[test]
fn it_trains() -> Result<()> {
    let mut stream = Key::new(5).named("patterns").stream();
    let patterns: Vec<f32> = (0..2 * INPUTS).map(|_| stream.normal()).collect();
    let (samples, mut values) = (60, Vec::new());
    for sample in 0..samples {
        for input in 0..INPUTS {
            values.push(patterns[(sample % 2) * INPUTS + input] + 0.7 * stream.normal());
        }
    }
    let x = Tensor::from_vec(values, (samples, INPUTS), &Device::Cpu)?;
    let labels: Vec<u32> = (0..samples as u32).map(|sample| sample % 2).collect();
    let labels = Tensor::new(labels, &Device::Cpu)?;
    let start = (0..INPUTS * 2).map(|_| 0.1 * stream.normal()).collect();
    let weight = Var::from_tensor(&Tensor::from_vec(start, (INPUTS, 2), &Device::Cpu)?)?;
    let decay = Var::new(&[0.9_f32], &Device::Cpu)?;
    let mut losses = Vec::new();
    let mut accuracy = 0.0;
    for _ in 0..60 {
        let current = x.matmul(&weight)?.unsqueeze(0)?;
        let spikes = MultiStep {
            parameters: Some(&decay),
            ..MultiStep::new(model(), surrogate()?, &current, STEPS)
        }
        .run()?
        .output;
        let logits = (spikes.mean(0)? * 5.0)?;
        let right = logits.argmax(D::Minus1)?.eq(&labels)?.to_dtype(DType::F32)?;
        accuracy = right.mean_all()?.to_scalar::<f32>()?;
        let exponentials = logits.exp()?.sum(1)?.log()?;
        let chosen = logits.gather(&labels.unsqueeze(1)?, 1)?.squeeze(1)?;
        let loss = (exponentials - chosen)?.mean_all()?;
        losses.push(loss.to_scalar::<f32>()?);
        let gradients = loss.backward()?;
        for (variable, rate) in [(&weight, 0.2), (&decay, 0.02)] {
            let gradient = gradients.get(variable).expect("a gradient");
            variable.set(&(variable.as_tensor() - (gradient * rate)?)?)?;
        }
    }
    let learned = decay.to_vec1::<f32>()?[0];
    assert!(losses[0] > 0.6 && losses[59] < 0.15, "{losses:?}");
    assert!(accuracy > 0.95, "{accuracy}");
    assert!((learned - 0.9).abs() > 1e-3, "{learned}");
    Ok(())
}
