//! The network of a finished run, to classify samples with.

use std::path::Path;
use std::sync::Arc;

use candle_core::Device;
use candlewick_datasets::{Dataset, Sample, Shape, Split, find};
use candlewick_encode::{Loader, resized};
use candlewick_methods::Methods;
use candlewick_network::{Context, Network};
use candlewick_run::{Origin, RunDirectory, Samples};
use candlewick_train::data::features;
use candlewick_train::trainer::LAST;
use candlewick_train::{Checkpoint, checkpoint};
use serde::{Deserialize, Serialize};

use crate::experiment::{loaders, network};
use crate::given::{Given, recorded, shape_of};
use crate::memory::{self, Footprint};
use crate::{Error, Machine, Prediction, Recipe, Result};

/// What is stored beside the weights in a file of [`Trained::save`].
#[derive(Serialize, Deserialize)]
struct Saved {
    recipe: String,
    #[serde(default)]
    samples: Option<Samples>,
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
/// let prediction = &trained.classify(&[samples.read(0)?])?[0];
/// println!("{}", trained.classes()[prediction.class]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Trained {
    recipe: Recipe,
    network: Network,
    methods: Methods,
    shape: Shape,
    classes: Vec<String>,
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
            let Saved { recipe, samples } = checkpoint.place()?;
            let name = path.display().to_string();
            let recipe = Recipe::parse(&recipe, &name)?;
            let samples = samples.map_or_else(|| known(&recipe, &name), Ok)?;
            let mut trained = Self::of(recipe, &name, &samples)?;
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
        let recipe = Recipe::of_run(&directory)?;
        let samples = directory.manifest().samples.clone();
        let samples = samples.map_or_else(|| known(&recipe, &name), Ok)?;
        let mut trained = Self::of(recipe, &name, &samples)?;
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
    /// If the network does not fit the samples of the data set, which itself is not needed unless its files
    /// decide what the samples and the classes are.
    pub fn untrained(recipe: Recipe, name: &str) -> Result<Self> {
        let samples = known(&recipe, name)?;
        Self::of(recipe, name, &samples)
    }

