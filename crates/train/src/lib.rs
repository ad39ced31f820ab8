//! The training loop: optimizers, schedules, clipping, checkpoints that resume to the bit, evaluation.
//!
//! [`step`] makes one step of an optimizer on a batch; [`Trainer`] makes epochs of steps, evaluates,
//! records, and resumes. Neither knows recipes or papers: published methods enter as
//! [`Methods`](candlewick_methods::Methods), and any other model as a [`Model`].
//!
//! | type | what it is for |
//! |---|---|
//! | [`Data`] | a data set, and how its samples become batches |
//! | [`Trainer`] | trains, evaluates, writes checkpoints, resumes |
//! | [`step`](fn@step), [`StepSettings`] | one step, for a loop of your own; [`step_in_shards`] for several ranks |
//! | [`optimizer::Sgd`], [`optimizer::Adam`], [`optimizer::AdamW`], [`Optimizer`] | the rules, and one of them at work |
//! | [`Schedule`], [`Settings`], [`Stage`] | learning rate; all settings; epochs at a number of time steps |
//! | [`evaluate`](fn@evaluate), [`Evaluation`] | loss, accuracy per time step, firing rates |
//! | [`Checkpoint`] | the state of a training in a file |
//! | [`Progress`] | receives the events of a training |

pub mod checkpoint;
pub mod data;
mod divergence;
mod error;
pub mod evaluate;
pub mod gradients;
pub mod health;
mod history;
mod in_backward;
mod loaders;
pub mod model;
pub mod optimizer;
mod place;
pub mod progress;
mod reduction;
pub mod schedule;
pub mod settings;
mod shard;
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
pub use reduction::Reduction;
pub use schedule::Schedule;
pub use settings::{Settings, Stage};
pub use shard::LayerActivity;
pub use step::{StepReport, StepSettings, step, step_in_shards};
pub use trainer::{Cadence, Ended, Trainer};
