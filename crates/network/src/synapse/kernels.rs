//! Synapses by the kernels of the CPU, one chosen for each pass.
//!
//! An input of spikes, or of spikes pooled by fours, goes to the sparse kernels or to the matrix unit
//! wherever those are faster, and the gradient with respect to the input is computed only where the
//! surrogate derivative behind it is not 0 if that is faster; a choice changes a result by rounding
//! only.

use std::sync::Arc;

use candle_core::{Device, Tensor};
use candlewick_core::{Result, host};
use candlewick_kernels::convolution::{Algorithm, Conv2d};

use super::correlation::Correlation;
use super::{Algorithms, Observed, Plasticity, Synapse, SynapseBackward};
use crate::buffer::Buffer;
use crate::signal::Values;
use crate::{Array, Pass, Signal};

impl Synapse {
    pub(super) fn by_kernels(
        &self,
        x: &Signal,
        plasticity: Option<Plasticity>,
        observed: &Observed,
        pass: &Pass,
    ) -> Result<(Signal, Option<SynapseBackward>)> {
        let convolution = Conv2d { images: x.time * x.batch, ..self.geometry };
        let mut output = pass.take(convolution.output_len());
        let mut algorithms = Algorithms {
            density: None,
            forward: Algorithm::Dense,
            weight_gradient: None,
            input_gradient: None,
        };
        if pass.context.stepwise && x.time > 1 {
            let length = output.len() / x.time;
            for (t, output) in output.chunks_exact_mut(length.max(1)).enumerate() {
                self.forward(&x.step(t, &pass.pool)?, output, &mut algorithms, pass)?;
            }
        } else {
            self.forward(x, &mut output, &mut algorithms, pass)?;
        }
        observed.set(algorithms);
        let weight = pass.learn(&self.weight);
        let bias = self.bias.as_ref().and_then(|bias| pass.learn(bias));
        let out = x.with(self.output, Values::Dense(Arc::new(output)));
        let out = out.behind(weight.is_some() || bias.is_some());
        if !pass.is_kept() {
            return Ok((out, None));
        }
        let (synapse, x, pass, observed) =
            (self.clone(), x.clone(), pass.clone(), observed.clone());
        let backward: SynapseBackward = Box::new(move |gradient, post, found| {
            let gradient = gradient.into_host(&pass.pool)?;
            if let Some(slot) = bias {
                let mut of_bias = vec![0.0; convolution.out_channels];
                convolution.bias_gradient(&gradient, &mut of_bias);
                let channels = convolution.out_channels;
                found.add(slot, Tensor::from_vec(of_bias, channels, &Device::Cpu)?)?;
            }
            if let Some(slot) = weight {
                let mut of_weight = vec![0.0; convolution.weight_len()];
                let algorithm = match &x.values {
                    Values::Spikes(spikes) => {
                        convolution.weight_gradient_algorithm(spikes.activity())
                    }
                    _ => Algorithm::Dense,
                };
                algorithms.weight_gradient = Some(algorithm);
                let correlation = Correlation { convolution, x: &x, algorithm, pool: &pass.pool };
                match &plasticity {
                    Some(rule) => {
                        rule.by_kernels(correlation, &gradient, post, &mut of_weight)?;
                    }
                    None => correlation.whole(&gradient, &mut of_weight)?,
                }
                let dims = synapse.weight.shape();
                found.add(slot, Tensor::from_vec(of_weight, dims, &Device::Cpu)?)?;
            }
            let of_input = x
                .gradient
                .then(|| synapse.input_gradient(convolution, &x, &gradient, &mut algorithms, &pass))
                .transpose()?;
            observed.set(algorithms);
            [weight, bias].into_iter().flatten().for_each(|slot| found.hand_over(slot));
            Ok(of_input.map(Array::Host))
        });
        Ok((out, Some(backward)))
    }

    fn forward(
        &self,
        x: &Signal,
        output: &mut [f32],
        algorithms: &mut Algorithms,
        pass: &Pass,
    ) -> Result<()> {
        let convolution = Conv2d { images: x.time * x.batch, ..self.geometry };
        let weight = host::values(&self.weight)?;
        let bias = self.bias.as_ref().map(host::values).transpose()?;
        let bias = bias.as_deref();
        if let Values::Spikes(spikes) = &x.values {
            algorithms.density = Some(spikes.density());
            algorithms.forward = convolution.forward_algorithm(spikes.activity());
        }
        match (&x.values, algorithms.forward) {
            (Values::Spikes(spikes), Algorithm::Sparse) => {
                convolution.sparse_forward(spikes, &weight, bias, output);
            }
            (Values::Spikes(spikes), Algorithm::Tiles) => {
                convolution.tile_forward(spikes, &weight, bias, output);
            }
            (_, Algorithm::Winograd) => {
                convolution.winograd_forward(&x.dense(&pass.pool)?, &weight, bias, output);
            }
            _ => convolution.forward(&x.dense(&pass.pool)?, &weight, bias, output),
        }
        Ok(())
    }

    fn input_gradient(
        &self,
        convolution: Conv2d,
        x: &Signal,
        gradient: &[f32],
        algorithms: &mut Algorithms,
        pass: &Pass,
    ) -> Result<Buffer> {
        let mut out = pass.take(convolution.input_len());
        let weight = host::values(&self.weight)?;
        let mask = x.support.as_ref().map(|support| support.activity());
        let algorithm = convolution.input_gradient_algorithm(mask);
        algorithms.input_gradient = Some(algorithm);
        match (&x.support, algorithm) {
            (Some(support), Algorithm::Sparse) => {
                convolution.masked_input_gradient(gradient, &weight, support, &mut out);
            }
            (_, Algorithm::Tiles) => convolution.tile_input_gradient(gradient, &weight, &mut out),
            (_, Algorithm::Winograd) => {
                convolution.winograd_input_gradient(gradient, &weight, &mut out);
            }
            _ => convolution.input_gradient(gradient, &weight, &mut out),
        }
        Ok(out)
    }
}
