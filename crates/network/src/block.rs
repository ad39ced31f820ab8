//! Synapses, normalization and the neurons that they drive: the unit that deep networks repeat.

use std::sync::Arc;

use candle_core::Tensor;
use candlewick_core::weight_rule::WeightGradientRule;
use candlewick_core::{Error, Result};
use candlewick_kernels::convolution::Conv2d;

use crate::kept::{Again, Kept};
use crate::signal::{Pass, Pull, Signal};
use crate::spiking::Part;
use crate::synapse::{Algorithms, Plasticity, SynapsePull, Taken};
use crate::{Context, Convolution, Element, Features, Layer, Linear, Normalization, Spiking};

/// A synaptic layer.
#[derive(Clone, Debug)]
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

impl Synapse {
    fn run(
        &self,
        x: &Signal,
        plasticity: Option<Plasticity>,
        taken: &Taken,
        pass: &Pass,
    ) -> Result<(Signal, Option<SynapsePull>)> {
        match self {
            Self::Convolution(layer) => layer.run_with(x, plasticity, taken, pass),
            Self::Linear(layer) => layer.run_with(x, plasticity, taken, pass),
        }
    }

    /// How to compute the currents once more.
    fn again(&self, x: &Signal, pass: &Pass) -> Again {
        let (synapse, x, pass) = (self.clone(), x.clone(), pass.again());
        Box::new(move || {
            let (currents, _) = synapse.run(&x, None, &Taken::default(), &pass)?;
            Ok(currents.dense(&pass.pool))
        })
    }
}

/// How a synaptic layer of a network ran when it last ran.
#[derive(Clone, Debug)]
pub struct SynapseObservation {
    /// Path of the layer.
    pub name: String,
    /// Its shape, for one image.
    pub geometry: Conv2d,
    /// The kernels that were chosen; `None` before the first pass.
    pub algorithms: Option<Algorithms>,
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

    /// The currents on the CPU, which the neurons normalize as they read them; their backward pass
    /// takes the gradient by the normalized currents and the spikes that they caused.
    pub(crate) fn run(&self, x: &Signal, pass: &Pass) -> Result<(Part, Option<SynapsePull>)> {
        let plasticity = self
            .rule
            .as_ref()
            .filter(|_| pass.context.training && x.time == pass.context.time_steps)
            .map(|rule| Plasticity { rule: rule.clone(), key: pass.context.key.named(&self.name) });
        let run = || -> Result<(Part, Option<SynapsePull>)> {
            let (signal, pull) = self.synapse.run(x, plasticity, &self.taken, pass)?;
            let recompute = pass.is_kept() && pass.context.recompute;
            let again = recompute.then(|| self.synapse.again(x, pass));
            let values = Kept::new(signal.dense(&pass.pool), again);
            let Some(normalization) = &self.normalization else {
                return Ok((Part::currents(x, values, None), pull));
            };
            let repeats = (pass.context.time_steps / x.time).max(1);
            let (prepared, normalization_pull) = normalization.prepare(&values, repeats, pass)?;
            let part = Part::currents(x, values, Some(prepared));
            let (Some(pull), Some(through)) = (pull, normalization_pull) else {
                return Ok((part, None));
            };
            let pull: SynapsePull = Box::new(move |mut gradient, post, filed| {
                through(&mut gradient, filed)?;
                // The currents themselves are needed no more.
                pull(gradient, post, filed)
            });
            Ok((part, Some(pull)))
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
        SynapseObservation { name: self.name.clone(), geometry, algorithms: self.taken.get() }
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
        let (part, currents) = self.currents.run(&x, pass)?;
        let (spikes, neurons) = self.spiking.drive(vec![part], pass)?;
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
