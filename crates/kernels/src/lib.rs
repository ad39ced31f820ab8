//! Compute on plain slices: fused neuron scans, convolution, normalization, pooling, optimizer steps.
//!
//! Every kernel works on channels-last data, is parallel over a fixed partition (its bits do not
//! depend on the number of threads) and is written once for all instruction sets.

pub mod convolution;
pub mod linear;
pub mod neuron;
pub mod normalization;
pub mod optimizer;
pub mod pool;
pub mod random;
pub mod real;
pub mod scan;
pub mod simd;
mod convolution_gradient;
mod matrix;
mod reduce;
mod scratch;
