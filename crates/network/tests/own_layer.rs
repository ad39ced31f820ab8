//! Layers that are defined outside of this crate.

use candle_core::backprop::GradStore;
use candle_core::{DType, Device, Tensor};
use candlewick_core::initializer::Initializer;
use candlewick_core::parameters::{Role, Scope, seeded};
use candlewick_core::{Key, Result};
use candlewick_network::{
    Architecture, Array, Backward, Context, Features, Layer, Network, NetworkBuilder, Pass, Signal,
};

const INPUT: Features = Features::Vector { size: 3 };

/// x ← factor · x, perhaps with a mistake.
#[derive(Debug)]
struct Scale {
    factor: Tensor,
    mistake: Option<Mistake>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Mistake {
    Output,
    NoBackward,
    Gradient,
}

impl Scale {
    fn new(scope: &Scope<'_>, mistake: Option<Mistake>) -> Result<Self> {
        let factor = scope.create("factor", Role::Weight, &[1], Initializer::Constant(2.0))?;
        Ok(Self { factor: factor.tensor(), mistake })
    }
}

impl Layer for Scale {
    fn run(&self, x: Signal, pass: &Pass) -> Result<(Signal, Option<Backward>)> {
        let (input, factor) = (x.floats(pass)?, self.factor.to_vec1::<f32>()?[0]);
        let mut output = pass.take(input.len());
        output.iter_mut().zip(input.iter()).for_each(|(y, x)| *y = factor * x);
        let (slot, pass, mistake) = (pass.learn(&self.factor), pass.clone(), self.mistake);
        let backward: Backward = Box::new(move |gradient, found| {
            let mut gradient = gradient.floats(&pass)?;
            let of_factor: f32 = gradient.iter().zip(input.iter()).map(|(g, x)| g * x).sum();
            if let Some(slot) = slot {
                found.add(slot, Tensor::new(&[of_factor], pass.device())?)?;
            }
            gradient.iter_mut().for_each(|gradient| *gradient *= factor);
            let wrong = mistake == Some(Mistake::Gradient);
            Ok(Some(Array::Host(if wrong { pass.take(1) } else { gradient })))
        });
        let backward = Some(backward).filter(|_| mistake != Some(Mistake::NoBackward));
        Ok((x.made_from(INPUT, output)?, backward))
    }

    fn output(&self) -> Features {
        let wrong = self.mistake == Some(Mistake::Output);
        if wrong { Features::Vector { size: 4 } } else { INPUT }
    }
}

/// The layer in front of the classifier.
#[derive(Debug)]
struct InFront(Option<Mistake>);

impl Architecture for InFront {
    fn build(&self, builder: &mut NetworkBuilder<'_>, _: Features, classes: usize) -> Result<()> {
        let features = builder.add(|builder| Scale::new(&builder.scope("scale"), self.0))?;
        builder.classifier(features, classes)
    }
}

/// Runs the layer, and a backward pass from the sum of the logits `[T, B, K]`, which are given too.
fn run(network: &Network) -> Result<(Tensor, GradStore)> {
    let x = Tensor::ones((1, 4, 3), DType::F32, &Device::Cpu)?;
    let logits = network.forward(&x, &Context::training(2, Key::new(1)))?.logits;
    let gradients = logits.sum_all()?.backward()?;
    Ok((logits, gradients))
}

fn network(mistake: Option<Mistake>) -> Result<Network> {
    Network::of(InFront(mistake)).build(INPUT, 2, seeded(&Device::Cpu, Key::new(1)))
}

/// A layer need not say that what follows is behind its parameter.
#[test]
fn a_parameter_in_front_of_all_others_learns() -> Result<()> {
    let network = network(None)?;
    let (logits, gradients) = run(&network)?;
    let parameter = |name| network.parameters().get(name).expect("a parameter").tensor();
    let gradient = gradients.get(&parameter("scale.factor")).expect("a gradient");
    // The sum of the weights, for each sample and step of the logits.
    let sum = parameter("classifier.weight").sum_all()?.to_scalar::<f32>()?;
    let expected = (logits.dim(0)? * logits.dim(1)?) as f32 * sum;
    let found = gradient.to_vec1::<f32>()?[0];
    assert!((found - expected).abs() < 1e-4 * expected.abs(), "{found} of {expected}");
    Ok(())
}

#[test]
fn a_mistake_is_said_with_the_name_of_the_layer() -> Result<()> {
    let cases = [
        (Mistake::Output, "output: expected a vector of 4, got a vector of 3"),
        (
            Mistake::NoBackward,
            "backward pass: expected one, as something learns in the layer or in front of it, got none",
        ),
        (
            Mistake::Gradient,
            "elements of the gradient with respect to the input: expected 12, got 1",
        ),
    ];
    for (mistake, expected) in cases {
        let error = run(&network(Some(mistake))?).unwrap_err().to_string();
        assert!(error.contains(&format!("layer Scale: {expected}")), "{error}");
    }
    assert_eq!(cases.len(), 3);
    Ok(())
}
