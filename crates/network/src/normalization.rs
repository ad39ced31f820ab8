//! Batch normalization over time, batch and space, per channel.
//!
//! "tdBN" (Zheng et al., AAAI 2021, arXiv:2011.05280, eqs. 5 and 6):
//!
//! ```text
//! x̂ = alpha · v_threshold · (x - mean) / √(variance + epsilon);   y = gamma · x̂ + beta
//! ```
//!
//! with `alpha = 1/√n` on each of `n` parallel branches. TET's code is this with
//! `alpha · v_threshold = 1` on every branch.

use std::sync::Arc;

use candle_core::{Tensor, Var};
use candlewick_core::initializer::Initializer;
use candlewick_core::parameters::{Role, Scope};
use candlewick_core::{Error, Result, host};
use candlewick_kernels::neuron::current::PerChannel;
use candlewick_kernels::normalization::{Gradients, Statistics, normalize_gradient, statistics};
use serde::{Deserialize, Serialize};

use crate::buffer::Buffer;
use crate::kept::Kept;
use crate::signal::{Filed, Pass, Pull, Signal, Values};
use crate::{Context, Element, Features, Layer};

/// Settings of the normalization in a recipe.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ThresholdBatchNorm {
    /// `alpha · v_threshold`, the factor of serial layers. Default 1 (code of TET; tdBN with a
    /// threshold of 1).
    pub factor: f32,
    /// The further factor of each of the two branches that meet in a residual block. Default 1
    /// (code of TET); tdBN has 1/√2.
    pub branch_factor: f32,
    /// Added to the variance. Default 1e-5.
    pub epsilon: f32,
    /// Weight of a new batch in the running statistics. Default 0.1.
    pub momentum: f32,
}

impl Default for ThresholdBatchNorm {
    fn default() -> Self {
        Self { factor: 1.0, branch_factor: 1.0, epsilon: 1e-5, momentum: 0.1 }
    }
}

/// A normalization layer.
#[derive(Clone, Debug)]
pub struct Normalization {
    settings: ThresholdBatchNorm,
    factor: f32,
    features: Features,
    gamma: Tensor,
    beta: Tensor,
    running_mean: Var,
    running_variance: Var,
}

impl Normalization {
    /// Creates `gamma` (1), `beta` (0) and the running statistics at `scope`, one value per channel
    /// (the last axis of `input`).
    ///
    /// `in_branch` says whether this is the last normalization of a residual branch.
    pub fn new(
        scope: &mut Scope<'_>,
        input: Features,
        settings: ThresholdBatchNorm,
        in_branch: bool,
    ) -> Result<Self> {
        let channels = match input {
            Features::Map { channels, .. } => channels,
            Features::Vector { size } => size,
        };
        let mut create =
            |name, role, value| scope.create(name, role, &[channels], Initializer::Constant(value));
        let factor = settings.factor * if in_branch { settings.branch_factor } else { 1.0 };
        Ok(Self {
            settings,
            factor,
            features: input,
            gamma: create("gamma", Role::Normalization, 1.0)?.as_tensor().clone(),
            beta: create("beta", Role::Normalization, 0.0)?.as_tensor().clone(),
            running_mean: create("running_mean", Role::Buffer, 0.0)?,
            running_variance: create("running_variance", Role::Buffer, 1.0)?,
        })
    }

    /// The weights, one per channel.
    pub(crate) fn gamma(&self) -> &Tensor {
        &self.gamma
    }

    /// Moves the running statistics towards those of a batch of `count` values per channel.
    fn track(&self, mean: &[f32], variance: &[f32], count: usize) -> Result<()> {
        // The running variance is the unbiased one, as in PyTorch.
        let unbiased = count as f32 / (count.max(2) - 1) as f32;
        let momentum = self.settings.momentum;
        for (running, batch, factor) in
            [(&self.running_mean, mean, 1.0), (&self.running_variance, variance, unbiased)]
        {
            let mut values = running.to_vec1::<f32>()?;
            for (value, batch) in values.iter_mut().zip(batch) {
                *value = (1.0 - momentum) * *value + momentum * factor * batch;
            }
            running.set(&Tensor::from_vec(values, running.shape(), running.device())?)?;
        }
        Ok(())
    }
}

