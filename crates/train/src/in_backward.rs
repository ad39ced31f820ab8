//! Updates during the backward pass: a gradient is freed as soon as its parameter has been updated.

use std::cell::RefCell;
use std::rc::Rc;

use candle_core::Tensor;
use candle_core::backprop::GradStore;
use candlewick_core::parameters::{Parameter, Parameters};
use candlewick_network::{backward, receive_gradients};

use crate::error::{Error, Result};
use crate::gradients::squared_norm;
use crate::optimizer::Optimizer;

/// The learned parameters while a backward pass runs.
struct Updates {
    parameters: Vec<Parameter>,
    optimizer: Optimizer,
    learning_rate_factor: f64,
    /// Squared norm of each gradient that was received.
    squared_norms: Vec<Option<f64>>,
    /// Whether all gradients so far are finite; after one that is not, nothing is updated.
    finite: bool,
    outcome: Result<()>,
}

impl Updates {
    /// Takes a gradient, unless it is that of another parameter, or a second one.
    fn receive(&mut self, parameter: &Tensor, gradient: Tensor) -> Option<Tensor> {
        let is_it = |own: &Parameter| own.variable.as_tensor().id() == parameter.id();
        let index = self.parameters.iter().position(is_it);
        let Some(index) = index.filter(|&index| self.squared_norms[index].is_none()) else {
            return Some(gradient);
        };
        if self.outcome.is_ok() {
            self.outcome = self.update(index, &gradient);
        }
        None
    }

    fn update(&mut self, index: usize, gradient: &Tensor) -> Result<()> {
        let gradient = gradient.detach().contiguous()?;
        let squared_norm = squared_norm(&gradient)?;
        self.squared_norms[index] = Some(squared_norm);
        self.finite &= squared_norm.is_finite();
        if self.finite {
            let (parameter, factor) = (&self.parameters[index], self.learning_rate_factor);
            self.optimizer.update(index, parameter, &gradient, factor)?;
        }
        Ok(())
    }
}

/// Runs the backward pass from `loss`, and updates each learned parameter of a network as soon as its gradient is found.
/// Returns the other gradients, and the squared norms of those.
///
/// # Errors
/// Those of the backward pass and of the optimizer, and if a parameter has a gradient after its update.
pub(crate) fn update_in_backward(
    loss: &Tensor,
    parameters: &Parameters,
    optimizer: &mut Optimizer,
    learning_rate_factor: f64,
) -> Result<(GradStore, Vec<Option<f64>>)> {
    let learned: Vec<Parameter> = parameters.learned().cloned().collect();
    let updates = Rc::new(RefCell::new(Updates {
        squared_norms: vec![None; learned.len()],
        parameters: learned,
        optimizer: optimizer.take(),
        learning_rate_factor,
        finite: true,
        outcome: Ok(()),
    }));
    let receiver = {
        let updates = updates.clone();
        move |parameter: &Tensor, gradient| updates.borrow_mut().receive(parameter, gradient)
    };
    let store = receive_gradients(receiver, || backward(loss));
    let mut updates = updates.borrow_mut();
    *optimizer = updates.optimizer.take();
    let store = store?;
    std::mem::replace(&mut updates.outcome, Ok(()))?;
    for (parameter, norm) in updates.parameters.iter().zip(&updates.squared_norms) {
        if norm.is_some() && store.get(&parameter.variable).is_some() {
            return Err(Error::Core(candlewick_core::Error::Setting {
                field: format!("gradient with respect to {}", parameter.name),
                expected: "one, with which it was updated in the backward pass".into(),
                got: "another one, from a second layer or pass, or the loss itself".into(),
            }));
        }
    }
    Ok((store, std::mem::take(&mut updates.squared_norms)))
}

#[cfg(test)]
mod tests {
    use candle_core::Device;
    use candlewick_core::Key;
    use candlewick_core::parameters::seeded;
    use candlewick_methods::{Methods, Outputs};
    use candlewick_network::{Context, Network};

    use super::*;
    use crate::optimizer::{AnyOptimizer, Groups};
    use crate::{Data, Model, StepReport, StepSettings, step};

    /// What a model does with its network besides running it once.
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Also {
        Nothing,
        /// A parameter is in the loss itself.
        InLoss,
        /// It runs twice.
        Twice,
    }

    struct Other(Network, Also);

    impl Model for Other {
        fn parameters(&self) -> &Parameters {
            self.0.parameters()
        }

