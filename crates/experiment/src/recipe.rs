//! Recipes: what was written, and what a training runs on.

use candlewick_methods::{AnyLoss, MethodSettings, Methods};
use candlewick_network::{AnyNetwork, ThresholdBatchNorm};
use candlewick_neuron::{AnyNeuron, Preset};
use candlewick_run::RunDirectory;
use candlewick_surrogate::AnySurrogate;
use candlewick_train::Settings;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Data, Error, Input, Result, ranges};

/// A recipe as it was written: what is absent takes its default, or that of the recipe below it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawRecipe {
    /// Which samples are trained and tested on; required.
    data: Option<Data>,
    /// From samples to batches.
    input: Option<Input>,
    /// The neuron and surrogate of another library, by the name of the preset: `tet`, `msg`, `spikingjelly`,
    /// `snntorch` or `norse`. Default none; `neuron` and `surrogate` replace its parts.
    preset: Option<String>,
    /// The neuron of all spiking layers. Default `lif`.
    neuron: Option<AnyNeuron>,
    /// The surrogate derivative of all spiking layers. Default `triangle`.
    surrogate: Option<AnySurrogate>,
    /// The network; required.
    network: Option<AnyNetwork>,
    /// The batch normalization of the network, if it has one.
    normalization: Option<ThresholdBatchNorm>,
    /// Whether there is a batch normalization behind every convolution. Default true.
    normalize: Option<bool>,
    /// The loss. Default `cross_entropy`.
    loss: Option<AnyLoss>,
    /// The training methods besides the loss, each on if its table is there. Default none.
    methods: Option<MethodSettings>,
    /// Stages, optimizer, schedule; required.
    train: Option<Settings>,
    /// Seed of all random streams. Default 1.
    seed: Option<u64>,
}

/// A recipe in which everything is present: what `resolved.toml` of a run holds.
///
/// It is again a recipe: training it repeats the run to the bit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Seed of all random streams.
    pub seed: u64,
    /// Whether there is a batch normalization behind every convolution.
    pub normalize: bool,
    /// Which samples are trained and tested on.
    pub data: Data,
    /// From samples to batches.
    pub input: Input,
    /// The neuron of all spiking layers.
    pub neuron: AnyNeuron,
    /// The surrogate of all spiking layers.
    pub surrogate: AnySurrogate,
    /// The network.
    pub network: AnyNetwork,
    /// Its batch normalization.
    pub normalization: ThresholdBatchNorm,
    /// The loss.
    pub loss: AnyLoss,
    /// The methods beside the loss.
    pub methods: MethodSettings,
    /// Stages, optimizer, schedule.
    pub train: Settings,
}

impl RawRecipe {
    /// Reads a recipe; `name` is named in errors.
    ///
    /// # Errors
    /// With line and column, if the text is not TOML or has a key that does not belong there.
    pub fn parse(text: &str, name: &str) -> Result<Self> {
        toml::from_str(text)
            .map_err(|source| Error::Parse { name: name.into(), source: Box::new(source) })
    }

    /// This recipe on top of `base`: each part that it names replaces that of the base as a whole, and a
    /// preset replaces both neuron and surrogate.
    #[must_use]
    pub fn over(self, base: &Self) -> Self {
        let mut base = base.clone();
        if self.preset.is_some() {
            (base.neuron, base.surrogate) = (None, None);
        }
        Self {
            data: self.data.or(base.data),
            input: self.input.or(base.input),
            preset: self.preset.or(base.preset),
            neuron: self.neuron.or(base.neuron),
            surrogate: self.surrogate.or(base.surrogate),
            network: self.network.or(base.network),
            normalization: self.normalization.or(base.normalization),
            normalize: self.normalize.or(base.normalize),
            loss: self.loss.or(base.loss),
            methods: self.methods.or(base.methods),
            train: self.train.or(base.train),
            seed: self.seed.or(base.seed),
        }
    }

    /// Whether stages, optimizer and schedule are stated here.
    pub(crate) fn names_training(&self) -> bool {
        self.train.is_some()
    }

