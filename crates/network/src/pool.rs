//! Average, maximum and global average pooling over `[T, B, H, W, C]`.
//!
//! Incomplete windows at the lower and right edge are left out, as in PyTorch. The gradient of the
//! maximum goes to the first element of the window that has it: spikes tie everywhere, and it must
//! not be counted more than once.

use std::sync::Arc;

use candle_core::{Result as CandleResult, Tensor};
use candlewick_core::{Error, Result, axes};
use candlewick_kernels::pool::Pool2d;
use candlewick_kernels::spikes::Spikes;

use crate::signal::{Pass, Pull, Signal, Values};
use crate::{Context, Features, Layer};

/// What a window becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Average,
    Maximum,
}

/// The window of a pooling layer over one image.
#[derive(Clone, Copy, Debug)]
struct Window {
    kind: Kind,
    geometry: Pool2d,
}

impl Window {
    fn new(kind: Kind, input: Features, size: usize) -> Result<Self> {
        let (height, width, channels) = input.map("pooling")?;
        if size == 0 || size > height.min(width) {
            return Err(Error::Shape {
                what: "pooling window".into(),
                expected: format!("a side from 1 to {}", height.min(width)),
                got: size.to_string(),
            });
        }
        let geometry = Pool2d {
            images: 1,
            height,
            width,
            channels,
            kernel: [size; 2],
            stride: [size; 2],
            padding: [0; 2],
        };
        Ok(Self { kind, geometry })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (time, batch) = axes::time_and_batch(x)?;
        let Pool2d { height, width, channels, .. } = self.geometry;
        if x.dims()[2..] != [height, width, channels] {
            return Err(Error::Shape {
                what: "input of pooling, axes 2 to 4 [H, W, C]".into(),
                expected: format!("{:?}", [height, width, channels]),
                got: format!("{:?}", &x.dims()[2..]),
            });
        }
        let geometry = Pool2d { images: time * batch, ..self.geometry };
        let out = Self { geometry, ..*self }.composed(x)?;
        let [height, width] = geometry.output_size();
        Ok(out.reshape((time, batch, height, width, channels))?)
    }

    /// The plain reference in candle operations: the elements of all windows, one by one.
    fn composed(&self, x: &Tensor) -> CandleResult<Tensor> {
        let Pool2d { images, height, width, channels, kernel: [size, _], .. } = self.geometry;
        let [rows, columns] = self.geometry.output_size();
        let x = x
            .reshape((images, height, width, channels))?
            .narrow(1, 0, rows * size)?
            .narrow(2, 0, columns * size)?
            .contiguous()?
            .reshape(&[images, rows, size, columns, size, channels][..])?;
        match self.kind {
            Kind::Average => x.mean(4)?.mean(2),
            Kind::Maximum => {
                let mut elements = Vec::with_capacity(size * size);
                for row in 0..size {
                    for column in 0..size {
                        elements.push(x.narrow(2, row, 1)?.narrow(4, column, 1)?);
                    }
                }
                let first = elements[0].clone();
                elements.iter().skip(1).try_fold(first, |most, x| most.maximum(x))
            }
        }
    }

    fn output(&self) -> Features {
        let [height, width] = self.geometry.output_size();
        Features::Map { height, width, channels: self.geometry.channels }
    }
}

impl Window {
    fn run(&self, x: &Signal, features: Features, pass: &Pass) -> Result<(Signal, Option<Pull>)> {
        let Pool2d { height, width, channels, .. } = self.geometry;
        x.expect("pooling", Features::Map { height, width, channels })?;
        let geometry = x.windows(self.geometry);
        let of_four = geometry.kernel == [2; 2] && geometry.stride == [2; 2];
        let support = x.support.as_ref().filter(|_| of_four);
        let support = support.map(|support| Arc::new(support.any_of_four(height, width)));
        let spikes = match &x.values {
            Values::Spikes(spikes) => Some(spikes),
            Values::Dense(_) => None,
        };
        let quarters = spikes
            .filter(|_| of_four && self.kind == Kind::Average)
            .and_then(|spikes| spikes.average_of_four(height, width));
        let mut input = None;
        let values = if let Some(quarters) = quarters {
            Values::Spikes(Arc::new(quarters))
        } else {
            let dense = x.dense(&pass.pool);
            let mut output = pass.pool.take(geometry.output_len());
            match self.kind {
                Kind::Average => geometry.average(&dense, &mut output),
                Kind::Maximum => geometry.maximum(&dense, &mut output),
            }
            let out_channels = features.channels();
            let shape = [x.time, output.len() / (x.time * out_channels).max(1), out_channels];
            let binary = spikes.filter(|spikes| self.kind == Kind::Maximum && spikes.is_binary());
            input = Some(dense);
            match binary.map(|_| Spikes::binary(shape, &output)) {
                Some(Ok(spikes)) => Values::Spikes(Arc::new(spikes)),
                _ => Values::Dense(Arc::new(output)),
            }
        };
        let out = Signal { support, ..x.with(features, values) };
        if !(pass.is_kept() && x.gradient) {
            return Ok((out, None));
        }
        let (kind, pool) = (self.kind, pass.pool.clone());
        let input = input.filter(|_| kind == Kind::Maximum);
        let pull: Pull = Box::new(move |gradient, _| {
            let mut by_input = pool.take(geometry.input_len());
            match &input {
                None => geometry.average_gradient(&gradient, &mut by_input),
                Some(input) => geometry.maximum_gradient(input, &gradient, &mut by_input),
            }
            Ok(Some(by_input))
        });
        Ok((out, Some(pull)))
    }
}

/// Declares a pooling layer.
macro_rules! pooling {
    ($(#[$doc:meta])* $name:ident, $kind:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $name(Window);

        impl $name {
            /// Windows of `size`×`size` that touch but do not overlap.
            ///
            /// # Errors
            /// If `input` is not a map, or the window does not fit into it.
            pub fn new(input: Features, size: usize) -> Result<Self> {
                Ok(Self(Window::new($kind, input, size)?))
            }
        }

        impl Layer for $name {
            fn forward(&self, x: &Tensor, _context: &Context) -> Result<Tensor> {
                self.0.forward(x)
            }

            fn run(&self, x: Signal, pass: &Pass) -> Result<(Signal, Option<Pull>)> {
                self.0.run(&x, self.output(), pass)
            }

            fn output(&self) -> Features {
                self.0.output()
            }
        }
    };
}

pooling! {
    /// The mean of each window.
    AveragePool, Kind::Average
}

pooling! {
    /// The maximum of each window.
    MaxPool, Kind::Maximum
}

/// The mean over the whole map: `[T, B, H, W, C]` to `[T, B, C]`.
#[derive(Clone, Debug)]
pub struct GlobalAveragePool(Window);

impl GlobalAveragePool {
    /// # Errors
    /// If `input` is not a map.
    pub fn new(input: Features) -> Result<Self> {
        let (height, width, channels) = input.map("global pooling")?;
        let geometry = Pool2d::global(1, height, width, channels);
        Ok(Self(Window { kind: Kind::Average, geometry }))
    }
}

impl Layer for GlobalAveragePool {
    fn forward(&self, x: &Tensor, _context: &Context) -> Result<Tensor> {
        Ok(x.mean(3)?.mean(2)?)
    }

    fn run(&self, x: Signal, pass: &Pass) -> Result<(Signal, Option<Pull>)> {
        self.0.run(&x, self.output(), pass)
    }

    fn output(&self) -> Features {
        Features::Vector { size: self.0.geometry.channels }
    }
}
