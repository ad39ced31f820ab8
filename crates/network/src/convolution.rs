//! Two-dimensional convolution over `[T, B, H, W, C]`, weights `[kernel_h, kernel_w, in, out]`.

use std::sync::Arc;

use candle_core::{Result as CandleResult, Tensor};
use candlewick_core::initializer::Initializer;
use candlewick_core::parameters::{Role, Scope};
use candlewick_core::{Error, Result, axes};
use candlewick_kernels::convolution::Conv2d;

use crate::signal::{Pass, Pull, Signal, Values};
use crate::synapse::{self, Plasticity, SynapsePull, Taken, Weights};
use crate::{Context, Element, Features, Layer};

/// Settings of a convolution.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConvolutionSettings {
    /// Output channels.
    pub channels: usize,
    /// Side of the square kernel.
    pub kernel: usize,
    /// Step between outputs, on both axes.
    pub stride: usize,
    /// Zeros around the input, on all sides.
    pub padding: usize,
    /// Whether there is a bias per output channel.
    pub bias: bool,
    /// How the weight starts.
    pub initializer: Initializer,
}

impl ConvolutionSettings {
    /// A k×k convolution of stride 1 that keeps the size of the map, without a bias, starting as
    /// the networks of TET do.
    pub fn same(channels: usize, kernel: usize) -> Self {
        Self {
            channels,
            kernel,
            stride: 1,
            padding: kernel / 2,
            bias: false,
            initializer: Initializer::KaimingNormalFanOut,
        }
    }
}

/// A convolution layer.
#[derive(Clone, Debug)]
pub struct Convolution {
    weights: Weights,
    /// The geometry for one image.
    geometry: Conv2d,
}

impl Convolution {
    /// Creates the layer's parameters `weight` and `bias` at `scope`.
    ///
    /// # Errors
    /// If `input` is not a map, or the kernel does not fit into it.
    pub fn new(
        scope: &mut Scope<'_>,
        input: Features,
        settings: ConvolutionSettings,
    ) -> Result<Self> {
        let (height, width, in_channels) = input.map(scope.path())?;
        let ConvolutionSettings { channels, kernel, stride, padding, bias, initializer } = settings;
        for (field, value) in [("channels", channels), ("kernel", kernel), ("stride", stride)] {
            if value == 0 {
                return Err(Error::Setting {
                    field: format!("{}: {field}", scope.path()),
                    expected: "at least 1".into(),
                    got: "0".into(),
                });
            }
        }
        if kernel > height.min(width) + 2 * padding {
            return Err(Error::Shape {
                what: format!("input of {} (kernel {kernel}, padding {padding})", scope.path()),
                expected: format!("sides of at least {}", kernel - 2 * padding),
                got: input.to_string(),
            });
        }
        let dims = [kernel, kernel, in_channels, channels];
        let weight = scope.create("weight", Role::Weight, &dims, initializer)?;
        // PyTorch starts the bias in U(±1/√fan_in).
        let bound = 1.0 / ((kernel * kernel * in_channels) as f32).sqrt();
        let bias = bias
            .then(|| scope.create("bias", Role::Bias, &[channels], Initializer::Uniform(bound)))
            .transpose()?;
        let geometry = Conv2d {
            images: 1,
            height,
            width,
            in_channels,
            out_channels: channels,
            kernel: [kernel; 2],
            stride: [stride; 2],
            padding: [padding; 2],
        };
        Ok(Self {
            weights: Weights {
                weight: weight.as_tensor().clone(),
                bias: bias.map(|bias| bias.as_tensor().clone()),
            },
            geometry,
        })
    }

    /// The shape for one image.
    pub(crate) fn geometry(&self) -> Conv2d {
        self.geometry
    }

    pub(crate) fn run_with(
        &self,
        x: &Signal,
        plasticity: Option<Plasticity>,
        taken: &Taken,
        pass: &Pass,
    ) -> Result<(Signal, Option<SynapsePull>)> {
        let Conv2d { height, width, in_channels: channels, .. } = self.geometry;
        x.expect("a convolution", Features::Map { height, width, channels })?;
        let geometry = Conv2d { images: x.time * x.batch, ..self.geometry };
        let (out, pull) = synapse::run(geometry, &self.weights, x, plasticity, taken, pass)?;
        Ok((x.with(self.output(), Values::Dense(Arc::new(out))).learned(), pull))
    }
}

impl Convolution {
    /// The layer, which does not know its path.
    pub(crate) fn element(&self, name: &str) -> Element {
        let Weights { weight, bias } = self.weights.clone();
        Element::Convolution { name: name.to_owned(), geometry: self.geometry, weight, bias }
    }
}

impl Layer for Convolution {
    fn forward(&self, x: &Tensor, context: &Context) -> Result<Tensor> {
        let weight = context.parameter(&self.weights.weight);
        let bias = self.weights.bias.as_ref().map(|bias| context.parameter(bias));
        let (time, batch) = axes::time_and_batch(x)?;
        let [height, width] = self.geometry.output_size();
        let expected = [self.geometry.height, self.geometry.width, self.geometry.in_channels];
        if x.dims()[2..] != expected {
            return Err(Error::Shape {
                what: "input of a convolution, axes 2 to 4 [H, W, C]".into(),
                expected: format!("{expected:?}"),
                got: format!("{:?}", &x.dims()[2..]),
            });
        }
        let out = composed(x, &weight, bias.as_ref(), &self.geometry)?;
        Ok(out.reshape((time, batch, height, width, self.geometry.out_channels))?)
    }

    fn run(&self, x: Signal, pass: &Pass) -> Result<(Signal, Option<Pull>)> {
        let (out, pull) = self.run_with(&x, None, &Taken::default(), pass)?;
        Ok((out, pull.map(synapse::alone)))
    }

    fn output(&self) -> Features {
        let [height, width] = self.geometry.output_size();
        Features::Map { height, width, channels: self.geometry.out_channels }
    }

    fn elements(&self) -> Vec<Element> {
        vec![self.element("convolution")]
    }
}

/// The plain reference of the operation, of candle's own convolution: what runs where a device has
/// no kernel of ours.
pub(crate) fn composed(
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    geometry: &Conv2d,
) -> CandleResult<Tensor> {
    if geometry.stride[0] != geometry.stride[1] || geometry.padding[0] != geometry.padding[1] {
        candle_core::bail!("candle's convolution has one stride and one padding for both axes");
    }
    let images = x.flatten(0, 1)?.permute((0, 3, 1, 2))?.contiguous()?;
    let weight = weight.permute((3, 2, 0, 1))?.contiguous()?;
    let out = images.conv2d(&weight, geometry.padding[0], geometry.stride[0], 1, 1)?;
    let out = out.permute((0, 2, 3, 1))?.contiguous()?;
    match bias {
        Some(bias) => out.broadcast_add(bias),
        None => Ok(out),
    }
}
