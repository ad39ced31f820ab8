//! Correlations of a layer's input with what is behind the layer, for rules that look at the weight
//! gradient step by step.

use std::sync::Arc;

use candlewick_core::Result;
use candlewick_kernels::convolution::{Algorithm, Conv2d};
use rayon::prelude::*;

use crate::Signal;
use crate::buffer::{Buffer, Pool};
use crate::signal::Values;

/// Values per parallel task of the elementwise passes.
const CHUNK: usize = 1 << 14;

/// The input of a layer in a backward pass.
#[derive(Clone, Copy)]
pub(crate) struct Correlation<'a> {
    /// The layer, with the images of all steps.
    pub(crate) convolution: Conv2d,
    pub(crate) x: &'a Signal,
    /// The kernel of the plain gradient.
    pub(crate) algorithm: Algorithm,
    pub(crate) pool: &'a Arc<Pool>,
}

impl Correlation<'_> {
    /// Writes the plain gradient with respect to the weight.
    pub(crate) fn whole(&self, gradient: &[f32], out: &mut [f32]) -> Result<()> {
        match (&self.x.values, self.algorithm) {
            (Values::Spikes(spikes), Algorithm::Sparse) => {
                self.convolution.sparse_weight_gradient(spikes, gradient, out);
            }
            (Values::Spikes(spikes), Algorithm::Tiles) => {
                self.convolution.tile_weight_gradient(spikes, gradient, out);
            }
            _ => self.convolution.weight_gradient(&self.x.dense(self.pool)?, gradient, out),
        }
        Ok(())
    }

    /// Writes the gradient with respect to the weight of step `t` alone, given the gradient with
    /// respect to its output.
    pub(crate) fn of_step(&self, t: usize, gradient: &[f32], out: &mut [f32]) -> Result<()> {
        let x = self.x.step(t, self.pool)?;
        let Self { algorithm, pool, .. } = *self;
        Correlation { convolution: self.step(), x: &x, algorithm, pool }.whole(gradient, out)
    }

    /// Correlates sums of the input's steps with sums of the steps of `other`, which has the shape of
    /// the output, both by each of the rows of `weights`: `[kernel_h, kernel_w, in, rows, out]`.
    pub(crate) fn coincidences(
        &self,
        other: &Signal,
        weights: &[Vec<f32>],
        out: &mut [f32],
    ) -> Result<()> {
        if let (Values::Spikes(pre), Values::Spikes(post)) = (&self.x.values, &other.values) {
            self.convolution.coincidences(pre, post, weights, out);
            return Ok(());
        }
        let step = self.step();
        let outputs = step.out_channels;
        let mut of_row = vec![0.0; step.weight_len()];
        let rows = weights.len();
        for (row, weights) in weights.iter().enumerate() {
            let pre = weighted_sum(self.x, weights, self.pool)?;
            step.weight_gradient(&pre, &weighted_sum(other, weights, self.pool)?, &mut of_row);
            let rows = out[row * outputs..].chunks_mut(rows * outputs);
            for (out, of_row) in rows.zip(of_row.chunks_exact(outputs)) {
                out[..outputs].copy_from_slice(of_row);
            }
        }
        Ok(())
    }

    /// The layer for the images of one step.
    fn step(&self) -> Conv2d {
        Conv2d { images: self.convolution.images / self.x.time, ..self.convolution }
    }
}

