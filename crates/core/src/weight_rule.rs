//! Rules that change the weight gradient of a synaptic layer, such as scaling by local information.

use std::fmt::{self, Debug};

use crate::Key;

/// Correlates a weighted sum of the steps of a layer's input with one step of a post-synaptic
/// activation: the sum over batch and space of their products, in the shape of the weight.
///
/// Called with one weight per time step, the post-synaptic activation, and the place of the result.
/// The weight gradient of step `t` alone is the correlation of the input of step `t` with the gradient
/// by the output of step `t`.
pub type Correlate<'a> = &'a (dyn Fn(&[f32], &[f32], &mut [f32]) + Sync);

/// Writes the plain gradient by the weight.
pub type Plain<'a> = &'a (dyn Fn(&mut [f32]) + Sync);

/// The activations before or behind a synaptic layer, read one time step at a time.
#[derive(Clone, Copy)]
pub struct Steps<'a> {
    /// Values of a step.
    pub len: usize,
    /// Writes the values of a step, given by its number.
    pub read: &'a (dyn Fn(usize, &mut [f32]) + Sync),
}

/// A synaptic layer in a backward pass.
#[derive(Clone, Copy)]
pub struct WeightSite<'a> {
    /// Number of time steps T.
    pub time_steps: usize,
    /// The layer's input: spikes, or sums of spikes after pooling.
    pub pre: Steps<'a>,
    /// The spikes of the neurons that the layer feeds.
    pub post: Steps<'a>,
    /// Gradient of the loss by the layer's output `[T, …]`, of the shape of `post`.
    pub grad_output: &'a [f32],
    /// Correlates the layer's input with a post-synaptic activation.
    pub correlate: Correlate<'a>,
    /// The gradient that the rule changes.
    pub plain: Plain<'a>,
    /// The random stream of this training step and layer.
    pub key: Key,
}

impl Debug for WeightSite<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeightSite").field("time_steps", &self.time_steps).finish_non_exhaustive()
    }
}

impl Debug for Steps<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Steps").field("len", &self.len).finish_non_exhaustive()
    }
}

impl<'a> WeightSite<'a> {
    /// Step `t` of the gradient by the output.
    pub fn gradient_of_step(&self, t: usize) -> &'a [f32] {
        let n = self.grad_output.len() / self.time_steps;
        &self.grad_output[t * n..(t + 1) * n]
    }
}

/// A training method that computes the weight gradient of every synaptic layer.
pub trait WeightGradientRule: Debug + Send + Sync {
    /// Whether the settings leave every gradient as it is; the rule is then not applied at all, and
    /// the bits are those of the baseline.
    fn is_identity(&self) -> bool {
        false
    }

    /// Writes the gradient by the weight into `gradient`.
    fn weight_gradient(&self, site: WeightSite<'_>, gradient: &mut [f32]);
}
