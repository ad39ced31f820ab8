//! Synapses as candle operations, on any device.

use candle_core::{Result as CandleResult, Tensor, Var};
use candlewick_core::Result;
use candlewick_device::Floats;
use candlewick_kernels::convolution::Conv2d;

use super::{Plasticity, Synapse, SynapseBackward};
use crate::gradients::ParameterGradients;
use crate::{Features, Pass, Signal};

impl Synapse {
    pub(super) fn by_composition(
        &self,
        x: &Signal,
        plasticity: Option<Plasticity>,
        pass: &Pass,
    ) -> Result<(Signal, Option<SynapseBackward>)> {
        let synapse = self.clone();
        let (out, backward) = pass.compose(x, self.output, move |x| Ok(synapse.composed(x)?))?;
        let Some(backward) = backward else { return Ok((out, None)) };
        let Some(rule) = plasticity else {
            let backward: SynapseBackward = Box::new(move |g, _, found| backward(g, found));
            return Ok((out, Some(backward)));
        };
        let (synapse, x, pass) = (self.clone(), x.clone(), pass.clone());
        let slots = [Some(&self.weight), self.bias.as_ref()]
            .map(|parameter| parameter.and_then(|parameter| pass.learn(parameter)));
        let backward: SynapseBackward = Box::new(move |gradient, post, found| {
            let mut dims = x.dims();
            dims.truncate(2);
            dims.extend(synapse.output.dims());
            let of_output = gradient.tensor(&dims, pass.device())?;
            let mut own = ParameterGradients::default();
            let of_input = backward(gradient, &mut own)?;
            if let Some(slot) = slots[0] {
                own.set(slot, rule.by_composition(&synapse, &x, &of_output, post, &pass)?);
            }
            for slot in slots.into_iter().flatten() {
                if let Some(gradient) = own.take(slot) {
                    found.add(slot, gradient)?;
                }
            }
            Ok(of_input)
        });
        Ok((out, Some(backward)))
    }

    /// The layer on `[T, B, …]`, of candle's own convolution or matrix product.
    pub(crate) fn composed(&self, x: &Tensor) -> CandleResult<Tensor> {
        self.composed_of(x, &self.weight, self.bias.as_ref())
    }

    fn composed_of(
        &self,
        x: &Tensor,
        weight: &Tensor,
        bias: Option<&Tensor>,
    ) -> CandleResult<Tensor> {
        let images = x.flatten(0, 1)?;
        let out = match self.output {
            Features::Vector { .. } => images.matmul(weight)?,
            Features::Map { .. } => {
                let Conv2d { stride, padding, .. } = self.geometry;
                if stride[0] != stride[1] || padding[0] != padding[1] {
                    candle_core::bail!(
                        "candle's convolution has one stride and one padding for both axes"
                    );
                }
                let images = images.permute((0, 3, 1, 2))?.contiguous()?;
                let weight = weight.permute((3, 2, 0, 1))?.contiguous()?;
                let out = images.conv2d(&weight, padding[0], stride[0], 1, 1)?;
                out.permute((0, 2, 3, 1))?.contiguous()?
            }
        };
        let out = match bias {
            Some(bias) => out.broadcast_add(bias)?,
            None => out,
        };
        let mut dims = x.dims()[..2].to_vec();
        dims.extend(self.output.dims());
        out.reshape(dims)
    }

    /// The gradient with respect to the weight of `sum(layer(x) · gradient)`, x and the gradient `[T, B, …]`.
    pub(crate) fn correlate(
        &self,
        x: &Tensor,
        gradient: &Tensor,
        pass: &Pass,
    ) -> CandleResult<Tensor> {
        if let Some(queue) = pass.queue() {
            let shape = Conv2d { images: x.dim(0)? * x.dim(1)?, ..self.geometry };
            let (x, gradient) = (Floats::of(x)?, Floats::of(gradient)?);
            return queue.weight_gradient(&shape, &x, &gradient)?.tensor(self.weight.dims());
        }
        let weight = Var::from_tensor(&self.weight.detach())?;
        let out = self.composed_of(&x.detach(), &weight, None)?;
        let found = (out * gradient)?.sum_all()?.backward()?;
        match found.get(&weight) {
            Some(gradient) => Ok(gradient.detach()),
            None => weight.zeros_like(),
        }
    }
}