/// The sum of the steps of a signal by their weights.
fn weighted_sum(x: &Signal, weights: &[f32], pool: &Arc<Pool>) -> Result<Buffer> {
    let mut sum = pool.take(x.len() / x.time);
    sum.fill(0.0);
    for (t, &weight) in weights.iter().enumerate().filter(|(_, weight)| **weight != 0.0) {
        let step = x.step(t, pool)?.dense(pool)?;
        sum.par_chunks_mut(CHUNK).zip(step.par_chunks(CHUNK)).for_each(|(sum, step)| {
            for (sum, value) in sum.iter_mut().zip(step) {
                *sum += weight * value;
            }
        });
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use candlewick_core::Key;
    use candlewick_kernels::simd::has_matrix_unit;
    use candlewick_kernels::spikes::Spikes;

    use super::*;
    use crate::Features;

    /// Against dense correlations of decoded steps, for spikes, quarters of spikes and analog inputs, by
    /// both kernels.
    #[test]
    fn steps_and_coincidences_are_their_dense_correlations() -> Result<()> {
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
        let (before, behind) = ([time_steps, 4 * 36, 32], [time_steps, 4 * 9, 24]);
        let mut random = |shape: [usize; 3]| -> Vec<f32> {
            let count = shape.iter().product();
            (0..count).map(|_| f32::from(u8::from(stream.bernoulli(0.2)))).collect()
        };
        let (spikes, fired) = (random(before), random(behind));
        let quarters: Vec<f32> =
            spikes.iter().map(|&spike| 0.25 * spike * (1 + stream.below(4)) as f32).collect();
        let analog: Vec<f32> = spikes.iter().map(|_| stream.normal()).collect();
        let gradient: Vec<f32> = fired.iter().map(|_| stream.normal()).collect();
        let bits = |shape, values: &[f32], unit, levels| {
            let spikes = Spikes::multiples(shape, values, unit, levels);
            Values::Spikes(Arc::new(spikes.expect("multiples")))
        };
        let dense = |values: &[f32]| {
            let mut buffer = pool.take(values.len());
            buffer.copy_from_slice(values);
            Values::Dense(Arc::new(buffer))
        };
        let signal = |values, [height, width, channels]: [usize; 3]| Signal {
            time: time_steps,
            batch: 4,
            features: Features::Map { height, width, channels },
            values,
            support: None,
            gradient: true,
        };
        let post = signal(bits(behind, &fired, 1.0, 1), [3, 3, 24]);
        let step = Conv2d { images: 4, ..convolution };
        let weights = [
            vec![0.0, 0.0, 1.0, 0.0, 0.0, 0.0],
            vec![0.01, 0.02, 0.1, 0.3, 0.5, 1.0],
            vec![0.0; 6],
        ];
        let sum = |values: &[f32], weights: &[f32]| {
            let mut sum = vec![0.0; values.len() / time_steps];
            for (values, weight) in values.chunks(sum.len()).zip(weights) {
                sum.iter_mut().zip(values).for_each(|(sum, value)| *sum += weight * value);
            }
            sum
        };
        let same = |found: &[f32], expected: &[f32]| {
            assert_eq!(found.len(), expected.len());
            let scale = expected.iter().fold(1.0, |most: f32, value| most.max(value.abs()));
            for (found, expected) in found.iter().zip(expected) {
                assert!((found - expected).abs() < 1e-5 * scale, "{found} {expected}");
            }
        };
        let mut visited = 0;
        let unit = if has_matrix_unit() { Algorithm::Tiles } else { Algorithm::Dense };
        for (input, values, algorithm) in [
            (&spikes, bits(before, &spikes, 1.0, 1), Algorithm::Sparse),
            (&quarters, bits(before, &quarters, 0.25, 4), Algorithm::Sparse),
            (&quarters, bits(before, &quarters, 0.25, 4), Algorithm::Dense),
            (&quarters, bits(before, &quarters, 0.25, 4), unit),
            (&analog, dense(&analog), Algorithm::Dense),
        ] {
            let x = signal(values, [6, 6, 32]);
            let correlation = Correlation { convolution, x: &x, algorithm, pool: &pool };
            let mut expected = vec![0.0; convolution.weight_len()];
            let mut found = expected.clone();
            let steps = input.chunks(spikes.len() / time_steps);
            for (t, (input, gradient)) in
                steps.zip(gradient.chunks(fired.len() / time_steps)).enumerate()
            {
                step.weight_gradient(input, gradient, &mut expected);
                found.fill(1.0);
                correlation.of_step(t, gradient, &mut found)?;
                same(&found, &expected);
                visited += 1;
            }
            let mut found = vec![1.0; weights.len() * expected.len()];
            correlation.coincidences(&post, &weights, &mut found)?;
            for (row, weights) in weights.iter().enumerate() {
                step.weight_gradient(&sum(input, weights), &sum(&fired, weights), &mut expected);
                let rows = found[row * 24..].chunks(3 * 24);
                let found: Vec<f32> = rows.flat_map(|rows| &rows[..24]).copied().collect();
                same(&found, &expected);
                visited += 1;
            }
        }
        assert_eq!(visited, 5 * (6 + 3));
        Ok(())
    }
}
