//! Compute on plain slices: fused neuron scans, convolution, normalization, pooling, optimizer steps.
//!
//! Every kernel works on channels-last data, is parallel over a fixed partition (its bits do not
//! depend on the number of threads) and is written once for all instruction sets.

pub mod convolution;
mod convolution_gradient;
pub mod linear;
mod matrix;
pub mod neuron;
pub mod normalization;
pub mod optimizer;
pub mod pool;
pub mod random;
mod reduce;
pub mod scan;
mod scratch;
pub mod simd;
