//! The measurements behind `candlewick bench`: a training step and an inference of three networks, as
//! other libraries are compared by them, single layers, the public benchmark of a linear layer with LIF neurons,
//! and the sum of gradients over ranks; and the sections of `candlewick gpu-check`.

pub mod check;
mod exchange;
mod layers;
mod linear_lif;
mod step;
mod timing;

pub use exchange::{ExchangeTime, measure_exchange};
pub use layers::{LayerTimes, measure_layers};
pub use linear_lif::{LinearLifBench, LinearLifReport, measure_linear_lif};
pub use step::{StepBench, StepLayer, StepReport, measure};
