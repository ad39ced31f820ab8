//! The loop over epochs: steps, evaluation, records, checkpoints.

mod epochs;
mod record;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use candlewick_core::Key;
use candlewick_methods::Methods;
use candlewick_ranks::{Alone, Communicator, Shards};
use candlewick_run::{RunDirectory, Summary};

use crate::data::{Data, Loaders};
use crate::error::{Error, Result};
use crate::history::History;
use crate::model::Model;
use crate::optimizer::{AnyOptimizer, Optimizer};
use crate::place::Place;
use crate::progress::{Progress, Silent};
use crate::reduction::Reduction;
use crate::settings::{Settings, Stage};
use crate::speed::Speed;
use epochs::Training;

/// File name of the checkpoint from which a run resumes, below the run's checkpoints.
pub const LAST: &str = "last.safetensors";
/// File name of the weights of the best epoch: on the validation data if there is some, else on
/// the test data.
pub const BEST: &str = "best.safetensors";

/// Configures and runs a training.
///
/// ```
/// # use candle_core::Device;
/// use candlewick_core::{Key, parameters::seeded};
/// use candlewick_methods::{Methods, Tet};
/// use candlewick_network::Network;
/// use candlewick_train::{Data, Trainer, optimizer::AdamW};
///
/// let data = Data::open("digits")?.time_steps(2);
/// let mut methods = Methods::new().with(Tet::default());
/// let network = Network::spec("FC64-FC10")
///     .methods(&methods)
///     .build(data.features()?, data.classes(), seeded(&Device::Cpu, Key::new(7)))?;
/// let ended = Trainer::new(&network, &mut methods)
///     .optimizer(AdamW { learning_rate: 0.005, ..AdamW::default() })
///     .epochs(2)
///     .fit(&data)?;
/// assert!(ended.summary().is_some_and(|summary| summary.accuracy.final_epoch > 0.8));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[expect(missing_debug_implementations, reason = "holds the caller's trait objects")]
pub struct Trainer<'a> {
    model: &'a dyn Model,
    methods: &'a mut Methods,
    settings: Settings,
    epochs: u32,
    update_in_backward: bool,
    key: Key,
    run: Option<&'a mut RunDirectory>,
    cadence: Cadence,
    progress: Option<&'a mut dyn Progress>,
    stop: Option<&'a AtomicBool>,
    communicator: Arc<dyn Communicator>,
}

/// How often checkpoints are written within an epoch; it changes no result.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cadence {
    /// Seconds between two checkpoints.
    pub seconds: Option<f64>,
    /// Steps of an epoch between two checkpoints.
    pub steps: Option<u64>,
}

impl Default for Cadence {
    fn default() -> Self {
        Self { seconds: Some(30.0), steps: None }
    }
}

/// How a training ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Ended {
    /// All epochs are done.
    Complete(Box<Summary>),
    /// It was stopped; the same training resumes from here.
    Interrupted {
        /// Epochs done.
        epoch: u32,
        /// Steps done in this epoch.
        step: u64,
    },
}

impl Ended {
    /// The summary of a complete training; `None` if it was stopped.
    pub fn summary(&self) -> Option<&Summary> {
        match self {
            Self::Complete(summary) => Some(summary),
            Self::Interrupted { .. } => None,
        }
    }
}

impl<'a> Trainer<'a> {
    /// Trains `model` with `methods`, the same that the network was built with.
    pub fn new(model: &'a dyn Model, methods: &'a mut Methods) -> Self {
        Self {
            model,
            methods,
            settings: Settings::default(),
            epochs: 1,
            update_in_backward: false,
            key: Key::new(0),
            run: None,
            cadence: Cadence::default(),
            progress: None,
            stop: None,
            communicator: Arc::new(Alone),
        }
    }

    /// Stages, optimizer, schedule, clipping: all settings at once.
    #[must_use]
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// The rule that updates the parameters.
    #[must_use]
    pub fn optimizer(mut self, optimizer: impl Into<AnyOptimizer>) -> Self {
        self.settings.optimizer = optimizer.into();
        self
    }

    /// Epochs at the data's time steps, unless the settings have stages. Default 1.
    #[must_use]
    pub fn epochs(mut self, epochs: u32) -> Self {
        self.epochs = epochs;
        self
    }

