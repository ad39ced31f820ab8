//! The loader: batches prepared ahead on worker threads, in a fixed order.

mod batches;
mod order;
mod plan;
mod source;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::Device;
use candlewick_core::Key;
use candlewick_datasets::Dataset;
use candlewick_ranks::Shards;

pub use batches::{Batch, Batches, Mixed};

use crate::encoder::Direct;
use crate::{AnyEncoder, AnyMix, Augmentation, Error, EventInput, ImageInput, Result};
use batches::Work;
use order::Order;
use plan::Plan;
pub(crate) use source::Source;

/// How samples become batches.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Samples per batch, over all shards and ranks; > 0.
    pub batch_size: usize,
    /// Steps T that the network runs for; > 0.
    pub time_steps: usize,
    /// From event recordings to frames; ignored for images.
    pub events: EventInput,
    /// From images of different sizes to one size, which such data sets need; ignored for
    /// others. For evaluation give [`ImageInput::evaluation`].
    pub images: Option<ImageInput>,
    /// A folder for the decoded frames of event recordings, which are then decoded once; the first
    /// loader of a data set decodes all of it, with the worker threads. Ignored for images.
    pub cache: Option<PathBuf>,
    /// From frames to the input of the network.
    pub encoder: AnyEncoder,
    /// Transforms of the frames; for evaluation give [`Augmentation::evaluation`].
    pub augmentation: Augmentation,
    /// Mixing of the samples of a batch, which gives them two labels; with direct encoding only.
    pub mix: Option<AnyMix>,
    /// Whether the order of the samples is drawn anew for each epoch.
    pub shuffle: bool,
    /// Whether a last batch of fewer samples is left out.
    pub drop_last: bool,
    /// The samples that are used, in this order; all if `None`.
    pub subset: Option<Vec<usize>>,
    /// How each batch is divided: samples are mixed within a shard, and this rank prepares its own shards
    /// alone. By default a batch is one shard.
    pub shards: Shards,
    /// Worker threads; 0 prepares each batch when it is asked for.
    pub workers: usize,
    /// Batches that each worker prepares ahead; > 0.
    pub prefetch: usize,
    /// The stream from which order, augmentation and encoding are drawn.
    pub key: Key,
}

impl Settings {
    /// Single samples in the order of the data set, for one step, by one worker.
    pub fn new(key: Key) -> Self {
        Self {
            batch_size: 1,
            time_steps: 1,
            events: EventInput::default(),
            images: None,
            cache: None,
            encoder: Direct::default().into(),
            augmentation: Augmentation::default(),
            mix: None,
            shuffle: false,
            drop_last: false,
            subset: None,
            shards: Shards::default(),
            workers: 1,
            prefetch: 2,
            key,
        }
    }
}

/// Prepares the batches of a data set.
///
/// What a batch holds depends on the settings, the epoch and its number in the epoch alone: not on
/// the number of workers, and not on the batches before it.
#[derive(Debug)]
pub struct Loader {
    plan: Arc<Plan>,
    order: Order,
    workers: usize,
    prefetch: usize,
    device: Device,
}

impl Loader {
    /// A loader of `dataset` that puts its batches on `device`.
    ///
    /// # Errors
    /// If a setting is out of range, or the samples do not fit to encoder or augmentation.
    pub fn new(dataset: Arc<dyn Dataset>, settings: Settings, device: Device) -> Result<Self> {
        for (field, value) in [
            ("batch_size", settings.batch_size),
            ("time_steps", settings.time_steps),
            ("prefetch", settings.prefetch),
        ] {
            if value == 0 {
                return Err(Error::setting(field, "at least 1", value));
            }
        }
        let order = Order::new(dataset.len(), &settings)?;
        let (workers, prefetch) = (settings.workers, settings.prefetch);
        let plan = Plan::new(dataset, settings)?;
        Ok(Self { plan: Arc::new(plan), order, workers, prefetch, device })
    }

    /// The data set.
    pub fn dataset(&self) -> &dyn Dataset {
        self.plan.dataset()
    }

    /// The file of decoded frames, if there is one; its name holds the first digits of its key.
    pub fn cache(&self) -> Option<&Path> {
        self.plan.cache()
    }

    /// How its batches are divided.
    pub fn shards(&self) -> &Shards {
        self.order.shards()
    }

    /// The number of batches of an epoch.
    pub fn batches(&self) -> usize {
        self.order.batches()
    }

    /// The number of samples of the smallest batch, which is the last one.
    pub fn smallest_batch(&self) -> usize {
        self.order.smallest_batch()
    }

    /// The number of samples of an epoch, over all ranks.
    pub fn samples(&self) -> usize {
        self.order.samples()
    }

    /// Steps of the input of the network: 1 for one that is the same at all steps.
    pub fn input_steps(&self) -> usize {
        self.plan.steps()
    }

    /// Shape of one step of one sample: `[H, W, C]`, or `[N]` for spike trains and vectors.
    pub fn input_dims(&self) -> &[usize] {
        self.plan.dims()
    }

    /// The batches of epoch `epoch`, from batch number `first` on.
    ///
    /// # Errors
    /// If a worker thread cannot be started.
    pub fn epoch(&self, epoch: u64, first: usize) -> Result<Batches> {
        let work = Work {
            plan: Arc::clone(&self.plan),
            epoch,
            first,
            batches: self.order.epoch(self.plan.key(), epoch, first),
        };
        let device = self.device.clone();
        Batches::start(work, self.workers, self.prefetch, device)
    }
}
