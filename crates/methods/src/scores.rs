//! The scores of a batch on the host, and the classes that they choose.

use candle_core::Tensor;
use candlewick_core::{Error, Result};

/// Scores `[T, B, K]` of the classes.
///
/// ```
/// use candle_core::{Device, Tensor};
/// use candlewick_methods::Scores;
///
/// let logits = Tensor::new(&[[[1_f32, 0.0]], [[0.0, 3.0]]], &Device::Cpu)?; // T = 2, B = 1, K = 2
/// let scores = Scores::new(&logits)?;
/// assert_eq!(scores.right_at(0, &[1]), [false]);
/// assert_eq!(scores.right_up_to(&[1.0, 1.0], &[1]), [0, 1]); // after the first step, after both
/// # Ok::<(), candlewick_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Scores {
    values: Vec<f32>,
    time_steps: usize,
    samples: usize,
    classes: usize,
}

impl Scores {
    /// Copies `logits`, `[T, B, K]`, to the host.
    ///
    /// # Errors
    /// If the shape is another one.
    pub fn new(logits: &Tensor) -> Result<Self> {
        let [time_steps, samples, classes] = *logits.dims() else {
            return Err(Error::Shape {
                what: "output of the network".into(),
                expected: "[T, B, K]".into(),
                got: format!("{:?}", logits.dims()),
            });
        };
        let values = logits.flatten_all()?.to_vec1::<f32>()?;
        Ok(Self { values, time_steps, samples, classes })
    }

    /// Scores from their values and `[T, B, K]`.
    ///
    /// # Panics
    /// If the numbers do not fit.
    pub fn of(values: Vec<f32>, [time_steps, samples, classes]: [usize; 3]) -> Self {
        assert_eq!(values.len(), time_steps * samples * classes, "scores [T, B, K]");
        Self { values, time_steps, samples, classes }
    }

    /// The scores of several parts of a batch, one behind the other.
    ///
    /// # Panics
    /// If there is none, or their time steps or classes differ.
    pub fn join(parts: &[&Self]) -> Self {
        let (time_steps, classes) = (parts[0].time_steps, parts[0].classes);
        let mut values = Vec::with_capacity(parts.iter().map(|part| part.values.len()).sum());
        for t in 0..time_steps {
            for part in parts {
                let length = part.samples * classes;
                values.extend_from_slice(&part.values[t * length..(t + 1) * length]);
            }
        }
        let samples = parts.iter().map(|part| part.samples).sum();
        Self::of(values, [time_steps, samples, classes])
    }

    /// All scores, in the order of `[T, B, K]`.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// Time steps T.
    pub fn time_steps(&self) -> usize {
        self.time_steps
    }

    /// Samples B.
    pub fn samples(&self) -> usize {
        self.samples
    }

    /// Classes K.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Mean over the samples of the cross-entropy of their labels, in nats, where the scores of a sample are
    /// the weighted mean over time: ln K if all are equal.
    ///
    /// # Panics
    /// If the numbers of weights or labels are not T and B, or a label is not below K.
    pub fn cross_entropy(&self, weights: &[f32], labels: &[u32]) -> f64 {
        assert_eq!(weights.len(), self.time_steps, "weights of the time steps");
        assert_eq!(labels.len(), self.samples, "labels of the batch");
        let mut means = vec![0.0_f64; self.samples * self.classes];
        for (step, &weight) in self.values.chunks(means.len().max(1)).zip(weights) {
            for (mean, &score) in means.iter_mut().zip(step) {
                *mean += f64::from(weight) * f64::from(score) / self.time_steps as f64;
            }
        }
        let losses = means.chunks(self.classes.max(1)).zip(labels).map(|(scores, &label)| {
            let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = scores.iter().map(|score| (score - largest).exp()).sum();
            sum.ln() + largest - scores[label as usize]
        });
        losses.sum::<f64>() / self.samples.max(1) as f64
    }

    /// Whether each sample's class is right at time step `t` alone, without the steps before.
    ///
    /// # Panics
    /// If there is no such step, or the number of labels is not B.
    pub fn right_at(&self, t: usize, labels: &[u32]) -> Vec<bool> {
        let length = self.samples * self.classes;
        self.right(&self.values[t * length..(t + 1) * length], labels)
    }

