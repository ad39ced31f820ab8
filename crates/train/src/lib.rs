//! The training loop: optimizers, schedules, clipping, checkpoints that resume to the bit, evaluation.
//!
//! [`step`] makes one step of an optimizer on a batch; [`Trainer`] makes epochs of steps, evaluates,
//! records, and resumes. Neither knows recipes or papers: published methods enter as
//! [`Methods`](candlewick_methods::Methods), and any other model as a [`Model`].

pub mod checkpoint;
pub mod data;
mod divergence;
mod error;
pub mod evaluate;
pub mod gradients;
pub mod health;
mod history;
mod loaders;
pub mod model;
pub mod optimizer;
mod place;
pub mod progress;
pub mod schedule;
pub mod settings;
mod speed;
mod step;
pub mod trainer;
mod trial;

pub use checkpoint::Checkpoint;
pub use data::{Data, Loaders};
pub use divergence::Symptom;
pub use error::{Error, Result};
pub use evaluate::{Evaluation, evaluate, evaluate_checkpoint};
pub use gradients::Gradients;
pub use model::Model;
pub use optimizer::{AnyOptimizer, Groups, Optimizer};
pub use progress::{Event, Progress, Silent, StepProgress};
pub use schedule::Schedule;
pub use settings::{Settings, Stage};
pub use step::{StepReport, StepSettings, step};
pub use trainer::{Cadence, Ended, Trainer};
