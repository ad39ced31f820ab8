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

use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{CpuStorage, CustomOp3, Layout, Result as CandleResult, Shape, Tensor, Var};
use candlewick_core::initializer::Initializer;
use candlewick_core::parameters::{Role, Scope};
use candlewick_core::{Error, Result, host};
use candlewick_kernels::normalization::{
    Gradients, Statistics, normalize, normalize_gradient, statistics,
};
use serde::{Deserialize, Serialize};

use crate::{Context, Features, Layer};

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

    /// The plain reference in candle operations.
    fn composed(&self, x: &Tensor, context: &Context) -> Result<Tensor> {
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
}

impl Layer for Normalization {
    fn forward(&self, x: &Tensor, context: &Context) -> Result<Tensor> {
        if x.dims()[2..] != self.features.dims() {
            return Err(Error::Shape {
                what: "input of a normalization, from axis 2".into(),
                expected: format!("{:?}", self.features.dims()),
                got: format!("{:?}", &x.dims()[2..]),
            });
        }
        if !x.device().is_cpu() {
            return self.composed(x, context);
        }
        let moments = if context.training {
            Moments::OfTheBatch(Arc::default())
        } else {
            Moments::Given(self.running_mean.to_vec1()?, self.running_variance.to_vec1()?)
        };
        let op =
            Op { factor: self.factor, epsilon: self.settings.epsilon, moments: moments.clone() };
        let (gamma, beta) = (context.parameter(&self.gamma), context.parameter(&self.beta));
        let out = x.contiguous()?.apply_op3(&gamma, &beta, op)?;
        if let Moments::OfTheBatch(found) = moments {
            let found = found.lock().unwrap_or_else(PoisonError::into_inner);
            // A constant input counts once per time step, as if it had been repeated.
            let repeats = (context.time_steps / x.dim(0)?).max(1);
            let count = x.elem_count() / self.gamma.elem_count() * repeats;
            self.track(&found.0, &found.1, count)?;
        }
        Ok(out)
    }

    fn output(&self) -> Features {
        self.features
    }
}

/// Mean and variance per channel.
#[derive(Clone)]
enum Moments {
    /// Found in the forward pass; the gradient goes through them.
    OfTheBatch(Arc<Mutex<(Vec<f32>, Vec<f32>)>>),
    /// Running statistics; constants.
    Given(Vec<f32>, Vec<f32>),
}

struct Op {
    factor: f32,
    epsilon: f32,
    moments: Moments,
}

impl Op {
    fn scaled(&self, gamma: &[f32]) -> Vec<f32> {
        gamma.iter().map(|gamma| gamma * self.factor).collect()
    }
}