    /// Entry `t` counts the samples whose class is right by the weighted sum of the scores up to
    /// and including step `t`.
    ///
    /// # Panics
    /// If the numbers of weights or labels are not T and B.
    pub fn right_up_to(&self, weights: &[f32], labels: &[u32]) -> Vec<u64> {
        assert_eq!(weights.len(), self.time_steps, "weights of the time steps");
        let length = self.samples * self.classes;
        let mut sums = vec![0.0_f32; length];
        weights
            .iter()
            .enumerate()
            .map(|(t, weight)| {
                let step = &self.values[t * length..(t + 1) * length];
                for (sum, score) in sums.iter_mut().zip(step) {
                    *sum += weight * score;
                }
                self.right(&sums, labels).into_iter().filter(|&right| right).count() as u64
            })
            .collect()
    }

    /// The class of each sample by the weighted sum of the scores of all steps.
    ///
    /// # Panics
    /// If the number of weights is not T.
    pub fn classes_of(&self, weights: &[f32]) -> Vec<usize> {
        assert_eq!(weights.len(), self.time_steps, "weights of the time steps");
        let mut sums = vec![0.0_f32; self.samples * self.classes];
        for (step, weight) in self.values.chunks(sums.len().max(1)).zip(weights) {
            for (sum, score) in sums.iter_mut().zip(step) {
                *sum += weight * score;
            }
        }
        sums.chunks_exact(self.classes).map(largest).collect()
    }

    fn right(&self, scores: &[f32], labels: &[u32]) -> Vec<bool> {
        assert_eq!(labels.len(), self.samples, "labels of the batch");
        let choices = scores.chunks_exact(self.classes).map(largest);
        choices.zip(labels).map(|(choice, &label)| choice == label as usize).collect()
    }
}

/// The index of the largest score; the first of equal ones.
fn largest(scores: &[f32]) -> usize {
    let mut best = 0;
    for (index, score) in scores.iter().enumerate() {
        if *score > scores[best] {
            best = index;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    #[test]
    fn the_output_sums_over_time_with_its_weights() -> Result<()> {
        // Sample 0: scores (1, 0) then (0, 3); sample 1: a tie, then (0, 1).
        let logits =
            Tensor::new(&[[[1.0_f32, 0.0], [2.0, 2.0]], [[0.0, 3.0], [0.0, 1.0]]], &Device::Cpu)?;
        let scores = Scores::new(&logits)?;
        assert_eq!((scores.time_steps(), scores.samples()), (2, 2));
        let labels = [1, 0];
        assert_eq!(scores.right_at(0, &labels), [false, true]);
        assert_eq!(scores.right_at(1, &labels), [true, false]);
        // Sums after step 1: (1, 3) and (2, 3), of which the first is right.
        assert_eq!(scores.right_up_to(&[1.0, 1.0], &labels), [1, 1]);
        // With weights 4 and 1: (4, 3) and (8, 9), none.
        assert_eq!(scores.right_up_to(&[4.0, 1.0], &labels), [1, 0]);
        assert_eq!(scores.classes_of(&[1.0, 1.0]), [1, 1]);
        assert_eq!(scores.classes_of(&[4.0, 1.0]), [0, 1]);
        // With weights 1 and 0 the first step decides.
        assert_eq!(scores.right_up_to(&[1.0, 0.0], &labels), [1, 1]);
        // Means (0.5, 1.5) and (1, 1.5) of two classes: ln(1 + e) − 1 and ln(1 + e^0.5).
        let expected = f64::midpoint(1.0_f64.exp().ln_1p() - 1.0, 0.5_f64.exp().ln_1p());
        assert!((scores.cross_entropy(&[1.0, 1.0], &labels) - expected).abs() < 1e-12);
        assert!((scores.cross_entropy(&[0.0, 0.0], &labels) - 2.0_f64.ln()).abs() < 1e-12);
        // Far apart, without an overflow: half of 1e30 · (1.5 − 1), of the wrong one alone.
        let far = scores.cross_entropy(&[1e30, 1e30], &labels);
        assert!((far / 2.5e29 - 1.0).abs() < 1e-6, "{far}");
        let message = Scores::new(&logits.sum(0)?).unwrap_err().to_string();
        assert_eq!(message, "output of the network: expected [T, B, K], got [2, 2]");
        Ok(())
    }
}
