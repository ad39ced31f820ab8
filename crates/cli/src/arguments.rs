//! The command line.

mod bench;
mod gpu_check;
mod launch;
mod predict;
mod recipe;
mod shared;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::machine;

pub(crate) use bench::{BenchCommand, ExchangeArguments, LinearLifArguments, Phase, StepArguments};
pub(crate) use gpu_check::{GpuCheckArguments, Section};
pub(crate) use launch::{Launch, LaunchArguments};
pub(crate) use predict::{PredictArguments, PredictFormat};
pub(crate) use recipe::{ChosenRecipe, Kind, ListArguments, RecipeCommand};
pub(crate) use shared::{CheckpointChoice, Format, Instructions, MachineArguments};

const AFTER: &str = "\
Exit codes:
  0    done
  1    failed for another reason, such as a file that cannot be written
  2    a recipe, a name or an argument is wrong
  3    data is missing or damaged
  4    the training diverged, or a loss is not finite
  5    a checkpoint or a file of a run directory is damaged, lost or of another run
  130  stopped by Ctrl-C; the same command resumes from there
  129, 143  the same by SIGHUP, SIGTERM";

/// Trains deep spiking neural networks directly, and reproduces published training methods.
#[derive(Debug, Parser)]
#[command(name = "candlewick", version, after_help = AFTER)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// The most that kernels may use of this processor; sums are rounded differently by each, and with avx2
    /// the results are the same to the bit on every x86-64 processor that has it
    #[arg(long, global = true, value_enum, default_value = "best", value_name = "SET")]
    pub(crate) instructions: Instructions,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Trains a recipe; resumes an interrupted run
    Train(TrainArguments),
    /// Evaluates a run's checkpoint on its test data
    Evaluate(EvaluateArguments),
    /// Classifies images and event recordings by a trained network
    Predict(PredictArguments),
    /// Runs a trained network on an event recording, and prints the prediction after each window
    Run(RunArguments),
    /// Imports weights that another library trained, as a run that can be evaluated
    Import(ImportArguments),
    /// Exports the trained network of a run for other programs
    Export(ExportArguments),
    /// Compares runs, rows and tables, and describes a single run
    Compare(CompareArguments),
    /// Draws the figures of a run
    Figures(FiguresArguments),
    /// Trains the rows of a table and prints it
    Reproduce(ReproduceArguments),
    /// Checks, shows or lists recipes
    #[command(subcommand)]
    Recipe(RecipeCommand),
    /// Lists the components that recipes can name
    List(ListArguments),
    /// Describes data sets, and fetches, checks and verifies their files
    #[command(subcommand)]
    Data(DataCommand),
    /// Inspects files of event recordings
    #[command(subcommand)]
    Events(EventsCommand),
    /// Measures how fast this machine is
    #[command(subcommand)]
    Bench(BenchCommand),
    /// Checks a GPU against the CPU, measures it, and writes a report; exit code 1 if a section fails
    GpuCheck(GpuCheckArguments),
}

#[derive(Debug, Args)]
pub(crate) struct TrainArguments {
    /// The recipe, a TOML file
    pub(crate) recipe: PathBuf,
    /// Seed of all random streams, in place of the recipe's
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// Trains a run for each of the seeds 1 to N, and prints mean and deviation
    #[arg(long, value_name = "N", conflicts_with = "seed", value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub(crate) seeds: Option<u64>,
    /// Runs that are trained side by side
    #[arg(long, value_name = "N", default_value = "1", requires = "seeds")]
    pub(crate) jobs: usize,
    #[command(flatten)]
    pub(crate) machine: MachineArguments,
}

#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    /// The run's directory, or a file of saved weights
    pub(crate) run: PathBuf,
    /// The recording
    #[arg(long, value_name = "FILE")]
    pub(crate) events: PathBuf,
    /// Format of the recording, such as aedat2 or atis [default: by its content and name]
    #[arg(long = "as", value_name = "NAME")]
    pub(crate) decoder: Option<String>,
    /// Size of the sensor, such as 34x34, where the file does not say it
    #[arg(long, value_name = "WIDTHxHEIGHT")]
    pub(crate) sensor: Option<String>,
    /// Length of a window, which is one time step of the network, in milliseconds [default: the recording's
    /// duration divided by the time steps of the training]
    #[arg(long, value_name = "MS", allow_negative_numbers = true)]
    pub(crate) window: Option<f64>,
    /// Waits for each window as if the events arrived in real time; otherwise runs as fast as possible
    #[arg(long)]
    pub(crate) real_time: bool,
    /// The checkpoint
    #[arg(long, value_enum, default_value = "last")]
    pub(crate) checkpoint: CheckpointChoice,
    /// How to print: a line per window
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: Format,
    /// Compute threads, at most one per core [default: all]
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<usize>,
}

