//! The trait of models that the loop can train.

use candle_core::Tensor;
use candlewick_core::Result;
use candlewick_core::parameters::Parameters;
use candlewick_methods::Outputs;
use candlewick_network::{Context, LayerObservation, Network, Operations};

/// A network that the loop can train: [`Network`], or a user's own.
pub trait Model: Sync {
    /// Its parameters and buffers.
    fn parameters(&self) -> &Parameters;

    /// Runs `input`, `[T, B, …]`, or `[1, B, …]` if it is the same at all time steps.
    ///
    /// Where the context asks for no gradients the outputs should carry no graph: use
    /// candle's `Var::as_detached_tensor`.
    ///
    /// # Errors
    /// If the input does not fit.
    fn forward(&self, input: &Tensor, context: &Context) -> Result<Outputs>;

    /// What happened in each spiking layer since the last call, from input to output.
    fn take_observations(&self) -> Vec<LayerObservation> {
        Vec::new()
    }

    /// Operations of the synapses in the passes with a census since the last call, if they are
    /// counted.
    fn take_operations(&self) -> Option<Operations> {
        None
    }
}

impl Model for Network {
    fn parameters(&self) -> &Parameters {
        self.parameters()
    }

    fn forward(&self, input: &Tensor, context: &Context) -> Result<Outputs> {
        self.forward(input, context)
    }

    fn take_observations(&self) -> Vec<LayerObservation> {
        self.take_observations()
    }

    fn take_operations(&self) -> Option<Operations> {
        self.take_operations()
    }
}
