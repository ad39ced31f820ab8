//! Synapses, normalization and the neurons that they drive: the unit that deep networks repeat.

use std::sync::Arc;

use candlewick_core::Result;
use candlewick_core::parameters::Scope;
use candlewick_core::weight_rule::WeightGradientRule;
use candlewick_device::{Floats, Queue};
use candlewick_kernels::convolution::Conv2d;
use candlewick_methods::Methods;

use crate::buffer::Buffer;
use crate::kept::{Again, Kept};
use crate::layer::Backward;
use crate::spiking::Summand;
use crate::synapse::{Algorithms, Observed, Plasticity, Synapse, SynapseBackward};
use crate::{
    ConvolutionSettings, Element, Features, Layer, LinearSettings, NetworkBuilder, Normalization,
    Parts, Pass, Signal, Spiking,
};

/// A synaptic layer with its normalization: what turns spikes into currents.
#[derive(Debug)]
pub(crate) struct Currents {
    pub(crate) name: String,
    pub(crate) synapse: Synapse,
    pub(crate) normalization: Option<Normalization>,
    /// How a method computes the weight gradient; `None` for the plain gradient.
    pub(crate) rule: Option<Arc<dyn WeightGradientRule>>,
    observed: Observed,
}

/// How a synaptic layer of a network was last computed.
#[derive(Clone, Debug)]
pub struct SynapseObservation {
    /// Path of the layer.
    pub name: String,
    /// Its shape, for one image.
    pub geometry: Conv2d,
    /// The algorithms that were chosen; `None` before the first pass, and on devices.
    pub algorithms: Option<Algorithms>,
}

impl Currents {
    pub(crate) fn new(
        name: &str,
        synapse: Synapse,
        normalization: Option<Normalization>,
        rule: Option<Arc<dyn WeightGradientRule>>,
    ) -> Self {
        let observed = Observed::default();
        Self { name: name.to_owned(), synapse, normalization, rule, observed }
    }

    /// The currents, which neurons normalize as they read them; their backward pass takes the gradient
    /// with respect to the normalized currents, and the spikes that they caused.
    pub(crate) fn run(
        &self,
        x: &Signal,
        pass: &Pass,
    ) -> Result<(Summand, Option<SynapseBackward>)> {
        let plasticity = self
            .rule
            .as_ref()
            .filter(|_| pass.context.training && x.time == pass.context.time_steps)
            .map(|rule| Plasticity { rule: rule.clone(), key: pass.context.key.named(&self.name) });
        let run = || {
            let (currents, synapse) = self.synapse.run(x, plasticity, &self.observed, pass)?;
            if let Some(queue) = pass.queue() {
                self.normalized_on_device(x, &currents, synapse, queue, pass)
            } else if pass.is_on_host() {
                self.normalized_by_neurons(x, &currents, synapse, pass)
            } else {
                self.normalized(&currents, synapse, pass)
            }
        };
        run().map_err(|error: candlewick_core::Error| error.in_layer(&self.name))
    }

    /// Currents that a kernel normalizes when it reads them.
    fn normalized_by_neurons(
        &self,
        x: &Signal,
        currents: &Signal,
        synapse: Option<SynapseBackward>,
        pass: &Pass,
    ) -> Result<(Summand, Option<SynapseBackward>)> {
        let recompute = pass.is_kept() && pass.context.recompute;
        let again = recompute.then(|| self.again(x, pass));
        let values = Kept::new(currents.dense(&pass.pool)?, again);
        let Some(normalization) = &self.normalization else {
            return Ok((Summand::currents(x, values, None), synapse));
        };
        let (prepared, through) = normalization.prepare(&values, x.time, pass)?;
        let summand = Summand::currents(x, values, Some(prepared));
        let (Some(synapse), Some(through)) = (synapse, through) else {
            return Ok((summand, None));
        };
        let pool = pass.pool.clone();
        let backward: SynapseBackward = Box::new(move |gradient, post, found| {
            let mut gradient = gradient.into_host(&pool)?;
            through(&mut gradient, found)?;
            // The currents themselves are no longer needed.
            synapse(crate::Array::Host(gradient), post, found)
        });
        Ok((summand, Some(backward)))
    }

    /// As [`normalized_by_neurons`](Self::normalized_by_neurons), on a device.
    fn normalized_on_device(
        &self,
        x: &Signal,
        currents: &Signal,
        synapse: Option<SynapseBackward>,
        queue: &Queue,
        pass: &Pass,
    ) -> Result<(Summand, Option<SynapseBackward>)> {
        let recompute = pass.is_kept() && pass.context.recompute;
        let again = recompute.then(|| -> Again<Floats> {
            let (synapse, x, pass) = (self.synapse.clone(), x.clone(), pass.again());
            Box::new(move || {
                let (currents, _) = synapse.run(&x, None, &Observed::default(), &pass)?;
                currents.on_device().cloned()
            })
        });
        let values = Kept::new(currents.on_device()?.clone(), again);
        let Some(normalization) = &self.normalization else {
            return Ok((Summand::on_device(x, values, None), synapse));
        };
        let (adjusted, through) = normalization.prepare_on_device(&values, x.time, queue, pass)?;
        let summand = Summand::on_device(x, values, Some(adjusted));
        let (Some(synapse), Some(through)) = (synapse, through) else {
            return Ok((summand, None));
        };
        let backward: SynapseBackward = Box::new(move |gradient, post, found| {
            let gradient = through(gradient.on_device()?, found)?;
            synapse(crate::Array::Device(gradient), post, found)
        });
        Ok((summand, Some(backward)))
    }

