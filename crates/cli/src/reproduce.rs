//! `candlewick reproduce TABLE`: rows × seeds, then the table with the claims that its runs decide.

mod collect;
mod confirm;
mod list;
mod measure;
mod plan;
mod slurm;

use std::process::ExitCode;
use std::sync::atomic::Ordering;

use anyhow::Result;
use candlewick::experiment::{Scale, Table};

use crate::arguments::{Launch, ReproduceArguments};
use crate::bars::Bars;
use crate::estimate::Sharing;
use crate::runs::Planned;
use crate::stop::{self, STOP};
use crate::{estimate, exit, machine, ranks, runs};
use plan::Plan;

pub(crate) fn run(arguments: &ReproduceArguments) -> Result<ExitCode> {
    let Some(id) = arguments.table.as_deref().filter(|_| !arguments.list) else {
        return list::list(arguments.table.as_deref(), arguments.scale.parse()?);
    };
    let how = &arguments.launch;
    how.check()?;
    if let Some(ranks) = how.ranks.filter(|_| !ranks::is_started()) {
        return ranks::start(ranks);
    }
    let plan = Plan::new(id, arguments)?;
    let bars = Bars::new();
    machine::limit(threads(&plan.table, arguments).min(machine::threads(None)))?;
    let planned = match &how.task {
        Some(task) => vec![plan.run(&arguments.machine.runs_dir.join(task))?],
        None => plan.runs(),
    };
    for run in &planned {
        run.mend(&bars)?;
    }
    let open: Vec<&Planned> = planned.iter().copied().filter(|run| !run.is_complete()).collect();
    bars.say(&plan.words(open.len(), planned.len() - open.len()));
    if how.launch != Launch::Slurm
        && !how.collect
        && let Some(code) = train(&plan, &planned, &open, arguments, &bars)?
    {
        return Ok(ExitCode::from(code));
    }
    if !ranks::is_first() {
        return Ok(ExitCode::SUCCESS);
    }
    if how.launch == Launch::Slurm && !slurm::launch(&plan, &open, arguments, &bars)? {
        return Ok(ExitCode::from(exit::INTERRUPTED));
    }
    if !how.dry_run && how.task.is_none() {
        collect::print(&plan, arguments, &bars)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Trains here what is `open` of the `planned` runs; an exit code if that was stopped.
fn train(
    plan: &Plan,
    planned: &[&Planned],
    open: &[&Planned],
    arguments: &ReproduceArguments,
    bars: &Bars,
) -> Result<Option<u8>> {
    let wanted = &arguments.machine;
    let machine = machine::wanted(wanted)?;
    let sharing = sharing(&plan.table, open.len(), arguments);
    let asks = arguments.launch.task.is_none() && plan.table.scale != Scale::Demo;
    if asks && !open.is_empty() {
        estimate::announce(&plan.table, open, &machine, sharing, bars)?;
        let refused = !arguments.yes && ranks::is_first() && !confirm::confirmed(&plan.table)?;
        if ranks::communicator().any([refused])? == [true] {
            return Ok(Some(exit::INTERRUPTED));
        }
    }
    stop::listen()?;
    runs::train_all(planned, &machine, sharing, wanted, bars)?;
    let is_stopped = STOP.load(Ordering::Relaxed);
    if is_stopped {
        bars.say("stopped; the same command resumes from here");
    }
    Ok(is_stopped.then(stop::code))
}

/// Compute threads of this process, or CPUs of a task.
fn threads(table: &Table, arguments: &ReproduceArguments) -> usize {
    match arguments.launch.launch {
        Launch::Local | Launch::Mpi => machine::threads(arguments.machine.threads),
        Launch::Slurm => slurm::cpus(table, arguments.machine.threads),
    }
}

/// How `open` runs share the threads: small ones side by side on the CPU, large ones one after the other, and one on
/// each GPU.
fn sharing(table: &Table, open: usize, arguments: &ReproduceArguments) -> Sharing {
    let threads = threads(table, arguments);
    let device = &arguments.machine.device;
    let side_by_side = match (table.scale, device.as_str()) {
        (Scale::Demo, "cpu") => threads,
        (_, "cpu") => 1,
        // One run on each device; what cannot be opened is reported where a run needs it.
        _ => candlewick::core::device::all(device).map_or(1, |devices| devices.len()),
    };
    let several = ranks::communicator().ranks() > 1;
    let jobs = if several { 1 } else { arguments.jobs.unwrap_or(side_by_side) };
    let jobs = jobs.clamp(1, open.max(1));
    Sharing { jobs, threads: (threads / jobs).max(1) }
}
