//! What a project that depends on candlewick adds of its own, one thing per file, each trained in its
//! test to at least 90 % of right answers.
//!
//! | file | what is one's own in it |
//! |---|---|
//! | [`own_loop`] | the training loop around a network of candlewick |
//! | [`own_model`] | the model: layers of candle with spiking neurons between them |
//! | [`own_surrogate`] | the surrogate derivative of a network's neurons |
//! | [`own_neuron`] | the neurons of a network |
//! | [`own_layer`] | a layer that is composed of candle operations |
//! | [`own_backward`] | a layer with a backward pass of its own |
//! | [`own_network`] | the network: both layers beside those of candlewick |
//! | [`own_loss`], [`own_method`] | a loss, and a method that acts inside of the network |
//! | [`own_dataset`] | the samples |
//!
//! `src/main.rs` is the `candlewick` command with a loss of one's own, and `my-table.toml` a table that has it
//! as a row.

pub mod own_backward;
pub mod own_dataset;
pub mod own_layer;
pub mod own_loop;
pub mod own_loss;
pub mod own_method;
pub mod own_model;
pub mod own_network;
pub mod own_neuron;
pub mod own_surrogate;

#[cfg(test)]
mod digits;

/// A result with any error, for programs and tests that meet those of several crates.
pub type Result<T, E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

/// The programs of the page are compiled and run as tests.
#[cfg(doctest)]
#[doc = include_str!("../../../../docs/own-method.md")]
struct OwnMethod;
