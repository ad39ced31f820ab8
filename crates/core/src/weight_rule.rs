//! Rules that change the weight gradient of a synaptic layer, such as scaling by local information.

use std::fmt::{self, Debug};

use crate::Key;

/// A sum over batch and space of products of two activations, in the shape of the weight: the
/// gradient of a weight is the correlation of the layer's input with the gradient by its output.
pub type Correlate<'a> = &'a (dyn Fn(&[f32], &[f32], &mut [f32]) + Sync);

/// A synaptic layer in a backward pass; all rows are time steps.
#[derive(Clone, Copy)]
pub struct WeightSite<'a> {
    /// Number of time steps T.
    pub time_steps: usize,
    /// The layer's input `[T, …]`: spikes, or sums of spikes after pooling.
    pub pre: &'a [f32],
    /// The spikes of the neurons that the layer feeds `[T, …]`.
    pub post: &'a [f32],
    /// Gradient of the loss by the layer's output `[T, …]`, of the shape of `post`.
    pub grad_output: &'a [f32],
    /// Correlates one time step of a pre-synaptic with one of a post-synaptic activation.
    pub correlate: Correlate<'a>,
    /// The random stream of this training step and layer.
    pub key: Key,
}

impl Debug for WeightSite<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeightSite").field("time_steps", &self.time_steps).finish_non_exhaustive()
    }
}

impl<'a> WeightSite<'a> {
    /// Row `t` of a `[T, …]` activation.
    pub fn step(&self, rows: &'a [f32], t: usize) -> &'a [f32] {
        let n = rows.len() / self.time_steps;
        &rows[t * n..(t + 1) * n]
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
