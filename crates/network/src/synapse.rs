//! What convolution and linear layers share on the CPU: the choice of a kernel for each pass, and how
//! their weight learns.
//!
//! An input of spikes, or of spikes pooled by fours, goes to the sparse kernels or to the matrix unit
//! wherever those are faster, and the gradient by the input is computed only where the surrogate
//! derivative behind it is not 0 if that is faster; a choice changes a result by rounding only.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use candle_core::Tensor;
use candlewick_core::weight_rule::{Side, WeightGradientRule, WeightSite};
use candlewick_core::{Error, Key, Result, host};
use candlewick_kernels::convolution::{Algorithm, Conv2d};

use crate::buffer::Buffer;
use crate::correlation::Correlation;
use crate::signal::{Filed, Pass, Pull, Signal, Values};

/// How a synaptic layer was computed when it last ran.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Algorithms {
    /// Share of the inputs that are not 0; `None` for an input that is not made of spikes.
    pub density: Option<f64>,
    /// The forward pass.
    pub forward: Algorithm,
    /// The gradient by the weight; `None` before a backward pass.
    pub weight_gradient: Option<Algorithm>,
    /// The gradient by the input; `None` before a backward pass, or where it is not needed.
    pub input_gradient: Option<Algorithm>,
}

impl fmt::Display for Algorithms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.forward)?;
        for algorithm in [self.weight_gradient, self.input_gradient].into_iter().flatten() {
            write!(f, "/{algorithm}")?;
        }
        Ok(())
    }
}

/// The [`Algorithms`] of a layer, for whoever asks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Taken(Arc<Mutex<Option<Algorithms>>>);

impl Taken {
    pub(crate) fn get(&self) -> Option<Algorithms> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, algorithms: Algorithms) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(algorithms);
    }
}

/// How the weight gradient of one pass is computed by a method.
#[derive(Clone, Debug)]
pub(crate) struct Plasticity {
    pub(crate) rule: Arc<dyn WeightGradientRule>,
    pub(crate) key: Key,
}

/// The parameters of a synaptic layer.
#[derive(Clone, Debug)]
pub(crate) struct Weights {
    pub(crate) weight: Tensor,
    pub(crate) bias: Option<Tensor>,
}

/// A backward pass through a synaptic layer: as [`Pull`], with the spikes of the neurons that it
/// feeds, which only a rule for the weight gradient needs.
pub(crate) type SynapsePull =
    Box<dyn FnOnce(Buffer, Option<&Signal>, &mut Filed) -> Result<Option<Buffer>> + Send>;

