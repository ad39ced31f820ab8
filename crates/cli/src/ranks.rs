//! This process as one of several ranks.

use std::process::{Command, ExitCode};
use std::sync::{Arc, OnceLock};

use anyhow::{Context, Result};
use candlewick::core::simd;
use candlewick::experiment::Experiment;
use candlewick::ranks::{Alone, Communicator};

use crate::{exit, machine, stop};

/// What tells a process how many ranks there are, by the launchers of OpenMPI and of MPICH.
const SIZES: [&str; 2] = ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE"];

#[cfg(feature = "mpi")]
static MPI: OnceLock<Arc<candlewick_mpi::Mpi>> = OnceLock::new();
static OWN: OnceLock<Arc<dyn Communicator>> = OnceLock::new();

/// Whether this process was started as one of several ranks, or as the only one of `mpirun -n 1`.
pub(crate) fn is_started() -> bool {
    SIZES.iter().any(|name| std::env::var_os(name).is_some())
}

/// Runs this command again, on so many ranks.
pub(crate) fn start(ranks: u32) -> Result<ExitCode> {
    if cfg!(not(feature = "mpi")) {
        return Err(exit::usage("--launch mpi: this binary was built without the feature `mpi`"));
    }
    let program = std::env::current_exe().context("cannot find the path of this program")?;
    let mut command = Command::new("mpirun");
    // OpenMPI 4 and 5 would bind each of two ranks to a single core.
    for name in ["OMPI_MCA_hwloc_base_binding_policy", "PRTE_MCA_hwloc_default_binding_policy"] {
        if std::env::var_os(name).is_none() {
            command.env(name, "none");
        }
    }
    command.args(["-n", &ranks.to_string()]).arg(program).args(std::env::args_os().skip(1));
    // Signals of the terminal reach `mpirun` and all ranks, which end by themselves.
    stop::listen()?;
    let status = command.status().context(
        "cannot start `mpirun`, which comes with OpenMPI and MPICH (Debian: openmpi-bin or mpich)",
    )?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

/// Connects this process to the others, if it was started as one of several.
#[cfg(feature = "mpi")]
pub(crate) fn connect() -> Result<()> {
    // MPI is not started for who is alone.
    if is_started() {
        let mpi = Arc::new(candlewick_mpi::Mpi::start()?);
        OWN.get_or_init(|| mpi.clone());
        MPI.get_or_init(|| mpi);
    }
    Ok(())
}

/// Refuses to be one of several.
#[cfg(not(feature = "mpi"))]
pub(crate) fn connect() -> Result<()> {
    let ranks = SIZES.iter().find_map(|name| std::env::var(name).ok()?.parse::<usize>().ok());
    match ranks {
        Some(ranks) if ranks > 1 => Err(exit::usage(format!(
            "started as one of {ranks} ranks, but this binary was built without the feature `mpi`"
        ))),
        _ => Ok(()),
    }
}

/// The connection to the other ranks.
pub(crate) fn communicator() -> Arc<dyn Communicator> {
    OWN.get_or_init(|| Arc::new(Alone)).clone()
}

/// Whether this rank is the one that writes and prints.
pub(crate) fn is_first() -> bool {
    communicator().rank() == 0
}

/// Ranks on this machine, which share its cores.
pub(crate) fn local() -> usize {
    #[cfg(feature = "mpi")]
    if let Some(mpi) = MPI.get() {
        return mpi.local();
    }
    1
}

/// Checks that all ranks train the same with the same.
pub(crate) fn agree(experiment: &Experiment) -> Result<()> {
    let data = experiment.data().iter().map(|data| format!("{} {}", data.name, data.sha256));
    let (commit, dirty) = machine::commit();
    let changes = if dirty == Some(true) { " with changes" } else { "" };
    let build = [env!("CARGO_PKG_VERSION"), &commit.unwrap_or_default(), changes].concat();
    Ok(communicator().agree(&[
        ("the recipe", experiment.recipe().to_toml()?),
        ("the data", data.collect::<Vec<_>>().join(", ")),
        ("the build", build),
        ("the instruction set", simd::in_use().to_owned()),
    ])?)
}

/// Ends this process with `outcome`, and all others if it is an error.
///
/// What goes wrong on all ranks is said by the first: the others leave it the time to end them.
pub(crate) fn finish(outcome: Result<ExitCode>) -> ExitCode {
    let own = communicator();
    let error = match outcome {
        Ok(code) => {
            #[cfg(feature = "mpi")]
            MPI.get().inspect(|mpi| mpi.finish());
            return code;
        }
        Err(error) if own.ranks() == 1 => return exit::report(&error),
        Err(error) => error,
    };
    if !is_first() {
        std::thread::sleep(std::time::Duration::from_secs(2));
    }
    noteln!("error: rank {}: {}", own.rank(), exit::in_words(&error));
    #[cfg(feature = "mpi")]
    MPI.get().inspect(|mpi| mpi.abort(exit::code(&error)));
    ExitCode::from(exit::code(&error))
}
