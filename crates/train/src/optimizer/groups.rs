//! Parameter groups by role: which parameters decay, and which learn at a rate of their own.

use candlewick_core::parameters::Role;
use candlewick_core::{Error, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which parameters the optimizer's weight decay applies to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Decay {
    /// Synaptic weights only: no biases, normalizations or scalars of neurons and surrogates
    /// (He et al., CVPR 2019, arXiv:1812.01187, section 3.1 "no bias decay").
    #[default]
    Weights,
    /// All parameters, as a PyTorch optimizer does that is given `net.parameters()`.
    All,
}

/// How the optimizer treats parameters by their role.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Groups {
    /// Which parameters decay.
    pub decay: Decay,
    /// Factor on the learning rate of the parameters of surrogates, ≥ 0; 0 freezes them.
    pub surrogate_learning_rate: f64,
    /// Factor on the learning rate of the scalars of neurons, ≥ 0; 0 freezes them.
    pub neuron_learning_rate: f64,
}

impl Default for Groups {
    fn default() -> Self {
        Self { decay: Decay::Weights, surrogate_learning_rate: 1.0, neuron_learning_rate: 1.0 }
    }
}

impl Groups {
    /// Factor on the learning rate of parameters of this role.
    pub fn learning_rate_factor(&self, role: Role) -> f64 {
        match role {
            Role::Surrogate => self.surrogate_learning_rate,
            Role::Neuron => self.neuron_learning_rate,
            _ => 1.0,
        }
    }

    /// Whether weight decay applies to parameters of this role.
    pub fn decays(&self, role: Role) -> bool {
        match self.decay {
            Decay::Weights => role.decays(),
            Decay::All => role.learns(),
        }
    }

    /// Checks the ranges.
    ///
    /// # Errors
    /// Names the field.
    pub fn check(&self) -> Result<()> {
        non_negative("groups.surrogate_learning_rate", self.surrogate_learning_rate)?;
        non_negative("groups.neuron_learning_rate", self.neuron_learning_rate)
    }
}

/// Refuses what is not a finite number ≥ 0.
pub(crate) fn non_negative(field: &str, value: f64) -> Result<()> {
    in_range(field, value, "a finite number ≥ 0", value >= 0.0 && value.is_finite())
}

/// Refuses what is not in [0, 1).
pub(crate) fn below_one(field: &str, value: f64) -> Result<()> {
    in_range(field, value, "a number in [0, 1)", (0.0..1.0).contains(&value))
}

/// Refuses `value` unless it is `good`.
pub(crate) fn in_range(field: &str, value: f64, expected: &str, good: bool) -> Result<()> {
    if good {
        return Ok(());
    }
    Err(Error::Setting { field: field.into(), expected: expected.into(), got: value.to_string() })
}
