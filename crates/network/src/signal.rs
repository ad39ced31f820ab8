//! The activations between layers: bits where neurons spike, floats elsewhere, tensors on devices.

use std::sync::Arc;

use candle_core::Tensor;
use candlewick_core::{Error, Result, host};
use candlewick_device::Floats;
use candlewick_kernels::pool::Pool2d;
use candlewick_kernels::spikes::Spikes;

use crate::buffer::{Buffer, Pool};
use crate::{Features, Pass};

/// An activation `[T, B, …]`, or `[1, B, …]` if it is the same at every step.
#[derive(Clone, Debug)]
pub struct Signal {
    pub(crate) time: usize,
    pub(crate) batch: usize,
    pub(crate) features: Features,
    pub(crate) values: Values,
    /// Where a gradient with respect to the activation is needed, if not everywhere: where the
    /// surrogate derivative behind it is not 0.
    pub(crate) support: Option<Arc<Spikes>>,
    /// Whether anything in front of it learns, so that its gradient is needed.
    pub(crate) gradient: bool,
}

/// The values of a [`Signal`].
#[derive(Clone, Debug)]
pub(crate) enum Values {
    Dense(Arc<Buffer>),
    Spikes(Arc<Spikes>),
    /// On a device that has kernels.
    Device(Arc<Floats>),
    /// On another device, without a graph.
    Tensor(Tensor),
}

/// Most levels of activations that are written as bits: event counts, sums of spikes.
pub(crate) const LEVELS: u32 = 15;

impl Signal {
    /// The input of a network.
    ///
    /// # Errors
    /// If the tensor does not have the features that the network was built for.
    pub(crate) fn input(x: &Tensor, features: Features, pass: &Pass) -> Result<Self> {
        let dims = x.dims();
        if dims.len() < 3 || dims[2..] != features.dims() {
            return Err(Error::Shape {
                what: "input of the network, from axis 2".into(),
                expected: format!("{:?}", features.dims()),
                got: format!("{:?}", dims.get(2..).unwrap_or_default()),
            });
        }
        let (time, batch) = (dims[0], dims[1]);
        if time != 1 && time != pass.context.time_steps {
            return Err(Error::Shape {
                what: "input of the network, axis 0 (time)".into(),
                expected: format!("{}, or 1 for a constant input", pass.context.time_steps),
                got: time.to_string(),
            });
        }
        let gradient = pass.is_kept() && x.track_op();
        let values = Values::Tensor(x.detach());
        let signal = Self { time, batch, features, values, support: None, gradient };
        signal.at_home(pass)
    }

    /// The same values where kernels may read them: as bits, if they are small counts and mostly 0.
    fn at_home(self, pass: &Pass) -> Result<Self> {
        let Values::Tensor(tensor) = &self.values else { return Ok(self) };
        if pass.queue().is_some() {
            let values = Values::Device(Arc::new(Floats::of(tensor)?));
            return Ok(Self { values, ..self });
        }
        if !pass.is_on_host() {
            return Ok(self);
        }
        let tensor = tensor.contiguous()?;
        let values = host::values(&tensor)?;
        let shape = [self.time, self.batch * self.features.pixels(), self.features.channels()];
        // How a step is written must not depend on the other steps.
        let bits = if pass.context.stepwise { None } else { events(shape, &values) };
        let values = match bits {
            Some(spikes) => Values::Spikes(Arc::new(spikes)),
            None => Values::Dense(Arc::new(pass.pool.filled(&values))),
        };
        Ok(Self { values, ..self })
    }

    /// An activation with other features, made of this one by a layer: `values` `[T, B, …]` for as
    /// many steps as this one has.
    ///
    /// # Errors
    /// If the number of elements does not fit the features.
    pub fn made_from(&self, features: Features, values: Buffer) -> Result<Self> {
        self.check(features, values.len())?;
        Ok(self.with(features, Values::Dense(Arc::new(values))))
    }

