//! The linear layer over `[T, B, N]`, weights `[in, out]`.

use std::sync::Arc;

use candle_core::{Result as CandleResult, Tensor};
use candlewick_core::initializer::Initializer;
use candlewick_core::parameters::{Role, Scope};
use candlewick_core::{Error, Result, axes};
use candlewick_kernels::convolution::Conv2d;

use crate::signal::{Pass, Pull, Signal, Values};
use crate::synapse::{self, Plasticity, SynapsePull, Taken, Weights};
use crate::{Context, Element, Features, Layer};

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

/// A linear layer.
#[derive(Clone, Debug)]
pub struct Linear {
    weights: Weights,
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
        let LinearSettings { outputs, bias, initializer, .. } = settings;
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
            weights: Weights {
                weight: weight.as_tensor().clone(),
                bias: bias.map(|bias| bias.as_tensor().clone()),
            },
            inputs,
            outputs,
        })
    }

    /// The layer as a convolution of one image of one pixel.
    pub(crate) fn geometry(&self) -> Conv2d {
        Conv2d::linear(1, self.inputs, self.outputs)
    }

    pub(crate) fn run_with(
        &self,
        x: &Signal,
        plasticity: Option<Plasticity>,
        taken: &Taken,
        pass: &Pass,
    ) -> Result<(Signal, Option<SynapsePull>)> {
        x.expect("a linear layer", Features::Vector { size: self.inputs })?;
        let geometry = Conv2d { images: x.time * x.batch, ..self.geometry() };
        let (out, pull) = synapse::run(geometry, &self.weights, x, plasticity, taken, pass)?;
        Ok((x.with(self.output(), Values::Dense(Arc::new(out))).learned(), pull))
    }
}

impl Linear {
    /// The layer, which does not know its path.
    pub(crate) fn element(&self, name: &str) -> Element {
        let Weights { weight, bias } = self.weights.clone();
        Element::Linear { name: name.to_owned(), weight, bias }
    }
}

impl Layer for Linear {
    fn forward(&self, x: &Tensor, context: &Context) -> Result<Tensor> {
        let weight = context.parameter(&self.weights.weight);
        let bias = self.weights.bias.as_ref().map(|bias| context.parameter(bias));
        let (time, batch) = axes::time_and_batch(x)?;
        if x.dims()[2..] != [self.inputs] {
            return Err(Error::Shape {
                what: "input of a linear layer, axis 2".into(),
                expected: self.inputs.to_string(),
                got: format!("{:?}", &x.dims()[2..]),
            });
        }
        let out = composed(x, &weight, bias.as_ref())?;
        Ok(out.reshape((time, batch, self.outputs))?)
    }

    fn run(&self, x: Signal, pass: &Pass) -> Result<(Signal, Option<Pull>)> {
        let (out, pull) = self.run_with(&x, None, &Taken::default(), pass)?;
        Ok((out, pull.map(synapse::alone)))
    }

    fn output(&self) -> Features {
        Features::Vector { size: self.outputs }
    }

    fn elements(&self) -> Vec<Element> {
        vec![self.element("linear")]
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
