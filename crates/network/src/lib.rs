//! Layers, blocks, readouts and the networks of the papers.
//!
//! Activations are `[T, B, H, W, C]` or `[T, B, N]`; an input that is the same at every step is
//! `[1, B, …]`, and what comes before the first neuron then runs once.

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
mod vgg;
mod width;

pub use array::Array;
pub use block::{Block, SynapseObservation};
pub use blueprint::Blueprint;
pub use buffer::Buffer;
pub use builder::{NetworkBuilder, Parts};
pub use candlewick_methods::Outputs;
pub use context::Context;
pub use convolution::{Convolution, ConvolutionSettings};
pub use dropout::Dropout;
pub use element::Element;
pub use features::Features;
pub use flatten::Flatten;
pub use gradients::{ParameterGradients, Slot};
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
pub use vgg::{CifarNet, Vgg, VggSnn};

#[cfg(test)]
mod block_laws;
#[cfg(test)]
mod laws;
#[cfg(test)]
mod network_laws;
