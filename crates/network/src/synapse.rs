//! What convolution and linear layers share: a weight, a bias, and the ways to compute with them.

mod composed;
mod correlation;
mod kernels;
mod on_device;
mod plasticity;

use std::fmt;
use std::sync::{Arc, Mutex};

use candle_core::Tensor;
use candlewick_core::initializer::Initializer;
use candlewick_core::parameters::{Role, Scope};
use candlewick_core::{Error, Result};
use candlewick_kernels::convolution::{Algorithm, Conv2d};

use crate::gradients::ParameterGradients;
use crate::layer::Backward;
use crate::pass::lock;
use crate::{Array, Element, Features, Pass, Signal};
pub(crate) use plasticity::Plasticity;

/// A layer of synapses: a convolution, or a linear layer as a convolution of one pixel.
#[derive(Clone, Debug)]
pub(crate) struct Synapse {
    weight: Tensor,
    bias: Option<Tensor>,
    /// The shape, for one image.
    geometry: Conv2d,
    input: Features,
    output: Features,
}

/// A backward pass through a synaptic layer: as [`Backward`], with the spikes of the neurons that it
/// feeds, which only a rule for the weight gradient needs.
pub(crate) type SynapseBackward = Box<
    dyn FnOnce(Array, Option<&Signal>, &mut ParameterGradients) -> Result<Option<Array>> + Send,
>;

impl Synapse {
    /// Creates `weight` and `bias` in `scope`; the bias starts in U(±1/√`fan_in`), as PyTorch's.
    pub(crate) fn new(
        scope: &Scope<'_>,
        geometry: Conv2d,
        [input, output]: [Features; 2],
        initializer: Initializer,
        bias: bool,
    ) -> Result<Self> {
        let Conv2d { kernel: [height, width], in_channels, out_channels, .. } = geometry;
        let dims = match input {
            Features::Map { .. } => vec![height, width, in_channels, out_channels],
            Features::Vector { .. } => vec![in_channels, out_channels],
        };
        let weight = scope.create("weight", Role::Weight, &dims, initializer)?.tensor();
        let bound = 1.0 / ((height * width * in_channels) as f32).sqrt();
        let initializer = Initializer::Uniform(bound);
        let bias = bias
            .then(|| scope.create("bias", Role::Bias, &[out_channels], initializer))
            .transpose()?
            .map(|bias| bias.tensor());
        Ok(Self { weight, bias, geometry, input, output })
    }

    /// Applies the layer.
    pub(crate) fn run(
        &self,
        x: &Signal,
        plasticity: Option<Plasticity>,
        algorithms: &Observed,
        pass: &Pass,
    ) -> Result<(Signal, Option<SynapseBackward>)> {
        x.expect(self.name(), self.input)?;
        if pass.context.census {
            let geometry = Conv2d { images: x.time * x.batch, ..self.geometry };
            lock(&pass.operations).count(&geometry, x, &pass.pool)?;
        }
        if let Some(queue) = pass.queue() {
            return self.by_device(x, plasticity, queue, pass);
        }
        if pass.is_on_host() {
            self.by_kernels(x, plasticity, algorithms, pass)
        } else {
            self.by_composition(x, plasticity, pass)
        }
    }

    /// Applies the layer where no neurons follow it.
    pub(crate) fn run_alone(&self, x: &Signal, pass: &Pass) -> Result<(Signal, Option<Backward>)> {
        let (out, backward) = self.run(x, None, &Observed::default(), pass)?;
        let backward = backward.map(|backward| -> Backward {
            Box::new(move |gradient, found| backward(gradient, None, found))
        });
        Ok((out, backward))
    }

    /// The shape, for one image.
    pub(crate) fn geometry(&self) -> Conv2d {
        self.geometry
    }

    pub(crate) fn output(&self) -> Features {
        self.output
    }

    fn name(&self) -> &'static str {
        match self.input {
            Features::Map { .. } => "a convolution",
            Features::Vector { .. } => "a linear layer",
        }
    }

    /// What the layer computes, at the path `name`.
    pub(crate) fn element(&self, name: &str) -> Element {
        let (name, geometry) = (name.to_owned(), self.geometry);
        let (weight, bias) = (self.weight.clone(), self.bias.clone());
        match self.input {
            Features::Map { .. } => Element::Convolution { name, geometry, weight, bias },
            Features::Vector { .. } => Element::Linear { name, weight, bias },
        }
    }
}

/// The most outputs of a layer: products of a map's sides and channels then fit into 64 bits.
pub(crate) const MOST_OUTPUTS: usize = i32::MAX as usize;

/// Checks that a setting of the layer at `scope` is from 1 to `most`.
pub(crate) fn is_size(scope: &Scope<'_>, field: &str, value: usize, most: usize) -> Result<()> {
    if (1..=most).contains(&value) {
        return Ok(());
    }
    Err(Error::Setting {
        field: format!("{}: {field}", scope.path()),
        expected: format!("1 to {most}"),
        got: value.to_string(),
    })
}

/// The algorithms by which a synaptic layer was last computed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Algorithms {
    /// Share of the inputs that are not 0; `None` for an input that is not made of spikes.
    pub density: Option<f64>,
    /// The forward pass.
    pub forward: Algorithm,
    /// The gradient with respect to the weight; `None` before a backward pass.
    pub weight_gradient: Option<Algorithm>,
    /// The gradient with respect to the input; `None` before a backward pass, or where it is not
    /// needed.
    pub input_gradient: Option<Algorithm>,
}

impl fmt::Display for Algorithms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.forward)?;
        for algorithm in [self.weight_gradient, self.input_gradient].into_iter().flatten() {
            write!(f, "/{algorithm}")?;
        }
        Ok(())
    }
}

/// The [`Algorithms`] of a layer, as last chosen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Observed(Arc<Mutex<Option<Algorithms>>>);

impl Observed {
    pub(crate) fn get(&self) -> Option<Algorithms> {
        *lock(&self.0)
    }

    fn set(&self, algorithms: Algorithms) {
        *lock(&self.0) = Some(algorithms);
    }
}
