//! The trait of all layers.

use std::fmt::Debug;

use candle_core::Tensor;
use candlewick_core::Result;

use crate::element::{Element, other};
use crate::gradients::ParameterGradients;
use crate::module::apply;
use crate::{Array, Context, Features, Pass, Signal, Spiking, SynapseObservation};

/// A part of a network that maps an activation to an activation.
///
/// A layer implements [`run`](Self::run) and [`output`](Self::output). It composes candle operations
/// with [`Pass::compose`], or reads and writes [`Signal`]s and returns its own backward pass.
///
/// ```
/// use candlewick_core::Result;
/// use candlewick_network::{Backward, Features, Layer, Pass, Signal};
///
/// /// x ← x², element by element.
/// #[derive(Debug)]
/// struct Square(Features);
///
/// impl Layer for Square {
///     fn run(&self, x: Signal, pass: &Pass) -> Result<(Signal, Option<Backward>)> {
///         pass.compose(&x, self.0, |x| Ok(x.sqr()?))
///     }
///
///     fn output(&self) -> Features {
///         self.0
///     }
/// }
/// ```
pub trait Layer: Debug + Send + Sync {
    /// Applies the layer, and returns its backward pass. The backward pass may be `None` if the pass
    /// keeps nothing ([`Pass::is_kept`]), or if nothing in the layer or in front of it learns.
    ///
    /// # Errors
    /// If the shape of the input does not fit.
    fn run(&self, x: Signal, pass: &Pass) -> Result<(Signal, Option<Backward>)>;

    /// The shape of a sample of the output at one time step.
    fn output(&self) -> Features;

    /// Applies the layer outside of a network, to `[T, B, H, W, C]` or `[T, B, N]`, as an operation of
    /// candle's graph.
    ///
    /// # Errors
    /// If the shape of the input does not fit.
    fn apply(&self, x: &Tensor, context: &Context) -> candle_core::Result<Tensor> {
        apply(self, x, *context)
    }

    /// The name of the layer's type, for messages.
    fn kind(&self) -> &'static str {
        std::any::type_name::<Self>().rsplit("::").next().unwrap_or_default()
    }

    /// The synaptic layers inside, in order.
    fn synapses(&self) -> Vec<SynapseObservation> {
        Vec::new()
    }

    /// The spiking layers inside, in order.
    fn spiking(&self) -> Vec<&Spiking> {
        Vec::new()
    }

    /// What the layer computes in evaluation, in simpler steps; empty if it is the identity.
    fn elements(&self) -> Vec<Element> {
        other(self.kind(), self.spiking().last().map(|spiking| spiking.name()))
    }
}

/// A backward pass through a layer: takes the gradient with respect to its output, adds those with
/// respect to its parameters, and gives the gradient with respect to its input if that is needed.
pub type Backward = Box<dyn FnOnce(Array, &mut ParameterGradients) -> Result<Option<Array>> + Send>;
