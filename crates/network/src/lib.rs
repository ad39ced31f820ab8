//! Layers, blocks, readouts and the networks of the papers.
//!
//! Activations are `[T, B, H, W, C]` or `[T, B, N]`; an input that is the same at every step is
//! `[1, B, …]`, and what comes before the first neuron then runs once.
//!
//! | type | what it is for |
//! |---|---|
//! | [`Network`], [`Blueprint`] | a network, and the builder that makes one |
//! | [`Spec`], [`ResNet19`], [`ResNet`], [`SewResNet`], [`WideResNet`], [`Vgg`], [`VggSnn`], [`CifarNet`] | the plans of networks; [`AnyNetwork`] has them by name |
//! | [`Convolution`], [`Linear`], [`Normalization`], [`Spiking`], [`AveragePool`], [`MaxPool`], [`GlobalAveragePool`], [`Dropout`], [`Flatten`] | layers |
//! | [`Block`], [`BasicBlock`], [`SewBlock`] | layers that belong together |
//! | [`Stream`] | a trained network on a sequence that arrives step by step |
//! | [`Layer`], [`Pass`], [`Signal`], [`Architecture`], [`NetworkBuilder`] | to write layers and networks of your own |
//!
//! Parameters come from a `VarBuilder` of candle: over a `VarMap`, over a file, or
//! [`seeded`](candlewick_core::parameters::seeded). Weights are `[kernel_h, kernel_w, in, out]` and `[in, out]`.

mod array;
mod block;
mod blueprint;
mod buffer;
mod builder;
mod chain;
mod compose;
mod context;
mod convolution;
mod dropout;
mod element;
mod features;
mod flatten;
mod gradients;
mod graph;
mod kept;
mod layer;
mod linear;
mod module;
mod network;
mod normalization;
mod operations;
mod pass;
mod pool;
mod region;
mod registry;
mod residual;
mod resnet;
mod sew;
mod side_head;
mod signal;
mod spec;
mod spiking;
mod stream;
mod synapse;
mod synchronization;
mod vgg;
mod width;

pub use array::{Array, OnDevice};
pub use block::{Block, SynapseObservation};
pub use blueprint::Blueprint;
pub use buffer::Buffer;
pub use builder::{NetworkBuilder, Parts};
#[doc(no_inline)]
pub use candlewick_methods::Outputs;
pub use context::Context;
pub use convolution::{Convolution, ConvolutionSettings};
pub use dropout::Dropout;
pub use element::Element;
pub use features::Features;
pub use flatten::Flatten;
pub use gradients::{ParameterGradients, Slot, backward, receive_gradients};
pub use layer::{Backward, Layer};
pub use linear::{Linear, LinearSettings};
pub use network::{LayerObservation, Network};
pub use normalization::{Normalization, ThresholdBatchNorm};
pub use operations::Operations;
pub use pass::Pass;
pub use pool::{AveragePool, GlobalAveragePool, MaxPool, Pooling};
pub use registry::{AnyNetwork, Architecture};
pub use residual::{BasicBlock, ResidualSettings};
pub use resnet::{ResNet, ResNet19, SewResNet, Stem, WideResNet};
pub use sew::{Connect, SewBlock};
pub use signal::Signal;
pub use spec::Spec;
pub use spiking::{Census, Spiking};
pub use stream::Stream;
pub use synapse::Algorithms;
pub use synchronization::synchronized;
pub use vgg::{CifarNet, Vgg, VggSnn};

#[cfg(test)]
mod block_laws;
#[cfg(test)]
mod laws;
#[cfg(test)]
mod network_laws;
