//! What flows from layer to layer on the CPU: bits where neurons spike, floats elsewhere.

use std::sync::{Arc, Mutex};

use candle_core::Tensor;
use candle_core::backprop::GradStore;
use candlewick_core::{Error, Result, host};
use candlewick_kernels::pool::Pool2d;
use candlewick_kernels::spikes::Spikes;

use crate::buffer::{Buffer, Pool};
use crate::{Context, Features, Operations};

/// An activation `[T, B, …]`, or `[1, B, …]` if it is the same at every step.
#[derive(Clone, Debug)]
pub struct Signal {
    pub(crate) time: usize,
    pub(crate) batch: usize,
    pub(crate) features: Features,
    pub(crate) values: Values,
    /// Where a gradient by the activation is needed, if not everywhere: where the surrogate
    /// derivative behind it is not 0.
    pub(crate) support: Option<Arc<Spikes>>,
    /// Whether anything learned lies behind it, so that its gradient is needed.
    pub(crate) gradient: bool,
}

/// The values of a [`Signal`].
#[derive(Clone, Debug)]
pub(crate) enum Values {
    Dense(Arc<Buffer>),
    Spikes(Arc<Spikes>),
}

/// A backward pass through a layer: takes the gradient by its output, files the gradients of its
/// parameters, and gives the gradient by its input if that is needed.
pub type Pull = Box<dyn FnOnce(Buffer, &mut Filed) -> Result<Option<Buffer>> + Send>;

/// Gradients by parameters, in the order in which the backward pass finds them.
#[derive(Debug, Default)]
pub struct Filed(Vec<(Tensor, Tensor)>, Vec<Tensor>);

impl Filed {
    /// Files the gradient of a parameter.
    pub(crate) fn add(&mut self, parameter: &Tensor, gradient: Vec<f32>) -> Result<()> {
        let gradient = Tensor::from_vec(gradient, parameter.shape(), parameter.device())?;
        self.0.push((parameter.clone(), gradient));
        Ok(())
    }

    /// Files the gradient of a scalar that candle operations made of a parameter.
    pub(crate) fn through(&mut self, scalar: &Tensor, gradient: f32) -> Result<()> {
        if scalar.is_variable() {
            return self.add(scalar, vec![gradient]);
        }
        self.1.push((scalar * f64::from(gradient))?.sum_all()?);
        Ok(())
    }

    /// Puts all gradients into candle's store, where those of one parameter are added up.
    pub(crate) fn merge(self, store: &mut GradStore) -> Result<()> {
        let mut all = self.0;
        for scalar in self.1 {
            let found = scalar.backward()?;
            for variable in scalar.sorted_nodes().into_iter().filter(|node| node.is_variable()) {
                if let Some(gradient) = found.get(variable) {
                    all.push((Tensor::clone(variable), gradient.clone()));
                }
            }
        }
        for (parameter, gradient) in all {
            let sum = match store.remove(&parameter) {
                Some(other) => (other + gradient)?,
                None => gradient,
            };
            store.insert(&parameter, sum);
        }
        Ok(())
    }
}

/// A run through the layers of a network on the CPU.
#[derive(Clone, Debug)]
pub struct Pass {
    pub(crate) context: Context,
    pub(crate) pool: Arc<Pool>,
    /// Counted where the context asks for a census.
    pub(crate) operations: Arc<Mutex<Operations>>,
}

impl Pass {
    pub(crate) fn new(context: Context, pool: Arc<Pool>) -> Self {
        Self { context, pool, operations: Arc::default() }
    }

    /// Whether a backward pass will follow, for which layers must keep what they need.
    pub(crate) fn is_kept(&self) -> bool {
        self.context.gradients
    }

    /// The same pass for computing once more what it has computed: nothing is kept or counted.
    pub(crate) fn again(&self) -> Self {
        let context = Context { gradients: false, census: false, ..self.context };
        Self { context, ..self.clone() }
    }
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
        let x = x.contiguous()?;
        let values = host::values(&x)?;
        let shape = [time, batch * features.pixels(), features.channels()];
        let values = if let Some(spikes) = events(shape, &values) {
            Values::Spikes(Arc::new(spikes))
        } else {
            let mut buffer = pass.pool.take(values.len());
            buffer.copy_from_slice(&values);
            Values::Dense(Arc::new(buffer))
        };
        Ok(Self { time, batch, features, values, support: None, gradient: false })
    }

    /// The same axes, with other features and values.
    pub(crate) fn with(&self, features: Features, values: Values) -> Self {
        let Self { time, batch, gradient, .. } = *self;
        Self { time, batch, features, values, support: None, gradient }
    }

    /// The same, behind a layer that learns.
    pub(crate) fn learned(self) -> Self {
        Self { gradient: true, ..self }
    }

    /// The same, repeated if it was given once for all steps.
    pub(crate) fn at_every_step(self, pass: &Pass) -> Self {
        let steps = pass.context.time_steps;
        if self.time == steps {
            return self;
        }
        let once = self.dense(&pass.pool);
        let mut repeated = pass.pool.take(steps * once.len());
        for step in repeated.chunks_exact_mut(once.len().max(1)) {
            step.copy_from_slice(&once);
        }
        Self { time: steps, values: Values::Dense(Arc::new(repeated)), support: None, ..self }
    }

    /// Number of elements.
    pub(crate) fn len(&self) -> usize {
        self.time * self.batch * self.features.count()
    }

    /// The values as floats.
    pub(crate) fn dense(&self, pool: &Arc<Pool>) -> Arc<Buffer> {
        match &self.values {
            Values::Dense(values) => values.clone(),
            Values::Spikes(spikes) => Arc::new(decoded(spikes, pool)),
        }
    }

    /// A tensor of the values.
    pub(crate) fn tensor(&self, pool: &Arc<Pool>) -> Result<Tensor> {
        let mut dims = vec![self.time, self.batch];
        dims.extend(self.features.dims());
        Ok(Tensor::from_vec(self.dense(pool).to_vec(), dims, &candle_core::Device::Cpu)?)
    }

    /// Checks that the features are those that a layer was built for.
    ///
    /// # Errors
    /// If they are not; `layer` is named.
    pub(crate) fn expect(&self, layer: &str, features: Features) -> Result<()> {
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
