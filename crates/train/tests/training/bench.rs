//! What the tests train: networks, data, a method with a state, and listeners that interfere.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use candle_core::{Device, Tensor};
use candlewick_core::Key;
use candlewick_core::parameters::{Parameters, seeded};
use candlewick_datasets::{Split, open};
use candlewick_encode::{AnyMix, Loader};
use candlewick_methods::{AnyLoss, Method, MethodSettings, Methods, Moment, Outputs, Scores};
use candlewick_network::{Features, Network, Spec};
use candlewick_run::manifest::SCHEMA;
use candlewick_run::{Manifest, RunDirectory, Status};
use candlewick_train::optimizer::AdamW;
use candlewick_train::{
    AnyOptimizer, Cadence, Ended, Event, Loaders, Progress, Settings, Silent, Stage, Trainer,
};

pub(crate) type Result<T, E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

/// The network `layers` on 8×8 images with ten classes.
pub(crate) fn network(layers: &str, seed: u64) -> Result<Network> {
    Ok(network_with(layers, seed, &Methods::new())?)
}

/// The same with the methods that act inside of a network.
pub(crate) fn network_with(
    layers: &str,
    seed: u64,
    methods: &Methods,
) -> candlewick_core::Result<Network> {
    let image = Features::Map { height: 8, width: 8, channels: 1 };
    let parameters = seeded(&Device::Cpu, Key::new(seed));
    let spec = Spec { layers: layers.into(), bias: true };
    Network::of(spec).methods(methods).build(image, 10, parameters)
}

/// The first `count` digits of a split in batches of 32, shuffled for training.
pub(crate) fn digits(split: Split, count: usize) -> Result<Vec<Loader>> {
    mixed_digits(split, count, None)
}

/// The same with the samples of a batch mixed.
pub(crate) fn mixed_digits(split: Split, count: usize, mix: Option<AnyMix>) -> Result<Vec<Loader>> {
    let settings = candlewick_encode::Settings {
        mix,
        batch_size: 32,
        shuffle: split == Split::Train,
        subset: Some((0..count).collect()),
        ..candlewick_encode::Settings::new(Key::new(5).named(split.name()))
    };
    Ok(vec![Loader::new(Arc::from(open("digits", split, None)?), settings, Device::Cpu)?])
}

/// The first digits of each split, without validation data.
pub(crate) fn loaders(train: usize, test: usize) -> Result<Loaders> {
    Ok(Loaders {
        name: "digits".into(),
        train: digits(Split::Train, train)?,
        validation: Vec::new(),
        test: digits(Split::Test, test)?,
    })
}

/// Adam with a learning rate of 0.005 over `stages`.
pub(crate) fn settings(stages: Vec<Stage>) -> Settings {
    let adam = AdamW { learning_rate: 0.005, weight_decay: 0.01, ..AdamW::default() };
    Settings { stages, optimizer: AnyOptimizer::AdamW(adam), ..Settings::default() }
}

/// A new run directory at `path`, of a recipe whose only setting is the seed.
pub(crate) fn run_directory(path: &Path) -> Result<RunDirectory> {
    run_directory_of(path, 5)
}

/// The same with another seed.
pub(crate) fn run_directory_of(path: &Path, seed: u64) -> Result<RunDirectory> {
    let manifest = Manifest {
        schema: SCHEMA,
        status: Status::Running,
        version: "0".into(),
        recipe_hash: String::new(),
        source_hash: String::new(),
        git_commit: None,
        git_dirty: None,
        features: Vec::new(),
        target: "test".into(),
        device: "cpu".into(),
        threads: 1,
        processor: None,
        instructions: None,
        seed,
        data: Vec::new(),
        samples: None,
        command_line: Vec::new(),
        started_at: None,
    };
    let recipe = format!("seed = {seed}\n");
    Ok(RunDirectory::create(path, manifest, &recipe, &recipe)?)
}

/// Output weights that follow the training accuracy of each time step: a method with a state that
/// must survive a resume.
#[derive(Debug, Default)]
pub(crate) struct Weighted {
    right: Vec<f64>,
    weights: Vec<f64>,
}

impl Weighted {
    fn weights(&self, time_steps: usize) -> Vec<f32> {
        let weight = |t| self.weights.get(t).copied().unwrap_or(1.0) as f32;
        (0..time_steps).map(weight).collect()
    }
}

impl Method for Weighted {
    fn name(&self) -> &'static str {
        "weighted"
    }

    fn logits(
        &self,
        logits: Tensor,
        _outputs: &Outputs,
        _moment: &Moment,
    ) -> candlewick_core::Result<Tensor> {
        let time_steps = logits.dim(0)?;
        let weights = Tensor::new(self.weights(time_steps), logits.device())?;
        Ok(logits.broadcast_mul(&weights.reshape((time_steps, 1, 1))?)?)
    }

    fn output_weights(&self, time_steps: usize) -> Option<Vec<f32>> {
        Some(self.weights(time_steps))
    }

    fn observe(&mut self, scores: &Scores, labels: &[u32], _moment: &Moment) {
        self.right.resize(scores.time_steps(), 0.0);
        for (t, sum) in self.right.iter_mut().enumerate() {
            let right = scores.right_at(t, labels);
            *sum += right.into_iter().filter(|&right| right).count() as f64;
        }
    }

    fn end_epoch(&mut self, _moment: &Moment) {
        let right = std::mem::take(&mut self.right);
        let mean = right.iter().sum::<f64>() / right.len() as f64;
        self.weights.resize(right.len(), 1.0);
        for (weight, right) in self.weights.iter_mut().zip(right) {
            *weight = 0.7 * *weight + 0.3 * right / mean;
        }
    }

    fn state(&self) -> Vec<(&'static str, Vec<f64>)> {
        vec![("right", self.right.clone()), ("weights", self.weights.clone())]
    }

    fn restore(&mut self, name: &str, values: &[f64]) -> bool {
        match name {
            "right" => self.right = values.to_vec(),
            "weights" => self.weights = values.to_vec(),
            _ => return false,
        }
        true
    }

    fn report(&self, _: &Parameters, _: &Moment) -> Vec<(&'static str, Vec<f32>)> {
        vec![("weights", self.weights(self.weights.len()))]
    }
}

