//! The command line of `bench`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::shared::Format;

#[derive(Debug, Subcommand)]
pub(crate) enum BenchCommand {
    /// Times one training step and one inference of a network
    Step(StepArguments),
    /// Times a linear layer with LIF neurons, forward and backward: the benchmark of Open Neuromorphic
    LinearLif(LinearLifArguments),
    /// Times the sum of gradients over the ranks of `mpirun`
    Exchange(ExchangeArguments),
}

#[derive(Debug, Args)]
pub(crate) struct ExchangeArguments {
    /// Timed repetitions
    #[arg(long, default_value_t = 21, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) repetitions: u32,
    /// How to print
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct LinearLifArguments {
    /// Inputs, and neurons
    #[arg(long, default_value_t = 4096, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=32_768))]
    pub(crate) neurons: u32,
    /// Samples per batch
    #[arg(long, default_value_t = 16, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) batch: u32,
    /// Time steps T
    #[arg(long, default_value_t = 500, value_name = "T", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) time_steps: u32,
    /// Compute threads, at most one per core [default: all]
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<usize>,
    /// Timed repetitions
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) steps: u32,
    /// How to print
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Phase {
    /// Forward, backward, update
    Train,
    /// Evaluation
    Infer,
    /// Both
    Both,
}

#[derive(Debug, Args)]
pub(crate) struct StepArguments {
    /// convnet, resnet-19 or vggsnn
    #[arg(long, default_value = "convnet")]
    pub(crate) net: String,
    /// Samples per batch [default: 32, 8, 8]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) batch: Option<u32>,
    /// Time steps T [default: 4, 4, 10]
    #[arg(long, value_name = "T", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) time_steps: Option<u32>,
    /// Shards of a training batch, which the ranks of `mpirun` divide among themselves
    #[arg(long, default_value_t = 1, value_name = "S", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) shards: u32,
    /// Compute threads, at most one per core [default: all]
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<usize>,
    /// Timed repetitions
    #[arg(long, default_value_t = 7, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) steps: u32,
    /// What to time
    #[arg(long, value_enum, default_value = "both")]
    pub(crate) phase: Phase,
    /// Recomputes the currents in the backward pass, for less memory
    #[arg(long)]
    pub(crate) recompute: bool,
    /// A checkpoint of the network, whose firing rates are those of a trained one
    #[arg(long, value_name = "CHECKPOINT")]
    pub(crate) weights: Option<PathBuf>,
    /// Folder of the data sets: real images instead of random numbers
    #[arg(long, value_name = "FOLDER")]
    pub(crate) data: Option<PathBuf>,
    /// Times each layer by itself, on spikes of this density (0 to 1)
    #[arg(long, value_name = "SHARE", conflicts_with_all = ["phase", "recompute", "weights", "data"])]
    pub(crate) density: Option<f32>,
    /// How to print
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: Format,
}
