//! A prepared recipe: its data opened, its network built.

mod snapshot;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use candle_core::Device;
use candlewick_core::Error::Setting;
use candlewick_core::parameters::seeded;
use candlewick_core::{Key, host};
use candlewick_datasets::{Dataset, Shape, Split};
use candlewick_device::Precision;
use candlewick_encode::{Augmentation, Batch, ImageInput, Loader, Settings as LoaderSettings};
use candlewick_methods::Methods;
use candlewick_network::{Network, Parts};
use candlewick_ranks::{Alone, Communicator, Shards};
use candlewick_run::hash::sha256_hex;
use candlewick_run::{DataHash, RunDirectory, RunError, Samples};
use candlewick_train::data::features;
use candlewick_train::{
    Checkpoint, Ended, Evaluation, Loaders, Progress, Trainer, evaluate_checkpoint,
};

use crate::given::recorded;
use crate::memory::{self, Footprint};
use crate::samples::{first_of_each_class, hold_out};
use crate::{Error, Recipe, Result};

/// The machine that an experiment runs on; none of it changes a result.
#[derive(Clone, Debug)]
pub struct Machine {
    /// Where tensors live.
    pub device: Device,
    /// The folder that holds the data sets which are not embedded.
    pub data: Option<PathBuf>,
    /// The folder for decoded frames of event recordings; without it they are decoded each time.
    pub cache: Option<PathBuf>,
    /// Threads that prepare batches.
    pub workers: usize,
    /// The connection to the other ranks that train the same network.
    pub communicator: Arc<dyn Communicator>,
}

impl Default for Machine {
    /// The CPU, embedded data, one worker, and no other ranks.
    fn default() -> Self {
        Self {
            device: Device::Cpu,
            data: None,
            cache: None,
            workers: 1,
            communicator: Arc::new(Alone),
        }
    }
}

/// A recipe with its data and its network.
#[derive(Debug)]
pub struct Experiment {
    /// What errors call the recipe.
    pub(crate) name: String,
    recipe: Recipe,
    pub(crate) footprint: Footprint,
    network: Network,
    methods: Methods,
    loaders: Loaders,
    data: Vec<DataHash>,
    samples: Samples,
}

impl Experiment {
    /// Opens the data of `recipe` and builds its network; `name` is named in errors.
    ///
    /// # Errors
    /// If the data cannot be read, or a shape does not fit.
    pub fn prepare(recipe: Recipe, name: &str, machine: &Machine) -> Result<Self> {
        let sets = open(&recipe, machine)?;
        Self::assemble(recipe, name, machine, &sets)
    }

    /// The experiment on these samples, of which the first set is trained on and the second tested on.
    pub(crate) fn assemble(
        recipe: Recipe,
        name: &str,
        machine: &Machine,
        [training, testing]: &[Arc<dyn Dataset>; 2],
    ) -> Result<Self> {
        let data_name = recipe.data.name_for(recipe.seed);
        let data = &recipe.data;
        let mut train_samples = first_of_each_class(training.labels(), data.train_per_class);
        let validation_samples =
            hold_out(&mut train_samples, training.labels(), data.validation_per_class);
        let test_samples = first_of_each_class(testing.labels(), data.test_per_class);
        let counts =
            [("train", training, train_samples.len()), ("test", testing, test_samples.len())];
        let hashes = counts.map(|(split, set, samples)| DataHash {
            name: format!("{data_name}/{split}"),
            samples: samples as u64,
            sha256: set.info().content_hash.clone(),
            choices: choices(&**set, &recipe),
        });
        let loaders = |set: &Arc<dyn Dataset>, samples: &[usize], training| {
            loaders(&recipe, name, set, samples, training, machine)
        };
        let train = loaders(training, &train_samples, true)?;
        let test = loaders(testing, &test_samples, false)?;
        let validation = if validation_samples.is_empty() {
            Vec::new()
        } else {
            loaders(training, &validation_samples, false)?
        };
        let methods = recipe.training_methods();
        let classes = training.info().classes.len();
        let failed = |source| Error::Network { name: name.into(), source };
        let footprint =
            Footprint::of(&recipe, &methods, features(&train[0]), classes).map_err(failed)?;
        if footprint.is_silent() {
            let (field, expected) = ("layers of neurons".into(), "at least one".into());
            return Err(failed(Setting { field, expected, got: "none".into() }));
        }
        let refused = |field: &str, expected: &str| {
            let (name, field, expected) = (name.into(), field.into(), expected.into());
            Err(Error::Field { name, field, expected })
        };
        let on_host = host::is_reachable(&machine.device);
        if on_host && recipe.train.precision != Precision::F32 {
            return refused("train.precision", "f32, as the CPU has no other");
        }
        if !on_host && recipe.train.synchronize_normalization {
            return refused(
                "train.synchronize_normalization",
                "false on devices other than the CPU",
            );
        }
        if on_host {
            memory::check(name, "the network", footprint.built())?;
        }
        let network =
            network(&recipe, &methods, &train[0], classes, &machine.device).map_err(failed)?;
        let loaders = Loaders { name: recipe.data.name.clone(), train, validation, test };
        let (name, data) = (name.to_owned(), hashes.into());
        let samples = recorded(training.info().shape, &training.info().classes);
        Ok(Self { name, recipe, footprint, network, methods, loaders, data, samples })
    }

