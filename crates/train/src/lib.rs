//! The training loop: optimizers, schedules, clipping, checkpoints that resume to the bit, evaluation.
//!
//! [`train`] runs a [`Task`]: [`Settings`] on a [`Model`], an [`Objective`] and loaders of batches.
//! It knows neither recipes nor papers: a published method enters as an [`Objective`]; [`Combined`]
//! is the one for all methods of this workspace.

pub mod checkpoint;
mod combined;
mod error;
pub mod evaluate;
pub mod gradients;
mod history;
mod loaders;
pub mod model;
pub mod objective;
pub mod optimizer;
mod pace;
mod place;
pub mod progress;
pub mod schedule;
mod scores;
pub mod settings;
pub mod trainer;

pub use checkpoint::Checkpoint;
pub use combined::Combined;
pub use error::{Error, Result};
pub use evaluate::{Evaluation, evaluate, evaluate_checkpoint};
pub use gradients::Gradients;
pub use model::Model;
pub use objective::{Moment, Objective};
pub use optimizer::{AnyOptimizer, Groups, Optimizer};
pub use progress::{Event, Progress, Silent, StepReport};
pub use schedule::Schedule;
pub use scores::Scores;
pub use settings::{Settings, Stage};
pub use trainer::{Cadence, Ended, Task, train};
