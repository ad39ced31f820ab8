//! How much memory a network takes, counted before any of it is taken.

use candlewick_core::parameters::counting;
use candlewick_encode::Loader;
use candlewick_methods::Methods;
use candlewick_network::{Features, Layer, Network};
use sysinfo::{MemoryRefreshKind, RefreshKind, System};

use crate::experiment::parts;
use crate::{Error, Experiment, Recipe, Result};

/// The most times that a pass takes what is counted of it; a test below holds the kernels to it.
const MOST: u64 = 4;

/// Bytes of a scalar.
const SCALAR: u64 = size_of::<f32>() as u64;

/// What a network is made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Footprint {
    /// Scalars of parameters and buffers.
    parameters: u64,
    /// Neurons of each spiking layer.
    neurons: Vec<u64>,
    classes: u64,
}

/// The input of a network: values of a sample at one step, samples of a batch, and steps, 1 for one
/// that is the same at all steps.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Batches {
    pub(crate) values: usize,
    pub(crate) samples: usize,
    pub(crate) steps: usize,
}

impl Batches {
    /// Bytes of a batch.
    fn bytes(self) -> u64 {
        let Self { values, samples, steps } = self;
        product([values as u64, samples as u64, steps as u64, SCALAR])
    }
}

impl Footprint {
    /// Counts the network of a recipe, which is not made.
    ///
    /// # Errors
    /// If it does not fit the input or the number of classes.
    pub(crate) fn of(
        recipe: &Recipe,
        methods: &Methods,
        input: Features,
        classes: usize,
    ) -> candlewick_core::Result<Self> {
        let (builder, count) = counting();
        let network =
            Network::new(&*recipe.network, &parts(recipe), methods, input, classes, builder)?;
        let neurons = network.spiking().iter().map(|layer| layer.output().count() as u64).collect();
        Ok(Self { parameters: count.get(), neurons, classes: classes as u64 })
    }

    /// Whether no neuron fires in it: it then has no time, and nothing to train by a surrogate.
    pub(crate) fn is_silent(&self) -> bool {
        self.neurons.iter().all(|&layer| layer == 0)
    }

    /// Bytes of the parameters.
    pub(crate) fn built(&self) -> u64 {
        product([self.parameters, SCALAR])
    }

    /// Bytes of a training of `time_steps` steps, at least: the parameters and `arrays` of their size (states of the
    /// optimizer, and the gradients if all are kept at once), two batches of the input, and what the layers hold when
    /// the backward pass reaches the layer at which
    /// that is the most: the currents kept up to there, or its own where they are recomputed, and the gradient with
    /// respect to its own.
    pub(crate) fn trained(
        &self,
        input: Batches,
        time_steps: usize,
        arrays: usize,
        recompute: bool,
    ) -> u64 {
        let (mut kept, mut most) = (0_u64, 0);
        for (index, &neurons) in self.neurons.iter().chain([&self.classes]).enumerate() {
            // What comes before the first neuron runs once for an input that is the same at all steps.
            let steps = if index == 0 { input.steps.min(time_steps) } else { time_steps };
            let currents = product([neurons, input.samples as u64, steps as u64, SCALAR]);
            kept = if recompute { currents } else { kept.saturating_add(currents) };
            most = most.max(kept.saturating_add(currents));
        }
        product([self.built(), 1 + arrays as u64])
            .saturating_add(product([input.bytes(), 2]))
            .saturating_add(most)
    }

    /// Bytes of an evaluation of `time_steps` steps, at least: parameters, a batch, and the largest
    /// layer.
    pub(crate) fn evaluated(&self, input: Batches, time_steps: usize) -> u64 {
        let widest = self.neurons.iter().copied().fold(self.classes, u64::max);
        product([widest, input.samples as u64, time_steps as u64, SCALAR])
            .saturating_add(self.built())
            .saturating_add(input.bytes())
    }
}

