//! Maps to vectors.

use std::sync::Arc;

use candlewick_core::Result;
use rayon::prelude::*;

use crate::layer::Backward;
use crate::signal::Values;
use crate::{Array, Element, Features, Layer, OnDevice, Pass, Signal};

/// `[T, B, H, W, C]` to `[T, B, C·H·W]`, in the order of PyTorch's `flatten`, so that the weights
/// of a linear layer behind it mean the same there and here.
///
/// ```
/// use candle_core::{Device, Tensor};
/// use candlewick_network::{Context, Features, Flatten, Layer};
///
/// let flatten = Flatten::new(Features::Map { height: 1, width: 2, channels: 2 });
/// let x = Tensor::new(&[1_f32, 2.0, 3.0, 4.0], &Device::Cpu)?.reshape((1, 1, 1, 2, 2))?;
/// let y = flatten.apply(&x, &Context::evaluation(1))?;
/// assert_eq!(y.flatten_all()?.to_vec1::<f32>()?, [1.0, 3.0, 2.0, 4.0]);
/// # Ok::<(), candlewick_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Flatten(Features);

impl Flatten {
    /// Flattens samples of the shape `input`.
    pub fn new(input: Features) -> Self {
        Self(input)
    }
}

impl Layer for Flatten {
    fn run(&self, x: Signal, pass: &Pass) -> Result<(Signal, Option<Backward>)> {
        x.expect("a flattening", self.0)?;
        let Features::Map { height, width, channels } = self.0 else {
            return Ok((x, Some(Box::new(|gradient, _| Ok(Some(gradient))))));
        };
        if let Some(queue) = pass.queue() {
            let sides = [height * width, channels];
            let out = queue.transpose(x.on_device()?, sides)?;
            let queue = queue.clone();
            let backward: Backward = Box::new(move |gradient, _| {
                let gradient = gradient.into_device()?;
                let of_input = queue.transpose(&gradient, [sides[1], sides[0]])?;
                Ok(Some(Array::Device(OnDevice::new(of_input, queue))))
            });
            return Ok((x.made_from_device(self.output(), out)?, Some(backward)));
        }
        if !pass.is_on_host() {
            return pass.compose(&x, self.output(), |x| {
                Ok(x.permute((0, 1, 4, 2, 3))?.contiguous()?.flatten(2, 4)?)
            });
        }
        let pixels = height * width;
        let input = x.dense(&pass.pool)?;
        let mut output = pass.take(input.len());
        transpose(&input, [pixels, channels], &mut output);
        let out = x.with(self.output(), Values::Dense(Arc::new(output)));
        let pool = pass.pool.clone();
        let backward: Backward = Box::new(move |gradient, _| {
            let gradient = gradient.into_host(&pool)?;
            let mut of_input = pool.take(gradient.len());
            transpose(&gradient, [channels, pixels], &mut of_input);
            Ok(Some(Array::Host(of_input)))
        });
        Ok((out, Some(backward)))
    }

    fn output(&self) -> Features {
        Features::Vector { size: self.0.count() }
    }

    fn elements(&self) -> Vec<Element> {
        vec![Element::Flatten(self.0)]
    }
}

/// Exchanges rows and columns of each `[rows, columns]` of the input.
fn transpose(input: &[f32], [rows, columns]: [usize; 2], output: &mut [f32]) {
    let size = rows * columns;
    output.par_chunks_exact_mut(size).zip(input.par_chunks_exact(size)).for_each(
        |(output, input)| {
            for (column, output) in output.chunks_exact_mut(rows).enumerate() {
                for (row, value) in output.iter_mut().enumerate() {
                    *value = input[row * columns + column];
                }
            }
        },
    );
}
