//! The training loop: optimizers, schedules, clipping, checkpoints that resume to the bit, evaluation.
//!
//! [`train`] runs a [`Task`]: [`Settings`] on a [`Model`], an [`Objective`] and loaders of batches.
//! It knows neither recipes nor papers: a published method enters as an [`Objective`]; [`Combined`]
//! is the one for all methods of this workspace.
//!
//! ```
//! use std::sync::{Arc, atomic::AtomicBool};
//! use candlewick_core::Key;
//! use candlewick_datasets::{Split, open};
//! use candlewick_encode::{Device, Loader};
//! use candlewick_methods::{CrossEntropy, Methods};
//! use candlewick_network::{Features, Network, Parts, Spec};
//! use candlewick_neuron::{AnyNeuron, Lif};
//! use candlewick_surrogate::Triangle;
//! use candlewick_train::optimizer::AdamW;
//! use candlewick_train::{Cadence, Combined, Ended, Settings, Silent, Stage, Task, train};
//!
//! let key = Key::new(7);
//! let data = |split, count| -> Result<Vec<Loader>, Box<dyn std::error::Error>> {
//!     let settings = candlewick_encode::Settings {
//!         batch_size: 32,
//!         shuffle: split == Split::Train,
//!         subset: Some((0..count).collect()),
//!         ..candlewick_encode::Settings::new(key)
//!     };
//!     Ok(vec![Loader::new(Arc::from(open("digits", split, None)?), settings, Device::Cpu)?])
//! };
//! let network = Network::new(
//!     &Spec { layers: "FC64-FC10".into(), bias: true },
//!     &Parts::new(AnyNeuron::from(Lif::default()).model(), Arc::new(Triangle::default())),
//!     Features::Map { height: 8, width: 8, channels: 1 },
//!     10,
//!     &Device::Cpu,
//!     key,
//! )?;
//! let settings = Settings {
//!     stages: vec![Stage::new(4, 2)],
//!     optimizer: AdamW { learning_rate: 0.005, ..AdamW::default() }.into(),
//!     ..Settings::default()
//! };
//! let ended = train(Task {
//!     model: &network,
//!     objective: &mut Combined::new(CrossEntropy::default().into(), Methods::default()),
//!     settings: &settings,
//!     key,
//!     train: &data(Split::Train, 320)?,
//!     validation: &[],
//!     test: &data(Split::Test, 100)?,
//!     dataset: "digits",
//!     run: None,
//!     cadence: Cadence::default(),
//!     progress: &mut Silent,
//!     stop: &AtomicBool::new(false),
//! })?;
//! let Ended::Complete(summary) = ended else { unreachable!() };
//! assert!(summary.accuracy.final_epoch > 0.6);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod checkpoint;
mod combined;
mod error;
pub mod evaluate;
pub mod gradients;
pub mod health;
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
pub mod task;
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
pub use task::{Cadence, Ended, Task};
pub use trainer::train;
