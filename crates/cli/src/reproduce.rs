//! `candlewick reproduce TABLE`: rows × seeds, then the table.

use std::collections::VecDeque;
use std::io::{BufRead, IsTerminal, Write};
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};
use candlewick::experiment::{Machine, Row, Scale, Table, tables};
use candlewick::run::{Fact, RowReport, RunDirectory, RunRecord, TableReport, report};
use candlewick::train::Stage;

use crate::arguments::{Format, ReproduceArguments};
use crate::bars::Bars;
use crate::estimate::Sharing;
use crate::runs::Planned;
use crate::stop::{self, STOP};
use crate::{estimate, exit, machine};

pub(crate) fn run(arguments: &ReproduceArguments) -> Result<ExitCode> {
    let Some(id) = arguments.table.as_deref().filter(|_| !arguments.list) else {
        return list(arguments.table.as_deref());
    };
    let mut table = Table::open(id, arguments.scale.parse()?)?;
    table.keep_rows(&arguments.rows)?;
    if let Some(epochs) = arguments.epochs {
        shorten(&mut table, epochs);
    }
    let seeds = arguments.seeds.unwrap_or(table.seeds);
    let plans = plan(&table, seeds, arguments)?;
    let wanted = &arguments.machine;
    let machine =
        machine::named(&wanted.device, wanted.data_dir.clone(), wanted.cache_dir.clone())?;
    let bars = Bars::new();
    let open = plans.iter().flatten().filter(|run| !run.is_complete()).count();
    let all: usize = plans.iter().map(Vec::len).sum();
    bars.say(&format!(
        "{}: {} ({} rows × {seeds} seeds, {} scale: {open} runs to train, {} complete)",
        table.id,
        table.title,
        table.rows.len(),
        table.scale,
        all - open,
    ));
    let sharing = sharing(&table, open, arguments);
    machine::limit(sharing.jobs * sharing.threads)?;
    if open > 0 && table.scale != Scale::Demo {
        estimate::announce(&table, &plans, &machine, sharing, &bars)?;
        if !arguments.yes && !confirmed(&table)? {
            return Ok(ExitCode::from(exit::INTERRUPTED));
        }
    }
    stop::listen()?;
    train_all(&plans, &machine, sharing, arguments, &bars)?;
    if STOP.load(Ordering::Relaxed) {
        bars.say("stopped; the same command resumes from here");
        return Ok(ExitCode::from(stop::code()));
    }
    let report = collect(&table, &plans, seeds, arguments)?;
    let folder = arguments.machine.runs_dir.join(&table.id).join(table.scale.name());
    report::write(&report, &folder)?;
    match arguments.format {
        Format::Text => outln!("{}", report::text(&report)),
        Format::Json => outln!("{}", report::json(&report)),
    }
    bars.say(&format!("written to {}", folder.display()));
    Ok(ExitCode::SUCCESS)
}