impl Experiment {
    /// Compares the memory that its training needs, at least, for a shard of a batch with what the machine has to give.
    ///
    /// # Errors
    /// [`Error::Memory`] with both, if it has too little.
    pub fn check_memory(&self) -> Result<()> {
        if !self.is_on_host() {
            return Ok(());
        }
        let Recipe { input, train, .. } = self.recipe();
        // Without clipping and shards, a gradient is freed as soon as its parameter is updated.
        let keeps_gradients = train.clip_norm.is_some() || train.shards > 1;
        let arrays = train.optimizer.state_names().len() + usize::from(keeps_gradients);
        for stage in &train.stages {
            let time_steps = stage.time_steps;
            let batches = batches(&self.loaders().train, input.batch_size, time_steps);
            let needed = self.footprint.trained(batches, time_steps, arrays, train.recompute);
            let parts = if train.shards == 1 { "batches" } else { "shards" };
            let what = format!("a training of T = {time_steps}, {parts} of {},", batches.samples);
            check(&self.name, what, needed)?;
            self.check_evaluation(time_steps)?;
        }
        Ok(())
    }

    /// As [`check_memory`](Self::check_memory), for an evaluation.
    pub(crate) fn check_evaluation(&self, time_steps: usize) -> Result<()> {
        if !self.is_on_host() {
            return Ok(());
        }
        let samples = self.recipe().input.evaluation_batch_size;
        let batches = batches(&self.loaders().test, samples, time_steps);
        let what = format!("an evaluation of T = {time_steps}, batches of {},", batches.samples);
        check(&self.name, what, self.footprint.evaluated(batches, time_steps))
    }

    /// Bytes that its training may take of this machine beyond those of a step on `samples` samples.
    pub(crate) fn memory_beyond(&self, time_steps: usize, samples: usize) -> u64 {
        if !self.is_on_host() {
            return 0;
        }
        let Recipe { input, train, .. } = self.recipe();
        let states = train.optimizer.state_names().len();
        let trained = |samples| {
            let batches = batches(&self.loaders().train, samples, time_steps);
            self.footprint.trained(batches, time_steps, states, train.recompute)
        };
        let tested = batches(&self.loaders().test, input.evaluation_batch_size, time_steps);
        let whole = trained(input.batch_size).max(self.footprint.evaluated(tested, time_steps));
        whole.saturating_sub(trained(samples)).saturating_mul(MOST)
    }

    /// Whether it is the machine's own memory that it needs.
    fn is_on_host(&self) -> bool {
        self.network().parameters().device().is_cpu()
    }
}

/// What the loader that fits puts into a batch of at most `samples` samples.
fn batches(loaders: &[Loader], samples: usize, time_steps: usize) -> Batches {
    let fits = |loader: &&Loader| [1, time_steps].contains(&loader.input_steps());
    let loader = loaders.iter().find(fits);
    Batches {
        values: loader.map_or(0, |loader| loader.input_dims().iter().product()),
        samples: loader.map_or(samples, |loader| {
            samples.min(loader.samples()).div_ceil(loader.shards().count())
        }),
        steps: loader.map_or(1, Loader::input_steps),
    }
}

/// Refuses what needs more bytes than the machine has to give; `name` and `what` are named.
///
/// # Errors
/// [`Error::Memory`].
pub(crate) fn check(name: &str, what: impl Into<String>, needed: u64) -> Result<()> {
    match free() {
        Some(free) if needed > free => {
            Err(Error::Memory { name: name.into(), what: what.into(), needed, free })
        }
        _ => Ok(()),
    }
}

/// Bytes that the machine has to give, if it says so: what is free or can be freed, and no more than
/// the limit of a container leaves.
fn free() -> Option<u64> {
    let memory = MemoryRefreshKind::nothing().with_ram();
    let system = System::new_with_specifics(RefreshKind::nothing().with_memory(memory)).ok()?;
    let of_container =
        system.cgroup_limits().map(|limits| limits.total_memory.saturating_sub(limits.rss));
    let free = system.available_memory();
    (free > 0).then(|| free.min(of_container.unwrap_or(u64::MAX)))
}

/// The most bytes of memory that this process ever had, where the system tells.
pub(crate) fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes << 10)
}

fn product<const N: usize>(factors: [u64; N]) -> u64 {
    factors.into_iter().fold(1, u64::saturating_mul)
}

#[cfg(test)]
mod tests {
    use candlewick_core::Key;
    use candlewick_network::Context;

    use super::*;
    use crate::Machine;

