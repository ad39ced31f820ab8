//! The command line of `gpu-check`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// A section of the check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Section {
    /// What the device and this build are
    Machine,
    /// Kernels and training steps against those of the CPU
    Laws,
    /// The laws once more under compute-sanitizer
    Memory,
    /// Launches, products, reads and bytes of a step
    Counts,
    /// Times of a step in each precision
    Times,
    /// What others published, measured here
    Anchors,
    /// The same steps by SpikingJelly on the same device
    Spikingjelly,
    /// An epoch of experiments of the papers
    Recipes,
}

#[derive(Debug, Args)]
pub(crate) struct GpuCheckArguments {
    /// The device: cuda:N, or host to run the kernels on the CPU, exactly and untimed
    #[arg(long, default_value = "cuda:0", value_name = "DEVICE")]
    pub(crate) device: String,
    /// Only these sections (repeat, or separate by commas)
    #[arg(long, value_enum, value_name = "SECTION", value_delimiter = ',')]
    pub(crate) only: Vec<Section>,
    /// Everything smaller, for a quick look
    #[arg(long)]
    pub(crate) quick: bool,
    /// Folder for report.json, report.md and report.html
    #[arg(long, default_value = "gpu-check", value_name = "FOLDER")]
    pub(crate) out: PathBuf,
    /// Folder of the data sets that the papers' experiments need
    #[arg(long, value_name = "FOLDER")]
    pub(crate) data_dir: Option<PathBuf>,
    /// A Python with torch and spikingjelly
    #[arg(long, default_value = "python3", value_name = "PROGRAM")]
    pub(crate) python: PathBuf,
    /// Seconds for all sections together; what is not done by then is left out
    #[arg(long, default_value_t = 570, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) seconds: u64,
}
