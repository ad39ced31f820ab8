//! The measurements behind `candlewick bench`: a training step and an inference of three networks, as
//! other libraries are compared by them, single layers, and the sum of gradients over ranks; and the sections
//! of `candlewick gpu-check`.

pub mod check;
mod exchange;
mod layers;
mod step;
mod timing;

pub use exchange::{ExchangeTime, measure_exchange};
pub use layers::{LayerTimes, measure_layers};
pub use step::{StepBench, StepLayer, StepReport, measure};
