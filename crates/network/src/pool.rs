//! Average, maximum and global average pooling over `[T, B, H, W, C]`.
//!
//! Incomplete windows at the lower and right edge are left out, as in PyTorch. The gradient of the
//! maximum goes to the first element of the window that has it: spikes tie everywhere, and it must
//! not be counted more than once.

use candle_core::{CpuStorage, CustomOp1, Layout, Result as CandleResult, Shape, Tensor};
use candlewick_core::{Error, Result, axes, host};
use candlewick_kernels::pool::Pool2d;

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
        let window = Self { geometry, ..*self };
        let out = if x.device().is_cpu() {
            x.contiguous()?.apply_op1(window)?
        } else {
            window.composed(x)?
        };
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

impl CustomOp1 for Window {
    fn name(&self) -> &'static str {
        match self.kind {
            Kind::Average => "average pooling",
            Kind::Maximum => "maximum pooling",
        }
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> CandleResult<(CpuStorage, Shape)> {
        let mut output = vec![0.0; self.geometry.output_len()];
        let x = host::slice(x, layout)?;
        match self.kind {
            Kind::Average => self.geometry.average(x, &mut output),
            Kind::Maximum => self.geometry.maximum(x, &mut output),
        }
        let [height, width] = self.geometry.output_size();
        let dims = (self.geometry.images, height, width, self.geometry.channels);
        Ok((CpuStorage::F32(output), dims.into()))
    }

    fn bwd(&self, x: &Tensor, _result: &Tensor, grad: &Tensor) -> CandleResult<Option<Tensor>> {
        let grad = grad.contiguous()?;
        let mut grad_x = vec![0.0; self.geometry.input_len()];
        {
            let (x, grad) = (host::values(x)?, host::values(&grad)?);
            match self.kind {
                Kind::Average => self.geometry.average_gradient(&grad, &mut grad_x),
                Kind::Maximum => self.geometry.maximum_gradient(&x, &grad, &mut grad_x),
            }
        }
        Ok(Some(Tensor::from_vec(grad_x, x.shape(), x.device())?))
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
        if !x.device().is_cpu() {
            return Ok(x.mean(3)?.mean(2)?);
        }
        Ok(self.0.forward(x)?.flatten(2, 4)?)
    }

    fn output(&self) -> Features {
        Features::Vector { size: self.0.geometry.channels }
    }
}
