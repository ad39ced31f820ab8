//! Recipes and the papers' tables as data.
//!
//! A [`RawRecipe`] is a recipe as written; [`RawRecipe::resolve`] turns it into a [`Recipe`], in which
//! everything is present and checked; [`Experiment::prepare`] opens its data and builds its network.
//! [`Trained`] is the network of a finished run, ready to classify.
//! [`Tests`] are the claims of the papers, each with the rows of tables that decide it.
//! A [`Table`] holds the rows of a paper's table, each a recipe at one of three [`Scale`]s.
//!
//! ```
//! use candlewick_experiment::RawRecipe;
//!
//! let text = r#"
//! preset = "spikingjelly"
//! data.name = "digits"
//! network.spec = { layers = "16C3-AP2-FC10" }
//! train.stages = [{ epochs = 10, time_steps = 4 }]
//! "#;
//! let recipe = RawRecipe::parse(text, "mine.toml")?.resolve("mine.toml")?;
//! assert_eq!((recipe.neuron.name(), recipe.train.epochs()), ("lif", 10));
//! // What it resolves to is a recipe in which nothing is left to defaults.
//! assert!(recipe.to_toml()?.contains("learning_rate"));
//!
//! let error = RawRecipe::parse("seed = 1\nsead = 2", "mine.toml").unwrap_err().to_string();
//! assert!(error.contains("line 2") && error.contains("sead"), "{error}");
//! # Ok::<(), candlewick_experiment::Error>(())
//! ```

pub mod claims;
mod error;
pub mod estimate;
mod experiment;
mod flatness;
mod given;
mod grid;
mod index;
mod input;
#[cfg(test)]
mod laws;
mod memory;
pub mod metric;
mod prediction;
mod processor;
mod ranges;
#[cfg(test)]
mod ranges_laws;
mod recipe;
mod reference;
mod samples;
mod settings;
mod stream;
mod table;
mod text;
mod trained;
mod watch;

pub use claims::Tests;
pub use error::{Error, Result};
pub use experiment::{Experiment, Machine, parts};
pub use flatness::flatness;
pub use grid::Grid;
pub use input::{Data, Input};
pub use prediction::Prediction;
pub use processor::processor;
pub use recipe::{RawRecipe, Recipe};
pub use reference::{reference, schema};
pub use settings::settings;
pub use stream::EventStream;
pub use table::{Listed, Row, Scale, Table, tables};
pub use text::read_toml;
pub use trained::Trained;
