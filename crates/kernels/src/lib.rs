//! Compute on plain slices: fused neuron scans, convolution, normalization, pooling, optimizer steps.
//!
//! Every kernel works on channels-last data, is parallel over a fixed partition (its bits do not
//! depend on the number of threads) and is written once for all instruction sets.

pub mod neuron;
pub mod random;
pub mod scan;
pub mod simd;
