//! The linear layer over `[T, B, N]`, weights `[in, out]`.

use candle_core::{Result as CandleResult, Tensor};
use candlewick_core::initializer::Initializer;
use candlewick_core::parameters::{Role, Scope};
use candlewick_core::{Error, Result, axes};
use candlewick_kernels::convolution::Conv2d;
use candlewick_kernels::linear::Linear as Product;

use crate::synapse::{self, Kernel, Plasticity};
use crate::{Context, Features, Layer};

/// Settings of a linear layer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LinearSettings {
    /// Output features.
    pub outputs: usize,
    /// Whether there is a bias per output.
    pub bias: bool,
    /// How the weight starts.
    pub initializer: Initializer,
}

impl LinearSettings {
    /// With a bias and PyTorch's initial values, as the heads of all papers' networks.
    pub fn new(outputs: usize) -> Self {
        Self { outputs, bias: true, initializer: Initializer::FanInUniform }
    }
}

/// A linear layer.
#[derive(Clone, Debug)]
pub struct Linear {
    weight: Tensor,
    bias: Option<Tensor>,
    inputs: usize,
    outputs: usize,
}

impl Linear {
    /// Creates the layer's parameters `weight` and `bias` at `scope`.
    ///
    /// # Errors
    /// If `input` is a map (flatten it first), or there are no outputs.
    pub fn new(scope: &mut Scope<'_>, input: Features, settings: LinearSettings) -> Result<Self> {
        let Features::Vector { size: inputs } = input else {
            return Err(Error::Shape {
                what: format!("input of {}", scope.path()),
                expected: "a vector".into(),
                got: input.to_string(),
            });
        };
        let LinearSettings { outputs, bias, initializer } = settings;
        if outputs == 0 {
            return Err(Error::Setting {
                field: format!("{}: outputs", scope.path()),
                expected: "at least 1".into(),
                got: "0".into(),
            });
        }
        let weight = scope.create("weight", Role::Weight, &[inputs, outputs], initializer)?;
        let bound = 1.0 / (inputs as f32).sqrt();
        let bias = bias
            .then(|| scope.create("bias", Role::Bias, &[outputs], Initializer::Uniform(bound)))
            .transpose()?;
        Ok(Self {
            weight: weight.as_tensor().clone(),
            bias: bias.map(|bias| bias.as_tensor().clone()),
            inputs,
            outputs,
        })
    }

    /// [`Layer::forward`], with a method's rule for the weight gradient.
    pub(crate) fn currents(
        &self,
        x: &Tensor,
        context: &Context,
        plasticity: Option<Plasticity>,
    ) -> Result<Tensor> {
        let weight = context.parameter(&self.weight);
        let bias = self.bias.as_ref().map(|bias| context.parameter(bias));
        let (time, batch) = axes::time_and_batch(x)?;
        if x.dims()[2..] != [self.inputs] {
            return Err(Error::Shape {
                what: "input of a linear layer, axis 2".into(),
                expected: self.inputs.to_string(),
                got: format!("{:?}", &x.dims()[2..]),
            });
        }
        let out = if x.device().is_cpu() {
            let kernel = Product { rows: time * batch, inputs: self.inputs, outputs: self.outputs };
            synapse::apply(kernel, time, x, &weight, bias.as_ref(), plasticity)?
        } else {
            composed(x, &weight, bias.as_ref())?
        };
        Ok(out.reshape((time, batch, self.outputs))?)
    }
}

impl Layer for Linear {
    fn forward(&self, x: &Tensor, context: &Context) -> Result<Tensor> {
        self.currents(x, context, None)
    }

    fn output(&self) -> Features {
        Features::Vector { size: self.outputs }
    }
}

/// The plain reference of the operation, of candle's own matrix product.
pub(crate) fn composed(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> CandleResult<Tensor> {
    let out = x.flatten(0, 1)?.matmul(weight)?;
    match bias {
        Some(bias) => out.broadcast_add(bias),
        None => Ok(out),
    }
}

impl Kernel for Product {
    const NAME: &'static str = "linear";

    fn input_len(&self) -> usize {
        self.rows * self.inputs
    }

    fn weight_len(&self) -> usize {
        self.inputs * self.outputs
    }

    fn output_dims(&self) -> Vec<usize> {
        vec![self.rows, self.outputs]
    }

    fn one_step(&self, time_steps: usize) -> Self {
        Self { rows: self.rows / time_steps, ..*self }
    }

    fn forward(&self, input: &[f32], weight: &[f32], bias: Option<&[f32]>, output: &mut [f32]) {
        self.forward(input, weight, bias, output);
    }

    fn input_gradient(&self, grad_output: &[f32], weight: &[f32], grad_input: &mut [f32]) {
        self.input_gradient(grad_output, weight, grad_input);
    }

    fn weight_gradient(&self, input: &[f32], grad_output: &[f32], grad_weight: &mut [f32]) {
        self.weight_gradient(input, grad_output, grad_weight);
    }

    fn bias_gradient(&self, grad_output: &[f32], grad_bias: &mut [f32]) {
        self.bias_gradient(grad_output, grad_bias);
    }

    fn as_convolution(&self) -> Conv2d {
        Conv2d::linear(self.rows, self.inputs, self.outputs)
    }
}
