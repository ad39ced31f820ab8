//! Convolution of spikes that computes with what is active only, in all three passes.

mod forward;
mod input_gradient;
mod weight_gradient;