impl Normalization {
    /// Prepares the normalization of `x`, which the neurons behind it apply; gives its backward pass,
    /// which turns the gradient by the normalized values into that by `x`.
    pub(crate) fn prepare(
        &self,
        x: &Arc<Kept>,
        repeats: usize,
        pass: &Pass,
    ) -> Result<(PerChannel, Option<NormalizationPull>)> {
        let channels = self.features.channels();
        let epsilon = self.settings.epsilon;
        let of_the_batch = pass.context.training;
        let (mean, variance) = if of_the_batch {
            let (mut mean, mut variance) = (vec![0.0; channels], vec![0.0; channels]);
            let x = x.values()?;
            statistics(&x, &mut mean, &mut variance);
            // A constant input counts once per time step, as if it had been repeated.
            self.track(&mean, &variance, x.len() / channels * repeats)?;
            (mean, variance)
        } else {
            (self.running_mean.to_vec1()?, self.running_variance.to_vec1()?)
        };
        let factor = self.factor;
        let gamma: Vec<f32> =
            host::values(&self.gamma)?.iter().map(|gamma| gamma * factor).collect();
        let given = Statistics { mean: &mean, variance: &variance, epsilon };
        let prepared = PerChannel::new(&mean, &given.scales(&gamma), &host::values(&self.beta)?);
        if !pass.is_kept() {
            return Ok((prepared, None));
        }
        let (x, by) = (x.clone(), [self.gamma.clone(), self.beta.clone()]);
        let pull = move |gradient: &mut Buffer, filed: &mut Filed| {
            let (mut by_gamma, mut by_beta) = (vec![0.0; channels], vec![0.0; channels]);
            let gradients =
                Gradients { activation: gradient, gamma: &mut by_gamma, beta: &mut by_beta };
            let given = Statistics { mean: &mean, variance: &variance, epsilon };
            normalize_gradient(&x.values()?, given, &gamma, of_the_batch, gradients);
            for gradient in &mut by_gamma {
                *gradient *= factor;
            }
            filed.add(&by[0], by_gamma)?;
            filed.add(&by[1], by_beta)
        };
        Ok((prepared, Some(Box::new(pull))))
    }
}

/// A backward pass through a normalization, in place.
pub(crate) type NormalizationPull = Box<dyn FnOnce(&mut Buffer, &mut Filed) -> Result<()> + Send>;

impl Layer for Normalization {
    fn forward(&self, x: &Tensor, context: &Context) -> Result<Tensor> {
        if x.dims()[2..] != self.features.dims() {
            return Err(Error::Shape {
                what: "input of a normalization, from axis 2".into(),
                expected: format!("{:?}", self.features.dims()),
                got: format!("{:?}", &x.dims()[2..]),
            });
        }
        let channels = self.gamma.elem_count();
        let rows = x.reshape(((), channels))?;
        let (mean, variance) = if context.training {
            let mean = rows.mean_keepdim(0)?;
            let variance = rows.broadcast_sub(&mean)?.sqr()?.mean_keepdim(0)?;
            let count = rows.dim(0)? * (context.time_steps / x.dim(0)?).max(1);
            self.track(
                &mean.flatten_all()?.to_vec1()?,
                &variance.flatten_all()?.to_vec1()?,
                count,
            )?;
            (mean, variance)
        } else {
            let shape = (1, channels);
            (
                self.running_mean.reshape(shape)?.detach(),
                self.running_variance.reshape(shape)?.detach(),
            )
        };
        let deviation = (variance + f64::from(self.settings.epsilon))?.sqrt()?;
        let gamma = (context.parameter(&self.gamma) * f64::from(self.factor))?;
        let out = rows.broadcast_sub(&mean)?.broadcast_div(&deviation)?;
        let out = out.broadcast_mul(&gamma)?.broadcast_add(&context.parameter(&self.beta))?;
        Ok(out.reshape(x.shape())?)
    }

    fn run(&self, x: Signal, pass: &Pass) -> Result<(Signal, Option<Pull>)> {
        x.expect("a normalization", self.features)?;
        let repeats = (pass.context.time_steps / x.time).max(1);
        let values = x.dense(&pass.pool);
        let kept = Kept::new(values.clone(), None);
        let (prepared, pull) = self.prepare(&kept, repeats, pass)?;
        let mut out = pass.pool.take(values.len());
        prepared.apply(&values, &mut out);
        let pull: Option<Pull> = pull.map(|pull| -> Pull {
            Box::new(move |mut gradient, filed| {
                pull(&mut gradient, filed)?;
                Ok(Some(gradient))
            })
        });
        Ok((x.with(self.features, Values::Dense(Arc::new(out))).learned(), pull))
    }

