//! Trains runs side by side.

use std::collections::VecDeque;
use std::io::{BufRead, IsTerminal, Write};
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};
use candlewick::experiment::{Machine, Table};

use crate::arguments::MachineArguments;
use crate::bars::Bars;
use crate::estimate::Sharing;
use crate::machine;
use crate::runs::Planned;
use crate::stop::STOP;

/// Asks before hours of work.
pub(super) fn confirmed(table: &Table) -> Result<bool> {
    if !std::io::stdin().is_terminal() {
        anyhow::bail!("the {} scale takes long: confirm it with --yes", table.scale);
    }
    let mut out = std::io::stderr();
    write!(out, "Start the {} scale of {}? [y/N] ", table.scale, table.id)?;
    out.flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(answer.trim().eq_ignore_ascii_case("y"))
}

/// Trains what is not complete, `jobs` runs side by side, in the order of `runs`.
pub(super) fn train_all(
    runs: &[&Planned],
    machine: &Machine,
    Sharing { jobs, threads }: Sharing,
    arguments: &MachineArguments,
    bars: &Bars,
) -> Result<()> {
    let open = runs.iter().copied().filter(|run| !run.is_complete());
    let queue: Mutex<VecDeque<&Planned>> = Mutex::new(open.collect());
    let failure = Mutex::new(None);
    let work = || -> Result<()> {
        let pool = machine::pool(threads)?;
        loop {
            let next = queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            let Some(run) = next.filter(|_| !STOP.load(Ordering::Relaxed)) else {
                return Ok(());
            };
            pool.install(|| run.train(machine, arguments, threads, bars))
                .with_context(|| run.label.clone())?;
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                if let Err(error) = work() {
                    // The others stop with a checkpoint.
                    failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                    STOP.store(true, Ordering::Relaxed);
                }
            });
        }
    });
    match failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(error) => Err(error),
        None => Ok(()),
    }
}
