//! Whole trainings of a two-layer network on the embedded digits.

mod bench;
mod bound;
mod damage;
mod determinism;
mod device;
mod divergence;
mod killed;
mod learning;
mod methods;
mod ranks;
mod resume;