    /// Whether each parameter is updated as soon as its gradient is found, and the gradient freed, for less memory: see
    /// [`StepSettings::update_in_backward`](crate::StepSettings::update_in_backward). Default false.
    #[must_use]
    pub fn update_in_backward(mut self, update_in_backward: bool) -> Self {
        self.update_in_backward = update_in_backward;
        self
    }

    /// The root of all random streams: order of the samples, augmentation, dropout, methods. Default
    /// `Key::new(0)`.
    #[must_use]
    pub fn key(mut self, key: Key) -> Self {
        self.key = key;
        self
    }

    /// The directory that records the run, and from which an interrupted one resumes; without it
    /// nothing is written.
    #[must_use]
    pub fn run(mut self, run: &'a mut RunDirectory) -> Self {
        self.run = Some(run);
        self
    }

    /// How often to write checkpoints within an epoch, in addition to the one at its end. Default every
    /// 30 seconds.
    #[must_use]
    pub fn cadence(mut self, cadence: Cadence) -> Self {
        self.cadence = cadence;
        self
    }

    /// Receives the events of the training: steps, epochs, checkpoints.
    #[must_use]
    pub fn progress(mut self, progress: &'a mut dyn Progress) -> Self {
        self.progress = Some(progress);
        self
    }

    /// When `stop` is set, the training writes a checkpoint after the current step and ends.
    #[must_use]
    pub fn stop(mut self, stop: &'a AtomicBool) -> Self {
        self.stop = Some(stop);
        self
    }

    /// The connection to the other ranks, where several train the network together: each calls
    /// [`fit`](Self::fit) with equal settings, data and initial parameters, and one of the settings is the
    /// number of [`shards`](Settings::shards), which all ranks divide evenly. Rank 0 has the run directory.
    #[must_use]
    pub fn communicator(mut self, communicator: Arc<dyn Communicator>) -> Self {
        self.communicator = communicator;
        self
    }

    /// Trains and tests on `data`, resuming from the run's last checkpoint if there is one.
    ///
    /// # Errors
    /// [`Error::Diverged`] if a loss or gradient is not finite, or, unless the settings say to continue, an epoch
    /// shows that nothing can be learned any more; [`Error::Checkpoint`] if the checkpoint is damaged, lost or
    /// of another network, [`Error::Run`] if it or a record is of another run; and those of settings, data and
    /// layers. The manifest of the run then records why the training ended.
    pub fn fit(mut self, data: &Data) -> Result<Ended> {
        if self.settings.stages.is_empty() {
            self.settings.stages = vec![Stage::new(self.epochs, data.steps())];
        }
        let time_steps: Vec<usize> =
            self.settings.stages.iter().map(|stage| stage.time_steps).collect();
        let shards = Shards::new(self.settings.shards, self.communicator.clone())?;
        let data = data.clone().settings(|settings| settings.shards = shards);
        self.fit_loaders(&data.loaders(&time_steps)?)
    }

    /// As [`fit`](Self::fit), on any loaders; the settings must have stages. The loaders know the shards and
    /// the other ranks.
    ///
    /// # Errors
    /// As [`fit`](Self::fit), and if a loader divides batches into another number of shards than the settings.
    pub fn fit_loaders(self, loaders: &Loaders) -> Result<Ended> {
        let Self { model, methods, settings, key, run, cadence, progress, stop, .. } = self;
        let update_in_backward = self.update_in_backward;
        let (mut silent, never) = (Silent, AtomicBool::new(false));
        settings.check()?;
        let optimizer = Optimizer::new(&settings.optimizer, settings.groups, model.parameters())?;
        let mut training = Training {
            model,
            methods,
            settings,
            update_in_backward,
            key,
            loaders,
            run,
            cadence,
            progress: progress.unwrap_or(&mut silent),
            stop: stop.unwrap_or(&never),
            optimizer,
            reduction: Reduction::default(),
            place: Place::default(),
            history: History::default(),
            speed: Speed::default(),
            last_save: Instant::now(),
        };
        training.check_loaders()?;
        training.resume()?;
        training.finish()
    }
}

/// An error with its causes.
fn in_words(error: &Error) -> String {
    let mut words = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        words = format!("{words}: {cause}");
        source = cause.source();
    }
    words
}
