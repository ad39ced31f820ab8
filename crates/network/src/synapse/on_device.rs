//! Synapses by the kernels and matrix products of a device.

use candlewick_core::Result;
use candlewick_device::Queue;
use candlewick_kernels::convolution::Conv2d;

use super::{Plasticity, Synapse, SynapseBackward};
use crate::{Array, OnDevice, Pass, Signal};

impl Synapse {
    pub(super) fn by_device(
        &self,
        x: &Signal,
        plasticity: Option<Plasticity>,
        queue: &Queue,
        pass: &Pass,
    ) -> Result<(Signal, Option<SynapseBackward>)> {
        let shape = Conv2d { images: x.time * x.batch, ..self.geometry };
        let input = x.on_device()?.clone();
        let out = queue.convolution(&shape, &input, &self.weight, self.bias.as_ref())?;
        let weight = pass.learn(&self.weight);
        let bias = self.bias.as_ref().and_then(|bias| pass.learn(bias));
        let out = x.made_from_device(self.output, out)?;
        let out = out.behind(weight.is_some() || bias.is_some());
        if !pass.is_kept() {
            return Ok((out, None));
        }
        let (synapse, x, pass, queue) = (self.clone(), x.clone(), pass.clone(), queue.clone());
        let backward: SynapseBackward = Box::new(move |gradient, post, found| {
            let gradient = gradient.into_device()?;
            if let Some(slot) = bias {
                let sums = queue.column_sums(&gradient, shape.out_channels)?;
                found.add(slot, sums.tensor(&[shape.out_channels])?)?;
            }
            if let Some(slot) = weight {
                let of_weight = match &plasticity {
                    Some(rule) => {
                        let mut dims = vec![x.time, x.batch];
                        dims.extend(synapse.output.dims());
                        rule.by_composition(&synapse, &x, &gradient.tensor(&dims)?, post, &pass)?
                    }
                    None => queue
                        .weight_gradient(&shape, &input, &gradient)?
                        .tensor(synapse.weight.dims())?,
                };
                found.add(slot, of_weight)?;
            }
            if !x.gradient {
                return Ok(None);
            }
            let of_input = queue.input_gradient(&shape, &gradient, &synapse.weight)?;
            Ok(Some(Array::Device(OnDevice::new(of_input, queue))))
        });
        Ok((out, Some(backward)))
    }
}
