//! Correlations of a layer's input with what is behind the layer, for rules that look at the weight
//! gradient step by step.

use std::ops::Range;
use std::sync::Arc;

use candlewick_core::Result;
use candlewick_kernels::convolution::{Algorithm, Conv2d, Shares};
use rayon::prelude::*;

use crate::Signal;
use crate::buffer::Pool;
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
            (_, Algorithm::Winograd) => {
                let x = self.x.dense(self.pool)?;
                self.convolution.winograd_weight_gradient(&x, gradient, out);
            }
            _ => self.convolution.weight_gradient(&self.x.dense(self.pool)?, gradient, out),
        }
        Ok(())
    }

    /// Writes the gradient with respect to the weight in which each step counts by its shares.
    pub(crate) fn shared(
        &self,
        gradient: &[f32],
        shares: Shares<'_>,
        out: &mut [f32],
    ) -> Result<()> {
        let (steps, outputs) = (shares.scales.len(), self.convolution.out_channels);
        let algorithm = match &self.x.values {
            Values::Spikes(spikes) => {
                self.step().shared_weight_gradient_algorithm(spikes.activity_of_a_step())
            }
            _ => self.algorithm,
        };
        if let (Values::Spikes(spikes), Algorithm::Sparse, true) =
            (&self.x.values, algorithm, steps == self.x.time)
        {
            self.convolution.shared_weight_gradient(spikes, gradient, shares, out);
            return Ok(());
        }
        let mut part = self.pool.take(out.len());
        out.fill(0.0);
        for (t, gradient) in gradient.chunks_exact((gradient.len() / steps).max(1)).enumerate() {
            if steps == 1 {
                self.whole(gradient, &mut part)?;
            } else {
                let x = self.x.step(t, self.pool)?;
                let (convolution, pool) = (self.step(), self.pool);
                Correlation { convolution, x: &x, algorithm, pool }.whole(gradient, &mut part)?;
            }
            shares.add(t, outputs, &part, out);
        }
        Ok(())
    }

    /// Correlates the traces of the input in some of the steps with those of `other`, which has the
    /// shape of the output: `[kernel_h, kernel_w, in, steps, out]`.
    pub(crate) fn coincidences(
        &self,
        other: &Signal,
        decay: f32,
        steps: Range<usize>,
        out: &mut [f32],
    ) -> Result<()> {
        if let (Values::Spikes(pre), Values::Spikes(post)) = (&self.x.values, &other.values) {
            self.convolution.coincidences(pre, post, decay, steps, out);
            return Ok(());
        }
        let step = self.step();
        let outputs = step.out_channels;
        let mut of_step = vec![0.0; step.weight_len()];
        let [mut pre, mut post] = [self.x, other].map(|x| {
            let mut trace = self.pool.take(x.len() / x.time);
            trace.fill(0.0);
            trace
        });
        for t in 0..steps.end {
            for (trace, x) in [(&mut pre, self.x), (&mut post, other)] {
                let spikes = x.step(t, self.pool)?.dense(self.pool)?;
                trace.par_chunks_mut(CHUNK).zip(spikes.par_chunks(CHUNK)).for_each(
                    |(trace, spikes)| {
                        for (trace, spike) in trace.iter_mut().zip(spikes) {
                            *trace = decay * *trace + spike;
                        }
                    },
                );
            }
            if let Some(row) = t.checked_sub(steps.start) {
                step.weight_gradient(&pre, &post, &mut of_step);
                let rows = out[row * outputs..].chunks_mut(steps.len() * outputs);
                for (out, of_step) in rows.zip(of_step.chunks_exact(outputs)) {
                    out[..outputs].copy_from_slice(of_step);
                }
            }
        }
        Ok(())
    }

    /// The layer for the images of one step.
    fn step(&self) -> Conv2d {
        Conv2d { images: self.convolution.images / self.x.time, ..self.convolution }
    }
}

#[cfg(test)]
mod tests {
    use candlewick_core::Key;
    use candlewick_kernels::simd::has_matrix_unit;
    use candlewick_kernels::spikes::Spikes;

    use super::*;
    use crate::Features;

    /// Against dense correlations of decoded steps, for spikes, quarters of spikes and analog inputs, by
    /// all kernels.
    #[test]
    fn shares_and_coincidences_are_their_dense_correlations() -> Result<()> {
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
        let trace = |values: &[f32], decay: f32, t: usize| {
            let mut trace = vec![0.0; values.len() / time_steps];
            for values in values.chunks(trace.len()).take(t + 1) {
                trace.iter_mut().zip(values).for_each(|(r, value)| *r = decay * *r + value);
            }
            trace
        };
        // Of each step, and of all of them.
        let shares: Vec<f32> =
            (0..time_steps * convolution.weight_len()).map(|_| stream.uniform()).collect();
        let scales: Vec<[f32; 2]> = (0..time_steps).map(|t| [0.5, 0.1 * t as f32]).collect();
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
            let mut found = vec![1.0; expected.len()];
            for rows in [1, time_steps] {
                let values = &shares[..rows * expected.len()];
                let scales = &scales[..rows];
                correlation.shared(&gradient, Shares { values, scales }, &mut found)?;
                expected.fill(0.0);
                let steps = input.chunks(spikes.len() / time_steps);
                let steps = steps.zip(gradient.chunks(fired.len() / time_steps));
                for (t, (input, gradient)) in steps.enumerate() {
                    let mut part = vec![0.0; expected.len()];
                    step.weight_gradient(input, gradient, &mut part);
                    let row = t.min(rows - 1);
                    for (index, (sum, part)) in expected.iter_mut().zip(part).enumerate() {
                        let value = values[(index / 24 * rows + row) * 24 + index % 24];
                        *sum += part * (scales[row][0] + scales[row][1] * value);
                    }
                }
                same(&found, &expected);
                visited += 1;
            }
            for (decay, steps) in [(0.0, 0..time_steps), (0.4, 0..time_steps), (0.4, 5..6)] {
                let rows = steps.len();
                let mut found = vec![1.0; rows * expected.len()];
                correlation.coincidences(&post, decay, steps.clone(), &mut found)?;
                for (row, t) in steps.enumerate() {
                    let (pre, post) = (trace(input, decay, t), trace(&fired, decay, t));
                    step.weight_gradient(&pre, &post, &mut expected);
                    let found = found[row * 24..].chunks(rows * 24);
                    let found: Vec<f32> = found.flat_map(|row| &row[..24]).copied().collect();
                    same(&found, &expected);
                    visited += 1;
                }
            }
        }
        assert_eq!(visited, 5 * (2 + 6 + 6 + 1));
        Ok(())
    }
}
