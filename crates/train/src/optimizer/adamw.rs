//! Adam with decoupled weight decay.

use candle_core::Tensor;
use candlewick_core::Result;
use candlewick_device::Queue;
use candlewick_kernels::optimizer as kernel;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::groups::{below_one, in_range, non_negative};
use super::{Step, UpdateRule};

/// Adam with decoupled weight decay (Loshchilov and Hutter, ICLR 2019, arXiv:1711.05101,
/// algorithm 2), in the form of `torch.optim.AdamW`.
///
/// ```text
/// p ← p - learning_rate · weight_decay · p, then the step of Adam:
/// m ← beta1·m + (1 - beta1)·g;   v ← beta2·v + (1 - beta2)·g²                    g: the gradient
/// p ← p - learning_rate · m̂ / (√v̂ + epsilon),   m̂ = m / (1 - beta1ⁱ), v̂ = v / (1 - beta2ⁱ) in step i
/// ```
///
/// The defaults are PyTorch's. Which parameters decay is said by [`Groups`](super::Groups).
///
/// ```
/// use candlewick_train::AnyOptimizer;
/// use candlewick_train::optimizer::AdamW;
///
/// let rule: AnyOptimizer = AdamW { learning_rate: 5e-3, ..AdamW::default() }.into();
/// assert_eq!((rule.name(), rule.learning_rate()), ("adamw", 5e-3));
/// let error = AdamW { beta1: 1.0, ..AdamW::default() };
/// assert!(AnyOptimizer::from(error).check().is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AdamW {
    /// Size of a step, ≥ 0.
    pub learning_rate: f64,
    /// Decay of the mean of the gradients, in [0, 1).
    pub beta1: f64,
    /// Decay of the mean of their squares, in [0, 1).
    pub beta2: f64,
    /// Added to the root of the mean square, > 0.
    pub epsilon: f64,
    /// Share of the parameter, times the learning rate, that each step removes; ≥ 0.
    pub weight_decay: f64,
}

impl Default for AdamW {
    fn default() -> Self {
        Self { learning_rate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 1e-2 }
    }
}

impl AdamW {
    /// [`UpdateRule::check`] for the recipe table `table`.
    pub(super) fn check_as(&self, table: &str) -> Result<()> {
        non_negative(&format!("{table}.learning_rate"), self.learning_rate)?;
        below_one(&format!("{table}.beta1"), self.beta1)?;
        below_one(&format!("{table}.beta2"), self.beta2)?;
        let good = self.epsilon > 0.0 && self.epsilon.is_finite();
        in_range(&format!("{table}.epsilon"), self.epsilon, "a finite number > 0", good)?;
        non_negative(&format!("{table}.weight_decay"), self.weight_decay)
    }
}

impl AdamW {
    /// The step as kernels take it.
    fn kernel(&self, step: &Step) -> kernel::AdamW {
        kernel::AdamW {
            learning_rate: step.learning_rate as f32,
            beta1: self.beta1 as f32,
            beta2: self.beta2 as f32,
            epsilon: self.epsilon as f32,
            weight_decay: if step.decays { self.weight_decay as f32 } else { 0.0 },
        }
    }
}

impl UpdateRule for AdamW {
    fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    fn check(&self) -> Result<()> {
        self.check_as("optimizer.adamw")
    }

    fn state_names(&self) -> &'static [&'static str] {
        &["first_moment", "second_moment"]
    }

    fn update(
        &self,
        step: &Step,
        parameter: &mut [f32],
        gradient: &[f32],
        [first, second]: [&mut [f32]; 2],
    ) {
        self.kernel(step).step(step.number, parameter, gradient, first, second);
    }

    fn compose(
        &self,
        step: &Step,
        parameter: &Tensor,
        gradient: &Tensor,
        state: &mut [Tensor],
    ) -> candle_core::Result<Tensor> {
        let [first, second] = state else {
            candle_core::bail!("AdamW needs two moments, got {}", state.len());
        };
        *first = ((&*first * self.beta1)? + (gradient * (1.0 - self.beta1))?)?;
        *second = ((&*second * self.beta2)? + (gradient.sqr()? * (1.0 - self.beta2))?)?;
        let correction = |beta: f64| 1.0 - beta.powf(step.number as f64);
        let mean = (&*first / correction(self.beta1))?;
        let root = (&*second / correction(self.beta2))?.sqrt()?;
        let decay = if step.decays { self.weight_decay } else { 0.0 };
        let kept = (parameter * (1.0 - step.learning_rate * decay))?;
        kept - ((mean / (root + self.epsilon)?)? * step.learning_rate)?
    }

    fn launch(
        &self,
        step: &Step,
        queue: &Queue,
        parameter: &Tensor,
        gradient: &Tensor,
        state: &[Tensor],
    ) -> candle_core::Result<()> {
        let [first, second] = state else {
            candle_core::bail!("AdamW needs two moments, got {}", state.len());
        };
        queue.adamw(&self.kernel(step), step.number, parameter, gradient, [first, second])
    }
}
