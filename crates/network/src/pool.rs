//! Average, maximum and global average pooling over `[T, B, H, W, C]`.
//!
//! Incomplete windows at the lower and right edge are left out, padding counts as zeros for the
//! average and never is a maximum, as in PyTorch. The gradient of the maximum goes to the first
//! element of the window that has it: spikes tie everywhere, and it must not be counted more than
//! once.

use std::sync::Arc;

use candle_core::{DType, Result as CandleResult, Tensor};
use candlewick_core::{Error, Result};
use candlewick_device::Queue;
use candlewick_kernels::pool::Pool2d;
use candlewick_kernels::spikes::Spikes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::layer::Backward;
use crate::signal::{LEVELS, Values};
use crate::{Array, Element, Features, Layer, OnDevice, Pass, Signal};

/// What a window becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Pooling {
    /// Its mean.
    Average,
    /// Its maximum.
    Max,
}

/// The window of a pooling layer over one image.
#[derive(Clone, Copy, Debug)]
struct Window {
    kind: Pooling,
    geometry: Pool2d,
}

impl Window {
    fn new(
        kind: Pooling,
        input: Features,
        size: usize,
        stride: usize,
        padding: usize,
    ) -> Result<Self> {
        let (height, width, channels) = input.map("pooling")?;
        let most = height.min(width) + 2 * padding;
        if size == 0 || size > most {
            return Err(Error::Shape {
                what: "pooling window".into(),
                expected: format!("a side from 1 to {most}"),
                got: size.to_string(),
            });
        }
        if stride == 0 || padding >= size {
            return Err(Error::Shape {
                what: format!("pooling windows of side {size}"),
                expected: format!("a stride from 1 on, and a padding below {size}"),
                got: format!("a stride of {stride} and a padding of {padding}"),
            });
        }
        let geometry = Pool2d {
            images: 1,
            height,
            width,
            channels,
            kernel: [size; 2],
            stride: [stride; 2],
            padding: [padding; 2],
        };
        Ok(Self { kind, geometry })
    }

    /// The plain reference in candle operations: the elements of all windows, one by one.
    fn composed(&self, x: &Tensor) -> CandleResult<Tensor> {
        let Pool2d { images, height, width, channels, kernel, stride, padding } = self.geometry;
        let [rows, columns] = self.geometry.output_size();
        let fill = if self.kind == Pooling::Max { f32::MIN } else { 0.0 };
        let x = x.reshape((images, height, width, channels))?;
        // So far behind the last window that the elements of all windows are slices of whole strides.
        let behind = |size: usize, windows: usize, axis: usize| {
            (windows * stride[axis] + kernel[axis] - 1).saturating_sub(size + padding[axis])
        };
        let x = padded(&x, 1, [padding[0], behind(height, rows, 0)], fill)?;
        let x = padded(&x, 2, [padding[1], behind(width, columns, 1)], fill)?;
        let mut elements = Vec::with_capacity(kernel[0] * kernel[1]);
        for row in 0..kernel[0] {
            for column in 0..kernel[1] {
                let element = x
                    .narrow(1, row, rows * stride[0])?
                    .narrow(2, column, columns * stride[1])?
                    .contiguous()?
                    .reshape(&[images, rows, stride[0], columns, stride[1], channels][..])?
                    .narrow(2, 0, 1)?
                    .narrow(4, 0, 1)?
                    .reshape((images, rows, columns, channels))?;
                elements.push(element);
            }
        }
        match self.kind {
            Pooling::Average => Tensor::stack(&elements, 0)?.mean(0),
            Pooling::Max => first_maximum(&elements),
        }
    }

    fn element(&self) -> Element {
        let Pool2d { kernel, stride, padding, .. } = self.geometry;
        match self.kind {
            Pooling::Average => Element::AveragePool { kernel, stride, padding },
            Pooling::Max => {
                Element::Other(format!("maximum pooling of {}×{}", kernel[0], kernel[1]))
            }
        }
    }

    fn output(&self) -> Features {
        let [height, width] = self.geometry.output_size();
        Features::Map { height, width, channels: self.geometry.channels }
    }
}

