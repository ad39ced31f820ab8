//! Dropout with one mask for all time steps, so that a neuron is silent for the whole sample.

use candle_core::Tensor;
use candlewick_core::{Error, Result, axes};

use crate::{Context, Features, Layer};

/// Sets elements to 0 with probability `p` in training and scales the others by 1/(1-p).
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
}

impl Layer for Dropout {
    fn forward(&self, x: &Tensor, context: &Context) -> Result<Tensor> {
        if !context.training || self.p == 0.0 {
            return Ok(x.clone());
        }
        let (_, batch) = axes::time_and_batch(x)?;
        let mut dims = x.dims().to_vec();
        dims[0] = 1;
        let mut stream = context.key.named(&self.path).stream();
        let keep = 1.0 / (1.0 - self.p);
        let mask: Vec<f32> = (0..batch * self.features.count())
            .map(|_| if stream.bernoulli(self.p) { 0.0 } else { keep })
            .collect();
        Ok(x.broadcast_mul(&Tensor::from_vec(mask, dims, x.device())?)?)
    }

    fn output(&self) -> Features {
        self.features
    }
}
