//! Adam.

use candle_core::Tensor;
use candlewick_core::Result;
use candlewick_device::Queue;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{AdamW, Step, UpdateRule};

/// Adam (Kingma and Ba, ICLR 2015, arXiv:1412.6980, algorithm 1), as `torch.optim.Adam` without
/// weight decay: what TET trains with.
///
/// ```text
/// m ← beta1·m + (1 - beta1)·g;   v ← beta2·v + (1 - beta2)·g²                    g: the gradient
/// p ← p - learning_rate · m̂ / (√v̂ + epsilon),   m̂ = m / (1 - beta1ⁱ), v̂ = v / (1 - beta2ⁱ) in step i
/// ```
///
/// The defaults are the paper's and PyTorch's.
///
/// ```
/// use candlewick_train::optimizer::{Adam, Step, UpdateRule};
///
/// // The first step has the size of the learning rate, whatever the gradient is.
/// let (mut parameter, mut first, mut second) = ([1.0_f32], [0.0], [0.0]);
/// let step = Step { number: 1, learning_rate: 0.25, decays: false };
/// Adam::default().update(&step, &mut parameter, &[3.0], [&mut first, &mut second]);
/// assert!((parameter[0] - 0.75).abs() < 1e-6);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Adam {
    /// Size of a step, ≥ 0.
    pub learning_rate: f64,
    /// Decay of the mean of the gradients, in [0, 1).
    pub beta1: f64,
    /// Decay of the mean of their squares, in [0, 1).
    pub beta2: f64,
    /// Added to the root of the mean square, > 0.
    pub epsilon: f64,
}

impl Default for Adam {
    fn default() -> Self {
        Self { learning_rate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }
    }
}

impl Adam {
    /// Adam is `AdamW` without decay.
    fn without_decay(self) -> AdamW {
        let Self { learning_rate, beta1, beta2, epsilon } = self;
        AdamW { learning_rate, beta1, beta2, epsilon, weight_decay: 0.0 }
    }
}

impl UpdateRule for Adam {
    fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    fn check(&self) -> Result<()> {
        self.without_decay().check_as("optimizer.adam")
    }

    fn state_names(&self) -> &'static [&'static str] {
        self.without_decay().state_names()
    }

    fn update(&self, step: &Step, parameter: &mut [f32], gradient: &[f32], state: [&mut [f32]; 2]) {
        self.without_decay().update(step, parameter, gradient, state);
    }

    fn compose(
        &self,
        step: &Step,
        parameter: &Tensor,
        gradient: &Tensor,
        state: &mut [Tensor],
    ) -> candle_core::Result<Tensor> {
        self.without_decay().compose(step, parameter, gradient, state)
    }

    fn launch(
        &self,
        step: &Step,
        queue: &Queue,
        parameter: &Tensor,
        gradient: &Tensor,
        state: &[Tensor],
    ) -> candle_core::Result<()> {
        self.without_decay().launch(step, queue, parameter, gradient, state)
    }
}
