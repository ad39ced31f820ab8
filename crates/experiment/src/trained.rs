//! The network of a finished run, to classify samples with.

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;

use candle_core::Device;
use candlewick_datasets::{Dataset, Image, Info, Sample, Shape, Split, find};
use candlewick_encode::Loader;
use candlewick_methods::Methods;
use candlewick_network::{Context, Network};
use candlewick_run::{Origin, RunDirectory};
use candlewick_train::data::features;
use candlewick_train::trainer::LAST;
use candlewick_train::{Checkpoint, checkpoint};
use serde::{Deserialize, Serialize};

use crate::experiment::{loaders, network};
use crate::memory::{self, Footprint};
use crate::{Error, Machine, Recipe, Result};

/// What is stored beside the weights in a file of [`Trained::save`].
#[derive(Serialize, Deserialize)]
struct Saved {
    recipe: String,
}

/// A trained network with what its samples go through before it: the preparation and the rule of
/// decision are those of the evaluation of its run.
///
/// ```no_run
/// use candlewick_datasets::{Split, open};
/// use candlewick_experiment::Trained;
///
/// let trained = Trained::open("runs/digits/s1".as_ref())?; // or a file of `candlewick export`
/// let samples = open("digits", Split::Test, None)?;
/// let class = trained.classify(&samples.read(0)?)?;
/// println!("{}", samples.info().classes[class]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Trained {
    recipe: Recipe,
    network: Network,
    methods: Methods,
    shape: Shape,
}

impl Trained {
    /// Reads a run directory, with the weights of its last checkpoint, or a file of [`Trained::save`];
    /// the data set that it was trained on is not needed.
    ///
    /// # Errors
    /// If it is neither, its weights are missing, damaged or of another network, or a file of the run is damaged
    /// or of another run.
    pub fn open(path: &Path) -> Result<Self> {
        if path.is_file() {
            let checkpoint = Checkpoint::open(path)?;
            let Saved { recipe } = checkpoint.place()?;
            let name = path.display().to_string();
            let mut trained = Self::untrained(Recipe::parse(&recipe, &name)?, &name)?;
            trained.load(&checkpoint)?;
            return Ok(trained);
        }
        Self::open_checkpoint(path, LAST)
    }

    /// Reads a run directory, with the weights of its checkpoint of that name.
    ///
    /// # Errors
    /// As [`Trained::open`].
    pub fn open_checkpoint(run: &Path, checkpoint: &str) -> Result<Self> {
        let directory = RunDirectory::open(run)?;
        let name = run.display().to_string();
        let mut trained = Self::untrained(Recipe::of_run(&directory)?, &name)?;
        trained.load(&Checkpoint::open_in(&directory, checkpoint)?)?;
        Ok(trained)
    }

    fn load(&mut self, checkpoint: &Checkpoint) -> Result<()> {
        checkpoint.load_parameters(self.network.parameters())?;
        Ok(checkpoint.load_methods(&mut self.methods)?)
    }

    /// The network of `recipe` with its initial weights; `name` is named in errors.
    ///
    /// # Errors
    /// If the network does not fit the samples of the data set, which itself is not needed.
    pub fn untrained(recipe: Recipe, name: &str) -> Result<Self> {
        let (entry, _) = find(&recipe.data.name)?;
        let loader = loader_of(&recipe, name, blank(entry.shape))?;
        let methods = recipe.training_methods();
        let footprint = Footprint::of(&recipe, &methods, features(&loader), entry.classes)
            .map_err(|source| Error::Network { name: name.into(), source })?;
        memory::check(name, "the network", footprint.built())?;
        let network = network(&recipe, &methods, &loader, entry.classes, &Device::Cpu)
            .map_err(|source| Error::Network { name: name.into(), source })?;
        Ok(Self { recipe, network, methods, shape: entry.shape })
    }

    /// The network of a graph of NIR with its weights, for the data of `recipe`, which says nothing of the
    /// network; of its neuron counts what NIR leaves open (see [`Graph::model`]). `path` and `name` are
    /// those of graph and recipe, for errors.
    ///
    /// # Errors
    /// If the graph is no network of candlewick, or not one for the samples and classes of the data.
    ///
    /// [`Graph::model`]: candlewick_exchange::nir::Graph::model
    pub fn of_graph(
        graph: &candlewick_exchange::nir::Graph,
        path: &Path,
        recipe: crate::RawRecipe,
        name: &str,
    ) -> Result<Self> {
        let failed = |source| Error::Network { name: name.into(), source };
        let model = graph.model(&recipe.firing().map_err(failed)?, path)?;
        let recipe = recipe.with_network(model.network.into(), model.neuron, name)?;
        let trained = Self::untrained(recipe.resolve(name)?, name)?;
        if trained.network.input() != model.input {
            return Err(Error::Field {
                name: name.into(),
                field: format!("data: samples that are {}", trained.network.input()),
                expected: format!("{}, the input of the graph", model.input),
            });
        }
        let none = candlewick_exchange::NameMap::default();
        candlewick_exchange::import(trained.network.parameters(), &model.weights, &none)?;
        Ok(trained)
    }

