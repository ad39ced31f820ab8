//! `--launch slurm`: a job array with a task for each run that is neither complete nor in the queue.
//!
//! What was submitted is kept as `slurm/<job>.sh` in the folder of runs, with the runs in the order of their
//! tasks. Whether a run is complete only its directory says; the queue is asked so that nothing is submitted
//! twice.

mod limits;
mod script;
mod submitted;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use candlewick::experiment::{Scale, Table};
use candlewick::run::replace_file;

use super::confirm;
use super::plan::Plan;
use crate::arguments::ReproduceArguments;
use crate::bars::Bars;
use crate::runs::Planned;
use crate::{estimate, exit, machine};
use limits::Limits;
use script::Script;
use submitted::Submitted;

/// Tasks of an array: as many as a cluster accepts whose configuration leaves it at that.
const MOST_TASKS: usize = 1000;

/// CPUs of a task where nothing is said, at the demo scale and at the others.
const CPUS: [usize; 2] = [1, 8];

/// Says which of the `open` runs are in the queue or lost, and submits those that are not in the queue, or
/// prints the script for them; `false` if the user did not want to.
pub(super) fn launch(
    plan: &Plan,
    open: &[&Planned],
    arguments: &ReproduceArguments,
    bars: &Bars,
) -> Result<bool> {
    let root = std::path::absolute(&arguments.machine.runs_dir)?;
    let folder = root.join("slurm");
    let how = &arguments.launch;
    let name = |run: &&Planned| name(run, &arguments.machine.runs_dir);
    let submitted = Submitted::read(&folder)?;
    let is_known = open.iter().any(|run| submitted.last(&name(run)).is_some());
    let queue = if is_known { queue()? } else { BTreeSet::new() };
    let (queued, mut runs): (Vec<&Planned>, Vec<&Planned>) =
        open.iter().partition(|run| submitted.is_in(&name(run), &queue));
    // A task may have ended after its run was looked at, and before the queue was.
    runs.retain(|run| !run.is_complete());
    if !queued.is_empty() {
        bars.say(&format!("in the queue: {} of {} open runs", queued.len(), open.len()));
    }
    for run in &runs {
        if let Some(task) = submitted.last(&name(run)) {
            let log = folder.join(format!("{task}.log"));
            bars.say(&format!("{}: its task ended early, see {}", run.label, log.display()));
        }
    }
    if how.collect || runs.is_empty() {
        return Ok(true);
    }
    if !how.dry_run {
        find_sbatch()?;
    }
    let limits = limits(plan, &runs, arguments, bars)?;
    let asks = !how.dry_run && plan.table.scale != Scale::Demo && !arguments.yes;
    if asks && !confirm::confirmed(&plan.table)? {
        return Ok(false);
    }
    let program = std::env::current_exe().context("cannot tell where this program is")?;
    for runs in runs.chunks(MOST_TASKS) {
        let script = Script {
            table: &plan.table.id,
            scale: plan.table.scale,
            runs: runs.iter().map(name).collect(),
            limits: &limits,
            side_by_side: arguments.jobs,
            options: &how.slurm_options,
            folder: &folder,
            command: script::command(&program, arguments, limits.cpus)?,
        };
        let text = script.text();
        if how.dry_run {
            out!("{text}");
            continue;
        }
        std::fs::create_dir_all(&folder).map_err(exit::unwritten(&folder))?;
        let job = submit(&text)?;
        replace_file(&folder.join(format!("{job}.sh")), text.as_bytes())?;
        bars.say(&format!("submitted: job {job}, {} with {limits}", tasks(runs.len())));
    }
    Ok(true)
}

/// A run by its path from the folder of runs.
fn name(run: &Planned, root: &Path) -> String {
    run.path.strip_prefix(root).unwrap_or(&run.path).display().to_string()
}

fn tasks(count: usize) -> String {
    if count == 1 { "1 task".into() } else { format!("{count} tasks") }
}

/// CPUs of a task.
pub(super) fn cpus(table: &Table, wanted: Option<usize>) -> usize {
    let [demo, other] = CPUS;
    wanted.unwrap_or(if table.scale == Scale::Demo { demo } else { other }).max(1)
}

/// Measures what a task may take, unless the user said all of it.
fn limits(
    plan: &Plan,
    runs: &[&Planned],
    arguments: &ReproduceArguments,
    bars: &Bars,
) -> Result<Limits> {
    let cpus = cpus(&plan.table, arguments.machine.threads);
    let mut limits = Limits::unknown(cpus, &arguments.launch.slurm_options);
    if limits.are_to_be_measured() {
        let here = machine::wanted(&arguments.machine).context(
            "the limits of a task cannot be measured here; give --slurm-option=--time=… and \
             --slurm-option=--mem=… in their place",
        )?;
        let threads = cpus.min(machine::threads(None));
        let measured = estimate::measure(&plan.table, runs, &here, threads, bars)?;
        limits.measured(measured.iter().map(|row| row.cost));
    }
    Ok(limits)
}

/// Hands the script to sbatch, and returns the id of the job.
fn submit(script: &str) -> Result<u64> {
    let mut command = Command::new("sbatch");
    command.arg("--parsable").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().context("cannot start sbatch")?;
    // Whether all of it arrived, its exit code tells.
    let _ = child.stdin.take().map(|mut input| input.write_all(script.as_bytes()));
    let output = child.wait_with_output().context("cannot wait for sbatch")?;
    if !output.status.success() {
        bail!("sbatch refused the job: {}", one_line(&output.stderr));
    }
    let said = String::from_utf8_lossy(&output.stdout);
    job_id(&said).with_context(|| {
        format!("sbatch was to print the id of the job, and printed `{}`", one_line(&output.stdout))
    })
}

/// The job in what `sbatch --parsable` prints: its id, then perhaps the name of a cluster.
fn job_id(said: &str) -> Option<u64> {
    said.lines().find_map(|line| line.split(';').next()?.trim().parse().ok())
}

/// The tasks of this user that wait or run.
fn queue() -> Result<BTreeSet<String>> {
    let mut command = Command::new("squeue");
    command.args(["--me", "--array", "--noheader", "--format=%F_%K"]);
    let output =
        command.output().context("cannot start squeue, which knows what was submitted before")?;
    if !output.status.success() {
        bail!("squeue does not say what was submitted before: {}", one_line(&output.stderr));
    }
    let said = String::from_utf8_lossy(&output.stdout);
    Ok(said.split_whitespace().map(str::to_owned).collect())
}

fn one_line(text: &[u8]) -> String {
    String::from_utf8_lossy(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Finds sbatch before anything is measured.
fn find_sbatch() -> Result<()> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    if std::env::split_paths(&path).any(|folder| folder.join("sbatch").is_file()) {
        return Ok(());
    }
    Err(exit::usage(
        "--launch slurm: expected the command sbatch of Slurm on the PATH, found none: \
         start this on a node that submits jobs, or look at the script with --dry-run",
    ))
}
