//! Stochastic gradient descent.

use candle_core::Tensor;
use candlewick_core::{Error, Result};
use candlewick_device::Queue;
use candlewick_kernels::optimizer as kernel;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::groups::{below_one, non_negative};
use super::{Step, UpdateRule};

/// Stochastic gradient descent with momentum, in the form of `torch.optim.SGD`.
///
/// ```text
/// g ← g + weight_decay · p;   m ← momentum · m + g;   p ← p - learning_rate · m
/// with Nesterov's momentum                            p ← p - learning_rate · (g + momentum · m)
/// ```
///
/// for the gradient `g` (Sutskever et al., ICML 2013, in the form whose learning rate stands outside of the
/// momentum).
///
/// The defaults are PyTorch's.
///
/// ```
/// use candlewick_train::optimizer::{Sgd, Step, UpdateRule};
///
/// let rule = Sgd { momentum: 0.5, ..Sgd::default() };
/// let (mut parameter, mut momentum) = ([1.0], [0.0]);
/// for number in 1..=2 {
///     let step = Step { number, learning_rate: 0.25, decays: false };
///     rule.update(&step, &mut parameter, &[1.0], [&mut momentum, &mut []]);
/// }
/// assert_eq!((parameter, momentum), ([1.0 - 0.25 - 0.25 * 1.5], [1.5]));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Sgd {
    /// Size of a step, ≥ 0.
    pub learning_rate: f64,
    /// Share of the last direction that is kept, in [0, 1).
    pub momentum: f64,
    /// Whether to look ahead along the new direction; needs momentum.
    pub nesterov: bool,
    /// Multiple of the parameter that is added to its gradient, ≥ 0.
    pub weight_decay: f64,
}

impl Default for Sgd {
    fn default() -> Self {
        Self { learning_rate: 1e-3, momentum: 0.0, nesterov: false, weight_decay: 0.0 }
    }
}

impl Sgd {
    /// The step as kernels take it.
    fn kernel(&self, step: &Step) -> kernel::Sgd {
        kernel::Sgd {
            learning_rate: step.learning_rate as f32,
            momentum: self.momentum as f32,
            weight_decay: if step.decays { self.weight_decay as f32 } else { 0.0 },
            nesterov: self.nesterov,
        }
    }
}

impl UpdateRule for Sgd {
    fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    fn check(&self) -> Result<()> {
        non_negative("optimizer.sgd.learning_rate", self.learning_rate)?;
        below_one("optimizer.sgd.momentum", self.momentum)?;
        non_negative("optimizer.sgd.weight_decay", self.weight_decay)?;
        if self.nesterov && self.momentum == 0.0 {
            return Err(Error::Setting {
                field: "optimizer.sgd.nesterov".into(),
                expected: "a momentum above 0 to go with it".into(),
                got: "momentum 0".into(),
            });
        }
        Ok(())
    }

    fn state_names(&self) -> &'static [&'static str] {
        if self.momentum == 0.0 { &[] } else { &["velocity"] }
    }

    fn update(
        &self,
        step: &Step,
        parameter: &mut [f32],
        gradient: &[f32],
        [velocity, _]: [&mut [f32]; 2],
    ) {
        self.kernel(step).step(parameter, gradient, velocity);
    }

    fn compose(
        &self,
        step: &Step,
        parameter: &Tensor,
        gradient: &Tensor,
        state: &mut [Tensor],
    ) -> candle_core::Result<Tensor> {
        let decay = if step.decays { self.weight_decay } else { 0.0 };
        let g = (gradient + (parameter * decay)?)?;
        let direction = match state {
            [velocity] => {
                *velocity = ((&*velocity * self.momentum)? + &g)?;
                if self.nesterov { (g + (&*velocity * self.momentum)?)? } else { velocity.clone() }
            }
            _ => g,
        };
        parameter - (direction * step.learning_rate)?
    }

    fn launch(
        &self,
        step: &Step,
        queue: &Queue,
        parameter: &Tensor,
        gradient: &Tensor,
        state: &[Tensor],
    ) -> candle_core::Result<()> {
        queue.sgd(&self.kernel(step), parameter, gradient, state.first())
    }
}
