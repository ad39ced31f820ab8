//! Compute on plain slices: fused neuron scans, convolution, normalization, pooling, optimizer steps.
//!
//! Every kernel works on channels-last data, is parallel over a fixed partition (its bits do not
//! depend on the number of threads) and is written once for all instruction sets; those of the matrix
//! unit (`convolution::tiles`) are for machines that have one.

pub mod convolution;
pub mod cuda;
pub mod dual;
pub mod linear;
mod matrix;
pub mod neuron;
pub mod normalization;
pub mod optimizer;
pub mod pool;
pub mod random;
pub mod real;
mod reduce;
mod scratch;
mod shared;
pub mod simd;
pub mod spikes;
pub mod trace;
