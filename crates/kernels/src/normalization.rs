//! Batch statistics and the gradient of normalization over the rows of `[rows, channels]`, with exact gradients.
//!
//! `output = gamma · (input − mean) / √(variance + epsilon) + beta`, per channel.
//! Sums run in f64 over a fixed partition; each function reads its slices once or twice, which is
//! what it costs, since all of them are bound by memory.

use crate::reduce::{add_in_order, rows_per_task};
use crate::simd::{Kernel, dispatch};
use rayon::prelude::*;
use std::array;

/// Rows that are summed before the sums in memory are touched.
const ROWS: usize = 8;

/// The mean and the biased variance of each channel of `input: [rows, channels]`; 0 without rows.
///
/// # Panics
/// If the slices disagree about the number of channels, or rows are not whole.
pub fn statistics(input: &[f32], mean: &mut [f32], variance: &mut [f32]) {
    let channels = mean.len();
    assert_eq!(variance.len(), channels, "channels of the variance");
    let rows = count_rows(input, channels);
    if rows == 0 {
        mean.fill(0.0);
        variance.fill(0.0);
        return;
    }
    let parts: Vec<Vec<f64>> = input
        .par_chunks(rows_per_task(channels) * channels)
        .map(|rows| dispatch(Moments { rows, channels }))
        .collect();
    let mut total = vec![0.0; 2 * channels];
    add_in_order(&parts, &mut total);
    let (sums, squares) = total.split_at(channels);
    for channel in 0..channels {
        let exact = sums[channel] / rows as f64;
        mean[channel] = exact as f32;
        variance[channel] = (squares[channel] / rows as f64 - exact * exact).max(0.0) as f32;
    }
}

/// Mean and variance of each channel, from the batch or running.
#[derive(Clone, Copy, Debug)]
pub struct Statistics<'a> {
    /// Mean of each channel.
    pub mean: &'a [f32],
    /// Variance of each channel.
    pub variance: &'a [f32],
    /// Added to the variance before the root; more than 0.
    pub epsilon: f32,
}

impl Statistics<'_> {
    fn channels(&self) -> usize {
        assert_eq!(self.variance.len(), self.mean.len(), "channels of the variance");
        self.mean.len()
    }

    fn inverse_deviation(&self, channel: usize) -> f64 {
        1.0 / (f64::from(self.variance[channel]) + f64::from(self.epsilon)).sqrt()
    }

    /// `gamma / √(variance + epsilon)`: the factor of each channel, for folding into a weight.
    pub fn scales(&self, gamma: &[f32]) -> Vec<f32> {
        let scale = |(channel, &gamma): (usize, &f32)| {
            (f64::from(gamma) * self.inverse_deviation(channel)) as f32
        };
        gamma.iter().enumerate().map(scale).collect()
    }
}

/// What mean and variance depend on.
pub enum Through<'a> {
    /// On nothing, as in evaluation.
    Constants,
    /// On the rows of the input.
    Rows,
    /// On these rows and on others: given the sums of this input's rows, per channel that of the gradients and
    /// then that of their products with the centered input, it makes those of all rows, scaled by the share
    /// that these rows have among them.
    AlsoOthers(&'a mut dyn FnMut(&mut [f64])),
}

impl std::fmt::Debug for Through<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Constants => "Constants",
            Self::Rows => "Rows",
            Self::AlsoOthers(_) => "AlsoOthers",
        })
    }
}

/// What [`normalize_gradient`] changes.
#[derive(Debug)]
pub struct Gradients<'a> {
    /// Holds the gradient of the output, and receives that of the input, `[rows, channels]`.
    pub activation: &'a mut [f32],
    /// Gradient of gamma.
    pub gamma: &'a mut [f32],
    /// Gradient of beta.
    pub beta: &'a mut [f32],
}

/// The gradient of normalization, which [`PerChannel`](crate::neuron::current::PerChannel) applies.
///
/// With [`Through::Rows`] the mean and variance are those of `input` itself, as in training, and the gradient
/// goes through them as well.
///
/// # Panics
/// If the slices disagree about the number of channels or elements.
pub fn normalize_gradient(
    input: &[f32],
    statistics: Statistics<'_>,
    gamma: &[f32],
    through: Through<'_>,
    gradients: Gradients<'_>,
) {
    let Gradients { activation, gamma: grad_gamma, beta: grad_beta } = gradients;
    let channels = statistics.channels();
    let rows = count_rows(input, channels);
    assert_eq!(activation.len(), input.len(), "elements of the gradient");
    assert_eq!(gamma.len(), channels, "channels of gamma");
    let lengths = [grad_gamma.len(), grad_beta.len()];
    assert_eq!(lengths, [channels; 2], "channels of the gradients of gamma and beta");
    if rows == 0 {
        grad_gamma.fill(0.0);
        grad_beta.fill(0.0);
        return;
    }
    let chunk = rows_per_task(channels) * channels;
    let mean = statistics.mean;
    let parts: Vec<Vec<f64>> = input
        .par_chunks(chunk)
        .zip(activation.par_chunks(chunk))
        .map(|(input, grad)| dispatch(GradientSums { input, grad, mean }))
        .collect();
    let mut total = vec![0.0; 2 * channels];
    add_in_order(&parts, &mut total);
    for (channel, grad_gamma) in grad_gamma.iter_mut().enumerate() {
        let inverse = statistics.inverse_deviation(channel);
        *grad_gamma = (total[channels + channel] * inverse) as f32;
        grad_beta[channel] = total[channel] as f32;
    }
    let through_statistics = !matches!(through, Through::Constants);
    if let Through::AlsoOthers(share) = through {
        share(&mut total);
    }
    let (plain, centered) = total.split_at(channels);
    // grad_input = scale · (grad − mean(grad) − x̂ · mean(grad · x̂)), and x̂ = (x − mean) / deviation:
    // scale · grad − slope · (x − mean) − offset.
    let scale = statistics.scales(gamma);
    let mut slope = vec![0.0_f32; channels];
    let mut offset = vec![0.0_f32; channels];
    for channel in 0..channels {
        if through_statistics {
            let inverse = statistics.inverse_deviation(channel);
            let factor = f64::from(gamma[channel]) * inverse / rows as f64;
            slope[channel] = (factor * centered[channel] * inverse * inverse) as f32;
            offset[channel] = (factor * plain[channel]) as f32;
        }
    }
    activation.par_chunks_mut(chunk).zip(input.par_chunks(chunk)).for_each(|(gradient, input)| {
        let (scale, slope, offset) = (&scale[..], &slope[..], &offset[..]);
        if through_statistics {
            dispatch(InputGradient { input, mean, scale, slope, offset, gradient });
        } else {
            dispatch(Multiply { factors: scale, gradient });
        }
    });
}

