//! What a network says of a sample.

/// The class of a sample, and how sure the network is.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// The class of the largest score, the first of equal ones, as in an evaluation.
    pub class: usize,
    /// One number per class: the sum over the time steps of the logits, by the weights of the steps.
    pub scores: Vec<f32>,
    /// The softmax of the mean logits, by the weights of the steps.
    pub probabilities: Vec<f32>,
}

impl Prediction {
    /// The prediction of logits `[T, K]` with the weight of each of the T steps.
    pub(crate) fn of_logits(logits: &[f32], classes: usize, weights: &[f32]) -> Self {
        let mut scores = vec![0.0; classes];
        for (logits, weight) in logits.chunks(classes.max(1)).zip(weights) {
            for (score, logit) in scores.iter_mut().zip(logits) {
                *score += weight * logit;
            }
        }
        let mut class = 0;
        for (index, score) in scores.iter().enumerate() {
            if *score > scores[class] {
                class = index;
            }
        }
        let total = weights.iter().sum::<f32>();
        let largest = scores.get(class).copied().unwrap_or(0.0);
        let mut probabilities: Vec<f32> =
            scores.iter().map(|score| ((score - largest) / total).exp()).collect();
        let sum = probabilities.iter().sum::<f32>();
        for probability in &mut probabilities {
            *probability /= sum;
        }
        Self { class, scores, probabilities }
    }

    /// The `count` most probable classes with their probabilities, the most probable first; of equal ones the
    /// lower class.
    pub fn top(&self, count: usize) -> Vec<(usize, f32)> {
        let mut all: Vec<_> = self.probabilities.iter().copied().enumerate().collect();
        all.sort_by(|(_, left), (_, right)| right.total_cmp(left));
        all.truncate(count);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two steps of weight 1 and 3: the scores are 0 + 3·ln 4, 4·ln 2 and 0, the mean logits a quarter of them:
    /// (3/4)·ln 4 = 1.5·ln 2, ln 2 and 0, so that the probabilities are 2^1.5 : 2 : 1.
    #[test]
    fn probabilities_are_of_the_mean_logits() {
        let (two, four) = (2.0_f32.ln(), 4.0_f32.ln());
        let prediction = Prediction::of_logits(&[0.0, two, 0.0, four, two, 0.0], 3, &[1.0, 3.0]);
        assert_eq!(prediction.class, 0);
        let sum = 2.0_f32.powf(1.5) + 3.0;
        for (found, expected) in prediction.probabilities.iter().zip([2.0_f32.powf(1.5), 2.0, 1.0])
        {
            assert!((found - expected / sum).abs() < 1e-6, "{prediction:?}");
        }
        let top: Vec<usize> = prediction.top(2).into_iter().map(|(class, _)| class).collect();
        assert_eq!(top, [0, 1]);
        let equal = Prediction::of_logits(&[0.0, 1.0, 1.0], 3, &[1.0]);
        assert_eq!((equal.class, equal.top(5).len()), (1, 3));
    }
}
