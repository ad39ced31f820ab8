//! Half a cosine, from the full learning rate to a floor.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Curve, Position};
use crate::optimizer::in_range;

/// Cosine annealing (Loshchilov and Hutter, ICLR 2017, arXiv:1608.03983, eq. 5), without restarts.
///
/// `floor + (1 − floor) · (1 + cos(π · p)) / 2`, where p grows from 0 after the warm-up to 1 at the
/// end. With a floor of 0 this is PyTorch's `CosineAnnealingLR` over all epochs (TET); with 1e-5 it
/// is the schedule of MSG.
///
/// ```
/// use candlewick_train::schedule::{Cosine, Curve, Position};
///
/// let curve = Cosine { floor: 0.0 };
/// let at = |epoch| curve.factor(Position { epoch, warm_up: 0.0, epochs: 10.0 });
/// assert!(at(0.0) == 1.0 && (at(5.0) - 0.5).abs() < 1e-12 && at(10.0) < 1e-12);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Cosine {
    /// Share of the learning rate that is left at the end, in [0, 1].
    pub floor: f64,
}

impl Curve for Cosine {
    fn factor(&self, at: Position) -> f64 {
        let length = at.epochs - at.warm_up;
        if length <= 0.0 {
            return 1.0;
        }
        let progress = ((at.epoch - at.warm_up) / length).clamp(0.0, 1.0);
        self.floor + (1.0 - self.floor) * (1.0 + (std::f64::consts::PI * progress).cos()) / 2.0
    }

    fn check(&self) -> candlewick_core::Result<()> {
        let good = (0.0..=1.0).contains(&self.floor);
        in_range("schedule.curve.cosine.floor", self.floor, "a number in [0, 1]", good)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_way_is_the_mean_of_start_and_floor() {
        let cosine = Cosine { floor: 0.1 };
        let at = |epoch| cosine.factor(Position { epoch, warm_up: 2.0, epochs: 10.0 });
        assert_eq!(at(2.0), 1.0);
        // (1 + 0.1) / 2.
        assert!((at(6.0) - 0.55).abs() < 1e-12);
        // A quarter: 0.1 + 0.9 · (1 + √½) / 2.
        assert!((at(4.0) - 0.868_198_051_533_946_4).abs() < 1e-12);
        assert!((at(10.0) - 0.1).abs() < 1e-12);
    }
}