impl CustomOp3 for Op {
    fn name(&self) -> &'static str {
        "batch normalization"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        gamma: &CpuStorage,
        gamma_layout: &Layout,
        beta: &CpuStorage,
        beta_layout: &Layout,
    ) -> CandleResult<(CpuStorage, Shape)> {
        let x = host::slice(x, x_layout)?;
        let gamma = self.scaled(host::slice(gamma, gamma_layout)?);
        let beta = host::slice(beta, beta_layout)?;
        let mut output = vec![0.0; x.len()];
        let mut apply = |mean: &[f32], variance: &[f32]| {
            let statistics = Statistics { mean, variance, epsilon: self.epsilon };
            normalize(x, statistics, &gamma, beta, &mut output);
        };
        match &self.moments {
            Moments::Given(mean, variance) => apply(mean, variance),
            Moments::OfTheBatch(found) => {
                let (mut mean, mut variance) = (vec![0.0; gamma.len()], vec![0.0; gamma.len()]);
                statistics(x, &mut mean, &mut variance);
                apply(&mean, &variance);
                *found.lock().unwrap_or_else(PoisonError::into_inner) = (mean, variance);
            }
        }
        Ok((CpuStorage::F32(output), x_layout.shape().clone()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        gamma: &Tensor,
        beta: &Tensor,
        _result: &Tensor,
        grad: &Tensor,
    ) -> CandleResult<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let grad = grad.contiguous()?;
        let channels = gamma.elem_count();
        let mut grad_x = vec![0.0; x.elem_count()];
        let (mut grad_gamma, mut grad_beta) = (vec![0.0; channels], vec![0.0; channels]);
        {
            let (x, grad) = (host::values(x)?, host::values(&grad)?);
            let gamma = self.scaled(&host::values(gamma)?);
            let found;
            let (mean, variance, of_the_batch) = match &self.moments {
                Moments::Given(mean, variance) => (mean, variance, false),
                Moments::OfTheBatch(cell) => {
                    found = cell.lock().unwrap_or_else(PoisonError::into_inner);
                    (&found.0, &found.1, true)
                }
            };
            let statistics = Statistics { mean, variance, epsilon: self.epsilon };
            let gradients =
                Gradients { input: &mut grad_x, gamma: &mut grad_gamma, beta: &mut grad_beta };
            normalize_gradient(&x, statistics, &gamma, &grad, of_the_batch, gradients);
        }
        for gradient in &mut grad_gamma {
            *gradient *= self.factor;
        }
        let device = x.device();
        Ok((
            Some(Tensor::from_vec(grad_x, x.shape(), device)?),
            Some(Tensor::from_vec(grad_gamma, gamma.shape(), device)?),
            Some(Tensor::from_vec(grad_beta, beta.shape(), device)?),
        ))
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;
    use candlewick_core::Key;
    use candlewick_core::parameters::Parameters;

    use super::*;

    /// The kernel and candle's operations agree, in training and evaluation, forward and backward,
    /// and move the running statistics alike.
    #[test]
    fn the_kernel_equals_the_composition() -> Result<()> {
        let mut visited = 0;
        for (training, factor) in [(true, 1.0), (true, 0.7), (false, 0.7)] {
            let settings = ThresholdBatchNorm { factor, ..ThresholdBatchNorm::default() };
            let features = Features::Map { height: 3, width: 2, channels: 5 };
            let layer = || -> Result<(Parameters, Normalization)> {
                let mut store = Parameters::new(&Device::Cpu, Key::new(1));
                let layer = Normalization::new(&mut store.root(), features, settings, false)?;
                Ok((store, layer))
            };
            let ((kernel_store, kernel), (plain_store, plain)) = (layer()?, layer()?);
            let mut stream = Key::new(2).stream();
            let values = (0..2 * 3 * 30).map(|_| stream.normal() * 2.0 + 1.0).collect();
            let x = Var::from_vec(values, (2, 3, 3, 2, 5), &Device::Cpu)?;
            let context = Context { training, ..Context::training(2, Key::new(3)) };
            let (a, b) = (kernel.forward(&x, &context)?, plain.composed(&x, &context)?);
            let (ga, gb) =
                ((&a * a.sqr()?)?.sum_all()?.backward()?, (&b * b.sqr()?)?.sum_all()?.backward()?);
            let close = |a: &Tensor, b: &Tensor| -> Result<f32> {
                Ok((a - b)?.abs()?.flatten_all()?.max(0)?.to_scalar()?)
            };
            assert!(close(&a, &b)? < 1e-5);
            for (a, b) in [(&kernel.gamma, &plain.gamma), (&kernel.beta, &plain.beta)] {
                let (a, b) = (ga.get(a).expect("a gradient"), gb.get(b).expect("a gradient"));
                assert!(close(a, b)? < 1e-3, "{a} {b}");
            }
            let (a, b) = (ga.get(&x).expect("a gradient"), gb.get(&x).expect("a gradient"));
            assert!(close(a, b)? < 1e-4);
            for (a, b) in kernel_store.iter().zip(plain_store.iter()) {
                assert!(close(&a.variable, &b.variable)? < 1e-6, "{}", a.name);
            }
            visited += 1;
        }
        assert_eq!(visited, 3);
        Ok(())
    }

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
}