    fn of(recipe: Recipe, name: &str, samples: &Samples) -> Result<Self> {
        let shape = shape_of(samples).ok_or_else(|| Error::Field {
            name: name.into(),
            field: format!("samples.kind: {}", samples.kind),
            expected: "image, array, vector or events, with its dims".into(),
        })?;
        let (classes, failed) =
            (samples.classes.len(), |source| Error::Network { name: name.into(), source });
        let loader = loader_of(&recipe, name, Given::blank(shape))?;
        let methods = recipe.training_methods();
        let footprint =
            Footprint::of(&recipe, &methods, features(&loader), classes).map_err(failed)?;
        memory::check(name, "the network", footprint.built())?;
        let network = network(&recipe, &methods, &loader, classes, &Device::Cpu).map_err(failed)?;
        Ok(Self { recipe, network, methods, shape, classes: samples.classes.clone() })
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
        let saved = Saved { recipe: self.recipe.to_toml()?, samples: Some(self.samples()) };
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

    /// The names of the classes, in the order of the labels; numbers where the run does not know them.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// What a manifest records of the samples.
    pub fn samples(&self) -> Samples {
        recorded(self.shape, &self.classes)
    }

    /// Classifies samples, in batches of the recipe's `evaluation_batch_size`, with the preparation of the
    /// evaluation.
    ///
    /// # Errors
    /// If a sample has another shape than [`Trained::shape`], or cannot be prepared.
    pub fn classify(&self, samples: &[Sample<'_>]) -> Result<Vec<Prediction>> {
        if let Some(other) = samples.iter().find(|sample| !self.shape.holds(sample.shape())) {
            return Err(Error::Field {
                name: self.recipe.data.name.clone(),
                field: format!("samples: {}", other.shape()),
                expected: format!("{}, as in the training", self.shape),
            });
        }
        if samples.is_empty() {
            return Ok(Vec::new());
        }
        let time_steps = self.recipe.train.time_steps();
        let (name, classes) = (&self.recipe.data.name, self.network.classes());
        let weights = self.methods.output_weights(time_steps);
        let loader = loader_of(&self.recipe, name, Given::new(self.shape, samples))?;
        let mut predictions = Vec::with_capacity(samples.len());
        for batch in loader.epoch(0, 0)? {
            let failed = |source| Error::Network { name: name.clone(), source };
            let context = Context::evaluation(time_steps);
            let outputs = self.network.forward(&batch?.input, &context).map_err(failed)?;
            // [T, B, K] to one [T, K] per sample.
            let logits = outputs.logits.transpose(0, 1).and_then(|logits| logits.flatten_from(1));
            let logits = logits.and_then(|logits| logits.to_vec2::<f32>());
            let logits = logits.map_err(|error| failed(error.into()))?;
            let of = |logits: &Vec<f32>| Prediction::of_logits(logits, classes, &weights);
            predictions.extend(logits.iter().map(of));
        }
        Ok(predictions)
    }

    /// The same network for samples of another size, if its parameters do not depend on the size: with global
    /// pooling before the classifier, or where the recipe itself brings all samples to one size.
    ///
    /// # Errors
    /// If a parameter has another shape for such samples, or they cannot be prepared.
    pub fn for_shape(&self, shape: Shape) -> Result<Self> {
        let name = &self.recipe.data.name;
        let known = recorded(shape, &self.classes);
        let mut other = Self::of(self.recipe.clone(), name, &known)?;
        let (from, to) = (self.network.parameters(), other.network.parameters());
        let failed =
            |error: candle_core::Error| Error::Network { name: name.clone(), source: error.into() };
        for (from, to) in from.iter().zip(to.iter()) {
            if from.name != to.name || from.variable.dims() != to.variable.dims() {
                return Err(Error::Field {
                    name: name.clone(),
                    field: format!("samples: {shape}"),
                    expected: format!(
                        "{}, as in the training, since `{}` depends on the size",
                        self.shape, from.name
                    ),
                });
            }
            to.variable.set(&from.variable).map_err(failed)?;
        }
        let restored = other.methods.restore(&self.methods.state());
        restored.map_err(|source| Error::Network { name: name.clone(), source })?;
        Ok(other)
    }

    /// The sample brought to the size of the training's: the pixels of an image are weighed as in
    /// [`Way::BilinearAntialias`], an event goes to the pixel that covers its place.
    ///
    /// # Errors
    /// If the sample is of another kind, or has other channels.
    ///
    /// [`Way::BilinearAntialias`]: candlewick_encode::event::Way::BilinearAntialias
    pub fn resized(&self, sample: &Sample<'_>) -> Result<Sample<'static>> {
        match (sample, self.shape) {
            (Sample::Image(image), Shape::Image { channels, height, width })
                if image.channels == channels && height > 0 =>
            {
                Ok(Sample::Image(resized(image, height, width)?))
            }
            (Sample::Events(events), Shape::Events { width, height }) => {
                Ok(Sample::Events(events.clone().scaled(width, height)))
            }
            _ => Err(Error::Field {
                name: self.recipe.data.name.clone(),
                field: format!("samples: {}", sample.shape()),
                expected: format!("{}, as in the training, of any size", self.shape),
            }),
        }
    }
}

/// The loader of an evaluation of `samples`, at the time steps of the last stage.
fn loader_of(recipe: &Recipe, name: &str, samples: Given) -> Result<Loader> {
    let indices: Vec<usize> = (0..samples.len()).collect();
    let set: Arc<dyn Dataset> = Arc::new(samples);
    let machine = Machine { workers: 0, ..Machine::default() };
    let time_steps = recipe.train.time_steps();
    let mut fitting = loaders(recipe, name, &set, &indices, false, &machine)?;
    fitting.retain(|loader| loader.input_steps() == time_steps || loader.input_steps() == 1);
    fitting.pop().ok_or_else(|| Error::Field {
        name: recipe.data.name.clone(),
        field: "train.stages".into(),
        expected: format!("a stage of {time_steps} time steps"),
    })
}

/// What is known of the samples of a recipe without its files: of embedded sets all, of others the shape and
/// the number of classes.
fn known(recipe: &Recipe, name: &str) -> Result<Samples> {
    let (entry, _) = find(&recipe.data.name)?;
    if entry.is_embedded() {
        let set = candlewick_datasets::open(entry.name, Split::Test, None)?;
        return Ok(recorded(set.info().shape, &set.info().classes));
    }
    if entry.classes == 0 {
        return Err(Error::Field {
            name: name.into(),
            field: format!("data.name: {}", entry.name),
            expected: "a data set whose classes are known without its files".into(),
        });
    }
    let classes: Vec<String> = (0..entry.classes).map(|class| class.to_string()).collect();
    Ok(recorded(entry.shape, &classes))
}
