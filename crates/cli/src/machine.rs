//! The machine that runs happen on: device, threads, folders, and what a manifest says of them.

use std::path::PathBuf;
use std::sync::Once;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use candlewick::core::simd::{self, Level};
use candlewick::experiment::{Experiment, Machine, processor};
use candlewick::run::{Manifest, Status, manifest};

use crate::arguments::{Instructions, MachineArguments};
use crate::{exit, ranks};

/// Threads that prepare the batches of one run.
const WORKERS: usize = 1;

/// The machine of runs by the words of the command line.
pub(crate) fn named(
    device: &str,
    data: Option<PathBuf>,
    cache: Option<PathBuf>,
) -> Result<Machine> {
    let device = candlewick::core::device::parse(device)?;
    Ok(Machine { device, data, cache, workers: WORKERS, communicator: ranks::communicator() })
}

/// The machine of runs by the arguments that they share.
pub(crate) fn wanted(arguments: &MachineArguments) -> Result<Machine> {
    let MachineArguments { device, data_dir, cache_dir, .. } = arguments;
    named(device, data_dir.clone(), cache_dir.clone())
}

/// The number of compute threads: as many as the machine has cores for each of its ranks, or fewer if that is wanted, since
/// more would only wait for each other.
pub(crate) fn threads(wanted: Option<usize>) -> usize {
    static SAID: Once = Once::new();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let cores = (cores / ranks::local()).max(1);
    let wanted = wanted.unwrap_or(cores);
    if wanted > cores {
        SAID.call_once(|| {
            let each = if ranks::local() > 1 { " for each rank" } else { "" };
            noteln!("--threads {wanted}: this machine has {cores}{each}, which are used");
        });
    }
    wanted.clamp(1, cores)
}

/// Limits the instructions that kernels use.
pub(crate) fn limit_instructions(wanted: Instructions) -> Result<()> {
    let level = match wanted {
        Instructions::Portable => Level::Portable,
        Instructions::Avx2 => Level::Avx2,
        Instructions::Vectors => Level::Vectors,
        Instructions::Best => Level::Best,
    };
    simd::limit(level);
    if wanted == Instructions::Avx2 && simd::in_use() != "avx2" {
        return Err(exit::usage("--instructions avx2: this processor does not have AVX2 and FMA"));
    }
    Ok(())
}

/// The value of `--instructions`, if it limits them.
pub(crate) fn instructions() -> Option<&'static str> {
    match simd::limited_to() {
        Level::Portable => Some("portable"),
        Level::Avx2 => Some("avx2"),
        Level::Vectors => Some("vectors"),
        Level::Best => None,
    }
}

/// Limits what runs outside of the pools of single runs, such as candle's backward pass.
pub(crate) fn limit(threads: usize) -> Result<()> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build_global()
        .context("cannot start the compute threads")
}

/// A pool of compute threads.
pub(crate) fn pool(threads: usize) -> Result<rayon::ThreadPool> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .context("cannot start the compute threads")
}

/// The cargo features of this binary.
pub(crate) fn features() -> Vec<String> {
    [
        ("cuda", cfg!(feature = "cuda")),
        ("cudnn", cfg!(feature = "cudnn")),
        ("download", cfg!(feature = "download")),
        ("hdf5", cfg!(feature = "hdf5")),
        ("metal", cfg!(feature = "metal")),
        ("mkl", cfg!(feature = "mkl")),
        ("mpi", cfg!(feature = "mpi")),
        ("nccl", cfg!(feature = "nccl")),
    ]
    .into_iter()
    .filter(|(_, on)| *on)
    .map(|(name, _)| name.to_owned())
    .collect()
}

/// The commit that this binary was built from, and whether the tree differed from it.
pub(crate) fn commit() -> (Option<String>, Option<bool>) {
    let commit = env!("CANDLEWICK_COMMIT");
    if commit.is_empty() {
        return (None, None);
    }
    (Some(commit.to_owned()), Some(env!("CANDLEWICK_DIRTY") == "true"))
}

/// What to say of a run that resumes with other instructions than it was started with.
pub(crate) fn other_instructions(manifest: &Manifest) -> Option<String> {
    let (before, now) = (manifest.instructions.as_deref()?, simd::in_use());
    (before != now).then(|| {
        format!(
            "started with {before} instructions, resumed with {now}, which round sums differently: \
             the results are not those of an uninterrupted run"
        )
    })
}

/// The manifest of a run of `experiment` that starts now.
pub(crate) fn manifest(experiment: &Experiment, device: &str, threads: usize) -> Manifest {
    Manifest {
        device: device.to_owned(),
        threads,
        data: experiment.data().to_vec(),
        samples: Some(experiment.samples().clone()),
        ..manifest_without_data(experiment.recipe().seed)
    }
}

/// The manifest of a run that starts now and has seen no data; its hashes are set with its directory.
pub(crate) fn manifest_without_data(seed: u64) -> Manifest {
    let (git_commit, git_dirty) = commit();
    Manifest {
        schema: manifest::SCHEMA,
        status: Status::Running,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        recipe_hash: String::new(),
        source_hash: String::new(),
        git_commit,
        git_dirty,
        features: features(),
        target: env!("CANDLEWICK_TARGET").to_owned(),
        device: "cpu".to_owned(),
        threads: 1,
        processor: processor(),
        instructions: Some(simd::in_use().to_owned()),
        seed,
        data: Vec::new(),
        samples: None,
        command_line: std::env::args_os()
            .map(|argument| argument.to_string_lossy().into_owned())
            .collect(),
        started_at: SystemTime::now().duration_since(UNIX_EPOCH).ok().map(|time| time.as_secs()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_resumes_under_other_instructions_says_so() {
        let now = manifest_without_data(1);
        assert_eq!(other_instructions(&now), None);
        let unknown = Manifest { instructions: None, ..now.clone() };
        assert_eq!(other_instructions(&unknown), None);
        let other = Manifest { instructions: Some("avx9".into()), ..now };
        let words = other_instructions(&other).unwrap_or_default();
        assert!(words.starts_with("started with avx9 instructions, resumed with "), "{words}");
    }
}