    /// Currents that are normalized at once.
    fn normalized(
        &self,
        currents: &Signal,
        synapse: Option<SynapseBackward>,
        pass: &Pass,
    ) -> Result<(Summand, Option<SynapseBackward>)> {
        let Some(normalization) = &self.normalization else {
            return Ok((Summand::as_it_is(currents, pass), synapse));
        };
        let (out, through) = normalization.run(currents.clone(), pass)?;
        let summand = Summand::as_it_is(&out, pass);
        let (Some(synapse), Some(through)) = (synapse, through) else {
            return Ok((summand, None));
        };
        let backward: SynapseBackward =
            Box::new(move |gradient, post, found| match through(gradient, found)? {
                Some(gradient) => synapse(gradient, post, found),
                None => Ok(None),
            });
        Ok((summand, Some(backward)))
    }

    /// How to compute the currents again.
    fn again(&self, x: &Signal, pass: &Pass) -> Again<Buffer> {
        let (synapse, x, pass) = (self.synapse.clone(), x.clone(), pass.again());
        Box::new(move || {
            let (currents, _) = synapse.run(&x, None, &Observed::default(), &pass)?;
            currents.dense(&pass.pool)
        })
    }

    pub(crate) fn output(&self) -> Features {
        self.synapse.output()
    }

    /// The weights of the normalization, if there is one.
    pub(crate) fn gamma(&self) -> Option<candle_core::Tensor> {
        self.normalization.as_ref().map(|layer| layer.gamma().clone())
    }

    pub(crate) fn elements(&self) -> Vec<Element> {
        let mut elements = vec![self.synapse.element(&self.name)];
        elements.extend(self.normalization.iter().flat_map(Layer::elements));
        elements
    }

    pub(crate) fn observe(&self) -> SynapseObservation {
        SynapseObservation {
            name: self.name.clone(),
            geometry: self.synapse.geometry(),
            algorithms: self.observed.get(),
        }
    }
}

/// Convolution or linear layer, normalization, neurons: `[T, B, H, W, C]` or `[T, B, N]` to spikes.
///
/// Parameters at its scope: `weight`, `bias`, `normalization.gamma`, `normalization.beta` and its running
/// statistics, `neuron.…` for what the neuron learns.
///
/// Elsewhere: `Conv2d`, `BatchNorm2d`, `LIFNode` in a row (SpikingJelly), `Conv2d` and `Leaky` (snnTorch).
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_nn::ModuleT;
/// use candlewick_core::{Key, parameters::seeded};
/// use candlewick_network::{Block, ConvolutionSettings, Features, Parts};
/// use candlewick_neuron::{Lif, Settings};
/// use candlewick_surrogate::{Surrogate, Triangle};
///
/// let parts = Parts::new(Lif::default().model(), Triangle::default().shared());
/// let image = Features::Map { height: 8, width: 8, channels: 1 };
/// let builder = seeded(&Device::Cpu, Key::new(1));
/// let block = Block::convolution(image, ConvolutionSettings::same(16, 3), &parts, builder)?;
/// let x = Tensor::ones((4, 1, 8, 8, 1), DType::F32, &Device::Cpu)?; // [T, B, H, W, C]
/// assert_eq!(block.forward_t(&x, true)?.dims(), [4, 1, 8, 8, 16]);
/// # Ok::<(), candlewick_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Block {
    pub(crate) currents: Currents,
    pub(crate) spiking: Spiking,
}

impl Block {
    /// A convolution with its normalization and neurons, whose parameters are created at `scope`,
    /// which a `VarBuilder` converts into.
    ///
    /// # Errors
    /// If the kernel does not fit the input.
    pub fn convolution<'a>(
        input: Features,
        settings: ConvolutionSettings,
        parts: &Parts,
        scope: impl Into<Scope<'a>>,
    ) -> Result<Self> {
        let (scope, methods) = (scope.into(), Methods::new());
        NetworkBuilder::new(&scope, parts, &methods, 0).convolution_block("", input, settings)
    }

    /// A linear layer with its neurons, and its normalization if it has one, as
    /// [`convolution`](Self::convolution).
    ///
    /// # Errors
    /// If the input is a map.
    pub fn linear<'a>(
        input: Features,
        settings: LinearSettings,
        parts: &Parts,
        scope: impl Into<Scope<'a>>,
    ) -> Result<Self> {
        let (scope, methods) = (scope.into(), Methods::new());
        NetworkBuilder::new(&scope, parts, &methods, 0).linear_block("", input, settings)
    }
}

impl Layer for Block {
    fn run(&self, x: Signal, pass: &Pass) -> Result<(Signal, Option<Backward>)> {
        let (currents, synapse) = self.currents.run(&x, pass)?;
        let (spikes, neurons) = self.spiking.drive(vec![currents], pass)?;
        let (Some(synapse), Some(neurons)) = (synapse, neurons) else {
            return Ok((spikes, None));
        };
        let post = self.currents.rule.is_some().then(|| spikes.clone());
        let backward: Backward = Box::new(move |gradient, found| {
            let gradient = neurons(gradient, found)?;
            synapse(gradient, post.as_ref(), found)
        });
        Ok((spikes, Some(backward)))
    }

    fn output(&self) -> Features {
        self.spiking.output()
    }

    fn synapses(&self) -> Vec<SynapseObservation> {
        vec![self.currents.observe()]
    }

    fn spiking(&self) -> Vec<&Spiking> {
        vec![&self.spiking]
    }

    fn elements(&self) -> Vec<Element> {
        let mut elements = self.currents.elements();
        elements.extend(self.spiking.elements());
        elements
    }
}
