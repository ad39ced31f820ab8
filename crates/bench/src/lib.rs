//! The measurements behind `candlewick bench`: a training step and an inference of three networks, as
//! other libraries are compared by them, and single layers.

mod layers;
mod step;
mod timing;

pub use layers::{LayerTimes, measure_layers};
pub use step::{StepBench, StepLayer, StepReport, measure};
