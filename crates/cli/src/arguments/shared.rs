//! Arguments that several commands share.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// The machine that a training runs on; on one device, none of it changes a result.
#[derive(Debug, Args)]
pub(crate) struct MachineArguments {
    /// Where tensors live: cpu, cuda:N, metal, or cuda to spread runs over all GPUs
    #[arg(long, default_value = "cpu", value_name = "DEVICE")]
    pub(crate) device: String,
    /// Folder of the data sets that are not embedded
    #[arg(long, value_name = "FOLDER")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Folder that keeps the decoded frames of event recordings for later runs
    #[arg(long, value_name = "FOLDER")]
    pub(crate) cache_dir: Option<PathBuf>,
    /// Folder below which runs are kept
    #[arg(long, default_value = "runs", value_name = "FOLDER")]
    pub(crate) runs_dir: PathBuf,
    /// Compute threads, at most one per core; results do not depend on it [default: all]
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<usize>,
    /// Writes an event file of TensorBoard into each run's directory
    #[arg(long)]
    pub(crate) tensorboard: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Instructions {
    /// What every processor of this architecture has
    Portable,
    /// AVX2 and FMA
    Avx2,
    /// The widest vectors of this processor
    Vectors,
    /// Also its matrix unit (AMX), if it has one
    Best,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Text,
    /// One JSON object
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CheckpointChoice {
    /// After the last epoch
    Last,
    /// The best epoch, on validation data if there is some, else on test data
    Best,
}
