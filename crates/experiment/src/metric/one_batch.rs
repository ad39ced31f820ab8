//! The gradient of one training batch at the weights of a finished run, under the run's own methods.

use std::sync::{Arc, Mutex, PoisonError};

use candle_core::Tensor;
use candlewick_core::Key;
use candlewick_core::weight_rule::{Side, WeightGradientRule, WeightSite};
use candlewick_encode::Loader;
use candlewick_methods::{Method, Methods, Moment};
use candlewick_network::Context;
use candlewick_train::Gradients;

use super::Finished;
use crate::experiment::network;
use crate::{Experiment, Result};

/// The gradient of each learned parameter with its name, in the order of the network; `None` where
/// the loss does not depend on it.
pub(super) fn gradients(run: &Finished<'_>) -> Result<Vec<(String, Option<Tensor>)>> {
    backward(run, None)
}

/// The share of the weight gradient at each layer's synapses whose two ends fire together: the mean
/// of the coincidences, as a share of the largest of the layer, weighted by the size of the gradient.
/// One value for each layer whose ends ever fire together.
pub(super) fn coincident_shares(run: &Finished<'_>) -> Result<Vec<f64>> {
    let observer = Arc::new(Observer {
        inner: run.recipe().training_methods().weight_rule(),
        shares: Mutex::default(),
    });
    backward(run, Some(observer.clone()))?;
    let shares = observer.shares.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(shares.clone())
}

/// One backward pass, in which `observer`, if there is one, stands in for the weight rule of the methods.
fn backward(
    run: &Finished<'_>,
    observer: Option<Arc<Observer>>,
) -> Result<Vec<(String, Option<Tensor>)>> {
    let recipe = run.recipe();
    let experiment = Experiment::prepare(recipe.clone(), &run.name(), run.machine())?;
    let checkpoint = run.checkpoint()?;
    let mut methods = Methods::new();
    for method in &recipe.methods.0 {
        if observer.is_none() || method.weight_rule().is_none() {
            methods.push(method.clone().boxed());
        }
    }
    methods = methods.with(recipe.loss.clone());
    checkpoint.load_methods(&mut methods)?;
    if let Some(observer) = observer {
        methods.push(Box::new(Observing(observer)));
    }
    let time_steps = recipe.train.time_steps();
    let fits = |loader: &&Loader| [1, time_steps].contains(&loader.input_steps());
    let loader = experiment.loaders().train.iter().find(fits);
    let loader = loader.ok_or_else(|| run.lacks("training data of the last stage"))?;
    let batch = loader.epoch(0, 0)?.next().transpose()?;
    let batch = batch.ok_or_else(|| run.lacks("a training batch"))?;
    let (classes, device) = (experiment.network().classes(), &run.machine().device);
    let network =
        network(recipe, &methods, loader, classes, device).map_err(|error| run.failed(error))?;
    let parameters = network.parameters();
    checkpoint.load_parameters(parameters)?;
    let context = Context::training(time_steps, Key::new(recipe.seed).named("one batch"));
    let moment = Moment { epoch: 0, step: 0, progress: 0.0, training: true };
    let store = || -> candlewick_core::Result<_> {
        let outputs = network.forward(&batch.input, &context)?;
        Ok(methods.loss(&outputs, &batch.labels, &moment)?.backward()?)
    };
    let gradients = Gradients::take(parameters, store().map_err(|error| run.failed(error))?)?;
    let names = parameters.learned().enumerate();
    Ok(names.map(|(index, entry)| (entry.name.clone(), gradients.get(index).cloned())).collect())
}

/// Computes the gradient that the method's own rule computes, and notes where it stands.
#[derive(Debug)]
struct Observer {
    inner: Option<Arc<dyn WeightGradientRule>>,
    shares: Mutex<Vec<f64>>,
}

impl WeightGradientRule for Observer {
    fn weight_gradient(&self, site: WeightSite<'_>, gradient: &mut [f32]) {
        match &self.inner {
            Some(rule) => rule.weight_gradient(site, gradient),
            None => (site.plain)(gradient),
        }
        // Without a decay, a trace is the spike of its step.
        let (steps, outputs) = (site.time_steps, site.outputs);
        let mut together = vec![0.0; gradient.len()];
        (site.coincide)(Side::Post, 0.0, 0..steps, &mut |of_steps| {
            let rows = together.chunks_exact_mut(outputs);
            for (sums, steps) in rows.zip(of_steps.chunks_exact(outputs * steps)) {
                for step in steps.chunks_exact(outputs) {
                    sums.iter_mut().zip(step).for_each(|(sum, count)| *sum += f64::from(*count));
                }
            }
        });
        let most = together.iter().fold(0.0, |most: f64, count| most.max(*count));
        let size = |value: &f32| f64::from(value.abs());
        let all: f64 = gradient.iter().map(size).sum();
        let weighted: f64 =
            gradient.iter().zip(&together).map(|(value, count)| size(value) * count).sum();
        if most > 0.0 && all > 0.0 {
            let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
            shares.push(weighted / all / most);
        }
    }
}

/// The observer as a method.
#[derive(Debug)]
struct Observing(Arc<Observer>);

impl Method for Observing {
    fn name(&self) -> &'static str {
        "observer"
    }

    fn weight_rule(&self) -> Option<Arc<dyn WeightGradientRule>> {
        Some(self.0.clone())
    }
}