    /// As [`made_from`](Self::made_from), of a tensor without a graph.
    ///
    /// # Errors
    /// If the number of elements does not fit the features, or the tensor does not hold `f32`.
    pub fn made_from_tensor(
        &self,
        features: Features,
        tensor: &Tensor,
        pass: &Pass,
    ) -> Result<Self> {
        self.check(features, tensor.elem_count())?;
        let mut dims = vec![self.time, self.batch];
        dims.extend(features.dims());
        let tensor = tensor.detach().reshape(dims)?;
        self.with(features, Values::Tensor(tensor)).at_home(pass)
    }

    fn check(&self, features: Features, count: usize) -> Result<()> {
        let expected = self.time * self.batch * features.count();
        if count == expected {
            return Ok(());
        }
        Err(Error::Shape {
            what: format!("elements of {} × {} samples of {features}", self.time, self.batch),
            expected: expected.to_string(),
            got: count.to_string(),
        })
    }

    /// As [`made_from`](Self::made_from), of an array on a device that has kernels.
    ///
    /// # Errors
    /// If the number of elements does not fit the features.
    pub fn made_from_device(&self, features: Features, values: Floats) -> Result<Self> {
        self.check(features, values.len())?;
        Ok(self.with(features, Values::Device(Arc::new(values))))
    }

    /// The same axes, with other features and values.
    pub(crate) fn with(&self, features: Features, values: Values) -> Self {
        let Self { time, batch, gradient, .. } = *self;
        Self { time, batch, features, values, support: None, gradient }
    }

    /// The same, behind parameters of which some may learn.
    pub(crate) fn behind(self, learns: bool) -> Self {
        Self { gradient: self.gradient || learns, ..self }
    }

    /// The same, repeated if it was given once for all steps; says whether it was.
    ///
    /// # Errors
    /// If candle fails.
    pub(crate) fn at_every_step(self, pass: &Pass) -> Result<(Self, bool)> {
        let steps = pass.context.time_steps;
        if self.time == steps {
            return Ok((self, false));
        }
        let values = if let (Values::Device(once), Some(queue)) = (&self.values, pass.queue()) {
            Values::Device(Arc::new(queue.repeat(once, steps)?))
        } else if let Values::Tensor(once) = &self.values {
            let mut repeats = vec![1; once.rank()];
            repeats[0] = steps;
            Values::Tensor(once.repeat(repeats)?)
        } else {
            let once = self.dense(&pass.pool)?;
            let mut repeated = pass.pool.take(steps * once.len());
            for step in repeated.chunks_exact_mut(once.len().max(1)) {
                step.copy_from_slice(&once);
            }
            Values::Dense(Arc::new(repeated))
        };
        Ok((Self { time: steps, values, support: None, ..self }, true))
    }

    /// The activation of step `t` alone.
    ///
    /// # Errors
    /// If candle fails.
    pub(crate) fn step(&self, t: usize, pool: &Arc<Pool>) -> Result<Self> {
        let length = self.batch * self.features.count();
        let values = match &self.values {
            Values::Dense(values) => {
                Values::Dense(Arc::new(pool.filled(&values[t * length..][..length])))
            }
            Values::Spikes(spikes) => Values::Spikes(Arc::new(spikes.of_steps(t..t + 1))),
            Values::Device(values) => {
                let all = values.tensor(&[self.time, length])?;
                Values::Device(Arc::new(Floats::of(&all.narrow(0, t, 1)?)?))
            }
            Values::Tensor(tensor) => Values::Tensor(tensor.narrow(0, t, 1)?),
        };
        Ok(Self { time: 1, values, support: None, ..self.clone() })
    }

    /// Number of time steps: T, or 1 for an activation that is the same at every step.
    pub fn time(&self) -> usize {
        self.time
    }

