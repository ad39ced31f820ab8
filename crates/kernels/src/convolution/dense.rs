//! Every product, by matrix multiplication.

mod input_gradient;
