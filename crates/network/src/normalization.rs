//! Batch normalization over time, batch and space, per channel.

mod on_device;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use candle_core::{Device, Tensor, Var};
use candlewick_core::initializer::Initializer;
use candlewick_core::parameters::{Role, Scope};
use candlewick_core::{Error, Result, host};
use candlewick_kernels::neuron::current::PerChannel;
use candlewick_kernels::normalization::{
    Gradients, Statistics, Through, normalize_gradient, statistics,
};
use candlewick_ranks::Seat;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::buffer::Buffer;
use crate::gradients::ParameterGradients;
use crate::kept::Kept;
use crate::layer::Backward;
use crate::signal::Values;
use crate::{Array, Element, Features, Layer, Pass, Signal, synchronization};

/// Settings of [`Normalization`], as a recipe holds them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ThresholdBatchNorm {
    /// `alpha · v_threshold`, the factor of serial layers, above 0. Default 1 (code of TET; tdBN with a
    /// threshold of 1).
    pub factor: f32,
    /// The further factor of each of the two branches that meet in a residual block, above 0. Default 1
    /// (code of TET); tdBN has 1/√2.
    pub branch_factor: f32,
    /// Added to the variance, above 0. Default 1e-5.
    pub epsilon: f32,
    /// Weight of a new batch in the running statistics, in (0, 1]. Default 0.1.
    pub momentum: f32,
}

impl Default for ThresholdBatchNorm {
    fn default() -> Self {
        Self { factor: 1.0, branch_factor: 1.0, epsilon: 1e-5, momentum: 0.1 }
    }
}

/// Threshold-dependent batch normalization, "tdBN" (Zheng et al., AAAI 2021, arXiv:2011.05280, eqs. 5 and 6): over
/// time, batch and space, per channel, the last axis of `[T, B, …, C]`.
///
/// ```text
/// x̂ = alpha · v_threshold · (x - mean) / √(variance + epsilon);   y = gamma · x̂ + beta
/// ```
///
/// with `alpha = 1/√n` on each of `n` parallel branches; `alpha · v_threshold` is
/// [`ThresholdBatchNorm::factor`]. TET's code is this with the factor 1 on every branch, which is plain batch
/// normalization of merged time and batch.
/// Training uses mean and (biased) variance of the batch and moves the running ones towards them, the variance
/// unbiased; evaluation uses the running ones.
///
/// Parameters `gamma` (1) and `beta` (0), buffers `running_mean` and `running_variance`, all `[C]`.
///
/// Elsewhere: `ThresholdDependentBatchNorm2d` in SpikingJelly, whose factor is in the initial weights;
/// `BatchNormTT2d` in snnTorch is another normalization, with parameters per time step.
///
/// ```
/// use candle_core::{Device, Tensor};
/// use candle_nn::ModuleT;
/// use candlewick_core::{Key, parameters::seeded};
/// use candlewick_network::{Features, Normalization, ThresholdBatchNorm};
///
/// let builder = seeded(&Device::Cpu, Key::new(1));
/// let settings = ThresholdBatchNorm::default();
/// let layer = Normalization::new(Features::Vector { size: 1 }, settings, false, builder)?;
/// let x = Tensor::new(&[1_f32, 3.0], &Device::Cpu)?.reshape((2, 1, 1))?; // [T, B, C]
/// let y = layer.forward_t(&x, true)?.flatten_all()?.to_vec1::<f32>()?;
/// assert!((y[0] + 1.0).abs() < 1e-4 && (y[1] - 1.0).abs() < 1e-4); // mean 2, variance 1
/// # Ok::<(), candlewick_core::Error>(())
/// ```
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

impl ThresholdBatchNorm {
    /// What makes the settings unusable, as (field, expected); `None` if they are fine.
    pub fn problem(&self) -> Option<(&'static str, &'static str)> {
        let Self { factor, branch_factor, epsilon, momentum } = *self;
        for (field, value) in
            [("factor", factor), ("branch_factor", branch_factor), ("epsilon", epsilon)]
        {
            if !(value > 0.0 && value.is_finite()) {
                return Some((field, "a number above 0"));
            }
        }
        let moves = momentum > 0.0 && momentum <= 1.0;
        (!moves).then_some(("momentum", "a number above 0, at most 1"))
    }
}