/// All tables under the headings of their papers, or the rows of one.
fn list(table: Option<&str>) -> Result<ExitCode> {
    if let Some(id) = table {
        let table = Table::open(id, Scale::Demo)?;
        outln!("{id}: {}", table.title);
        let width = table.rows.iter().map(|row| row.id.len()).max().unwrap_or(0);
        for row in table.rows {
            let note = row.note.map_or_else(String::new, |note| format!(": {note}"));
            outln!("  --row {:width$}  {}{note}", row.id, row.label);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let mut heading = "";
    for listed in tables()? {
        if listed.paper != heading {
            let gap = if heading.is_empty() { "" } else { "\n" };
            heading = listed.paper;
            outln!("{gap}{heading}");
        }
        outln!("  {}: {}", listed.id, listed.title);
        for scale in listed.scales {
            let table = Table::open(listed.id, scale)?;
            let (rows, seeds) = (table.rows.len(), table.seeds);
            outln!(
                "    {:8} {rows} rows × {seeds} seeds: {}, {}",
                scale.name(),
                table.network,
                table.dataset
            );
        }
    }
    outln!("\nThe rows of a table: candlewick reproduce TABLE --list");
    Ok(ExitCode::SUCCESS)
}

/// Trains only `epochs` epochs, with the time steps of the last stage.
fn shorten(table: &mut Table, epochs: u32) {
    for row in &mut table.rows {
        let time_steps = row.recipe.train.time_steps();
        row.recipe.train.stages = vec![Stage::new(epochs, time_steps)];
    }
    table
        .protocol
        .push(format!("Shortened to {epochs} epochs on request: not the table's own protocol."));
}

/// The runs of each row, one per seed.
fn plan(table: &Table, seeds: u64, arguments: &ReproduceArguments) -> Result<Vec<Vec<Planned>>> {
    let scaled = format!("{}/{}", table.id, table.scale);
    let run = |row: &Row, seed: u64| {
        let mut recipe = row.recipe.clone();
        recipe.seed = seed;
        let name = format!("{}, row {}", table.id, row.id);
        Planned::new(&arguments.machine.runs_dir, &scaled, &row.id, name, None, recipe)
    };
    table.rows.iter().map(|row| (1..=seeds).map(|seed| run(row, seed)).collect()).collect()
}

/// Asks before hours of work.
fn confirmed(table: &Table) -> Result<bool> {
    if !std::io::stdin().is_terminal() {
        anyhow::bail!("the {} scale runs for long: start it with --yes", table.scale);
    }
    let mut out = std::io::stderr();
    write!(out, "Start the {} scale of {}? [y/N] ", table.scale, table.id)?;
    out.flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(answer.trim().eq_ignore_ascii_case("y"))
}

/// How `open` runs share the threads: small ones side by side on the CPU, others one after the other.
fn sharing(table: &Table, open: usize, arguments: &ReproduceArguments) -> Sharing {
    let threads = machine::threads(arguments.machine.threads);
    let small = table.scale == Scale::Demo && arguments.machine.device == "cpu";
    let side_by_side = if small { threads } else { 1 };
    let jobs = arguments.jobs.unwrap_or(side_by_side).clamp(1, open.max(1));
    Sharing { jobs, threads: (threads / jobs).max(1) }
}

/// Trains what is not complete, `jobs` runs side by side.
fn train_all(
    plans: &[Vec<Planned>],
    machine: &Machine,
    Sharing { jobs, threads }: Sharing,
    arguments: &ReproduceArguments,
    bars: &Bars,
) -> Result<()> {
    // Seeds first, so that every row has a run early on.
    let seeds = plans.iter().map(Vec::len).max().unwrap_or(0);
    let mut queue: VecDeque<&Planned> = (0..seeds)
        .flat_map(|seed| plans.iter().filter_map(move |row| row.get(seed)))
        .filter(|run| !run.is_complete())
        .collect();
    let queue = Mutex::new(std::mem::take(&mut queue));
    let failure = Mutex::new(None);
    let work = || -> Result<()> {
        let pool = machine::pool(threads)?;
        loop {
            let next = queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            let Some(run) = next.filter(|_| !STOP.load(Ordering::Relaxed)) else {
                return Ok(());
            };
            pool.install(|| run.train(machine, &arguments.machine, threads, bars))
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

/// The report of all complete runs.
fn collect(
    table: &Table,
    plans: &[Vec<Planned>],
    seeds: u64,
    arguments: &ReproduceArguments,
) -> Result<TableReport> {
    let mut rows = Vec::with_capacity(table.rows.len());
    for (row, plans) in table.rows.iter().zip(plans) {
        let mut runs = Vec::with_capacity(plans.len());
        for plan in plans {
            runs.extend(RunRecord::read(&RunDirectory::open(&plan.path)?)?);
        }
        rows.push(RowReport {
            id: row.id.clone(),
            label: row.label.clone(),
            note: row.note.clone(),
            provenance: row.provenance.clone(),
            baseline: Some(row.baseline.clone()),
            runs,
            published: row.published.clone(),
            unpublished: row.unpublished.clone(),
        });
    }
    let fact = |name: &str, value: String| Fact { name: name.into(), value };
    let mut environment = vec![
        fact("candlewick", env!("CARGO_PKG_VERSION").into()),
        fact("device", arguments.machine.device.clone()),
        fact("threads", machine::threads(arguments.machine.threads).to_string()),
        fact("target", env!("CANDLEWICK_TARGET").into()),
    ];
    if let (Some(commit), dirty) = machine::commit() {
        let dirty = if dirty == Some(true) { ", with changes" } else { "" };
        environment.insert(1, fact("commit", format!("{commit}{dirty}")));
    }
    let mut protocol = vec![format!("Seeds 1 to {seeds}.")];
    protocol.extend(table.protocol.iter().cloned());
    Ok(TableReport {
        id: table.id.clone(),
        title: table.title.clone(),
        scale: table.scale.name().into(),
        dataset: table.dataset.clone(),
        network: Some(table.network.clone()),
        selection: table.selection,
        baseline: table
            .rows
            .iter()
            .any(|row| row.id == table.baseline)
            .then(|| table.baseline.clone()),
        protocol,
        deviations: table.deviations.clone(),
        environment,
        rows,
    })
}
