//! Layers that are defined outside of this crate.

use candle_core::{DType, Device, Tensor};
use candlewick_core::initializer::Initializer;
use candlewick_core::parameters::{Role, Scope, seeded};
use candlewick_core::{Key, Result};
use candlewick_network::{
    Architecture, Array, Backward, Context, Features, Layer, Network, NetworkBuilder, Pass, Signal,
};

const INPUT: Features = Features::Vector { size: 3 };

/// x ← factor · x, which may forget its backward pass.
#[derive(Debug)]
struct Scale {
    factor: Tensor,
    forgets: bool,
}

impl Scale {
    fn new(scope: &Scope<'_>, forgets: bool) -> Result<Self> {
        let factor = scope.create("factor", Role::Weight, &[1], Initializer::Constant(2.0))?;
        Ok(Self { factor: factor.tensor(), forgets })
    }
}

impl Layer for Scale {
    fn run(&self, x: Signal, pass: &Pass) -> Result<(Signal, Option<Backward>)> {
        let (input, factor) = (x.floats(pass)?, self.factor.to_vec1::<f32>()?[0]);
        let mut output = pass.take(input.len());
        output.iter_mut().zip(input.iter()).for_each(|(y, x)| *y = factor * x);
        let (slot, pass) = (pass.learn(&self.factor), pass.clone());
        let backward: Backward = Box::new(move |gradient, found| {
            let mut gradient = gradient.floats(&pass)?;
            let of_factor: f32 = gradient.iter().zip(input.iter()).map(|(g, x)| g * x).sum();
            if let Some(slot) = slot {
                found.add(slot, Tensor::new(&[of_factor], pass.device())?)?;
            }
            gradient.iter_mut().for_each(|gradient| *gradient *= factor);
            Ok(Some(Array::Host(gradient)))
        });
        Ok((x.made_from(INPUT, output)?, Some(backward).filter(|_| !self.forgets)))
    }

    fn output(&self) -> Features {
        INPUT
    }
}

/// The layer in front of the classifier.
#[derive(Debug)]
struct InFront {
    forgets: bool,
}

impl Architecture for InFront {
    fn build(&self, builder: &mut NetworkBuilder<'_>, _: Features, classes: usize) -> Result<()> {
        let features = builder.add(|builder| Scale::new(&builder.scope("scale"), self.forgets))?;
        builder.classifier(features, classes)
    }
}

fn network(forgets: bool) -> Result<Network> {
    Network::of(InFront { forgets }).build(INPUT, 2, seeded(&Device::Cpu, Key::new(1)))
}

/// A layer need not say that what follows is behind its parameter.
#[test]
fn a_parameter_in_front_of_all_others_learns() -> Result<()> {
    let network = network(false)?;
    let x = Tensor::ones((1, 4, 3), DType::F32, &Device::Cpu)?;
    let logits = network.forward(&x, &Context::training(2, Key::new(1)))?.logits;
    let gradients = logits.sum_all()?.backward()?;
    let parameter = |name| network.parameters().get(name).expect("a parameter").tensor();
    let gradient = gradients.get(&parameter("scale.factor")).expect("a gradient");
    // The sum of the weights, for each of four samples at the one step of such an input.
    let expected = 4.0 * parameter("classifier.weight").sum_all()?.to_scalar::<f32>()?;
    let steps = logits.dim(0)? as f32;
    let found = gradient.to_vec1::<f32>()?[0];
    assert!((found - steps * expected).abs() < 1e-4 * expected.abs(), "{found} of {expected}");
    Ok(())
}

#[test]
fn a_layer_without_its_backward_pass_is_named() -> Result<()> {
    let network = network(true)?;
    let x = Tensor::ones((1, 4, 3), DType::F32, &Device::Cpu)?;
    network.forward(&x, &Context::evaluation(2))?;
    let error = network.forward(&x, &Context::training(2, Key::new(1))).unwrap_err().to_string();
    assert!(error.starts_with("backward pass of the layer Scale: expected one"), "{error}");
    Ok(())
}