/// A training that can be repeated: everything but the run directory and what happens to it.
pub(crate) struct Training {
    pub(crate) layers: &'static str,
    pub(crate) settings: Settings,
    /// The loss and methods; [`Weighted`] if absent.
    pub(crate) methods: Option<(AnyLoss, MethodSettings)>,
    pub(crate) loaders: Loaders,
    pub(crate) cadence: Cadence,
}

impl Training {
    /// Ten steps per epoch, with dropout, so that the random streams matter.
    pub(crate) fn small(settings: Settings) -> Result<Self> {
        Ok(Self {
            layers: "FC24-DP0.2-FC10",
            settings,
            methods: None,
            loaders: loaders(310, 60)?,
            cadence: Cadence { seconds: None, steps: None },
        })
    }

    /// The methods as they are before a training.
    pub(crate) fn methods(&self) -> Methods {
        match &self.methods {
            Some((loss, settings)) => settings.methods(loss),
            None => Methods::new().with(Weighted::default()),
        }
    }

    /// Runs it with a new network and new methods, as a new process would.
    pub(crate) fn run(
        &self,
        run: Option<&mut RunDirectory>,
        progress: &mut dyn Progress,
        stop: &AtomicBool,
    ) -> candlewick_train::Result<Ended> {
        let mut methods = self.methods();
        let network = network_with(self.layers, 5, &methods)?;
        let mut trainer = Trainer::new(&network, &mut methods)
            .settings(self.settings.clone())
            .key(Key::new(5))
            .cadence(self.cadence)
            .progress(progress)
            .stop(stop);
        if let Some(run) = run {
            trainer = trainer.run(run);
        }
        trainer.fit_loaders(&self.loaders)
    }

    /// Runs it to the end in a new directory and returns what a run is compared by.
    pub(crate) fn record(&self, path: &Path) -> Result<Record> {
        let mut run = run_directory(path)?;
        let ended = self.run(Some(&mut run), &mut Silent, &AtomicBool::new(false))?;
        assert!(matches!(ended, Ended::Complete(_)), "{ended:?}");
        Record::read(path)
    }
}

/// The bytes of a run that do not depend on the clock.
#[derive(PartialEq)]
pub(crate) struct Record {
    pub(crate) metrics: Vec<u8>,
    pub(crate) last: Vec<u8>,
    pub(crate) best: Vec<u8>,
}

impl Record {
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let checkpoint = |name: &str| std::fs::read(path.join("checkpoints").join(name));
        Ok(Self {
            metrics: std::fs::read(path.join("metrics.jsonl"))?,
            last: checkpoint("last.safetensors")?,
            best: checkpoint("best.safetensors")?,
        })
    }

    /// Compares without printing megabytes.
    pub(crate) fn assert_equals(&self, other: &Self, what: &str) {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert_eq!(text(&self.metrics), text(&other.metrics), "metrics, {what}");
        assert!(self.last == other.last, "last checkpoint, {what}");
        assert!(self.best == other.best, "best checkpoint, {what}");
    }
}

/// Sets `stop` at a moment of the training.
pub(crate) struct StopAt<'a> {
    pub(crate) stop: &'a AtomicBool,
    /// Epoch from 1, and steps done in it; or that many batches of its test evaluation.
    pub(crate) moment: (u32, u64),
    pub(crate) in_evaluation: bool,
    pub(crate) epoch: u32,
}

impl Progress for StopAt<'_> {
    fn event(&mut self, event: &Event<'_>) {
        let reached = match *event {
            Event::Step(report) => {
                self.epoch = report.epoch;
                !self.in_evaluation && (report.epoch, report.step) == self.moment
            }
            Event::Evaluating { batch, .. } => {
                self.in_evaluation && (self.epoch, batch) == self.moment
            }
            _ => false,
        };
        if reached {
            self.stop.store(true, Ordering::Relaxed);
        }
    }
}

/// Copies a run directory when its checkpoint number `at` has been written, as a process finds it
/// that follows one which was killed there; metrics that were written later are included.
pub(crate) struct CopyAt {
    pub(crate) at: usize,
    pub(crate) written: usize,
    pub(crate) from: PathBuf,
    pub(crate) to: PathBuf,
    pub(crate) failure: Option<std::io::Error>,
}

impl Progress for CopyAt {
    fn event(&mut self, event: &Event<'_>) {
        if let Event::Checkpoint { .. } = event {
            self.written += 1;
            if self.written == self.at {
                self.failure = copy(&self.from, &self.to).err();
            }
        }
    }
}

pub(crate) fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
