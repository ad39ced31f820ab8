//! Weight gradients that a training method computes.

use std::ops::Range;
use std::sync::Arc;

use candle_core::Tensor;
use candlewick_core::weight_rule::{Shares, Side, WeightGradientRule, WeightSite};
use candlewick_core::{Error, Key, Result};

use super::Synapse;
use super::correlation::Correlation;
use crate::{Pass, Signal};

/// How the weight gradient of one pass is computed by a method.
#[derive(Clone, Debug)]
pub(crate) struct Plasticity {
    pub(crate) rule: Arc<dyn WeightGradientRule>,
    pub(crate) key: Key,
}

/// The spikes behind a layer, of the size of the gradient with respect to its output.
///
/// # Errors
/// If no neuron has run behind the layer, or its spikes are of another size.
fn behind(post: Option<&Signal>, size: usize) -> Result<&Signal> {
    let Some(post) = post else {
        return Err(Error::Setting {
            field: "rule for the weight gradient".into(),
            expected: "a layer that feeds neurons".into(),
            got: "a layer without".into(),
        });
    };
    if post.len() == size {
        return Ok(post);
    }
    Err(Error::Shape {
        what: "post-synaptic spikes of a rule for the weight gradient".into(),
        expected: format!("{size} values"),
        got: post.len().to_string(),
    })
}

impl Plasticity {
    /// Computes the weight gradient of the rule with the kernels.
    pub(super) fn by_kernels(
        &self,
        correlation: Correlation<'_>,
        gradient: &[f32],
        post: Option<&Signal>,
        of_weight: &mut [f32],
    ) -> Result<()> {
        let post = behind(post, gradient.len())?;
        let x = correlation.x;
        let (size, failure) = (of_weight.len(), Failure::default());
        let site = WeightSite {
            time_steps: x.time,
            outputs: correlation.convolution.out_channels,
            same_shape: x.features == post.features,
            coincide: &|side, decay, steps, body| {
                let other = if side == Side::Pre { x } else { post };
                let mut out = correlation.pool.take(steps.len() * size);
                failure.note(correlation.coincidences(other, decay, steps, &mut out));
                body(&out);
            },
            shared: &|shares, out| failure.note(correlation.shared(gradient, shares, out)),
            plain: &|out| failure.note(correlation.whole(gradient, out)),
            key: self.key,
        };
        self.rule.weight_gradient(site, of_weight);
        failure.into_result()
    }

    /// Computes the weight gradient of the rule with candle operations; the sums that the rule asks
    /// for are copied from the device.
    pub(super) fn by_composition(
        &self,
        synapse: &Synapse,
        x: &Signal,
        gradient: &Tensor,
        post: Option<&Signal>,
        pass: &Pass,
    ) -> Result<Tensor> {
        let post = behind(post, gradient.elem_count())?;
        let [pre, post_spikes] = [x.tensor(pass)?, post.tensor(pass)?];
        let outputs = synapse.geometry.out_channels;
        let correlate = |x: &Tensor, gradient: &Tensor| -> Result<Vec<f32>> {
            Ok(synapse.correlate(x, gradient, pass)?.flatten_all()?.to_vec1()?)
        };
        // The trace of step `t`, as a sum of steps.
        let trace = |x: &Tensor, decay: f32, t: usize| -> Result<Tensor> {
            let mut dims = vec![1; x.rank()];
            dims[0] = t + 1;
            let weights = (0..=t).map(|step| decay.powi((t - step) as i32));
            let weights = Tensor::from_iter(weights, x.device())?.reshape(dims)?;
            Ok(x.narrow(0, 0, t + 1)?.broadcast_mul(&weights)?.sum_keepdim(0)?)
        };
        let coincide =
            |side: Side, decay: f32, steps: Range<usize>, out: &mut [f32]| -> Result<()> {
                let other = if side == Side::Pre { &pre } else { &post_spikes };
                for (row, t) in steps.clone().enumerate() {
                    let found = correlate(&trace(&pre, decay, t)?, &trace(other, decay, t)?)?;
                    let rows = out[row * outputs..].chunks_mut(steps.len() * outputs);
                    for (out, found) in rows.zip(found.chunks_exact(outputs)) {
                        out[..outputs].copy_from_slice(found);
                    }
                }
                Ok(())
            };
        let shared = |shares: Shares<'_>, out: &mut [f32]| -> Result<()> {
            out.fill(0.0);
            let length = x.time / shares.scales.len();
            for row in 0..shares.scales.len() {
                let [pre, gradient] =
                    [&pre, gradient].map(|steps| steps.narrow(0, row * length, length));
                shares.add(row, outputs, &correlate(&pre?, &gradient?)?, out);
            }
            Ok(())
        };
        let plain = |out: &mut [f32]| -> Result<()> {
            out.copy_from_slice(&correlate(&pre, gradient)?);
            Ok(())
        };
        let (size, failure) = (synapse.weight.elem_count(), Failure::default());
        let mut of_weight = vec![0.0; synapse.weight.elem_count()];
        let site = WeightSite {
            time_steps: x.time,
            outputs,
            same_shape: x.features == post.features,
            coincide: &|side, decay, steps, body| {
                let mut out = vec![0.0; steps.len() * size];
                failure.note(coincide(side, decay, steps, &mut out));
                body(&out);
            },
            shared: &|shares, out| failure.note(shared(shares, out)),
            plain: &|out| failure.note(plain(out)),
            key: self.key,
        };
        self.rule.weight_gradient(site, &mut of_weight);
        failure.into_result()?;
        Ok(Tensor::from_vec(of_weight, synapse.weight.shape(), pass.device())?)
    }
}

/// The first error of the sums that a rule asks for, which itself cannot fail.
#[derive(Default)]
struct Failure(std::sync::Mutex<Option<Error>>);

impl Failure {
    fn note(&self, result: Result<()>) {
        if let Err(error) = result {
            crate::pass::lock(&self.0).get_or_insert(error);
        }
    }

    fn into_result(self) -> Result<()> {
        self.0.into_inner().ok().flatten().map_or(Ok(()), Err)
    }
}