    /// The parts that are stated here.
    pub(crate) fn parts(&self) -> impl Iterator<Item = &'static str> {
        let parts = [
            ("data", self.data.is_some()),
            ("input", self.input.is_some()),
            ("preset", self.preset.is_some()),
            ("neuron", self.neuron.is_some()),
            ("surrogate", self.surrogate.is_some()),
            ("network", self.network.is_some()),
            ("normalization", self.normalization.is_some()),
            ("normalize", self.normalize.is_some()),
            ("loss", self.loss.is_some()),
            ("methods", self.methods.is_some()),
            ("train", self.train.is_some()),
            ("seed", self.seed.is_some()),
        ];
        parts.into_iter().filter(|(_, stated)| *stated).map(|(part, _)| part)
    }

    /// The firing rule of its neuron.
    ///
    /// # Errors
    /// If it names a preset that does not exist.
    pub(crate) fn firing(&self) -> candlewick_core::Result<candlewick_neuron::Firing> {
        Ok(match (&self.neuron, &self.preset) {
            (Some(neuron), _) => *neuron.model().firing(),
            (None, Some(preset)) => *Preset::named(preset)?.neuron.model().firing(),
            (None, None) => candlewick_neuron::Firing::default(),
        })
    }

    /// This recipe with a network that stands elsewhere, which has no normalization.
    ///
    /// # Errors
    /// If the recipe says itself which network it is; `name` is named.
    pub(crate) fn with_network(
        mut self,
        network: AnyNetwork,
        neuron: AnyNeuron,
        name: &str,
    ) -> Result<Self> {
        let said = [
            ("network", self.network.is_some()),
            ("normalization", self.normalization.is_some()),
            ("normalize", self.normalize.is_some()),
        ];
        if let Some((field, _)) = said.into_iter().find(|(_, said)| *said) {
            return Err(Error::Field {
                name: name.into(),
                field: field.into(),
                expected: "nothing, since the graph says which network it is".into(),
            });
        }
        self.network = Some(network);
        self.neuron = Some(neuron);
        self.normalize = Some(false);
        Ok(self)
    }

    /// Fills in the defaults and checks every range; `name` is named in errors.
    ///
    /// # Errors
    /// Names the first field that is missing or out of range.
    pub fn resolve(self, name: &str) -> Result<Recipe> {
        let missing = |field: &str, expected: &str| Error::Field {
            name: name.into(),
            field: field.into(),
            expected: expected.into(),
        };
        let (neuron, surrogate) = match &self.preset {
            None => (
                candlewick_neuron::Lif::default().into(),
                candlewick_surrogate::Triangle::default().into(),
            ),
            Some(name) => {
                let preset = Preset::named(name).map_err(|_| {
                    let known = Preset::NAMES.join(", ");
                    missing("preset", &format!("one of {known}; got `{name}`"))
                })?;
                (preset.neuron, preset.surrogate)
            }
        };
        let recipe = Recipe {
            seed: self.seed.unwrap_or(1),
            normalize: self.normalize.unwrap_or(true),
            data: self.data.ok_or_else(|| missing("data", "a table [data] with the key `name`"))?,
            input: self.input.unwrap_or_default(),
            neuron: self.neuron.unwrap_or(neuron),
            surrogate: self.surrogate.unwrap_or(surrogate),
            network: self
                .network
                .ok_or_else(|| missing("network", "a table such as [network.spec]"))?,
            normalization: self.normalization.unwrap_or_default(),
            loss: self.loss.unwrap_or_else(|| candlewick_methods::CrossEntropy::default().into()),
            methods: self.methods.unwrap_or_default(),
            train: self.train.ok_or_else(|| missing("train", "a table [train] with `stages`"))?,
        };
        recipe.check(name)?;
        Ok(recipe)
    }
}

impl Recipe {
    /// Reads a recipe in which everything is present, such as `resolved.toml` of a run.
    ///
    /// # Errors
    /// As [`RawRecipe::parse`] and [`RawRecipe::resolve`].
    pub fn parse(text: &str, name: &str) -> Result<Self> {
        RawRecipe::parse(text, name)?.resolve(name)
    }

    /// Reads the recipe that a run was made by, with everything in it.
    ///
    /// # Errors
    /// [`Error::Run`] if it cannot be read, [`Error::Resolved`] if it is damaged.
    pub fn of_run(run: &RunDirectory) -> Result<Self> {
        let name = run.path().join("resolved.toml").display().to_string();
        Self::parse(&run.resolved()?, &name).map_err(|error| Error::Resolved(Box::new(error)))
    }

    /// The recipe as TOML, with everything in it.
    ///
    /// # Errors
    /// If a setting cannot be written, which is a defect of its type.
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string(self).map_err(|error| Error::Field {
            name: "resolved recipe".into(),
            field: "a setting".into(),
            expected: format!("what TOML can hold: {error}"),
        })
    }

    /// The loss and the methods, ready to train.
    pub fn training_methods(&self) -> Methods {
        self.methods.methods(&self.loss)
    }

    /// Checks the ranges of all settings, and that they fit together; `name` is named in errors.
    ///
    /// # Errors
    /// Names the field.
    pub fn check(&self, name: &str) -> Result<()> {
        let problem = |part: &str, problem: Option<(&'static str, &'static str)>| match problem {
            Some((field, expected)) => Err(Error::Field {
                name: name.into(),
                field: format!("{part}.{field}"),
                expected: expected.into(),
            }),
            None => Ok(()),
        };
        ranges::check(self, name)?;
        if self.data.folds.is_some_and(|folds| folds < 2) {
            problem("data", Some(("folds", "at least 2")))?;
        }
        for (field, samples) in [
            ("train_per_class", self.data.train_per_class),
            ("test_per_class", self.data.test_per_class),
        ] {
            problem("data", (samples == Some(0)).then_some((field, "at least 1")))?;
        }
        if self.data.folds.is_some() && self.data.name.contains(':') {
            problem(
                "data",
                Some(("name", "a name without a partition, since `folds` chooses it")),
            )?;
        }
        problem(&format!("neuron.{}", self.neuron.name()), self.neuron.problem())?;
        problem(&format!("surrogate.{}", self.surrogate.name()), self.surrogate.problem())?;
        problem("normalization", self.normalization.problem())?;
        problem(&format!("loss.{}", self.loss.name()), self.loss.problem())?;
        let methods = self.training_methods();
        if let Some((field, expected)) = methods.problem(&*self.surrogate, &*self.neuron.model()) {
            let field = format!("methods.{field}");
            return Err(Error::Field { name: name.into(), field, expected });
        }
        for (field, value) in [
            ("batch_size", self.input.batch_size),
            ("evaluation_batch_size", self.input.evaluation_batch_size),
        ] {
            problem("input", (value == 0).then_some((field, "at least 1")))?;
        }
        // What the train table says of itself begins with the path of a field in it.
        self.train.check().map_err(|error| match error {
            candlewick_core::Error::Setting { field, expected, got } => Error::Field {
                name: name.into(),
                field: format!("train.{field}"),
                expected: format!("{expected}, got {got}"),
            },
            other => Error::Field {
                name: name.into(),
                field: "train".into(),
                expected: other.to_string(),
            },
        })
    }
}

#[cfg(test)]
mod tests;