impl Window {
    fn run(
        &self,
        x: &Signal,
        features: Features,
        pass: &Pass,
    ) -> Result<(Signal, Option<Backward>)> {
        let Pool2d { height, width, channels, .. } = self.geometry;
        x.expect("pooling", Features::Map { height, width, channels })?;
        let geometry = x.windows(self.geometry);
        if let Some(queue) = pass.queue() {
            return self.on_device(x, geometry, features, queue, pass);
        }
        if !pass.is_on_host() {
            let window = Self { geometry, ..*self };
            return pass.compose(x, features, move |x| Ok(window.composed(x)?));
        }
        let of_four =
            [geometry.kernel, geometry.stride, geometry.padding] == [[2; 2], [2; 2], [0; 2]];
        let support = x.support.as_ref().filter(|_| of_four);
        let support = support.map(|support| Arc::new(support.any_of_four(height, width)));
        let spikes = match &x.values {
            Values::Spikes(spikes) => Some(spikes),
            _ => None,
        };
        let quarters = spikes
            .filter(|_| of_four && self.kind == Pooling::Average)
            .and_then(|spikes| spikes.average_of_four(height, width));
        let values = if let Some(quarters) = quarters {
            Values::Spikes(Arc::new(quarters))
        } else {
            let dense = x.dense(&pass.pool)?;
            let mut output = pass.take(geometry.output_len());
            match self.kind {
                Pooling::Average => geometry.average(&dense, &mut output),
                Pooling::Max => geometry.maximum(&dense, &mut output),
            }
            let out_channels = features.channels();
            let shape = [x.time, output.len() / (x.time * out_channels).max(1), out_channels];
            match spikes.and_then(|spikes| self.as_bits(spikes, shape, &output)) {
                Some(spikes) => Values::Spikes(Arc::new(spikes)),
                None => Values::Dense(Arc::new(output)),
            }
        };
        let out = Signal { support, ..x.with(features, values) };
        if !(pass.is_kept() && x.gradient) {
            return Ok((out, None));
        }
        let (kind, pool) = (self.kind, pass.pool.clone());
        let input = (kind == Pooling::Max).then(|| x.clone());
        let backward: Backward = Box::new(move |gradient, _| {
            let gradient = gradient.into_host(&pool)?;
            let mut of_input = pool.take(geometry.input_len());
            match &input {
                None => geometry.average_gradient(&gradient, &mut of_input),
                Some(input) => {
                    geometry.maximum_gradient(&input.dense(&pool)?, &gradient, &mut of_input);
                }
            }
            Ok(Some(Array::Host(of_input)))
        });
        Ok((out, Some(backward)))
    }

    /// The layer by the kernels of a device.
    fn on_device(
        &self,
        x: &Signal,
        geometry: Pool2d,
        features: Features,
        queue: &Queue,
        pass: &Pass,
    ) -> Result<(Signal, Option<Backward>)> {
        let values = x.on_device()?.clone();
        let out = match self.kind {
            Pooling::Average => queue.average_pool(&geometry, &values)?,
            Pooling::Max => queue.max_pool(&geometry, &values)?,
        };
        let out = x.made_from_device(features, out)?;
        if !(pass.is_kept() && x.gradient) {
            return Ok((out, None));
        }
        let queue = queue.clone();
        let input = (self.kind == Pooling::Max).then_some(values);
        let backward: Backward = Box::new(move |gradient, _| {
            let gradient = gradient.into_device()?;
            let of_input = match &input {
                None => queue.average_pool_gradient(&geometry, &gradient)?,
                Some(input) => queue.max_pool_gradient(&geometry, input, &gradient)?,
            };
            Ok(Some(Array::Device(OnDevice::new(of_input, queue))))
        });
        Ok((out, Some(backward)))
    }

    /// The pooled values of binary `spikes` as bits, where they are few enough multiples.
    fn as_bits(&self, spikes: &Spikes, shape: [usize; 3], pooled: &[f32]) -> Option<Spikes> {
        let Pool2d { kernel, stride, .. } = self.geometry;
        let levels = u32::try_from(kernel[0] * kernel[1]).ok()?;
        match self.kind {
            _ if !spikes.is_binary() => None,
            Pooling::Max => Spikes::binary(shape, pooled).ok(),
            // The mean of a whole map goes to a linear layer, which is no work.
            Pooling::Average if stride == [1; 2] || levels > LEVELS => None,
            Pooling::Average => Spikes::multiples(shape, pooled, 1.0 / levels as f32, levels).ok(),
        }
    }
}

/// `x` with `[before, behind]` times `value` around `axis`.
fn padded(x: &Tensor, axis: usize, counts: [usize; 2], value: f32) -> CandleResult<Tensor> {
    let around = |count: usize| -> CandleResult<Option<Tensor>> {
        let mut dims = x.dims().to_vec();
        dims[axis] = count;
        (count > 0).then(|| Tensor::full(value, dims, x.device())).transpose()
    };
    let [before, behind] = [around(counts[0])?, around(counts[1])?];
    let parts: Vec<&Tensor> = before.iter().chain([x]).chain(&behind).collect();
    Tensor::cat(&parts, axis)
}

