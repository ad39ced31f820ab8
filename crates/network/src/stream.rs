//! A network on a sequence that arrives step by step.

use std::sync::{Arc, Mutex};

use candle_core::Tensor;
use candlewick_core::{Error, Result};

use crate::pass::{States, lock};
use crate::{Context, Network, Pass};

/// A trained network on a sequence, with the state of its neurons: `[B, …]` to logits `[B, K]`, step by step.
///
/// The bits of the logits do not depend on where the sequence is cut into calls; they are those of an
/// evaluation of the whole sequence with [`Context::stepwise`], and differ from one without by
/// rounding, since that one forms the sums over synapses for several steps at a time.
///
/// ```
/// # use candle_core::{Device, Tensor};
/// # use candlewick_core::{Key, parameters::seeded};
/// # use candlewick_network::{Features, Network};
/// # let image = Features::Map { height: 8, width: 8, channels: 2 };
/// # let builder = seeded(&Device::Cpu, Key::new(1));
/// # let network = Network::spec("4C3-AP2-FC10").build(image, 10, builder)?;
/// # let frames = [Tensor::ones((1, 8, 8, 2), candle_core::DType::F32, &Device::Cpu)?];
/// let mut stream = network.stream(1);
/// for frame in &frames {
///     let logits = stream.step(frame)?; // [B, H, W, C] to [B, K]
///     assert_eq!(logits.dims(), [1, 10]);
/// }
/// # Ok::<(), candlewick_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Stream<'a> {
    network: &'a Network,
    batch: usize,
    states: Arc<Mutex<States>>,
}

impl Network {
    /// Starts a sequence of `batch` samples, whose neurons are in their initial state.
    pub fn stream(&self, batch: usize) -> Stream<'_> {
        Stream { network: self, batch, states: Arc::default() }
    }
}

impl Stream<'_> {
    /// One time step: `[B, …]` to logits `[B, K]`.
    ///
    /// # Errors
    /// If the shape does not fit.
    pub fn step(&mut self, x: &Tensor) -> Result<Tensor> {
        Ok(self.run(&x.unsqueeze(0)?)?.get(0)?)
    }

    /// Several time steps: `[T, B, …]` to logits `[T, B, K]`.
    ///
    /// # Errors
    /// If the shape does not fit.
    pub fn run(&mut self, x: &Tensor) -> Result<Tensor> {
        let (time_steps, batch) = candlewick_core::axes::time_and_batch(x)?;
        if batch != self.batch {
            return Err(Error::Shape {
                what: "input of a stream, axis 1 (batch)".into(),
                expected: self.batch.to_string(),
                got: batch.to_string(),
            });
        }
        let context = Context { stepwise: true, ..Context::evaluation(time_steps) };
        let mut pass = Pass::new(context, self.network.pool().clone(), x.device());
        pass.states = Some(self.states.clone());
        Ok(self.network.run(x, &pass)?.logits)
    }

    /// Resets all neurons to their initial state, for the next sequence.
    pub fn reset(&mut self) {
        lock(&self.states).clear();
    }
}