fn count_rows(input: &[f32], channels: usize) -> usize {
    let rows = input.len().checked_div(channels).unwrap_or(0);
    assert_eq!(rows * channels, input.len(), "elements of the input");
    rows
}

struct Moments<'a> {
    rows: &'a [f32],
    channels: usize,
}

impl Kernel for Moments<'_> {
    type Output = Vec<f64>;

    #[inline(always)]
    fn call(self) -> Vec<f64> {
        let channels = self.channels;
        let mut total = vec![0.0; 2 * channels];
        let (sums, squares) = total.split_at_mut(channels);
        let blocks = self.rows.chunks_exact(ROWS * channels);
        for row in blocks.remainder().chunks_exact(channels) {
            for ((sum, square), value) in sums.iter_mut().zip(squares.iter_mut()).zip(row) {
                let value = f64::from(*value);
                *sum += value;
                *square += value * value;
            }
        }
        for block in blocks {
            let rows: [&[f32]; ROWS] = array::from_fn(|row| &block[row * channels..][..channels]);
            for channel in 0..channels {
                let (mut sum, mut square) = (0.0, 0.0);
                for row in rows {
                    let value = f64::from(row[channel]);
                    sum += value;
                    square += value * value;
                }
                sums[channel] += sum;
                squares[channel] += square;
            }
        }
        total
    }
}

struct GradientSums<'a> {
    input: &'a [f32],
    grad: &'a [f32],
    mean: &'a [f32],
}

impl Kernel for GradientSums<'_> {
    type Output = Vec<f64>;

    /// The sums of `grad` and of `grad · (input − mean)`.
    #[inline(always)]
    fn call(self) -> Vec<f64> {
        let Self { input, grad, mean } = self;
        let channels = mean.len();
        let mut total = vec![0.0; 2 * channels];
        let (plain, centered) = total.split_at_mut(channels);
        let inputs = input.chunks_exact(ROWS * channels);
        let grads = grad.chunks_exact(ROWS * channels);
        let rest = inputs.remainder().chunks_exact(channels);
        for (input, grad) in rest.zip(grads.remainder().chunks_exact(channels)) {
            for channel in 0..channels {
                let grad = grad[channel];
                plain[channel] += f64::from(grad);
                centered[channel] += f64::from(grad) * f64::from(input[channel] - mean[channel]);
            }
        }
        for (input, grad) in inputs.zip(grads) {
            let input: [&[f32]; ROWS] = array::from_fn(|row| &input[row * channels..][..channels]);
            let grad: [&[f32]; ROWS] = array::from_fn(|row| &grad[row * channels..][..channels]);
            for channel in 0..channels {
                let (mut sum, mut product) = (0.0, 0.0);
                for row in 0..ROWS {
                    let grad = f64::from(grad[row][channel]);
                    sum += grad;
                    product += grad * f64::from(input[row][channel] - mean[channel]);
                }
                plain[channel] += sum;
                centered[channel] += product;
            }
        }
        total
    }
}

struct InputGradient<'a> {
    input: &'a [f32],
    mean: &'a [f32],
    scale: &'a [f32],
    slope: &'a [f32],
    offset: &'a [f32],
    gradient: &'a mut [f32],
}

impl Kernel for InputGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { input, mean, scale, slope, offset, gradient } = self;
        let channels = mean.len();
        let (scale, slope, offset) = (&scale[..channels], &slope[..channels], &offset[..channels]);
        let rows = gradient.chunks_exact_mut(channels).zip(input.chunks_exact(channels));
        for (gradient, input) in rows {
            for channel in 0..channels {
                gradient[channel] = scale[channel] * gradient[channel]
                    - (slope[channel] * (input[channel] - mean[channel]) + offset[channel]);
            }
        }
    }
}

struct Multiply<'a> {
    factors: &'a [f32],
    gradient: &'a mut [f32],
}

impl Kernel for Multiply<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        for gradient in self.gradient.chunks_exact_mut(self.factors.len()) {
            for (gradient, factor) in gradient.iter_mut().zip(self.factors) {
                *gradient *= factor;
            }
        }
    }
}