impl Normalization {
    /// Creates `gamma` (1), `beta` (0) and the running statistics at `scope`, one value per channel
    /// (the last axis of `input`).
    ///
    /// `in_branch` says whether this is the last normalization of a residual branch.
    ///
    /// # Errors
    /// If a parameter cannot be created.
    pub fn new<'a>(
        input: Features,
        settings: ThresholdBatchNorm,
        in_branch: bool,
        scope: impl Into<Scope<'a>>,
    ) -> Result<Self> {
        let scope = scope.into();
        let create = |name, role, value| {
            scope.create(name, role, &[input.channels()], Initializer::Constant(value))
        };
        let factor = settings.factor * if in_branch { settings.branch_factor } else { 1.0 };
        Ok(Self {
            settings,
            factor,
            features: input,
            gamma: create("gamma", Role::Normalization, 1.0)?.tensor(),
            beta: create("beta", Role::Normalization, 0.0)?.tensor(),
            running_mean: create("running_mean", Role::Buffer, 0.0)?.variable,
            running_variance: create("running_variance", Role::Buffer, 1.0)?.variable,
        })
    }

    /// The weights, one per channel.
    pub(crate) fn gamma(&self) -> &Tensor {
        &self.gamma
    }

    /// Moves the running statistics towards those of a batch of `count` values per channel.
    fn track(&self, mean: &Tensor, variance: &Tensor, count: usize) -> Result<()> {
        // The running variance is the unbiased one, as in PyTorch.
        let unbiased = count as f32 / (count.max(2) - 1) as f32;
        let momentum = self.settings.momentum;
        for (running, batch, factor) in
            [(&self.running_mean, mean, 1.0), (&self.running_variance, variance, unbiased)]
        {
            let old = (running.as_detached_tensor() * f64::from(1.0 - momentum))?;
            let new = (batch.reshape(running.shape())? * f64::from(momentum * factor))?;
            running.set(&(old + new)?)?;
        }
        Ok(())
    }

    /// How often a value counts: as often as it is repeated, if it is given once for all steps.
    fn repeats(x_time: usize, pass: &Pass) -> usize {
        (pass.context.time_steps / x_time).max(1)
    }

    /// Prepares the normalization of `x`, which the neurons behind it apply; gives its backward pass,
    /// which turns the gradient with respect to the normalized values into that with respect to `x`.
    pub(crate) fn prepare(
        &self,
        x: &Arc<Kept<Buffer>>,
        time: usize,
        pass: &Pass,
    ) -> Result<(PerChannel, Option<NormalizationBackward>)> {
        let channels = self.features.channels();
        let epsilon = self.settings.epsilon;
        let of_the_batch = pass.context.training;
        let seat = synchronization::seat().filter(|_| of_the_batch);
        let (mean, variance) = if of_the_batch {
            let (mut mean, mut variance) = (vec![0.0; channels], vec![0.0; channels]);
            let x = x.values()?;
            statistics(&x, &mut mean, &mut variance);
            let mut rows = x.len() / channels;
            if let Some(seat) = &seat {
                rows = over_shards(seat, rows, &mut mean, &mut variance)?;
            }
            if seat.as_ref().is_none_or(|seat| seat.is_first()) {
                let [of_mean, of_variance] =
                    [&mean, &variance].map(|values| Tensor::new(&values[..], &Device::Cpu));
                self.track(&of_mean?, &of_variance?, rows * Self::repeats(time, pass))?;
            }
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
        let (x, slots) = (x.clone(), [&self.gamma, &self.beta].map(|by| pass.learn(by)));
        let backward = move |gradient: &mut Buffer, found: &mut ParameterGradients| {
            let (mut of_gamma, mut of_beta) = (vec![0.0; channels], vec![0.0; channels]);
            let gradients =
                Gradients { activation: gradient, gamma: &mut of_gamma, beta: &mut of_beta };
            let given = Statistics { mean: &mean, variance: &variance, epsilon };
            let x = x.values()?;
            let mut outcome = Ok(());
            let mut sums_of_all = |sums: &mut [f64]| {
                if let Some(seat) = &seat {
                    outcome = sums_over_shards(seat, x.len() / channels, sums);
                }
            };
            let through = match (of_the_batch, &seat) {
                (false, _) => Through::Constants,
                (true, None) => Through::Rows,
                (true, Some(_)) => Through::AlsoOthers(&mut sums_of_all),
            };
            normalize_gradient(&x, given, &gamma, through, gradients);
            outcome?;
            for gradient in &mut of_gamma {
                *gradient *= factor;
            }
            for (slot, gradient) in slots.into_iter().zip([of_gamma, of_beta]) {
                if let Some(slot) = slot {
                    found.add(slot, Tensor::from_vec(gradient, channels, &Device::Cpu)?)?;
                }
            }
            Ok(())
        };
        Ok((prepared, Some(Box::new(backward))))
    }

    /// The layer by the kernels.
    fn by_kernels(&self, x: &Signal, pass: &Pass) -> Result<(Signal, Option<Backward>)> {
        let values = x.dense(&pass.pool)?;
        let kept = Kept::new(values.clone(), None);
        let (prepared, backward) = self.prepare(&kept, x.time, pass)?;
        let mut out = pass.take(values.len());
        prepared.apply(&values, &mut out);
        let pool = pass.pool.clone();
        let backward = backward.map(|backward| -> Backward {
            Box::new(move |gradient, found| {
                let mut gradient = gradient.into_host(&pool)?;
                backward(&mut gradient, found)?;
                Ok(Some(Array::Host(gradient)))
            })
        });
        let learns = backward.is_some();
        Ok((x.with(self.features, Values::Dense(Arc::new(out))).behind(learns), backward))
    }

    /// The layer as candle operations.
    pub(crate) fn by_composition(
        &self,
        x: &Signal,
        pass: &Pass,
    ) -> Result<(Signal, Option<Backward>)> {
        let channels = self.features.channels();
        let of_the_batch = pass.context.training;
        if of_the_batch {
            refuse_seats()?;
        }
        let moments = |rows: &Tensor| -> Result<[Tensor; 2]> {
            let mean = rows.mean_keepdim(0)?;
            let variance = rows.broadcast_sub(&mean)?.sqr()?.mean_keepdim(0)?;
            Ok([mean, variance])
        };
        if of_the_batch {
            let rows = x.tensor(pass)?.reshape(((), channels))?;
            let [mean, variance] = moments(&rows)?;
            self.track(&mean, &variance, rows.dim(0)? * Self::repeats(x.time, pass))?;
        }
        let layer = self.clone();
        pass.compose(x, self.features, move |x| {
            let rows = x.reshape(((), channels))?;
            let [mean, variance] = if of_the_batch {
                moments(&rows)?
            } else {
                let row = |running: &Var| running.as_detached_tensor().reshape((1, channels));
                [row(&layer.running_mean)?, row(&layer.running_variance)?]
            };
            let deviation = (variance + f64::from(layer.settings.epsilon))?.sqrt()?;
            let gamma = (&layer.gamma * f64::from(layer.factor))?;
            let out = rows.broadcast_sub(&mean)?.broadcast_div(&deviation)?;
            let out = out.broadcast_mul(&gamma)?.broadcast_add(&layer.beta)?;
            Ok(out.reshape(x.shape())?)
        })
    }
}