    /// [Prepares](Self::prepare) the experiment as for a device that this machine lacks, to be looked at, not to be run.
    ///
    /// # Errors
    /// As [`prepare`](Self::prepare), with what devices refuse.
    pub fn check_for_device(recipe: Recipe, name: &str, machine: &Machine) -> Result<Self> {
        let machine = Machine { device: Device::Cpu, ..machine.clone() };
        host::forbid(|| Self::prepare(recipe, name, &machine))
    }

    /// The recipe.
    pub fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    /// The network.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The data that it runs on, by content.
    pub fn data(&self) -> &[DataHash] {
        &self.data
    }

    /// What its samples are.
    pub fn samples(&self) -> &Samples {
        &self.samples
    }

    /// The samples that it trains and is tested on.
    pub fn loaders(&self) -> &Loaders {
        &self.loaders
    }

    /// The network, and the methods that train it.
    pub fn parts(&mut self) -> (&Network, &mut Methods) {
        (&self.network, &mut self.methods)
    }

    /// The first training batch.
    ///
    /// # Errors
    /// If its samples cannot be read.
    pub fn first_batch(&self) -> Result<Batch> {
        let mut batches = self.loaders.train[0].epoch(0, 0)?;
        Ok(batches.next().ok_or_else(|| Error::Field {
            name: self.recipe.data.name.clone(),
            field: "input.batch_size".into(),
            expected: "at most the number of training samples".into(),
        })??)
    }

    /// Takes the weights of a checkpoint, and the state of its methods.
    ///
    /// # Errors
    /// If the checkpoint is of another network.
    pub fn load(&mut self, checkpoint: &Checkpoint) -> Result<()> {
        checkpoint.load_parameters(self.network.parameters())?;
        Ok(checkpoint.load_methods(&mut self.methods)?)
    }

    /// The test data at the time steps of the last stage.
    ///
    /// # Errors
    /// If there is none.
    pub(crate) fn test_loader(&self) -> Result<&Loader> {
        let time_steps = self.recipe.train.time_steps();
        let fits = |loader: &&Loader| [1, time_steps].contains(&loader.input_steps());
        self.loaders.test.iter().find(fits).ok_or_else(|| Error::Field {
            name: self.recipe.data.name.clone(),
            field: "time steps of the test data".into(),
            expected: time_steps.to_string(),
        })
    }

    /// Trains in the run directory, which was created with this recipe, from its last checkpoint if there is one.
    ///
    /// # Errors
    /// As [`Trainer::fit`], and if the directory is of another recipe.
    pub fn train(
        &mut self,
        run: Option<&mut RunDirectory>,
        progress: &mut dyn Progress,
        stop: &AtomicBool,
    ) -> Result<Ended> {
        if let Some(run) = &run {
            let expected = sha256_hex(self.recipe.to_toml()?.as_bytes());
            let found = run.manifest().recipe_hash.clone();
            if found != expected {
                let path = run.path().to_path_buf();
                return Err(RunError::Foreign { path, what: "recipe", expected, found }.into());
            }
        }
        let trainer = Trainer::new(&self.network, &mut self.methods)
            .settings(self.recipe.train.clone())
            .update_in_backward(true)
            .key(Key::new(self.recipe.seed))
            .progress(progress)
            .stop(stop);
        let trainer = match run {
            Some(run) => trainer.run(run),
            None => trainer,
        };
        Ok(trainer.fit_loaders(&self.loaders)?)
    }

    /// Evaluates a checkpoint on the test data at each of `time_steps`.
    ///
    /// # Errors
    /// If the checkpoint is of another network, or the memory does not suffice.
    pub fn evaluate(
        &mut self,
        checkpoint: &Checkpoint,
        time_steps: &[usize],
    ) -> Result<Vec<Evaluation>> {
        time_steps.iter().try_for_each(|&time_steps| self.check_evaluation(time_steps))?;
        let Self { network, methods, loaders, .. } = self;
        Ok(evaluate_checkpoint(checkpoint, network, methods, &loaders.test, time_steps)?)
    }
}