        fn forward(&self, x: &Tensor, context: &Context) -> candlewick_core::Result<Outputs> {
            let mut outputs = self.0.forward(x, context)?;
            match self.1 {
                Also::Nothing => {}
                Also::InLoss => {
                    let norm = self.parameters().variables()[0].sqr()?.sum_all()?;
                    outputs.logits = outputs.logits.broadcast_add(&norm)?;
                }
                Also::Twice => {
                    outputs.logits = (outputs.logits + self.0.forward(x, context)?.logits)?;
                }
            }
            Ok(outputs)
        }
    }

    /// Three steps: what was reported, parameters, and the state of the optimizer.
    type Trained = (Vec<StepReport>, Vec<Vec<f32>>, Vec<(String, Vec<f32>)>);

    fn train(rule: &AnyOptimizer, in_backward: bool, also: Also) -> Result<Trained> {
        let data = Data::open("digits")?.batch_size(8).time_steps(2);
        let network = Network::spec("FC16-FC10");
        let network = network.build(data.features()?, 10, seeded(&Device::Cpu, Key::new(1)))?;
        let model = Other(network, also);
        let mut optimizer = Optimizer::new(rule, Groups::default(), model.parameters())?;
        let (mut methods, mut reports) = (Methods::new(), Vec::new());
        for batch in data.batches(0)?.take(3) {
            let batch = batch.map_err(crate::loaders::failed)?;
            let mut settings = StepSettings::new(2, Key::new(1));
            settings.update_in_backward = in_backward;
            reports.push(step(&model, &mut methods, &mut optimizer, &batch, &settings)?);
        }
        let values = model
            .parameters()
            .iter()
            .map(|entry| entry.variable.flatten_all()?.to_vec1::<f32>().map_err(Error::from));
        let values = values.collect::<Result<_>>()?;
        let state = optimizer.state(model.parameters())?;
        Ok((reports, values, state))
    }

    #[test]
    fn updates_in_the_backward_pass_have_the_bits_of_those_after_it() -> Result<()> {
        let mut visited = 0;
        for rule in AnyOptimizer::all() {
            let [now, later] = [true, false].map(|now| train(&rule, now, Also::Nothing));
            assert_eq!(now?, later?, "{rule:?}");
            visited += 1;
        }
        assert_eq!(visited, AnyOptimizer::NAMES.len());
        Ok(())
    }

    #[test]
    fn a_second_gradient_after_the_update_is_refused() -> Result<()> {
        let rule = AnyOptimizer::named("sgd")?;
        let mut refused = 0;
        for also in [Also::InLoss, Also::Twice] {
            assert_eq!(train(&rule, false, also)?.0.len(), 3);
            let error = train(&rule, true, also).map(|_| ()).expect_err("a second gradient");
            let error = error.to_string();
            assert!(error.contains("from a second layer or pass, or the loss itself"), "{error}");
            refused += 1;
        }
        assert_eq!(refused, 2);
        Ok(())
    }

    /// Nothing is updated after a gradient that is not finite, and the optimizer is there for another step.
    #[test]
    fn a_gradient_that_is_not_finite_ends_the_updates() -> Result<()> {
        let network = Network::spec("FC16-FC10");
        let features = candlewick_network::Features::Vector { size: 4 };
        let network = network.build(features, 10, seeded(&Device::Cpu, Key::new(1)))?;
        let parameters = network.parameters();
        let rule = AnyOptimizer::named("sgd")?;
        let mut optimizer = Optimizer::new(&rule, Groups::default(), parameters)?;
        let values = || -> Result<Vec<Vec<f32>>> {
            let entries = parameters.learned();
            entries.map(|entry| Ok(entry.variable.flatten_all()?.to_vec1()?)).collect()
        };
        let before = values()?;
        let mut step = |scale: f64| -> Result<Vec<Option<f64>>> {
            let x = Tensor::ones((1, 2, 4), candle_core::DType::F32, &Device::Cpu)?;
            let out = network.forward(&x, &Context::training(2, Key::new(1)))?;
            let loss = (out.logits.sum_all()? * scale)?;
            Ok(update_in_backward(&loss, parameters, &mut optimizer, 1.0)?.1)
        };
        assert!(step(f64::INFINITY)?.iter().flatten().any(|norm| !norm.is_finite()));
        assert_eq!(values()?, before);
        assert!(step(1.0)?.iter().flatten().all(|norm| norm.is_finite()));
        assert_ne!(values()?, before);
        Ok(())
    }
}
