//! Training and test data.

use std::path::Path;
use std::sync::Arc;

use candle_core::Device;
use candlewick_core::Key;
use candlewick_datasets::{Dataset, Split};
use candlewick_encode::{Batches, Loader, Settings};
use candlewick_network::Features;

use crate::error::{Error, Result};
use crate::loaders;

/// Loaders of the samples of a training: in each list one per number of time steps, or one whose
/// input is the same at all steps.
#[derive(Debug)]
pub struct Loaders {
    /// Name of the data set.
    pub name: String,
    /// The training data.
    pub train: Vec<Loader>,
    /// Training data that are held out; empty if there are none.
    pub validation: Vec<Loader>,
    /// The test data.
    pub test: Vec<Loader>,
}

/// A data set, and how its samples become batches.
///
/// ```
/// let data = candlewick_train::Data::open("digits")?.batch_size(32).time_steps(4);
/// assert_eq!((data.features()?.to_string(), data.classes()), ("a map of 8×8×1".into(), 10));
/// let batch = data.batches(0)?.next().expect("a batch")?;
/// assert_eq!(batch.input.dims(), [1, 32, 8, 8, 1]); // [T, B, H, W, C], 1 for all time steps
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Data {
    name: String,
    train: Arc<dyn Dataset>,
    test: Arc<dyn Dataset>,
    settings: Settings,
    device: Device,
}

impl Data {
    /// An embedded data set: `digits`, `fashion-mnist-small` or `fashion-mnist-dvs`.
    ///
    /// # Errors
    /// If there is no such data set.
    pub fn open(name: &str) -> Result<Self> {
        Self::open_in(name, None)
    }

    /// A data set by its name, below the folder `folder` if it is not embedded.
    ///
    /// # Errors
    /// If there is no such data set, or it cannot be read.
    pub fn open_in(name: &str, folder: Option<&Path>) -> Result<Self> {
        let open = |split| -> Result<Arc<dyn Dataset>> {
            let set = candlewick_datasets::open(name, split, folder);
            Ok(Arc::from(set.map_err(|error| Error::Data(Box::new(error)))?))
        };
        Ok(Self::new(name, open(Split::Train)?, open(Split::Test)?))
    }

    /// Your own samples to train and to test on.
    pub fn new(name: &str, train: Arc<dyn Dataset>, test: Arc<dyn Dataset>) -> Self {
        let settings = Settings { batch_size: 32, ..Settings::new(Key::new(0)) };
        Self { name: name.into(), train, test, settings, device: Device::Cpu }
    }

    /// Samples per batch. Default 32.
    #[must_use]
    pub fn batch_size(mut self, batch_size: usize) -> Self {
        self.settings.batch_size = batch_size;
        self
    }

    /// Time steps T. Default 4.
    #[must_use]
    pub fn time_steps(mut self, time_steps: usize) -> Self {
        self.settings.time_steps = time_steps;
        self
    }

    /// Changes the other settings of the loaders: encoder, augmentation, event frames, workers.
    #[must_use]
    pub fn settings(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(&mut self.settings);
        self
    }

    /// The device of the batches. Default the CPU.
    #[must_use]
    pub fn device(mut self, device: Device) -> Self {
        self.device = device;
        self
    }

    /// Name of the data set.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.train.info().classes.len()
    }

    /// Time steps of the batches' networks.
    pub fn steps(&self) -> usize {
        self.settings.time_steps
    }

    /// The shape of a sample at one time step.
    ///
    /// # Errors
    /// If the settings do not fit the samples.
    pub fn features(&self) -> Result<Features> {
        Ok(features(&self.loader(true, self.settings.time_steps)?))
    }

    /// The training batches of epoch number `epoch`, from 0, in its shuffled order.
    ///
    /// # Errors
    /// If the settings do not fit the samples.
    pub fn batches(&self, epoch: u64) -> Result<Batches> {
        let loader = self.loader(true, self.settings.time_steps)?;
        loader.epoch(epoch, 0).map_err(loaders::failed)
    }

    /// The test batches.
    ///
    /// # Errors
    /// If the settings do not fit the samples.
    pub fn test_batches(&self) -> Result<Batches> {
        let loader = self.loader(false, self.settings.time_steps)?;
        loader.epoch(0, 0).map_err(loaders::failed)
    }

    /// Loaders for trainings at these numbers of time steps.
    ///
    /// # Errors
    /// If the settings do not fit the samples.
    pub fn loaders(&self, time_steps: &[usize]) -> Result<Loaders> {
        let all = |training| -> Result<Vec<Loader>> {
            let mut all: Vec<Loader> = Vec::new();
            for &steps in time_steps {
                if !all.iter().any(|known| [1, steps].contains(&known.input_steps())) {
                    all.push(self.loader(training, steps)?);
                }
            }
            Ok(all)
        };
        let (train, test) = (all(true)?, all(false)?);
        Ok(Loaders { name: self.name.clone(), train, validation: Vec::new(), test })
    }

    fn loader(&self, training: bool, time_steps: usize) -> Result<Loader> {
        let (set, purpose) = if training { (&self.train, "train") } else { (&self.test, "test") };
        let settings = self.settings.clone();
        let augmentation = settings.augmentation.clone();
        let settings = Settings {
            time_steps,
            shuffle: training,
            // A last batch of one sample has no batch statistics.
            drop_last: training && set.labels().len() >= settings.batch_size,
            augmentation: if training { augmentation } else { augmentation.evaluation() },
            mix: settings.mix.clone().filter(|_| training),
            key: settings.key.named(purpose),
            ..settings
        };
        Loader::new(set.clone(), settings, self.device.clone()).map_err(loaders::failed)
    }
}

/// The shape of a loader's samples at one time step.
pub fn features(loader: &Loader) -> Features {
    match *loader.input_dims() {
        [height, width, channels] => Features::Map { height, width, channels },
        ref dims => Features::Vector { size: dims.iter().product() },
    }
}
