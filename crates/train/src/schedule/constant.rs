//! A constant learning rate.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Curve, Position};

/// The same learning rate throughout.
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
