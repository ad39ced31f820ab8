//! Measured values that may be no numbers: JSON has `null` for them, which is read back as NaN.

use serde::{Deserialize, Deserializer};

/// A value, NaN for `null`.
pub(crate) fn value<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or(f64::NAN))
}

/// Seeds with their values, NaN for `null`.
pub(crate) fn of_seeds<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<(u64, f64)>, D::Error> {
    let values: Vec<(u64, Option<f64>)> = Vec::deserialize(deserializer)?;
    Ok(values.into_iter().map(|(seed, value)| (seed, value.unwrap_or(f64::NAN))).collect())
}
