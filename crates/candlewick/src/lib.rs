//! Direct training of deep spiking neural networks on candle.
//!
//! This crate gathers the workspace under one name; each module is a crate that can be used alone.
//!
//! | module | what it is for |
//! |---|---|
//! | [`surrogate`] | surrogate derivatives, and the spike of any tensor |
//! | [`neuron`] | neurons, and the fused operation over all time steps |
//! | [`network`] | layers, blocks, networks |
//! | [`methods`] | losses and the published training methods |
//! | [`datasets`], [`encode`] | data sets; from samples to `[T, B, …]` |
//! | [`train`] | the loop, optimizers, schedules, checkpoints |
//! | [`exchange`] | weights and graphs of other libraries |
//! | [`experiment`], [`run`] | recipes and tables; what a run leaves behind |
//! | [`core`] | random streams, parameters, devices |
//!
//! A debug build computes slowly unless what computes is optimized, in the manifest of the program:
//!
//! ```toml
//! # Neurons and surrogates of one's own are compiled into the scans within the program.
//! [profile.dev]
//! opt-level = 1
//!
//! [profile.dev.package]
//! candlewick-kernels.opt-level = 3
//! gemm-f32.opt-level = 3
//! ```

pub use candle_core as candle;
pub use candle_nn as nn;
pub use candlewick_core as core;
pub use candlewick_datasets as datasets;
pub use candlewick_encode as encode;
pub use candlewick_exchange as exchange;
pub use candlewick_experiment as experiment;
pub use candlewick_methods as methods;
pub use candlewick_network as network;
pub use candlewick_neuron as neuron;
pub use candlewick_run as run;
pub use candlewick_surrogate as surrogate;
pub use candlewick_train as train;

/// The examples of the README are compiled and run as tests.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