/// The samples of a recipe: those to train on, and those to test on.
pub(crate) fn open(recipe: &Recipe, machine: &Machine) -> Result<[Arc<dyn Dataset>; 2]> {
    let name = recipe.data.name_for(recipe.seed);
    let open = |split| -> Result<Arc<dyn Dataset>> {
        Ok(Arc::from(candlewick_datasets::open(&name, split, machine.data.as_deref())?))
    };
    Ok([open(Split::Train)?, open(Split::Test)?])
}

/// The choices among several customs in the data and its preparation, for the manifest.
fn choices(set: &dyn Dataset, recipe: &Recipe) -> Vec<String> {
    let info = set.info();
    let mut choices = vec![format!("split = {} ({})", info.partition, info.partition_source)];
    choices.extend(info.choices.iter().map(|choice| (*choice).to_owned()));
    if matches!(info.shape, Shape::Events { .. }) {
        // A setting that TOML cannot hold would be a defect of its type.
        if let Ok(toml::Value::Table(settings)) = toml::Value::try_from(&recipe.input.events) {
            choices.extend(settings.iter().map(|(name, value)| format!("events.{name} = {value}")));
            if !settings.contains_key("resize") {
                choices.push("events.resize = none".into());
            }
        }
    }
    choices
}

/// The test samples of `recipe` at another number of time steps than it trains with.
pub(crate) fn loaders_at(
    recipe: &Recipe,
    name: &str,
    machine: &Machine,
    time_steps: usize,
) -> Result<Vec<Loader>> {
    let [_, testing] = open(recipe, machine)?;
    let mut recipe = recipe.clone();
    recipe.train.stages.iter_mut().for_each(|stage| stage.time_steps = time_steps);
    let samples = first_of_each_class(testing.labels(), recipe.data.test_per_class);
    loaders(&recipe, name, &testing, &samples, false, machine)
}

/// One loader for an input that is the same at all steps, else one per number of time steps; `name`
/// is named in errors.
///
/// # Errors
/// [`Error::Input`] if a setting is out of range or does not fit the samples.
pub(crate) fn loaders(
    recipe: &Recipe,
    name: &str,
    dataset: &Arc<dyn Dataset>,
    samples: &[usize],
    training: bool,
    machine: &Machine,
) -> Result<Vec<Loader>> {
    let Recipe { input, train, seed, .. } = recipe;
    let shards = Shards::new(train.shards, machine.communicator.clone())
        .map_err(candlewick_train::Error::from)?;
    let mut loaders: Vec<Loader> = Vec::new();
    for stage in &train.stages {
        let known = loaders
            .iter()
            .any(|loader| loader.input_steps() == stage.time_steps || loader.input_steps() == 1);
        if known {
            continue;
        }
        let augmentation: Augmentation =
            if training { input.augment.clone() } else { input.augment.evaluation() };
        let settings = LoaderSettings {
            batch_size: if training { input.batch_size } else { input.evaluation_batch_size },
            time_steps: stage.time_steps,
            events: input.events.clone(),
            images: if training {
                input.images.clone()
            } else {
                input.images.as_ref().map(ImageInput::evaluation)
            },
            mix: if training { input.mix.clone() } else { None },
            encoder: input.encoder.clone(),
            augmentation,
            shuffle: training,
            // A last batch of one sample has no batch statistics.
            drop_last: training && samples.len() >= input.batch_size,
            subset: Some(samples.to_vec()),
            cache: machine.cache.clone(),
            workers: machine.workers,
            shards: shards.clone(),
            ..LoaderSettings::new(Key::new(*seed).named(if training { "train" } else { "test" }))
        };
        let loader = Loader::new(dataset.clone(), settings, machine.device.clone());
        loaders.push(loader.map_err(|error| match error {
            candlewick_encode::Error::Core(source @ Setting { .. }) => {
                Error::Input { name: name.into(), source }
            }
            other => other.into(),
        })?);
    }
    Ok(loaders)
}

/// The network of a recipe, for the samples of `loader`, with its initial parameters.
pub(crate) fn network(
    recipe: &Recipe,
    methods: &Methods,
    loader: &Loader,
    classes: usize,
    device: &Device,
) -> candlewick_core::Result<Network> {
    let builder = seeded(device, Key::new(recipe.seed));
    let parts = parts(recipe);
    Network::new(&*recipe.network, &parts, methods, features(loader), classes, builder)
}

/// What the network of a recipe is made of besides its architecture.
pub fn parts(recipe: &Recipe) -> Parts {
    Parts {
        normalization: recipe.normalize.then_some(recipe.normalization),
        time_steps: recipe.train.time_steps(),
        ..Parts::new(recipe.neuron.model(), recipe.surrogate.shared())
    }
}
