//! Updates during the backward pass: a gradient is freed as soon as its parameter has followed it.

use std::cell::RefCell;
use std::rc::Rc;

use candle_core::Tensor;
use candlewick_core::parameters::{Parameter, Parameters};
use candlewick_network::receive_gradients;

use crate::error::{Error, Result};
use crate::gradients::squared_norm;
use crate::optimizer::Optimizer;
use crate::shard::Found;

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
    /// Takes a gradient, unless it is that of another parameter.
    fn receive(&mut self, parameter: &Tensor, gradient: Tensor) -> Option<Tensor> {
        let is_it = |own: &Parameter| own.variable.as_tensor().id() == parameter.id();
        let Some(index) = self.parameters.iter().position(is_it) else { return Some(gradient) };
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

/// Runs a forward and a backward pass, and updates each learned parameter as soon as its gradient is found. Returns the
/// squared norms of these gradients, which are no longer among what was found.
///
/// # Errors
/// Those of `run` and of the optimizer, and if a parameter has a gradient after its update.
pub(crate) fn update_while_running(
    parameters: &Parameters,
    optimizer: &mut Optimizer,
    learning_rate_factor: f64,
    run: impl FnOnce() -> Result<Found>,
) -> Result<(Found, Vec<Option<f64>>)> {
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
    let found = receive_gradients(receiver, run);
    let mut updates = updates.borrow_mut();
    *optimizer = updates.optimizer.take();
    let found = found?;
    std::mem::replace(&mut updates.outcome, Ok(()))?;
    let rest = found.as_ref().and_then(|(_, gradients)| gradients.as_ref());
    for (index, parameter) in updates.parameters.iter().enumerate() {
        if updates.squared_norms[index].is_some()
            && rest.is_some_and(|all| all.get(index).is_some())
        {
            return Err(Error::Core(candlewick_core::Error::Setting {
                field: format!("gradient with respect to {}", parameter.name),
                expected: "one, with which it was updated in the backward pass".into(),
                got: "another one, from a second layer or the loss itself".into(),
            }));
        }
    }
    Ok((found, std::mem::take(&mut updates.squared_norms)))
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

    /// A network whose parameters are also in the loss themselves, if asked.
    struct Decayed(Network, bool);

    impl Model for Decayed {
        fn parameters(&self) -> &Parameters {
            self.0.parameters()
        }

        fn forward(&self, x: &Tensor, context: &Context) -> candlewick_core::Result<Outputs> {
            let mut outputs = self.0.forward(x, context)?;
            if self.1 {
                let norm = self.parameters().variables()[0].sqr()?.sum_all()?;
                outputs.logits = outputs.logits.broadcast_add(&norm)?;
            }
            Ok(outputs)
        }
    }

    /// Three steps: what was reported, parameters, and the state of the optimizer.
    type Trained = (Vec<StepReport>, Vec<Vec<f32>>, Vec<(String, Vec<f32>)>);

    fn train(rule: &AnyOptimizer, in_backward: bool, decayed: bool) -> Result<Trained> {
        let data = Data::open("digits")?.batch_size(8).time_steps(2);
        let network = Network::spec("FC16-FC10");
        let network = network.build(data.features()?, 10, seeded(&Device::Cpu, Key::new(1)))?;
        let model = Decayed(network, decayed);
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
            assert_eq!(train(&rule, true, false)?, train(&rule, false, false)?, "{rule:?}");
            visited += 1;
        }
        assert_eq!(visited, AnyOptimizer::NAMES.len());
        Ok(())
    }

    #[test]
    fn a_second_gradient_after_the_update_is_refused() -> Result<()> {
        let rule = AnyOptimizer::named("sgd")?;
        assert_eq!(train(&rule, false, true)?.0.len(), 3);
        let error = train(&rule, true, true).map(|_| ()).expect_err("a second gradient");
        assert!(error.to_string().contains("from a second layer or the loss itself"), "{error}");
        Ok(())
    }
}
