//! Compute on plain slices: fused neuron scans, convolution, normalization, pooling, optimizer steps.
//!
//! Every kernel works on channels-last data, is parallel over a fixed partition (its bits do not
//! depend on the number of threads) and is written once for all instruction sets; those of the matrix
//! unit (`tiles`) are for machines that have one.

pub mod choice;
mod coincidence;
pub mod convolution;
mod convolution_gradient;
pub mod current;
pub mod linear;
mod masked_gradient;
mod matrix;
pub mod neuron;
pub mod normalization;
pub mod optimizer;
pub mod pool;
pub mod random;
pub mod real;
mod reduce;
pub mod scan;
mod scratch;
mod shared;
pub mod simd;
mod sparse_convolution;
mod sparse_gradient;
mod spike_lists;
mod spike_pool;
pub mod spikes;
mod tiles;
mod vector;
mod winograd;
