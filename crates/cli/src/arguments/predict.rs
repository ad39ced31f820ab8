//! The arguments of `predict`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::CheckpointChoice;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PredictFormat {
    /// For people
    Text,
    /// One JSON object
    Json,
    /// A line per file and class, below a line of names
    Csv,
}

#[derive(Debug, Args)]
pub(crate) struct PredictArguments {
    /// The run's directory, or a file of `export`
    pub(crate) run: PathBuf,
    /// Images (.png, .jpg), event recordings, or folders of them
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// How many classes to print, the most probable first
    #[arg(long, value_name = "K", default_value = "1", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) top: u16,
    /// Brings images and recordings of another size to that of the training
    #[arg(long)]
    pub(crate) resize: bool,
    /// Format of the recordings, such as aedat2 or atis [default: by their content and names]
    #[arg(long = "as", value_name = "NAME")]
    pub(crate) decoder: Option<String>,
    /// Size of the sensor, such as 34x34 [default: as the recording says, else that of the training]
    #[arg(long, value_name = "WIDTHxHEIGHT")]
    pub(crate) sensor: Option<String>,
    /// The checkpoint
    #[arg(long, value_enum, default_value = "last")]
    pub(crate) checkpoint: CheckpointChoice,
    /// How to print
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: PredictFormat,
    /// Compute threads, at most one per core; results do not depend on it [default: all]
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<usize>,
}