    /// Writes recipe and weights into one safetensors file, which [`Trained::open`] reads; the weights
    /// have the names and layouts of candlewick.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<()> {
        self.save_as_of(path, None)
    }

    /// Writes the weights as the last checkpoint of `run`, which was created with this recipe and has trained
    /// nothing.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn save_in(&self, run: &RunDirectory) -> Result<()> {
        self.save_as_of(&run.checkpoints().join(LAST), Some(&Origin::of(run, 0)?))
    }

    fn save_as_of(&self, path: &Path, origin: Option<&Origin>) -> Result<()> {
        let saved = Saved { recipe: self.recipe.to_toml()? };
        let parameters = self.network.parameters();
        Ok(checkpoint::save(path, parameters, None, &self.methods, &saved, origin)?)
    }

    /// The recipe that it was trained by.
    pub fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    /// The network.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The shape that samples must have: that of the data set that it was trained on.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// The output for a sample, one number per class: the sum over the time steps of the logits, by
    /// the weights of the steps.
    ///
    /// # Errors
    /// If the sample has another shape than [`Trained::shape`].
    pub fn scores(&self, sample: &Sample<'_>) -> Result<Vec<f32>> {
        if sample.shape() != self.shape {
            return Err(Error::Field {
                name: self.recipe.data.name.clone(),
                field: format!("sample {:?}", sample.shape()),
                expected: format!("{:?}", self.shape),
            });
        }
        let time_steps = self.recipe.train.time_steps();
        let input = loader_of(&self.recipe, &self.recipe.data.name, owned(sample))?
            .epoch(0, 0)?
            .next()
            .transpose()?
            .ok_or_else(|| Error::Field {
                name: self.recipe.data.name.clone(),
                field: "samples".into(),
                expected: "one".into(),
            })?
            .input;
        let failed = |source| Error::Network { name: self.recipe.data.name.clone(), source };
        let outputs =
            self.network.forward(&input, &Context::evaluation(time_steps)).map_err(failed)?;
        let logits: Vec<f32> = outputs
            .logits
            .flatten_all()
            .and_then(|logits| logits.to_vec1())
            .map_err(|error| failed(error.into()))?;
        let mut scores = vec![0.0; self.network.classes()];
        let weights = self.methods.output_weights(time_steps);
        for (logits, weight) in logits.chunks(scores.len()).zip(weights) {
            for (score, logit) in scores.iter_mut().zip(logits) {
                *score += weight * logit;
            }
        }
        Ok(scores)
    }

    /// The class of a sample: the number of its largest score.
    ///
    /// # Errors
    /// As [`Trained::scores`].
    pub fn classify(&self, sample: &Sample<'_>) -> Result<usize> {
        let scores = self.scores(sample)?;
        // The first of equal scores, as in an evaluation.
        let mut best = 0;
        for (class, score) in scores.iter().enumerate() {
            if *score > scores[best] {
                best = class;
            }
        }
        Ok(best)
    }
}

/// The loader of an evaluation of `sample`, at the time steps of the last stage.
fn loader_of(recipe: &Recipe, name: &str, sample: Sample<'static>) -> Result<Loader> {
    let one: Arc<dyn Dataset> = Arc::new(One::new(sample));
    let machine = Machine { device: Device::Cpu, data: None, cache: None, workers: 0 };
    let time_steps = recipe.train.time_steps();
    let mut fitting = loaders(recipe, name, &one, &[0], false, &machine)?;
    fitting.retain(|loader| loader.input_steps() == time_steps || loader.input_steps() == 1);
    fitting.pop().ok_or_else(|| Error::Field {
        name: recipe.data.name.clone(),
        field: "train.stages".into(),
        expected: format!("a stage of {time_steps} time steps"),
    })
}

/// A data set of one sample.
#[derive(Debug)]
struct One {
    info: Info,
    sample: Sample<'static>,
}

impl One {
    fn new(sample: Sample<'static>) -> Self {
        let classes = vec!["unknown".into()];
        let info = Info::new("one sample", Split::Test, sample.shape(), classes);
        Self { info, sample }
    }
}

impl Dataset for One {
    fn info(&self) -> &Info {
        &self.info
    }

    fn labels(&self) -> &[u32] {
        &[0]
    }

    fn read(&self, _index: usize) -> candlewick_datasets::Result<Sample<'_>> {
        Ok(self.sample.clone())
    }
}

/// A copy that borrows nothing.
fn owned(sample: &Sample<'_>) -> Sample<'static> {
    match sample {
        Sample::Image(image) => {
            Sample::Image(Image { pixels: Cow::Owned(image.pixels.to_vec()), ..*image })
        }
        Sample::Events(events) => Sample::Events(events.clone()),
    }
}

/// A sample of that shape with nothing in it.
fn blank(shape: Shape) -> Sample<'static> {
    match shape {
        Shape::Image { channels, height, width } => {
            let pixels = Cow::Owned(vec![0; channels * height * width]);
            Sample::Image(Image { channels, height, width, pixels })
        }
        Shape::Events { width, height } => {
            Sample::Events(candlewick_datasets::Events::with_capacity(width, height, 0))
        }
    }
}
