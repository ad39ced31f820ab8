//! Gradients that travel to the other ranks while the backward pass still runs.

use std::sync::mpsc::{Receiver, channel};

use candle_core::{Tensor, TensorId};
use candlewick_core::host;
use candlewick_core::parameters::Parameters;
use candlewick_network::receive_gradients;
use candlewick_ranks::Shards;
use rayon::prelude::*;

use super::{Bucket, Reduction};
use crate::error::{Error, Result};
use crate::shard::Found;

impl Reduction {
    /// Whether the gradients of the last own shard may travel while its backward pass runs.
    pub(crate) fn may_travel(&self) -> bool {
        let several = self.shards.communicator().ranks() > 1;
        several && !self.synchronized && self.travels != Some(false)
    }

    /// Runs the last own shard, of that weight, and sends its gradients to the other ranks as soon as they are
    /// complete, bucket by bucket. In the first step they are only compared.
    pub(crate) fn while_running(
        &mut self,
        parameters: &Parameters,
        weight: f64,
        run: impl FnOnce() -> Result<Found>,
    ) -> Result<Found> {
        let variables: Vec<TensorId> =
            parameters.learned().map(|parameter| parameter.variable.as_tensor().id()).collect();
        let learned = variables.len();
        let (shown, arrives) = channel();
        let rest = shown.clone();
        let receiver = move |parameter: &Tensor, gradient: Tensor| {
            if let Some(index) = variables.iter().position(|id| *id == parameter.id()) {
                // Who does not receive has failed, and says so itself.
                let _ = shown.send((index, Some(gradient.detach())));
            }
            Some(gradient)
        };
        let (travels, shards, buckets) = (self.travels, &self.shards, &mut self.buckets);
        let (found, early) = std::thread::scope(|scope| {
            let exchange = scope.spawn(move || match travels {
                Some(true) => travel(buckets, shards, weight, learned, &arrives),
                _ => Ok(arrives.iter().collect()),
            });
            let found = receive_gradients(receiver, run)?;
            // What was not shown follows; what was stays as it was.
            for index in 0..learned {
                let gradient = gradient_of(&found, index);
                let _ = rest.send((index, gradient.cloned()));
            }
            drop(rest);
            let early = exchange.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            Ok::<_, Error>((found, early?))
        })?;
        let mut complete = true;
        for (index, gradient) in early {
            let last = gradient_of(&found, index);
            complete &= same(gradient.as_ref(), last)?;
        }
        if self.travels.is_none() {
            let [incomplete] = self.shards.communicator().any([!complete])?;
            self.travels = Some(!incomplete);
        } else if !complete {
            return Err(Error::Core(candlewick_core::Error::Setting {
                field: "gradient".into(),
                expected: "the one that the network has shown".into(),
                got: "another one".into(),
            }));
        }
        Ok(found)
    }
}

/// The gradient of learned parameter number `index`.
fn gradient_of(found: &Found, index: usize) -> Option<&Tensor> {
    found.as_ref()?.1.as_ref()?.get(index)
}

/// Adds the gradients of the last own shard to the buckets as they arrive, and sums each bucket over all ranks as
/// soon as it is complete, from the last one on. What arrived first of each parameter comes back.
fn travel(
    buckets: &mut [Bucket],
    shards: &Shards,
    weight: f64,
    learned: usize,
    arrives: &Receiver<Arrival>,
) -> Result<Vec<Arrival>> {
    let mut found: Vec<Option<Option<Tensor>>> = vec![None; learned];
    let mut open = buckets.iter_mut().rev().peekable();
    for (index, gradient) in arrives {
        found[index].get_or_insert(gradient);
        let is_complete = |bucket: &&mut Bucket| {
            bucket.parameters.iter().all(|(index, _)| found[*index].is_some())
        };
        while let Some(bucket) = open.next_if(is_complete) {
            bucket.add(weight, |index| found[index].as_ref()?.as_ref())?;
            bucket.total = Some(shards.sum(&mut bucket.fold)?);
        }
    }
    let found = found.into_iter().enumerate();
    Ok(found.filter_map(|(index, gradient)| Some((index, gradient?))).collect())
}

/// Number of a learned parameter, and the gradient with respect to it, if there is one.
type Arrival = (usize, Option<Tensor>);

/// Whether two gradients are equal; one that is not a number equals another.
fn same(one: Option<&Tensor>, other: Option<&Tensor>) -> Result<bool> {
    let (Some(one), Some(other)) = (one, other) else {
        return Ok(one.is_some() == other.is_some());
    };
    let (one, other) = (host::read(one)?, host::read(other)?);
    let equal = |(one, other): (&f32, &f32)| one == other || (one.is_nan() && other.is_nan());
    Ok(one.len() == other.len() && one.par_iter().zip(&other[..]).all(equal))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use candle_core::Device;
    use candlewick_core::Key;
    use candlewick_core::parameters::seeded;
    use candlewick_methods::{Methods, Outputs};
    use candlewick_network::{Context, Network};
    use candlewick_ranks::ThreadRank;

    use super::*;
    use crate::optimizer::Sgd;
    use crate::{Data, Groups, Model, Optimizer, StepSettings, step_in_shards};

    /// A network that is run so many times, the first of which shows gradients that are not complete if there
    /// are more.
    struct Repeated(Network, usize);

    impl Model for Repeated {
        fn parameters(&self) -> &Parameters {
            self.0.parameters()
        }

        fn forward(&self, x: &Tensor, context: &Context) -> candlewick_core::Result<Outputs> {
            let mut outputs = self.0.forward(x, context)?;
            for _ in 1..self.1 {
                outputs.logits = (outputs.logits + self.0.forward(x, context)?.logits)?;
            }
            Ok(outputs)
        }
    }

    /// Whether gradients travel after two steps on one of two ranks.
    fn travels(rank: ThreadRank, times: usize) -> Result<Option<bool>> {
        let shards = Shards::new(2, Arc::new(rank))?;
        let data = Data::open("digits")?.batch_size(8).time_steps(2);
        let data = data.settings(|settings| settings.shards = shards.clone());
        let network = Network::spec("FC16-FC10");
        let network = network.build(data.features()?, 10, seeded(&Device::Cpu, Key::new(1)))?;
        let model = Repeated(network, times);
        let rule = Sgd { learning_rate: 0.1, ..Sgd::default() };
        let mut optimizer = Optimizer::new(&rule.into(), Groups::default(), model.parameters())?;
        let (mut methods, mut reduction) = (Methods::new(), Reduction::new(shards));
        assert!(reduction.travels.is_none());
        for batch in data.batches(0)?.take(2) {
            let batch = batch.map_err(crate::loaders::failed)?;
            let (settings, optimizer) = (StepSettings::new(2, Key::new(1)), &mut optimizer);
            step_in_shards(&model, &mut methods, optimizer, &batch, &settings, &mut reduction)?;
        }
        Ok(reduction.travels)
    }

    #[test]
    fn only_gradients_that_are_complete_when_they_are_shown_travel() {
        for (times, expected) in [(1, true), (2, false)] {
            let found: Vec<_> = std::thread::scope(|scope| {
                let ranks = ThreadRank::group(2).into_iter();
                let threads: Vec<_> =
                    ranks.map(|rank| scope.spawn(move || travels(rank, times))).collect();
                threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
            });
            assert_eq!(found.len(), 2);
            for travels in found {
                assert_eq!(travels.expect("two steps"), Some(expected), "run {times} times");
            }
        }
    }
}