    /// A network of two layers on 8×8: 4C3 has 4·9 weights and 4·4 scalars of its normalization, FC10
    /// 4·8·8·10 + 10.
    #[test]
    fn bytes_by_hand() -> Result<()> {
        let text = "[data]\nname = \"digits\"\n[network.spec]\nlayers = \"4C3-FC20-FC10\"\n\
                    [train]\nstages = [{ epochs = 1, time_steps = 2 }]";
        let recipe = Recipe::parse(text, "test")?;
        let input = Features::Map { height: 8, width: 8, channels: 1 };
        let found = Footprint::of(&recipe, &recipe.training_methods(), input, 10)
            .map_err(|source| Error::Network { name: "test".into(), source })?;
        let parameters = 36 + 16 + 256 * 20 + 20 + 200 + 10;
        let expected = Footprint { parameters, neurons: vec![256, 20], classes: 10 };
        assert_eq!(found, expected);
        assert_eq!(found.built(), 4 * parameters);
        // The first layer runs once: the second is where the most is kept.
        let batches = Batches { values: 64, samples: 5, steps: 1 };
        let constant = 12 * parameters + 8 * 5 * 64;
        let most = 4 * 5 * (256 + 7 * 20 + 7 * 20);
        assert_eq!(found.trained(batches, 7, 2, false), constant + most);
        assert_eq!(found.trained(batches, 7, 1, false), constant + most - 4 * parameters);
        assert_eq!(found.trained(batches, 7, 2, true), constant + 2 * 4 * 5 * 256);
        let of_events = Batches { steps: 7, ..batches };
        let largest = 4 * 5 * 7 * 256;
        let constant = 12 * parameters + 7 * 8 * 5 * 64;
        assert_eq!(found.trained(of_events, 7, 2, false), constant + 2 * largest);
        assert_eq!(found.evaluated(batches, 7), 4 * parameters + 4 * 5 * 64 + largest);
        assert_eq!(found.evaluated(batches, usize::MAX), u64::MAX);
        Ok(())
    }

    /// What a pass holds at once in fact, in networks of several kinds: the estimate is not above it,
    /// and at most [`MOST`] times below.
    #[test]
    fn passes_take_what_was_counted() -> Result<(), Box<dyn std::error::Error>> {
        let networks = [
            "[network.spec]\nlayers = \"8C3-AP2-16C3-FC10\"",
            "[network.spec]\nlayers = \"FC64-FC64-FC10\"",
            "[network.resnet-19]\nwidth = 0.1",
            "[network.vggsnn]\nwidth = 0.1\npooling = false",
        ];
        let mut visited = 0;
        for network in networks {
            for recompute in [false, true] {
                let text = format!(
                    "[data]\nname = \"digits\"\n{network}\n[input]\nbatch_size = 9\n\
                     evaluation_batch_size = 9\n[train]\nrecompute = {recompute}\n\
                     stages = [{{ epochs = 1, time_steps = 8 }}]"
                );
                let machine = Machine { workers: 0, ..Machine::default() };
                let experiment =
                    Experiment::prepare(Recipe::parse(&text, "test")?, "test", &machine)?;
                let (found, batch) = (&experiment.footprint, experiment.first_batch()?);
                let batches = batches(&experiment.loaders().train, 9, 8);
                let network = experiment.network();
                network.forward(&batch.input, &Context::evaluation(8))?;
                let evaluated = network.most_buffered() as u64;
                let context = Context { recompute, ..Context::training(8, Key::new(1)) };
                network.forward(&batch.input, &context)?.logits.sum_all()?.backward()?;
                let trained = network.most_buffered() as u64;
                let counted = [
                    found.evaluated(batches, 8) - found.built() - batches.bytes(),
                    found.trained(batches, 8, 0, recompute) - found.built() - 2 * batches.bytes(),
                ];
                for (counted, taken) in counted.into_iter().zip([evaluated, trained]) {
                    assert!(
                        counted <= taken && taken <= MOST * counted,
                        "{text}: {counted} {taken}"
                    );
                    visited += 1;
                }
                // A step on a whole batch leaves nothing, a part leaves something.
                assert_eq!(experiment.memory_beyond(8, 9), 0);
                assert!(experiment.memory_beyond(8, 1) > 0);
            }
        }
        assert_eq!(visited, 16);
        Ok(())
    }

    #[test]
    fn what_no_machine_has_is_refused_in_words() {
        assert!(check("r.toml", "the network", 1).is_ok());
        let error = check("r.toml", "the network", 1 << 60).unwrap_err().to_string();
        let (start, end) = ("r.toml: the network needs about 1073741824.0 GiB, ", " are free");
        assert!(error.starts_with(start) && error.ends_with(end), "{error}");
    }
}
