//! A constant learning rate.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Curve, Position};

/// The same learning rate throughout.
///
/// ```
/// use candlewick_train::schedule::{Constant, Curve, Position};
///
/// let curve = Constant {};
/// let at = |epoch| curve.factor(Position { epoch, warm_up: 0.0, epochs: 10.0 });
/// assert_eq!([at(0.0), at(9.5)], [1.0, 1.0]);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Constant {}

impl Curve for Constant {
    fn factor(&self, _at: Position) -> f64 {
        1.0
    }

    fn check(&self) -> candlewick_core::Result<()> {
        Ok(())
    }
}
