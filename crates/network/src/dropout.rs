//! Dropout with one mask for all time steps, so that a neuron is silent for the whole sample.

use std::sync::Arc;

use candle_core::Tensor;
use candlewick_core::{Error, Result};
use candlewick_device::Queue;
use rayon::prelude::*;

use crate::layer::Backward;
use crate::signal::Values;
use crate::{Array, Context, Element, Features, Layer, OnDevice, Pass, Signal};

/// Sets elements to 0 with probability `p` in training and scales the others by 1/(1-p); the identity in
/// evaluation.
///
/// One mask per sample holds for all time steps, so that a neuron is silent for the whole sample. It is drawn from
/// the random stream of the training step and the layer.
///
/// Elsewhere: `layer.Dropout` in SpikingJelly, which holds its mask until `reset_net`; `nn.Dropout` draws one per
/// call, and so per step in a loop over time.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candlewick_core::Key;
/// use candlewick_network::{Context, Dropout, Features, Layer};
///
/// let dropout = Dropout::new("dropout", Features::Vector { size: 100 }, 0.5)?;
/// let x = Tensor::ones((2, 1, 100), DType::F32, &Device::Cpu)?; // [T, B, N]
/// let y = dropout.apply(&x, &Context::training(2, Key::new(3)))?.squeeze(1)?.to_vec2::<f32>()?;
/// assert!(y[0] == y[1] && y[0].iter().all(|&y| y == 0.0 || y == 2.0));
/// # Ok::<(), candlewick_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Dropout {
    p: f32,
    path: String,
    features: Features,
}

impl Dropout {
    /// `path` names the layer's random stream.
    ///
    /// # Errors
    /// If `p` is outside of [0, 1).
    pub fn new(path: &str, input: Features, p: f32) -> Result<Self> {
        if !(0.0..1.0).contains(&p) {
            return Err(Error::Setting {
                field: format!("{path}: dropout probability"),
                expected: "a number in [0, 1)".into(),
                got: p.to_string(),
            });
        }
        Ok(Self { p, path: path.to_owned(), features: input })
    }

    /// The factors of all neurons of a batch.
    fn mask(&self, batch: usize, context: &Context) -> Vec<f32> {
        let mut stream = context.key.named(&self.path).stream();
        let keep = 1.0 / (1.0 - self.p);
        (0..batch * self.features.count())
            .map(|_| if stream.bernoulli(self.p) { 0.0 } else { keep })
            .collect()
    }
}

impl Dropout {
    /// The layer by the kernels of a device, which draw the mask themselves.
    fn on_device(
        &self,
        x: &Signal,
        queue: &Queue,
        context: &Context,
    ) -> Result<(Signal, Option<Backward>)> {
        let (key, p) = (context.key.named(&self.path), self.p);
        let length = x.batch * self.features.count();
        let out = queue.dropout(x.on_device()?, key, p, length)?;
        let queue = queue.clone();
        let backward: Backward = Box::new(move |gradient, _| {
            let of_input = queue.dropout(&*gradient.into_device()?, key, p, length)?;
            Ok(Some(Array::Device(OnDevice::new(of_input, queue))))
        });
        Ok((x.made_from_device(self.features, out)?, Some(backward)))
    }
}

/// Multiplies every time step by the mask.
fn multiply(values: &mut [f32], mask: &[f32]) {
    values.par_chunks_exact_mut(mask.len()).for_each(|values| {
        values.iter_mut().zip(mask).for_each(|(value, factor)| *value *= factor);
    });
}

impl Layer for Dropout {
    fn run(&self, x: Signal, pass: &Pass) -> Result<(Signal, Option<Backward>)> {
        x.expect("dropout", self.features)?;
        if !pass.context.training || self.p == 0.0 {
            return Ok((x, Some(Box::new(|gradient, _| Ok(Some(gradient))))));
        }
        if let Some(queue) = pass.queue() {
            return self.on_device(&x, queue, &pass.context);
        }
        let mask = self.mask(x.batch, &pass.context);
        if !pass.is_on_host() {
            let mut dims = x.dims();
            dims[0] = 1;
            let mask = Tensor::from_vec(mask, dims, pass.device())?;
            return pass.compose(&x, self.features, move |x| Ok(x.broadcast_mul(&mask)?));
        }
        let input = x.dense(&pass.pool)?;
        let mut output = input.copy();
        multiply(&mut output, &mask);
        let out = x.with(self.features, Values::Dense(Arc::new(output)));
        let pool = pass.pool.clone();
        let backward: Backward = Box::new(move |gradient, _| {
            let mut gradient = gradient.into_host(&pool)?;
            multiply(&mut gradient, &mask);
            Ok(Some(Array::Host(gradient)))
        });
        Ok((out, Some(backward)))
    }

    fn output(&self) -> Features {
        self.features
    }

    fn elements(&self) -> Vec<Element> {
        Vec::new()
    }
}
