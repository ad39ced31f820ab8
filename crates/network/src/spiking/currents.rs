//! What a layer of neurons adds up to its input current.

use std::sync::Arc;

use candle_core::Tensor;
use candlewick_core::Result;
use candlewick_device::{Adjusted, Floats};
use candlewick_kernels::neuron::current::{PerChannel, Source};
use candlewick_kernels::spikes::Spikes;

use crate::buffer::Buffer;
use crate::kept::Kept;
use crate::signal::{Values, decoded};
use crate::{Features, Pass, Signal};

/// A summand of the input current, `[T, B, …]` or `[1, B, …]`.
#[derive(Debug)]
pub(crate) struct Summand {
    pub(super) time: usize,
    pub(super) batch: usize,
    values: SummandValues,
}

#[derive(Debug)]
enum SummandValues {
    Floats(Arc<Kept<Buffer>>, Option<PerChannel>),
    Spikes(Arc<Spikes>),
    Device(Arc<Kept<Floats>>, Option<Arc<Adjusted>>),
    Tensor(Tensor),
}

/// A summand in memory.
pub(super) enum Read<'a> {
    Floats(Arc<Buffer>, Option<&'a PerChannel>),
    Spikes(&'a Spikes),
}

impl Summand {
    /// Currents with the time steps and samples of `x`, before their normalization.
    pub(crate) fn currents(
        x: &Signal,
        values: Arc<Kept<Buffer>>,
        normalization: Option<PerChannel>,
    ) -> Self {
        let values = SummandValues::Floats(values, normalization);
        Self { time: x.time, batch: x.batch, values }
    }

    /// As [`currents`](Self::currents), on a device that has kernels.
    pub(crate) fn on_device(
        x: &Signal,
        values: Arc<Kept<Floats>>,
        normalization: Option<Arc<Adjusted>>,
    ) -> Self {
        let values = SummandValues::Device(values, normalization);
        Self { time: x.time, batch: x.batch, values }
    }

    /// An activation as it is: the shortcut of a residual block.
    pub(crate) fn as_it_is(signal: &Signal, pass: &Pass) -> Self {
        let values = match &signal.values {
            Values::Tensor(tensor) => SummandValues::Tensor(tensor.clone()),
            Values::Device(values) => SummandValues::Device(Kept::new(values.clone(), None), None),
            Values::Dense(values) => SummandValues::Floats(Kept::new(values.clone(), None), None),
            Values::Spikes(spikes)
                if spikes.is_binary() && Spikes::is_seamless(signal.features.channels()) =>
            {
                SummandValues::Spikes(spikes.clone())
            }
            Values::Spikes(spikes) => {
                let (spikes, pool) = (spikes.clone(), pass.pool.clone());
                let decode = move || Arc::new(decoded(&spikes, &pool));
                let values = decode();
                let again = Box::new(move || Ok(decode()));
                SummandValues::Floats(Kept::new(values, Some(again)), None)
            }
        };
        Self { time: signal.time, batch: signal.batch, values }
    }

    /// The tensor `[T, B, …]` of a summand on a device.
    pub(super) fn tensor(&self, features: Features, pass: &Pass) -> Result<Tensor> {
        match (&self.values, pass.queue()) {
            (SummandValues::Tensor(tensor), _) => Ok(tensor.clone()),
            (SummandValues::Device(kept, normalization), Some(queue)) => {
                let mut dims = vec![self.time, self.batch];
                dims.extend(features.dims());
                let values = kept.values()?;
                Ok(match normalization {
                    Some(adjusted) => queue.normalize(&values, adjusted)?.tensor(&dims)?,
                    None => values.tensor(&dims)?,
                })
            }
            _ => Err(misplaced()),
        }
    }

    /// The array of a summand on a device that has kernels, which is in memory from now on, with its
    /// normalization.
    pub(super) fn on_its_device(&self) -> Result<(Arc<Floats>, Option<Arc<Adjusted>>)> {
        match &self.values {
            SummandValues::Device(kept, normalization) => {
                Ok((kept.values()?, normalization.clone()))
            }
            _ => Err(misplaced()),
        }
    }

    /// The floats or bits, which are in memory from now on.
    pub(super) fn read(&self) -> Result<Read<'_>> {
        match &self.values {
            SummandValues::Floats(kept, normalization) => {
                Ok(Read::Floats(kept.values()?, normalization.as_ref()))
            }
            SummandValues::Spikes(spikes) => Ok(Read::Spikes(spikes)),
            SummandValues::Device(..) | SummandValues::Tensor(_) => Err(misplaced()),
        }
    }

    /// Gives back the memory of floats that can be made again.
    pub(super) fn let_go(&self) {
        match &self.values {
            SummandValues::Floats(kept, _) => kept.let_go(),
            SummandValues::Device(kept, _) => kept.let_go(),
            SummandValues::Spikes(_) | SummandValues::Tensor(_) => (),
        }
    }
}

fn misplaced() -> candlewick_core::Error {
    candlewick_core::Error::Shape {
        what: "currents that meet in a layer of neurons".into(),
        expected: "currents on one device".into(),
        got: "some in memory and some on a device".into(),
    }
}

impl Read<'_> {
    pub(super) fn source(&self) -> Source<'_> {
        match self {
            Self::Floats(values, Some(normalization)) => Source::Normalized(values, normalization),
            Self::Floats(values, None) => Source::Values(values),
            Self::Spikes(spikes) => Source::Spikes(spikes),
        }
    }
}