impl RunArguments {
    /// The recording, and what it does not say itself.
    pub(crate) fn recording(&self) -> RecordingArguments {
        let Self { events: file, decoder, sensor, .. } = self;
        RecordingArguments { file: file.clone(), decoder: decoder.clone(), sensor: sensor.clone() }
    }
}

#[derive(Debug, Args)]
pub(crate) struct EvaluateArguments {
    /// The run's directory
    pub(crate) run: PathBuf,
    /// Numbers of time steps, such as 1,2,4 [default: those of the training]
    #[arg(long, value_name = "T,…", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) time_steps: Vec<u32>,
    /// The checkpoint
    #[arg(long, value_enum, default_value = "last")]
    pub(crate) checkpoint: CheckpointChoice,
    /// How to print
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: Format,
    /// Where tensors live: cpu, cuda:N or metal
    #[arg(long, default_value = "cpu", value_name = "DEVICE")]
    pub(crate) device: String,
    /// Folder of the data sets that are not embedded
    #[arg(long, value_name = "FOLDER")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Compute threads, at most one per core; results do not depend on it [default: all]
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<usize>,
}

#[derive(Debug, Args)]
pub(crate) struct ImportArguments {
    /// The weights: .pth or .pt of torch.save, .safetensors, or a NIR graph with its network
    pub(crate) file: PathBuf,
    /// The recipe whose network they belong to
    #[arg(long, value_name = "FILE")]
    pub(crate) recipe: PathBuf,
    /// A name map, for files whose order and shapes leave open which tensor belongs where (see
    /// docs/exchange.md)
    #[arg(long, value_name = "FILE")]
    pub(crate) map: Option<PathBuf>,
    /// The entry of a saved dictionary in which the state dict is, such as `model`
    #[arg(long, value_name = "NAME")]
    pub(crate) key: Option<String>,
    /// The run directory to create
    #[arg(long, value_name = "FOLDER", required_unless_present = "template")]
    pub(crate) out: Option<PathBuf>,
    /// Prints a name map to start from, and imports nothing
    #[arg(long)]
    pub(crate) template: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// Weights and recipe in one file, which candlewick loads again
    Safetensors,
    /// Safetensors with the names and layouts of PyTorch
    Pytorch,
    /// A NIR graph, if the binary was built with the feature `hdf5`
    Nir,
}

#[derive(Debug, Args)]
pub(crate) struct ExportArguments {
    /// The run's directory
    pub(crate) run: PathBuf,
    /// What to write
    #[arg(long, value_enum, default_value = "safetensors")]
    pub(crate) format: ExportFormat,
    /// The file to write
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// The checkpoint
    #[arg(long, value_enum, default_value = "last")]
    pub(crate) checkpoint: CheckpointChoice,
}

#[derive(Debug, Args)]
pub(crate) struct CompareArguments {
    /// Directories of runs, of the runs of a row, or of the rows of a table: two runs are compared setting by
    /// setting, rows by paired seeds with the first, and a single run is described
    #[arg(value_name = "PATH", required = true)]
    pub(crate) paths: Vec<PathBuf>,
    /// Also writes a page with the same tables, and figures
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct FiguresArguments {
    /// The run's directory
    pub(crate) run: PathBuf,
    /// Also measures the loss along N random directions from the weights, which takes 20 N + 1
    /// evaluations on 512 training samples
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) flatness: Option<u16>,
    /// Folder for the figures [default: `figures` in the run's directory]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) output: Option<PathBuf>,
    /// Folder of the data sets that are not embedded
    #[arg(long, value_name = "FOLDER")]
    pub(crate) data_dir: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ReproduceArguments {
    /// The table, such as table-1 or tet/cifar-10, or a file of one's own such as my-table.toml; `claims`
    /// tests every claim of the papers
    #[arg(required_unless_present = "list")]
    pub(crate) table: Option<String>,
    /// Lists the tables with their scales, the rows of TABLE, or the claims
    #[arg(long)]
    pub(crate) list: bool,
    /// Only these rows (repeat, or separate by commas)
    #[arg(long = "row", value_name = "ID", value_delimiter = ',')]
    pub(crate) rows: Vec<String>,
    /// Only these claims or maps, without the table (repeat, or separate by commas)
    #[arg(long = "claim", value_name = "ID", value_delimiter = ',')]
    pub(crate) claims: Vec<String>,
    /// Number of seeds, counted from 1 [default: the table's]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) seeds: Option<u64>,
    /// demo (embedded data, minutes), reduced (hours) or full (the paper's)
    #[arg(long, default_value = "demo")]
    pub(crate) scale: String,
    /// Trains only N epochs, for a quick look; the table says so
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) epochs: Option<u32>,
    /// Divides every batch into S shards, each with batch statistics of its own; the table says so
    #[arg(long, value_name = "S", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) shards: Option<u32>,
    /// Runs that are trained in parallel [default: one per thread at the demo scale on the CPU, else 1; with
    /// --launch slurm as many as the cluster takes]
    #[arg(long, value_name = "N")]
    pub(crate) jobs: Option<usize>,
    #[command(flatten)]
    pub(crate) launch: LaunchArguments,
    /// Starts long scales without asking
    #[arg(long)]
    pub(crate) yes: bool,
    /// How to print the table
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) machine: MachineArguments,
}

