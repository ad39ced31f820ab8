//! Maps to vectors.

use candle_core::Tensor;
use candlewick_core::Result;

use crate::{Context, Features, Layer};

/// `[T, B, H, W, C]` to `[T, B, C·H·W]`, in the order of PyTorch's `flatten`, so that the weights
/// of a linear layer behind it mean the same there and here.
#[derive(Clone, Debug)]
pub struct Flatten(Features);

impl Flatten {
    /// Flattens samples of the shape `input`.
    pub fn new(input: Features) -> Self {
        Self(input)
    }
}

impl Layer for Flatten {
    fn forward(&self, x: &Tensor, _context: &Context) -> Result<Tensor> {
        match self.0 {
            Features::Map { .. } => Ok(x.permute((0, 1, 4, 2, 3))?.contiguous()?.flatten(2, 4)?),
            Features::Vector { .. } => Ok(x.clone()),
        }
    }

    fn output(&self) -> Features {
        Features::Vector { size: self.0.count() }
    }
}
