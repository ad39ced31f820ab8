//! The linear layer over `[T, B, N]`, weights `[in, out]`.

use candlewick_core::initializer::Initializer;
use candlewick_core::parameters::Scope;
use candlewick_core::{Error, Result};
use candlewick_kernels::convolution::Conv2d;

use crate::layer::Backward;
use crate::synapse::{MOST_OUTPUTS, Synapse, is_size};
use crate::{Element, Features, Layer, Pass, Signal};

/// Settings of a linear layer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LinearSettings {
    /// Output features.
    pub outputs: usize,
    /// Whether there is a bias per output.
    pub bias: bool,
    /// How the weight starts.
    pub initializer: Initializer,
    /// Whether the neurons behind it see normalized currents.
    pub normalize: bool,
}

impl LinearSettings {
    /// With a bias, PyTorch's initial values and no normalization, as the heads of all papers'
    /// networks.
    pub fn new(outputs: usize) -> Self {
        Self { outputs, bias: true, initializer: Initializer::FanInUniform, normalize: false }
    }
}

/// A linear layer, applied to every time step: `[T, B, N]` to `[T, B, M]`, `y = x · weight + bias`.
///
/// Parameters: `weight` `[in, out]` and, if asked for, `bias` `[out]`.
///
/// Elsewhere: `nn.Linear` with weights `[out, in]`.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_nn::ModuleT;
/// use candlewick_core::{Key, parameters::seeded};
/// use candlewick_network::{Features, Linear, LinearSettings};
///
/// let builder = seeded(&Device::Cpu, Key::new(1));
/// let layer = Linear::new(Features::Vector { size: 20 }, LinearSettings::new(10), builder)?;
/// let x = Tensor::ones((4, 2, 20), DType::F32, &Device::Cpu)?; // [T, B, N]
/// assert_eq!(layer.forward_t(&x, false)?.dims(), [4, 2, 10]);
/// # Ok::<(), candlewick_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Linear(pub(crate) Synapse);

impl Linear {
    /// Creates the layer's parameters `weight` and `bias` at `scope`.
    ///
    /// # Errors
    /// If `input` is a map (flatten it first), or there are no outputs.
    pub fn new<'a>(
        input: Features,
        settings: LinearSettings,
        scope: impl Into<Scope<'a>>,
    ) -> Result<Self> {
        let scope = scope.into();
        let Features::Vector { size: inputs } = input else {
            return Err(Error::Shape {
                what: format!("input of {}", scope.path()),
                expected: "a vector".into(),
                got: input.to_string(),
            });
        };
        let LinearSettings { outputs, bias, initializer, .. } = settings;
        is_size(&scope, "outputs", outputs, MOST_OUTPUTS)?;
        let geometry = Conv2d::linear(1, inputs, outputs);
        let features = [input, Features::Vector { size: outputs }];
        Ok(Self(Synapse::new(&scope, geometry, features, initializer, bias)?))
    }
}

impl Layer for Linear {
    fn run(&self, x: Signal, pass: &Pass) -> Result<(Signal, Option<Backward>)> {
        self.0.run_alone(&x, pass)
    }

    fn output(&self) -> Features {
        self.0.output()
    }

    fn elements(&self) -> Vec<Element> {
        vec![self.0.element("linear")]
    }
}