impl ReproduceArguments {
    /// What the command was told of the table beyond its scale, as it was typed.
    pub(crate) fn options(&self) -> Vec<String> {
        let rows = self.rows.iter().map(|id| format!("--row {id}"));
        let claims = self.claims.iter().map(|id| format!("--claim {id}"));
        let seeds = self.seeds.map(|seeds| format!("--seeds {seeds}"));
        let epochs = self.epochs.map(|epochs| format!("--epochs {epochs}"));
        let shards = self.shards.map(|shards| format!("--shards {shards}"));
        let instructions = machine::instructions().map(|set| format!("--instructions {set}"));
        let of_runs = seeds.into_iter().chain(epochs).chain(shards).chain(instructions);
        rows.chain(claims).chain(of_runs).collect()
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum DataCommand {
    /// Describes a data set: content, license, files and folders, split
    Info {
        /// Name of the set
        name: String,
    },
    /// Compares the files of a data set with their known sizes and checksums
    Verify {
        /// Name of the set
        name: String,
        /// Folder of the set
        #[arg(long, value_name = "FOLDER")]
        data_dir: Option<PathBuf>,
    },
    /// Fetches a data set into a folder of its name, checks and unpacks it; resumes interrupted downloads
    Fetch {
        /// Name of the set
        name: String,
        /// Folder of the data sets
        #[arg(long, value_name = "FOLDER")]
        data_dir: PathBuf,
    },
    /// Writes a recording in another format; coordinates and times stay as they are
    Convert {
        #[command(flatten)]
        recording: RecordingArguments,
        /// The format to write: aedat2, aedat2-davis, aedat3 or atis (N-MNIST)
        #[arg(long, value_name = "NAME")]
        to: String,
        /// The file to write
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Finds the data sets in a folder, reads every sample, and prints statistics
    Check {
        /// The folder
        folder: PathBuf,
        /// Draws the first samples of each class into this PNG file (of several sets, one file each)
        #[arg(long, value_name = "FILE")]
        sheet: Option<PathBuf>,
        /// Only this set
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        /// Only warns about recordings that end early
        #[arg(long)]
        allow_truncated: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum EventsCommand {
    /// Prints count, sums and first events, with coordinates and polarity as the file stores them
    Info {
        #[command(flatten)]
        recording: RecordingArguments,
        /// Accepts a recording that ends early, with a warning
        #[arg(long)]
        allow_truncated: bool,
        /// How to print
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
    /// Draws the events as frames of equal time: ON blue, OFF orange
    View {
        #[command(flatten)]
        recording: RecordingArguments,
        /// The file to write: .gif for an animation, .png for a sheet of all frames [default: FILE.gif in the current folder]
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// How many frames
        #[arg(long, value_name = "N", default_value = "30", value_parser = clap::value_parser!(u16).range(1..=10_000))]
        frames: u16,
    },
}

/// A file of events, and what the file itself does not say.
#[derive(Debug, Args)]
pub(crate) struct RecordingArguments {
    /// The recording
    pub(crate) file: PathBuf,
    /// Format of the file, such as aedat2 or atis [default: by its content and name]
    #[arg(long = "as", value_name = "NAME")]
    pub(crate) decoder: Option<String>,
    /// Size of the sensor, such as 34x34 [default: as the file says, else what holds all events]
    #[arg(long, value_name = "WIDTHxHEIGHT")]
    pub(crate) sensor: Option<String>,
}
