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

/// A two-dimensional convolution of every time step: `[T, B, H, W, C]` to `[T, B, H', W', C']` with
/// `H' = (H + 2·padding - kernel) / stride + 1`, rounded down.
///
/// ```text
/// y[t, b, i, j, o] = bias[o] + Σ_{k,l,c} weight[k, l, c, o] · x[t, b, stride·i + k - padding, stride·j + l - padding, c]
/// ```
///
/// Parameters: `weight` `[kernel_h, kernel_w, in, out]` and, if asked for, `bias` `[out]`.
/// Binary inputs go through kernels that add up rows of weights; the result is that of candle's `conv2d` up to
/// rounding.
///
/// Elsewhere: `nn.Conv2d` with weights `[out, in, kernel_h, kernel_w]`, which the layers of SpikingJelly apply
/// to merged time and batch in multi-step mode.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_nn::ModuleT;
/// use candlewick_core::{Key, parameters::seeded};
/// use candlewick_network::{Convolution, ConvolutionSettings, Features};
///
/// let image = Features::Map { height: 8, width: 8, channels: 2 };
/// let builder = seeded(&Device::Cpu, Key::new(1));
/// let layer = Convolution::new(image, ConvolutionSettings::same(16, 3), builder)?;
/// let x = Tensor::ones((4, 1, 8, 8, 2), DType::F32, &Device::Cpu)?; // [T, B, H, W, C]
/// assert_eq!(layer.forward_t(&x, false)?.dims(), [4, 1, 8, 8, 16]);
/// # Ok::<(), candlewick_core::Error>(())
/// ```
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
