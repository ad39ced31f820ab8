//! Rules that change the weight gradient of a synaptic layer, such as scaling by local information.

use std::fmt::{self, Debug};
use std::ops::Range;

use crate::Key;
pub use candlewick_kernels::convolution::Shares;

/// One of the two sides of a synaptic layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The layer's input: spikes, or sums of spikes after pooling.
    Pre,
    /// The spikes of the neurons that the layer feeds.
    Post,
}

/// Correlates traces of the input with traces of one side: products summed over batch and space, in the
/// shape of the layer's weight. A trace is `r[t] = decay · r[t-1] + s[t]`.
///
/// Takes the side, the decay, the steps whose traces are wanted, and what to call with the result,
/// `[kernel_h, kernel_w, in, steps, out]`.
pub type Coincide<'a> = &'a (dyn Fn(Side, f32, Range<usize>, &mut dyn FnMut(&[f32])) + Sync);

/// Writes the gradient with respect to the weight in which each step counts by its shares; if there are
/// those of one step only, they are the shares of all steps.
pub type Shared<'a> = &'a (dyn Fn(Shares<'_>, &mut [f32]) + Sync);

/// Writes the plain gradient with respect to the weight.
pub type Plain<'a> = &'a (dyn Fn(&mut [f32]) + Sync);

/// A synaptic layer in a backward pass.
#[derive(Clone, Copy)]
pub struct WeightSite<'a> {
    /// Number of time steps T.
    pub time_steps: usize,
    /// Length of the weight's last axis: output channels.
    pub outputs: usize,
    /// Whether input and output have the same shape.
    pub same_shape: bool,
    /// How often both sides are active together.
    pub coincide: Coincide<'a>,
    /// The gradient in which each step counts by its shares.
    pub shared: Shared<'a>,
    /// The plain gradient, which the rule changes.
    pub plain: Plain<'a>,
    /// The random stream of this training step and layer.
    pub key: Key,
}

impl Debug for WeightSite<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeightSite").field("time_steps", &self.time_steps).finish_non_exhaustive()
    }
}

/// A training method that computes the weight gradient of every synaptic layer.
pub trait WeightGradientRule: Debug + Send + Sync {
    /// Writes the gradient with respect to the weight into `gradient`.
    fn weight_gradient(&self, site: WeightSite<'_>, gradient: &mut [f32]);
}
