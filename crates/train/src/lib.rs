//! The training loop: optimizers, schedules, clipping, checkpoints that resume to the bit, evaluation.
//!
//! It knows neither recipes nor papers: a network enters as a [`Model`], a published method as an
//! [`Objective`].

pub mod checkpoint;
mod error;
pub mod gradients;
pub mod model;
pub mod objective;
pub mod optimizer;
pub mod schedule;
mod scores;

pub use checkpoint::Checkpoint;
pub use error::{Error, Result};
pub use gradients::Gradients;
pub use model::{LayerCounts, Model, Outputs, Pass};
pub use objective::{Moment, Objective};
pub use optimizer::{AnyOptimizer, Groups, Optimizer};
pub use schedule::Schedule;
pub use scores::Scores;