    /// Number of samples.
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// The shape of a sample at one time step.
    pub fn features(&self) -> Features {
        self.features
    }

    /// Whether a gradient with respect to the activation is needed.
    pub fn needs_gradient(&self) -> bool {
        self.gradient
    }

    /// Number of elements.
    pub(crate) fn len(&self) -> usize {
        self.time * self.batch * self.features.count()
    }

    /// `[T, B, …]`.
    pub(crate) fn dims(&self) -> Vec<usize> {
        let mut dims = vec![self.time, self.batch];
        dims.extend(self.features.dims());
        dims
    }

    /// The values as floats in memory.
    ///
    /// # Errors
    /// If they cannot be copied from a device.
    pub(crate) fn dense(&self, pool: &Arc<Pool>) -> Result<Arc<Buffer>> {
        Ok(match &self.values {
            Values::Dense(values) => values.clone(),
            Values::Spikes(spikes) => Arc::new(decoded(spikes, pool)),
            Values::Device(values) => Arc::new(pool.filled(&values.flat().to_vec1::<f32>()?)),
            Values::Tensor(tensor) => {
                Arc::new(pool.filled(&tensor.flatten_all()?.to_vec1::<f32>()?))
            }
        })
    }

    /// The values on a device that has kernels.
    ///
    /// # Errors
    /// If they are elsewhere.
    pub fn on_device(&self) -> Result<&Arc<Floats>> {
        match &self.values {
            Values::Device(values) => Ok(values),
            _ => Err(Error::Shape {
                what: "an activation".into(),
                expected: "one on a device that has kernels".into(),
                got: "one elsewhere".into(),
            }),
        }
    }

    /// The values as floats in memory, to read.
    ///
    /// # Errors
    /// If they cannot be copied from a device.
    pub fn floats(&self, pass: &Pass) -> Result<Arc<Buffer>> {
        self.dense(&pass.pool)
    }

    /// A tensor of the values, `[T, B, …]`, without a graph.
    ///
    /// # Errors
    /// If candle fails.
    pub fn tensor(&self, pass: &Pass) -> Result<Tensor> {
        match &self.values {
            Values::Tensor(tensor) => Ok(tensor.reshape(self.dims())?),
            Values::Device(values) => Ok(values.tensor(&self.dims())?),
            _ => {
                Ok(Tensor::from_vec(self.dense(&pass.pool)?.to_vec(), self.dims(), pass.device())?)
            }
        }
    }

    /// Checks that the features are those that a layer was built for.
    ///
    /// # Errors
    /// If they are not; `layer` is named.
    pub fn expect(&self, layer: &str, features: Features) -> Result<()> {
        if self.features == features {
            return Ok(());
        }
        Err(Error::Shape {
            what: format!("input of {layer}"),
            expected: features.to_string(),
            got: self.features.to_string(),
        })
    }

    /// The geometry for all images of the signal.
    pub(crate) fn windows(&self, geometry: Pool2d) -> Pool2d {
        Pool2d { images: self.time * self.batch, ..geometry }
    }
}

/// Spikes as floats.
pub(crate) fn decoded(spikes: &Spikes, pool: &Arc<Pool>) -> Buffer {
    let mut buffer = pool.take(spikes.len());
    spikes.decode(&mut buffer);
    buffer
}

/// Event frames as bits; `None` if the values are not small counts, or mostly not 0.
fn events(shape: [usize; 3], values: &[f32]) -> Option<Spikes> {
    // A few values tell most analog inputs.
    let analog = |&value: &f32| value.fract() != 0.0 || !(0.0..=LEVELS as f32).contains(&value);
    if values.is_empty() || values.iter().take(256).any(analog) {
        return None;
    }
    let spikes = Spikes::binary(shape, values);
    let spikes = spikes.or_else(|_| Spikes::multiples(shape, values, 1.0, LEVELS)).ok()?;
    (spikes.density() < 0.5).then_some(spikes)
}
