//! Step decay.

use candlewick_core::Error;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Curve, Position};
use crate::optimizer::in_range;

/// Step decay: `factor^⌊epoch / every⌋`, PyTorch's `StepLR`.
///
/// The epochs of the warm-up count: the first drop comes `every` epochs after the start of the training, where
/// PyTorch's `SequentialLR` of `LinearLR` and `StepLR` has it `every` epochs after the end of the warm-up.
///
/// ```
/// use candlewick_train::schedule::{Curve, Position, StepDecay};
///
/// let curve = StepDecay { every: 4, factor: 0.5 };
/// let at = |epoch| curve.factor(Position { epoch, warm_up: 0.0, epochs: 10.0 });
/// assert_eq!([at(3.9), at(4.0), at(8.0)], [1.0, 0.5, 0.25]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StepDecay {
    /// Epochs between two drops, ≥ 1; the default is that of torchvision's reference training.
    pub every: u32,
    /// Factor on the learning rate at each drop, in (0, 1]; the default is PyTorch's.
    pub factor: f64,
}

impl Default for StepDecay {
    fn default() -> Self {
        Self { every: 30, factor: 0.1 }
    }
}

impl Curve for StepDecay {
    fn factor(&self, at: Position) -> f64 {
        self.factor.powf((at.epoch / f64::from(self.every)).floor())
    }

    fn check(&self) -> candlewick_core::Result<()> {
        if self.every == 0 {
            return Err(Error::Setting {
                field: "schedule.curve.step.every".into(),
                expected: "at least 1 epoch".into(),
                got: "0".into(),
            });
        }
        let good = self.factor > 0.0 && self.factor <= 1.0;
        in_range("schedule.curve.step.factor", self.factor, "a number in (0, 1]", good)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_factor_falls_at_every_third_epoch() {
        let step = StepDecay { every: 3, factor: 0.5 };
        let mut visited = 0;
        for (epoch, expected) in [(0.0, 1.0), (2.9, 1.0), (3.0, 0.5), (5.9, 0.5), (6.0, 0.25)] {
            let at = Position { epoch, warm_up: 1.0, epochs: 9.0 };
            assert_eq!(step.factor(at), expected);
            visited += 1;
        }
        assert_eq!(visited, 5);
    }
}
