//! Correlations of a layer's input with post-synaptic activations, for rules that look at the weight
//! gradient step by step.
//!
//! A weighted sum of spikes is not made of spikes, but its correlation with `y` is that of the spikes of
//! each step with `weight · y`; so the sparse kernel serves it wherever it serves the plain gradient.

use std::sync::Arc;

use candlewick_kernels::choice::Path;
use candlewick_kernels::convolution::Conv2d;
use rayon::prelude::*;

use crate::buffer::{Buffer, Pool};
use crate::signal::{Signal, Values};

/// Values per parallel task of the elementwise passes.
const CHUNK: usize = 1 << 14;

/// The input of a layer in a backward pass.
#[derive(Clone, Copy)]
pub(crate) struct Correlation<'a> {
    /// The layer, with the images of all steps.
    pub(crate) convolution: Conv2d,
    pub(crate) x: &'a Signal,
    /// The kernel of the plain gradient.
    pub(crate) path: Path,
    pub(crate) pool: &'a Arc<Pool>,
}

impl Correlation<'_> {
    /// Writes the plain gradient by the weight.
    pub(crate) fn whole(&self, gradient: &[f32], out: &mut [f32]) {
        match (&self.x.values, self.path) {
            (Values::Spikes(spikes), Path::Sparse) => {
                self.convolution.sparse_weight_gradient(spikes, gradient, out);
            }
            _ => self.convolution.weight_gradient(&self.x.dense(self.pool), gradient, out),
        }
    }

    /// Correlates the sum of the input's steps by their `weights` with `post`, which is one step.
    pub(crate) fn of_steps(&self, weights: &[f32], post: &[f32], out: &mut [f32]) {
        let Some(first) = weights.iter().position(|&weight| weight != 0.0) else {
            out.fill(0.0);
            return;
        };
        let last = weights.iter().rposition(|&weight| weight != 0.0).unwrap_or(first) + 1;
        let weights = &weights[first..last];
        let images = self.convolution.images / self.x.time;
        let step = Conv2d { images, ..self.convolution };
        if let (Values::Spikes(spikes), Path::Sparse) = (&self.x.values, self.path) {
            let spikes = spikes.of_steps(first..last);
            let shape = Conv2d { images: images * weights.len(), ..step };
            if weights == [1.0] {
                shape.sparse_weight_gradient(&spikes, post, out);
                return;
            }
            let mut each = self.pool.take(weights.len() * post.len());
            for (each, &weight) in each.chunks_mut(post.len().max(1)).zip(weights) {
                scale(post, weight, each);
            }
            shape.sparse_weight_gradient(&spikes, &each, out);
            return;
        }
        let mut sum = step_of(self.x, first, self.pool);
        if weights != [1.0] {
            let row = sum;
            sum = self.pool.take(row.len());
            scale(&row, weights[0], &mut sum);
        }
        for (t, &weight) in (first..last).zip(weights).skip(1) {
            let row = step_of(self.x, t, self.pool);
            sum.par_chunks_mut(CHUNK).zip(row.par_chunks(CHUNK)).for_each(|(sum, row)| {
                for (sum, value) in sum.iter_mut().zip(row) {
                    *sum += weight * value;
                }
            });
        }
        step.weight_gradient(&sum, post, out);
    }
}

/// One time step of a signal.
pub(crate) fn step_of(x: &Signal, t: usize, pool: &Arc<Pool>) -> Buffer {
    let mut step = pool.take(x.len() / x.time);
    read_step(x, t, &mut step);
    step
}

/// Writes one time step of a signal.
pub(crate) fn read_step(x: &Signal, t: usize, step: &mut [f32]) {
    match &x.values {
        Values::Dense(values) => step.copy_from_slice(&values[t * step.len()..][..step.len()]),
        Values::Spikes(spikes) => spikes.of_steps(t..t + 1).decode(step),
    }
}

fn scale(values: &[f32], factor: f32, out: &mut [f32]) {
    out.par_chunks_mut(CHUNK).zip(values.par_chunks(CHUNK)).for_each(|(out, values)| {
        for (out, value) in out.iter_mut().zip(values) {
            *out = factor * value;
        }
    });
}

#[cfg(test)]
mod tests {
    use candlewick_core::Key;
    use candlewick_kernels::spikes::Spikes;

    use super::*;
    use crate::Features;

    /// Against one dense correlation per step, for spikes, quarters of spikes and analog inputs, by
    /// both kernels, and for one, several and no steps.
    #[test]
    fn it_is_the_weighted_sum_of_the_correlations_of_the_steps() {
        let time_steps = 6;
        let convolution = Conv2d {
            images: time_steps * 4,
            height: 6,
            width: 6,
            in_channels: 32,
            out_channels: 24,
            kernel: [3, 3],
            stride: [2, 2],
            padding: [1, 1],
        };
        let pool = Arc::<Pool>::default();
        let mut stream = Key::new(1).stream();
        let shape = [time_steps, 4 * 36, 32];
        let count = shape.iter().product();
        let spikes: Vec<f32> =
            (0..count).map(|_| f32::from(u8::from(stream.bernoulli(0.1)))).collect();
        let quarters: Vec<f32> =
            spikes.iter().map(|&spike| 0.25 * spike * (1 + stream.below(4)) as f32).collect();
        let analog: Vec<f32> = (0..count).map(|_| stream.normal()).collect();
        let post: Vec<f32> = (0..4 * 9 * 24).map(|_| stream.normal()).collect();
        let step = Conv2d { images: 4, ..convolution };
        let bits = |values: &[f32], unit, levels| {
            Values::Spikes(Arc::new(
                Spikes::multiples(shape, values, unit, levels).expect("multiples"),
            ))
        };
        let dense = |values: &[f32]| {
            let mut buffer = pool.take(values.len());
            buffer.copy_from_slice(values);
            Values::Dense(Arc::new(buffer))
        };
        let mut visited = 0;
        for (input, values, path) in [
            (&spikes, bits(&spikes, 1.0, 1), Path::Sparse),
            (&quarters, bits(&quarters, 0.25, 4), Path::Sparse),
            (&quarters, bits(&quarters, 0.25, 4), Path::Dense),
            (&analog, dense(&analog), Path::Dense),
        ] {
            let features = Features::Map { height: 6, width: 6, channels: 32 };
            let x = Signal {
                time: time_steps,
                batch: 4,
                features,
                values,
                support: None,
                gradient: true,
            };
            let correlation = Correlation { convolution, x: &x, path, pool: &pool };
            for weights in [
                [0.0, 0.0, 1.0, 0.0, 0.0, 0.0],
                [0.1, 0.3, 1.0, 0.0, 0.0, 0.0],
                [0.01, 0.02, 0.1, 0.3, 0.5, 1.0],
                [0.0; 6],
            ] {
                let mut expected = vec![0.0; convolution.weight_len()];
                let mut part = expected.clone();
                for (row, weight) in input.chunks(count / time_steps).zip(weights) {
                    step.weight_gradient(row, &post, &mut part);
                    for (sum, part) in expected.iter_mut().zip(&part) {
                        *sum += weight * part;
                    }
                }
                let mut found = vec![1.0; expected.len()];
                correlation.of_steps(&weights, &post, &mut found);
                let scale = expected.iter().fold(1.0, |most: f32, value| most.max(value.abs()));
                for (found, expected) in found.iter().zip(&expected) {
                    assert!((found - expected).abs() < 1e-5 * scale, "{found} {expected}");
                }
                visited += 1;
            }
        }
        assert_eq!(visited, 16);
    }
}