/// Applies `convolution`, of as many images as `x` has, to `x`.
pub(crate) fn run(
    convolution: Conv2d,
    weights: &Weights,
    x: &Signal,
    plasticity: Option<Plasticity>,
    taken: &Taken,
    pass: &Pass,
) -> Result<(Buffer, Option<SynapsePull>)> {
    let mut output = pass.pool.take(convolution.output_len());
    let mut algorithms = Algorithms {
        density: None,
        forward: Algorithm::Dense,
        weight_gradient: None,
        input_gradient: None,
    };
    {
        let weight = host::values(&weights.weight)?;
        let bias = weights.bias.as_ref().map(host::values).transpose()?;
        let bias = bias.as_deref();
        if let Values::Spikes(spikes) = &x.values {
            algorithms.density = Some(spikes.density());
            algorithms.forward = convolution.forward_algorithm(spikes.activity());
        }
        match (&x.values, algorithms.forward) {
            (Values::Spikes(spikes), Algorithm::Sparse) => {
                convolution.sparse_forward(spikes, &weight, bias, &mut output);
            }
            (Values::Spikes(spikes), Algorithm::Tiles) => {
                convolution.tile_forward(spikes, &weight, bias, &mut output);
            }
            (_, Algorithm::Winograd) => {
                convolution.winograd_forward(&x.dense(&pass.pool), &weight, bias, &mut output);
            }
            _ => convolution.forward(&x.dense(&pass.pool), &weight, bias, &mut output),
        }
    }
    taken.set(algorithms);
    if pass.context.census {
        let mut operations = pass.operations.lock().unwrap_or_else(PoisonError::into_inner);
        operations.count(&convolution, x, &pass.pool);
    }
    if !pass.is_kept() {
        return Ok((output, None));
    }
    let (x, weights, pass, taken) = (x.clone(), weights.clone(), pass.clone(), taken.clone());
    let pull = move |gradient: Buffer, post: Option<&Signal>, filed: &mut Filed| {
        let mut algorithms = algorithms;
        if let Some(bias) = &weights.bias {
            let mut by_bias = vec![0.0; convolution.out_channels];
            convolution.bias_gradient(&gradient, &mut by_bias);
            filed.add(bias, by_bias)?;
        }
        let mut by_weight = vec![0.0; convolution.weight_len()];
        let algorithm = match &x.values {
            Values::Spikes(spikes) => convolution.weight_gradient_algorithm(spikes.activity()),
            Values::Dense(_) => Algorithm::Dense,
        };
        algorithms.weight_gradient = Some(algorithm);
        let correlation = Correlation { convolution, x: &x, algorithm, pool: &pass.pool };
        match &plasticity {
            Some(plasticity) => plasticity.apply(correlation, &gradient, post, &mut by_weight)?,
            None => correlation.whole(&gradient, &mut by_weight),
        }
        filed.add(&weights.weight, by_weight)?;
        let by_input = if x.gradient {
            let mut by_input = pass.pool.take(convolution.input_len());
            let weight = host::values(&weights.weight)?;
            let mask = x.support.as_ref().map(|support| support.activity());
            let algorithm = convolution.input_gradient_algorithm(mask);
            algorithms.input_gradient = Some(algorithm);
            match (&x.support, algorithm) {
                (Some(support), Algorithm::Sparse) => {
                    convolution.masked_input_gradient(&gradient, &weight, support, &mut by_input);
                }
                (_, Algorithm::Tiles) => {
                    convolution.tile_input_gradient(&gradient, &weight, &mut by_input);
                }
                (_, Algorithm::Winograd) => {
                    convolution.winograd_input_gradient(&gradient, &weight, &mut by_input);
                }
                _ => convolution.input_gradient(&gradient, &weight, &mut by_input),
            }
            Some(by_input)
        } else {
            None
        };
        taken.set(algorithms);
        Ok(by_input)
    };
    Ok((output, Some(Box::new(pull))))
}

impl Plasticity {
    /// Computes the weight gradient by the rule.
    ///
    /// # Errors
    /// If no neuron has run behind the layer, or its spikes are not of the shape of its input.
    fn apply(
        &self,
        correlation: Correlation<'_>,
        gradient: &[f32],
        post: Option<&Signal>,
        by_weight: &mut [f32],
    ) -> Result<()> {
        let Some(post) = post else {
            return Err(Error::Setting {
                field: "rule for the weight gradient".into(),
                expected: "a layer that feeds neurons".into(),
                got: "a layer without".into(),
            });
        };
        if post.len() != gradient.len() {
            return Err(Error::Shape {
                what: "post-synaptic spikes of a rule for the weight gradient".into(),
                expected: format!("{} values", gradient.len()),
                got: post.len().to_string(),
            });
        }
        let x = correlation.x;
        let steps = gradient.len() / x.time;
        let of_step = |t: usize, out: &mut [f32]| {
            correlation.of_step(t, &gradient[t * steps..][..steps], out);
        };
        let coincide = |side: Side, weights: &[Vec<f32>], out: &mut [f32]| {
            let other = match side {
                Side::Pre => x,
                Side::Post => post,
            };
            correlation.coincidences(other, weights, out);
        };
        let plain = |out: &mut [f32]| correlation.whole(gradient, out);
        let site = WeightSite {
            time_steps: x.time,
            outputs: correlation.convolution.out_channels,
            same_shape: x.features == post.features,
            coincide: &coincide,
            of_step: &of_step,
            plain: &plain,
            key: self.key,
        };
        self.rule.weight_gradient(site, by_weight);
        Ok(())
    }
}

/// The backward pass of a layer without neurons behind it.
pub(crate) fn alone(pull: SynapsePull) -> Pull {
    Box::new(move |gradient, filed| pull(gradient, None, filed))
}
