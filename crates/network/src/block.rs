//! Synapses, normalization and the neurons that they drive: the unit that deep networks repeat.

use std::sync::Arc;

use candle_core::Tensor;
use candlewick_core::weight_rule::WeightGradientRule;
use candlewick_core::{Error, Result};

use crate::synapse::{Plasticity, PostSpikes};
use crate::{Context, Convolution, Features, Layer, Linear, Normalization, Spiking};

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
}

impl Currents {
    /// The currents, and where to put the spikes that they cause if a rule needs them.
    pub(crate) fn forward(
        &self,
        x: &Tensor,
        context: &Context,
    ) -> Result<(Tensor, Option<PostSpikes>)> {
        let steps = x.dim(0)?;
        let plasticity = self
            .rule
            .as_ref()
            .filter(|_| context.training && context.gradients && steps == context.time_steps)
            .map(|rule| Plasticity {
                rule: rule.clone(),
                post: PostSpikes::default(),
                time_steps: steps,
                key: context.key.named(&self.name),
            });
        if plasticity.is_some() && !x.device().is_cpu() {
            return Err(Error::Setting {
                field: format!("rule for the weight gradient of {}", self.name),
                expected: "tensors on the CPU, where the kernels keep the time steps apart".into(),
                got: format!("{:?}", x.device().location()),
            });
        }
        let post = plasticity.as_ref().map(|plasticity| plasticity.post.clone());
        let run = || {
            let currents = match &self.synapse {
                Synapse::Convolution(layer) => layer.currents(x, context, plasticity),
                Synapse::Linear(layer) => layer.currents(x, context, plasticity),
            }?;
            match &self.normalization {
                Some(normalization) => normalization.forward(&currents, context),
                None => Ok(currents),
            }
        };
        Ok((run().map_err(|error| error.in_layer(&self.name))?, post))
    }

    pub(crate) fn output(&self) -> Features {
        match &self.synapse {
            Synapse::Convolution(layer) => layer.output(),
            Synapse::Linear(layer) => layer.output(),
        }
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
        let (currents, post) = self.currents.forward(x, context)?;
        let spikes = self.spiking.forward(&currents, context)?;
        if let Some(post) = post {
            post.set(&spikes);
        }
        Ok(spikes)
    }

    fn output(&self) -> Features {
        self.spiking.output()
    }

    fn spiking(&self) -> Vec<&Spiking> {
        vec![&self.spiking]
    }
}
