//! The weights of a network as one number, for claims that two trainings are the same.

use candlewick_run::Unit;
use candlewick_run::hash::sha256_hex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Finished, Metric};
use crate::{Recipe, Result};

/// The first 52 bits of the SHA-256 of all learned parameters of the network, side heads left out: equal
/// if all bits of the weights are, and by chance once in 10¹⁵ pairs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bits {}

impl Metric for Bits {
    fn words(&self, _: &Recipe) -> String {
        "trained weights".into()
    }

    fn unit(&self) -> Unit {
        Unit::Plain
    }

    fn measure(&self, run: &Finished<'_>) -> Result<f64> {
        let failed = |source: candlewick_core::Error| run.failed(source);
        let experiment = run.experiment()?;
        let mut bytes = Vec::new();
        for entry in experiment.network().parameters().learned() {
            if super::gradient::is_side_head(&entry.name) {
                continue;
            }
            let values = entry.variable.flatten_all().and_then(|all| all.to_vec1::<f32>());
            for value in values.map_err(|error| failed(error.into()))? {
                bytes.extend(value.to_le_bytes());
            }
        }
        let digits = &sha256_hex(&bytes)[..13];
        let bits = u64::from_str_radix(digits, 16).map_err(|_| run.lacks("a hash"))?;
        // 52 bits fit a double.
        Ok(bits as f64)
    }
}
