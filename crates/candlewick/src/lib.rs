//! Direct training of deep spiking neural networks: the one crate that most people depend on
