//! A network with all that its training steps need.

use candle_core::Device;
use candlewick_core::Key;
use candlewick_device::{Counts, Precision, Queue};
use candlewick_encode::Batch;
use candlewick_methods::Methods;
use candlewick_network::Network;
use candlewick_train::{Optimizer, Settings, StepReport, StepSettings, step};

use super::Result;

/// A network with all that its training steps need, on one device.
#[derive(Debug)]
pub(crate) struct Trainee {
    pub(crate) network: Network,
    methods: Methods,
    optimizer: Optimizer,
    batch: Batch,
    time_steps: usize,
    device: Device,
    /// Steps that were made.
    made: u64,
    /// How products round.
    pub(crate) precision: Precision,
}

impl Trainee {
    /// The network, which is trained by these methods on a batch that is moved to the device.
    pub(crate) fn new(
        network: Network,
        methods: Methods,
        mut batch: Batch,
        settings: &Settings,
        device: &Device,
    ) -> Result<Self> {
        batch.input = batch.input.to_device(device)?;
        batch.labels = batch.labels.to_device(device)?;
        let optimizer = Optimizer::new(&settings.optimizer, settings.groups, network.parameters())?;
        let time_steps = settings.time_steps();
        let (device, precision) = (device.clone(), Precision::F32);
        Ok(Self { network, methods, optimizer, batch, time_steps, device, made: 0, precision })
    }

    /// Samples of the batch.
    pub(crate) fn samples(&self) -> usize {
        self.batch.indices.len()
    }

    /// Time steps of the network.
    pub(crate) fn time_steps(&self) -> usize {
        self.time_steps
    }

    /// A training step.
    pub(crate) fn step(&mut self) -> Result<StepReport> {
        let key = Key::new(1).named("step").at(self.made);
        self.made += 1;
        let mut settings = StepSettings::new(self.time_steps, key);
        settings.context.precision = self.precision;
        let Self { network, methods, optimizer, batch, .. } = self;
        Ok(step(network, methods, optimizer, batch, &settings)?)
    }

    /// What the device did for the network so far, and for what stands outside of networks: optimizers and norms.
    pub(crate) fn counts(&self) -> [Counts; 2] {
        let outside = Queue::of(&self.device).map(|queue| queue.counts());
        [self.network.device_counts(), outside.unwrap_or_default()]
    }
}
