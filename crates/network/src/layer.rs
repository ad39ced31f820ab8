//! What all layers have in common.

use std::fmt::Debug;

use candle_core::Tensor;
use candlewick_core::Result;

use crate::element::{Element, other};
use crate::signal::{Pass, Pull, Signal};
use crate::{Context, Features, Spiking, SynapseObservation};

/// A part of a network that maps an activation to an activation.
pub trait Layer: Debug + Send + Sync {
    /// Applies the layer to `[T, B, …]`, or to `[1, B, …]` for an input that is the same at every
    /// step, as candle operations: what runs on devices, and the reference of [`run`](Self::run).
    fn forward(&self, x: &Tensor, context: &Context) -> Result<Tensor>;

    /// Applies the layer on the CPU, and gives its backward pass if the pass will have one.
    fn run(&self, x: Signal, pass: &Pass) -> Result<(Signal, Option<Pull>)>;

    /// The shape of a sample of the output.
    fn output(&self) -> Features;

    /// The synaptic layers inside, in order.
    fn synapses(&self) -> Vec<SynapseObservation> {
        Vec::new()
    }

    /// The spiking layers inside, in order.
    fn spiking(&self) -> Vec<&Spiking> {
        Vec::new()
    }

    /// What the layer computes in evaluation, in simpler steps; none if it changes nothing.
    fn elements(&self) -> Vec<Element> {
        other::<Self>(self.spiking().last().map(|spiking| spiking.name()))
    }
}
