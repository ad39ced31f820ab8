//! Where the runs of a table are trained.

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, ValueEnum};

use crate::exit;

#[derive(Debug, Args)]
pub(crate) struct LaunchArguments {
    /// Where the runs are trained
    #[arg(long, value_enum, default_value = "local")]
    pub(crate) launch: Launch,
    /// With --launch mpi: the number of ranks, which divides that of the shards
    #[arg(long, value_name = "P", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) ranks: Option<u32>,
    /// Neither trains nor submits anything: prints the table of the runs that are complete, and names the others
    #[arg(long)]
    pub(crate) collect: bool,
    /// With --launch slurm: prints the script that would be submitted
    #[arg(long, conflicts_with = "collect")]
    pub(crate) dry_run: bool,
    /// With --launch slurm: an option for sbatch, such as --slurm-option=--partition=long (repeat); --time
    /// and --mem replace the limits that follow from measured steps
    #[arg(long = "slurm-option", value_name = "OPTION", allow_hyphen_values = true, value_parser = option)]
    pub(crate) slurm_options: Vec<String>,
    /// Trains only the run at this path from the folder of runs, as a task of a job array does
    #[arg(long, value_name = "RUN", hide = true)]
    pub(crate) task: Option<PathBuf>,
}

impl LaunchArguments {
    /// Checks that the arguments fit together.
    pub(crate) fn check(&self) -> Result<()> {
        let of_slurm =
            [("--dry-run", self.dry_run), ("--slurm-option", !self.slurm_options.is_empty())];
        match (self.launch == Launch::Mpi, self.ranks) {
            (true, None) => return Err(exit::usage("--launch mpi needs --ranks P")),
            (false, Some(_)) => return Err(exit::usage("--ranks goes with --launch mpi")),
            _ => {}
        }
        match of_slurm.iter().find(|(_, given)| *given) {
            Some((name, _)) if self.launch != Launch::Slurm => {
                Err(exit::usage(format!("{name} goes with --launch slurm")))
            }
            _ => Ok(()),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Launch {
    /// Here
    Local,
    /// By a job array of Slurm: a task for each run that is neither complete nor in the queue, with
    /// --threads CPUs [default: 1 at the demo scale, else 8]; the same command submits again what was lost
    Slurm,
    /// Here, each run by the ranks of MPI, which `mpirun` starts: they divide the shards of every batch among
    /// themselves
    Mpi,
}

/// An option of sbatch as it stands in a script, with its value.
fn option(text: &str) -> std::result::Result<String, String> {
    let is_option = text.starts_with("--") && text.len() > 2 && !text.contains(char::is_control);
    let expected = "expected a long option of sbatch with its value, such as --partition=long";
    if is_option { Ok(text.to_owned()) } else { Err(expected.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_long_options_reach_the_script() {
        for text in ["--partition=long", "--exclusive", "--comment=two words"] {
            assert_eq!(option(text).as_deref(), Ok(text));
        }
        for text in ["", "--", "-p long", "long", "--comment=two\n#SBATCH --time=1"] {
            assert!(option(text).is_err(), "{text}");
        }
    }
}
