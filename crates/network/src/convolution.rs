//! Two-dimensional convolution over `[T, B, H, W, C]`, weights `[kernel_h, kernel_w, in, out]`.

use candlewick_core::initializer::Initializer;
use candlewick_core::parameters::Scope;
use candlewick_core::{Error, Result};
use candlewick_kernels::convolution::Conv2d;

use crate::layer::Backward;
use crate::synapse::{MOST_OUTPUTS, Synapse, is_size};
use crate::{Element, Features, Layer, Pass, Signal};

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

/// The largest side of a kernel, and the largest step.
const MOST_SIDE: usize = 1 << 10;

/// A convolution layer.
#[derive(Clone, Debug)]
pub struct Convolution(pub(crate) Synapse);

impl Convolution {
    /// Creates the layer's parameters `weight` and `bias` at `scope`.
    ///
    /// # Errors
    /// If `input` is not a map, or the kernel does not fit into it.
    pub fn new<'a>(
        input: Features,
        settings: ConvolutionSettings,
        scope: impl Into<Scope<'a>>,
    ) -> Result<Self> {
        let scope = scope.into();
        let (height, width, in_channels) = input.map(&scope.path())?;
        let ConvolutionSettings { channels, kernel, stride, padding, bias, initializer } = settings;
        for (field, value, most) in [
            ("channels", channels, MOST_OUTPUTS),
            ("kernel", kernel, MOST_SIDE),
            ("stride", stride, MOST_SIDE),
            ("padding", padding.saturating_add(1), MOST_SIDE),
        ] {
            is_size(&scope, field, value, most)?;
        }
        if kernel > height.min(width) + 2 * padding {
            return Err(Error::Shape {
                what: format!("input of {} (kernel {kernel}, padding {padding})", scope.path()),
                expected: format!("sides of at least {}", kernel - 2 * padding),
                got: input.to_string(),
            });
        }
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
        let [height, width] = geometry.output_size();
        let features = [input, Features::Map { height, width, channels }];
        Ok(Self(Synapse::new(&scope, geometry, features, initializer, bias)?))
    }
}

impl Layer for Convolution {
    fn run(&self, x: Signal, pass: &Pass) -> Result<(Signal, Option<Backward>)> {
        self.0.run_alone(&x, pass)
    }

    fn output(&self) -> Features {
        self.0.output()
    }

    fn elements(&self) -> Vec<Element> {
        vec![self.0.element("convolution")]
    }
}
