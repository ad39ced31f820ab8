//! When a training has diverged: its numbers are not finite, its loss is far above that of a constant answer,
//! or no gradient is left.

use crate::place::EpochSums;

/// Factor on the cross-entropy of a constant answer, ln K, from which on the mean over an epoch is that of a
/// diverged training.
///
/// For ten classes it is 230 nats: on average the score of the right class lies that far below the largest.
/// Untrained and overfitted networks, whose scores differ by some tens, stay below it; weights that a learning
/// rate lets explode go beyond it by orders of magnitude.
const FACTOR: f64 = 100.0;

/// What shows that a training has diverged.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Symptom {
    /// A loss or a gradient is infinite or not a number.
    #[error("the {quantity} is not finite{}", in_layer(.layer.as_deref()))]
    NotFinite {
        /// `loss`, `gradient`, `validation loss` or `test loss`.
        quantity: &'static str,
        /// The first parameter that is not finite, or whose gradient is not, if there is one.
        layer: Option<String>,
    },
    /// The mean over an epoch of the cross-entropy is more than 100 times that of a constant answer.
    #[error("the mean cross-entropy is {found:.3e}, where a constant answer has {constant:.2}")]
    Loss {
        /// Mean over the epoch's training samples, in nats.
        found: f64,
        /// Logarithm of the number of classes.
        constant: f64,
    },
    /// All gradients were exactly 0 throughout an epoch, although not all answers were right.
    #[error("all gradients are 0, so nothing is learned")]
    NoGradient,
}

impl Symptom {
    /// The tail of a message about a training that it ended.
    pub(crate) fn advice(&self) -> &'static str {
        match self {
            Self::NotFinite { .. } => "",
            _ => "; with `stop_when_diverged = false` the training continues",
        }
    }
}

/// The tail of a message about a parameter.
fn in_layer(layer: Option<&str>) -> String {
    layer.map_or_else(String::new, |layer| format!(" in {layer}"))
}

/// What shows that an epoch with these sums has diverged, if something does.
///
/// The loss that is compared is the cross-entropy of the scores, whatever the training minimizes: penalties, side
/// heads and other losses have no part in it.
pub(crate) fn symptom(sums: &EpochSums) -> Option<Symptom> {
    let found = sums.cross_entropy / sums.samples.max(1) as f64;
    // One class needs no decision; its answers are as good as those between two.
    let constant = (sums.classes.max(2) as f64).ln();
    if found > FACTOR * constant || found.is_nan() {
        return Some(Symptom::Loss { found, constant });
    }
    let still = !sums.norms.is_empty() && sums.norms.iter().all(|norm| *norm == 0.0);
    (still && sums.right < sums.samples).then_some(Symptom::NoGradient)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_cannot_be_learned_from_is_a_symptom() {
        let healthy = EpochSums {
            cross_entropy: 229.0 * 50.0,
            classes: 10,
            right: 5,
            samples: 50,
            norms: vec![0.0, 1e-30],
            ..EpochSums::default()
        };
        assert_eq!(symptom(&healthy), None);
        let loss = |cross_entropy| symptom(&EpochSums { cross_entropy, ..healthy.clone() });
        assert!(matches!(loss(231.0 * 50.0), Some(Symptom::Loss { found: 231.0, .. })));
        assert!(matches!(loss(f64::NAN), Some(Symptom::Loss { .. })));
        let still = EpochSums { norms: vec![0.0; 2], ..healthy };
        assert_eq!(symptom(&still), Some(Symptom::NoGradient));
        // Nothing is left to be learned.
        assert_eq!(symptom(&EpochSums { right: 50, ..still.clone() }), None);
        assert_eq!(symptom(&EpochSums { norms: Vec::new(), ..still }), None);
    }
}