/// Statistics are synchronized on the CPU alone.
fn refuse_seats() -> Result<()> {
    match synchronization::seat() {
        None => Ok(()),
        Some(_) => Err(Error::Setting {
            field: "synchronize_normalization".into(),
            expected: "false on devices other than the CPU".into(),
            got: "true".into(),
        }),
    }
}

/// Makes mean and variance those of all shards; the number of rows that they are of comes back.
fn over_shards(seat: &Seat, rows: usize, mean: &mut [f32], variance: &mut [f32]) -> Result<usize> {
    let channels = mean.len();
    let own = mean.iter().chain(&*variance).map(|&value| f64::from(value));
    let all = synchronization::gather(seat, std::iter::once(rows as f64).chain(own).collect())?;
    let count: f64 = all.iter().map(|shard| shard[0]).sum();
    for channel in 0..channels {
        let moments = |shard: &Vec<f64>| {
            (shard[0] / count, shard[1 + channel], shard[1 + channels + channel])
        };
        let all_mean: f64 = all.iter().map(moments).map(|(share, mean, _)| share * mean).sum();
        let spread = |(share, mean, variance): (f64, f64, f64)| {
            share * (variance + (mean - all_mean).powi(2))
        };
        mean[channel] = all_mean as f32;
        variance[channel] = all.iter().map(moments).map(spread).sum::<f64>() as f32;
    }
    Ok(count as usize)
}

/// Makes `sums` of the gradients of a shard those of the gradients of all shards, as they act on the mean of
/// its own: the loss of a shard counts by its share of the rows.
fn sums_over_shards(seat: &Seat, rows: usize, sums: &mut [f64]) -> Result<()> {
    let own = std::iter::once(rows as f64).chain(sums.iter().copied()).collect();
    let all = synchronization::gather(seat, own)?;
    let count: f64 = all.iter().map(|shard| shard[0]).sum();
    for (index, sum) in sums.iter_mut().enumerate() {
        *sum = all.iter().map(|shard| shard[0] / count * shard[1 + index]).sum();
    }
    Ok(())
}

/// A backward pass through a normalization, in place.
pub(crate) type NormalizationBackward =
    Box<dyn FnOnce(&mut Buffer, &mut ParameterGradients) -> Result<()> + Send>;

impl Layer for Normalization {
    fn run(&self, x: Signal, pass: &Pass) -> Result<(Signal, Option<Backward>)> {
        x.expect("a normalization", self.features)?;
        if let Some(queue) = pass.queue() {
            return self.by_device(&x, queue, pass);
        }
        if pass.is_on_host() { self.by_kernels(&x, pass) } else { self.by_composition(&x, pass) }
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
