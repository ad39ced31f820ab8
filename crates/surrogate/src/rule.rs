//! Rules that change a layer's surrogate from step to step: learned widths, random masks.

use std::fmt::Debug;
use std::sync::Arc;

use candle_core::{Result, Tensor};
use candlewick_core::Key;

use crate::Surrogate;

/// What a training method does to the surrogate of one spiking layer in every training pass.
///
/// A method makes one rule per layer; the rule holds whatever it needs of that layer.
pub trait SurrogateRule: Debug + Send + Sync {
    /// The surrogate of this training pass; `current` is what the rules before this one made of the
    /// layer's own.
    ///
    /// # Errors
    /// If candle fails.
    fn apply(&self, current: Effective, site: Site) -> Result<Effective>;
}

/// A surrogate as a pass of a layer uses it.
#[derive(Clone, Debug)]
pub struct Effective {
    /// The derivative of this pass.
    pub surrogate: Arc<dyn Surrogate>,
    /// The learned parameter that the derivative has, as a function of the learned variable.
    pub parameter: Option<Tensor>,
}

/// The pass of a layer in which a rule is applied.
#[derive(Clone, Copy, Debug)]
pub struct Site {
    /// The random stream of this training step and layer.
    pub key: Key,
    /// Number of elements T·B·N of the layer.
    pub elements: usize,
    /// Number of time steps T.
    pub time_steps: usize,
}
