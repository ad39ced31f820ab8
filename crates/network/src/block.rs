//! Synapses, normalization and the neurons that they drive: the unit that deep networks repeat.

use std::sync::Arc;

use candle_core::Tensor;
use candlewick_core::weight_rule::WeightGradientRule;
use candlewick_core::{Error, Result};
use candlewick_kernels::convolution::Conv2d;
use candlewick_kernels::current::PerChannel;

use crate::buffer::Buffer;
use crate::signal::{Pass, Pull, Signal};
use crate::spiking::Part;
use crate::synapse::{Paths, Plasticity, SynapsePull, Taken};
use crate::{Context, Convolution, Element, Features, Layer, Linear, Normalization, Spiking};

/// A synaptic layer.
#[derive(Debug)]
pub(crate) enum Synapse {
    Convolution(Convolution),
    Linear(Linear),
}

/// A synaptic layer with its normalization: what turns spikes into currents.
#[derive(Debug)]
pub(crate) struct Currents {
    pub(crate) name: String,
    pub(crate) synapse: Synapse,
    pub(crate) normalization: Option<Normalization>,
    /// How a method computes the weight gradient; `None` for the plain gradient.
    pub(crate) rule: Option<Arc<dyn WeightGradientRule>>,
    taken: Taken,
}

/// Currents before their normalization, which the neurons apply as they read them.
#[derive(Clone, Debug)]
pub(crate) struct Drive {
    /// `[T, B, …]`, or `[1, B, …]`.
    pub(crate) signal: Signal,
    pub(crate) values: Arc<Buffer>,
    pub(crate) normalization: Option<Arc<PerChannel>>,
}

/// How a synaptic layer of a network ran when it last ran.
#[derive(Clone, Debug)]
pub struct SynapseObservation {
    /// Path of the layer.
    pub name: String,
    /// Its shape, for one image.
    pub geometry: Conv2d,
    /// The kernels that were chosen; `None` before the first pass.
    pub paths: Option<Paths>,
}

impl Currents {
    pub(crate) fn new(
        name: &str,
        synapse: Synapse,
        normalization: Option<Normalization>,
        rule: Option<Arc<dyn WeightGradientRule>>,
    ) -> Self {
        Self { name: name.to_owned(), synapse, normalization, rule, taken: Taken::default() }
    }

    /// The currents as candle operations.
    pub(crate) fn forward(&self, x: &Tensor, context: &Context) -> Result<Tensor> {
        if self.rule.is_some() && context.training && context.gradients {
            return Err(Error::Setting {
                field: format!("rule for the weight gradient of {}", self.name),
                expected: "tensors on the CPU, where the kernels keep the time steps apart".into(),
                got: format!("{:?}", x.device().location()),
            });
        }
        let run = || {
            let currents = match &self.synapse {
                Synapse::Convolution(layer) => layer.forward(x, context),
                Synapse::Linear(layer) => layer.forward(x, context),
            }?;
            match &self.normalization {
                Some(normalization) => normalization.forward(&currents, context),
                None => Ok(currents),
            }
        };
        run().map_err(|error| error.in_layer(&self.name))
    }

    /// The currents on the CPU; their backward pass takes the gradient by the normalized currents and
    /// the spikes that they caused.
    pub(crate) fn run(&self, x: &Signal, pass: &Pass) -> Result<(Drive, Option<SynapsePull>)> {
        let plasticity = self
            .rule
            .as_ref()
            .filter(|_| pass.context.training && x.time == pass.context.time_steps)
            .map(|rule| Plasticity { rule: rule.clone(), key: pass.context.key.named(&self.name) });
        let run = || -> Result<(Drive, Option<SynapsePull>)> {
            let (signal, pull) = match &self.synapse {
                Synapse::Convolution(layer) => layer.run_with(x, plasticity, &self.taken, pass),
                Synapse::Linear(layer) => layer.run_with(x, plasticity, &self.taken, pass),
            }?;
            let values = signal.dense(&pass.pool);
            let Some(normalization) = &self.normalization else {
                return Ok((Drive { signal, values, normalization: None }, pull));
            };
            let repeats = (pass.context.time_steps / x.time).max(1);
            let (prepared, normalization_pull) = normalization.prepare(&values, repeats, pass)?;
            let drive = Drive { signal, values, normalization: Some(Arc::new(prepared)) };
            let (Some(pull), Some(through)) = (pull, normalization_pull) else {
                return Ok((drive, None));
            };
            let pull: SynapsePull = Box::new(move |mut gradient, post, filed| {
                through(&mut gradient, filed)?;
                // The currents themselves are needed no more.
                pull(gradient, post, filed)
            });
            Ok((drive, Some(pull)))
        };
        run().map_err(|error| error.in_layer(&self.name))
    }

    pub(crate) fn output(&self) -> Features {
        match &self.synapse {
            Synapse::Convolution(layer) => layer.output(),
            Synapse::Linear(layer) => layer.output(),
        }
    }

    pub(crate) fn elements(&self) -> Vec<Element> {
        let mut elements = vec![match &self.synapse {
            Synapse::Convolution(layer) => layer.element(&self.name),
            Synapse::Linear(layer) => layer.element(&self.name),
        }];
        elements.extend(self.normalization.iter().flat_map(Layer::elements));
        elements
    }

    pub(crate) fn observe(&self) -> SynapseObservation {
        let geometry = match &self.synapse {
            Synapse::Convolution(layer) => layer.geometry(),
            Synapse::Linear(layer) => layer.geometry(),
        };
        SynapseObservation { name: self.name.clone(), geometry, paths: self.taken.get() }
    }
}

/// Convolution or linear layer, normalization, neurons.
#[derive(Debug)]
pub struct Block {
    pub(crate) currents: Currents,
    pub(crate) spiking: Spiking,
}

impl Layer for Block {
    fn forward(&self, x: &Tensor, context: &Context) -> Result<Tensor> {
        self.spiking.forward(&self.currents.forward(x, context)?, context)
    }

    fn run(&self, x: Signal, pass: &Pass) -> Result<(Signal, Option<Pull>)> {
        let (drive, currents) = self.currents.run(&x, pass)?;
        let (spikes, neurons) = self.spiking.drive(vec![Part::of(drive)], pass)?;
        let (Some(currents), Some(neurons)) = (currents, neurons) else {
            return Ok((spikes, None));
        };
        let post = self.currents.rule.is_some().then(|| spikes.clone());
        let pull: Pull = Box::new(move |gradient, filed| {
            let gradient = neurons(gradient, filed)?;
            currents(gradient, post.as_ref(), filed)
        });
        Ok((spikes, Some(pull)))
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
