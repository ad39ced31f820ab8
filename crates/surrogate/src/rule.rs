//! Rules that change a layer's surrogate from step to step: learned widths, random masks.

use std::fmt::Debug;
use std::sync::Arc;

use candle_core::{Result, Tensor, Var};
use candlewick_core::Key;

use crate::Surrogate;

/// The pass of a layer in which a rule is applied.
#[derive(Clone, Copy, Debug)]
pub struct Site {
    /// The random stream of this training step and layer.
    pub key: Key,
    /// Number of elements T·B·N of the layer.
    pub elements: usize,
    /// What is known of the layer's potentials.
    pub potentials: Dynamics,
}

/// What the settings and the learned values of a layer say of its potentials.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Dynamics {
    /// Number of time steps T.
    pub time_steps: usize,
    /// The threshold.
    pub v_threshold: f32,
    /// Derivative of a potential by the one before.
    pub decay: f32,
    /// Derivative of a potential by the current.
    pub gain: f32,
    /// Mean weight of the normalization of the currents; where two normalized branches meet, the root
    /// of the sum of the squares; 1 without normalization.
    pub gamma: f32,
}

/// A surrogate as a pass of a layer uses it.
#[derive(Clone, Debug)]
pub struct Effective {
    /// The derivative of this pass.
    pub surrogate: Arc<dyn Surrogate>,
    /// The learned parameter that the derivative has, as a function of the learned variable.
    pub parameter: Option<Tensor>,
}

/// A training method that acts on the surrogate of every spiking layer.
pub trait SurrogateRule: Debug + Send + Sync {
    /// Where the scalar that the rule learns starts; `None` if it learns nothing from `base`.
    fn initial(&self, base: &dyn Surrogate) -> Option<f32>;

    /// Whether the optimizer changes that scalar; otherwise it is saved, and changed by the rule or by
    /// the training.
    fn is_learned(&self) -> bool {
        true
    }

    /// Whether one learned scalar serves all layers.
    fn is_global(&self) -> bool {
        false
    }

    /// The surrogate of this training pass.
    ///
    /// `base` is the layer's surrogate as configured, `current` what the rules before this one made
    /// of it, `learned` the rule's scalar if [`initial`](Self::initial) gave one.
    fn apply(
        &self,
        base: &dyn Surrogate,
        current: Effective,
        learned: Option<&Var>,
        site: Site,
    ) -> Result<Effective>;
}