    fn output(&self) -> Features {
        self.features
    }

    fn elements(&self) -> Vec<Element> {
        vec![Element::Normalization {
            mean: self.running_mean.as_tensor().clone(),
            variance: self.running_variance.as_tensor().clone(),
            gamma: self.gamma.clone(),
            beta: self.beta.clone(),
            factor: self.factor,
            epsilon: self.settings.epsilon,
        }]
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;
    use candlewick_core::Key;
    use candlewick_core::parameters::Parameters;

    use super::*;

    /// An input given once, for four steps, moves the statistics as if it had been given four times.
    #[test]
    fn a_constant_input_counts_once_per_time_step() -> Result<()> {
        let mut variances = Vec::new();
        for repeats in [1, 4] {
            let mut store = Parameters::new(&Device::Cpu, Key::new(1));
            let features = Features::Vector { size: 1 };
            let settings = ThresholdBatchNorm::default();
            let layer = Normalization::new(&mut store.root(), features, settings, false)?;
            let x = Tensor::new(&[[[1.0_f32], [3.0]]], &Device::Cpu)?.repeat((repeats, 1, 1))?;
            layer.forward(&x, &Context::training(4, Key::new(1)))?;
            variances.push(layer.running_variance.to_vec1::<f32>()?[0]);
        }
        // 0.9 · 1 + 0.1 · 8/7 · 1
        assert_eq!(variances, [variances[0]; 2]);
        assert!((variances[0] - (0.9 + 0.8 / 7.0)).abs() < 1e-6);
        Ok(())
    }

    /// tdBN is batch normalization whose weight starts at `alpha · v_threshold`, and starts as such: in
    /// training, and with the running statistics that the training leaves.
    #[test]
    fn tdbn_is_batch_normalization_with_a_weight_of_alpha_v_threshold() -> Result<()> {
        let features = Features::Map { height: 3, width: 3, channels: 4 };
        let mut stream = Key::new(2).stream();
        let values: Vec<f32> = (0..5 * 2 * 36).map(|_| 0.5 + 2.0 * stream.normal()).collect();
        let x = Tensor::from_vec(values, (5, 2, 3, 3, 4), &Device::Cpu)?;
        let mut visited = 0;
        for (alpha, v_threshold, in_branch) in
            [(1.0, 0.5, false), (0.5_f32.sqrt(), 0.5, true), (0.5_f32.sqrt(), 1.5, true)]
        {
            let mut outputs = Vec::new();
            for weight_has_it in [false, true] {
                let mut store = Parameters::new(&Device::Cpu, Key::new(1));
                let settings = if weight_has_it {
                    ThresholdBatchNorm::default()
                } else {
                    ThresholdBatchNorm {
                        factor: v_threshold,
                        branch_factor: 0.5_f32.sqrt(),
                        ..ThresholdBatchNorm::default()
                    }
                };
                let layer = Normalization::new(&mut store.root(), features, settings, in_branch)?;
                if weight_has_it {
                    let gamma = &store.get("gamma").expect("a weight").variable;
                    gamma.set(&gamma.ones_like()?.affine(f64::from(alpha * v_threshold), 0.0)?)?;
                }
                let pool = Arc::default();
                for context in [Context::training(5, Key::new(1)), Context::evaluation(5)] {
                    let pass = Pass::new(context, Arc::clone(&pool));
                    let composed = layer.forward(&x, &context)?;
                    let (fused, _) = layer.run(Signal::input(&x, features, &pass)?, &pass)?;
                    outputs.push([composed, fused.tensor(&pool)?]);
                }
            }
            let [tdbn_training, tdbn, training, evaluation] = &outputs[..] else {
                unreachable!("two layers, two passes")
            };
            for (tdbn, plain) in [(tdbn_training, training), (tdbn, evaluation)] {
                for (tdbn, plain) in tdbn.iter().zip(plain) {
                    let distance = (tdbn - plain)?.abs()?.max_all()?.to_scalar::<f32>()?;
                    assert!(distance < 1e-6, "{alpha} · {v_threshold}: {distance}");
                    assert!(plain.abs()?.max_all()?.to_scalar::<f32>()? > 0.5);
                    visited += 1;
                }
            }
        }
        assert_eq!(visited, 12);
        Ok(())
    }
}