/// The maximum of tensors of one shape, whose gradient goes to the first that has it.
fn first_maximum(elements: &[Tensor]) -> CandleResult<Tensor> {
    let mut most = elements[0].detach();
    for element in &elements[1..] {
        most = most.maximum(&element.detach())?;
    }
    let mut free = most.ones_like()?;
    let mut sum = most.zeros_like()?;
    for element in elements {
        let first = (element.detach().eq(&most)?.to_dtype(DType::F32)? * &free)?;
        free = (free - &first)?;
        sum = (sum + (element * first)?)?;
    }
    Ok(sum)
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
                Self::strided(input, size, size, 0)
            }

            /// Windows of `size`×`size`, `stride` apart, over a map with `padding` around it.
            ///
            /// # Errors
            /// If `input` is not a map, the window does not fit into it, the stride is 0, or the
            /// padding is not below the size.
            pub fn strided(
                input: Features,
                size: usize,
                stride: usize,
                padding: usize,
            ) -> Result<Self> {
                Ok(Self(Window::new($kind, input, size, stride, padding)?))
            }
        }

        impl Layer for $name {
            fn run(&self, x: Signal, pass: &Pass) -> Result<(Signal, Option<Backward>)> {
                self.0.run(&x, self.output(), pass)
            }

            fn output(&self) -> Features {
                self.0.output()
            }

            fn elements(&self) -> Vec<Element> {
                vec![self.0.element()]
            }
        }
    };
}

pooling! {
    /// The mean of each window: `[T, B, H, W, C]` to `[T, B, H', W', C]` with
    /// `H' = (H + 2·padding - size) / stride + 1`, rounded down: incomplete windows are left out.
    ///
    /// Padding counts as zeros. Elsewhere: `nn.AvgPool2d`.
    ///
    /// ```
    /// use candle_core::{Device, Tensor};
    /// use candlewick_network::{Context, Features, Layer, AveragePool};
    ///
    /// let pool = AveragePool::new(Features::Map { height: 2, width: 2, channels: 1 }, 2)?;
    /// let x = Tensor::new(&[1_f32, 0.0, 1.0, 1.0], &Device::Cpu)?.reshape((1, 1, 2, 2, 1))?;
    /// let y = pool.apply(&x, &Context::evaluation(1))?; // [T, B, 1, 1, C]
    /// assert_eq!(y.flatten_all()?.to_vec1::<f32>()?, [0.75]);
    /// # Ok::<(), candlewick_core::Error>(())
    /// ```
    AveragePool, Pooling::Average
}

pooling! {
    /// The maximum of each window: `[T, B, H, W, C]` to `[T, B, H', W', C]` with
    /// `H' = (H + 2·padding - size) / stride + 1`, rounded down: incomplete windows are left out.
    ///
    /// Padding is never a maximum.
    /// The gradient goes to the first element of the window that has the maximum: spikes tie everywhere, and it
    /// must not be counted more than once. Elsewhere: `nn.MaxPool2d`.
    ///
    /// ```
    /// use candle_core::{Device, Tensor};
    /// use candlewick_network::{Context, Features, Layer, MaxPool};
    ///
    /// let pool = MaxPool::new(Features::Map { height: 2, width: 2, channels: 1 }, 2)?;
    /// let x = Tensor::new(&[1_f32, 0.0, 1.0, 1.0], &Device::Cpu)?.reshape((1, 1, 2, 2, 1))?;
    /// let y = pool.apply(&x, &Context::evaluation(1))?; // [T, B, 1, 1, C]
    /// assert_eq!(y.flatten_all()?.to_vec1::<f32>()?, [1.0]);
    /// # Ok::<(), candlewick_core::Error>(())
    /// ```
    MaxPool, Pooling::Max
}

/// The mean over the whole map: `[T, B, H, W, C]` to `[T, B, C]`; `nn.AdaptiveAvgPool2d(1)` and `flatten` in
/// PyTorch.
#[derive(Clone, Debug)]
pub struct GlobalAveragePool(Window);

impl GlobalAveragePool {
    /// Pools maps of the shape `input`.
    ///
    /// # Errors
    /// If `input` is not a map.
    pub fn new(input: Features) -> Result<Self> {
        let (height, width, channels) = input.map("global pooling")?;
        let geometry = Pool2d::global(1, height, width, channels);
        Ok(Self(Window { kind: Pooling::Average, geometry }))
    }
}

impl Layer for GlobalAveragePool {
    fn run(&self, x: Signal, pass: &Pass) -> Result<(Signal, Option<Backward>)> {
        self.0.run(&x, self.output(), pass)
    }

    fn output(&self) -> Features {
        Features::Vector { size: self.0.geometry.channels }
    }

    fn elements(&self) -> Vec<Element> {
        let Pool2d { channels, .. } = self.0.geometry;
        let pooled = Features::Map { height: 1, width: 1, channels };
        vec![self.0.element(), Element::Flatten(pooled)]
    }
}
