//! `candlewick reproduce TABLE`: rows × seeds, then the table with the claims that its runs decide.

mod confirm;
mod list;
mod measure;
mod plan;

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::sync::atomic::Ordering;

use anyhow::Result;
use candlewick::experiment::{Scale, Table};
use candlewick::run::{Fact, RowReport, RunDirectory, RunRecord, TableReport, report};

use crate::arguments::{Format, ReproduceArguments};
use crate::bars::Bars;
use crate::estimate::Sharing;
use crate::stop::{self, STOP};
use crate::{estimate, exit, machine, ranks, runs};
use plan::Plan;

pub(crate) fn run(arguments: &ReproduceArguments) -> Result<ExitCode> {
    let Some(id) = arguments.table.as_deref().filter(|_| !arguments.list) else {
        return list::list(arguments.table.as_deref(), arguments.scale.parse()?);
    };
    let plan = Plan::new(id, arguments)?;
    let wanted = &arguments.machine;
    let machine =
        machine::named(&wanted.device, wanted.data_dir.clone(), wanted.cache_dir.clone())?;
    let bars = Bars::new();
    let planned = plan.runs();
    for run in &planned {
        run.mend(&bars)?;
    }
    let open = planned.iter().filter(|run| !run.is_complete()).count();
    bars.say(&plan.words(open, planned.len() - open));
    let sharing = sharing(&plan.table, open, arguments);
    machine::limit(sharing.jobs * sharing.threads)?;
    if open > 0 && plan.table.scale != Scale::Demo {
        estimate::announce(&plan.table, &planned, &machine, sharing, &bars)?;
        let refused = !arguments.yes && ranks::is_first() && !confirm::confirmed(&plan.table)?;
        if ranks::communicator().any([refused])? == [true] {
            return Ok(ExitCode::from(exit::INTERRUPTED));
        }
    }
    stop::listen()?;
    runs::train_all(&planned, &machine, sharing, wanted, &bars)?;
    if STOP.load(Ordering::Relaxed) {
        bars.say("stopped; the same command resumes from here");
        return Ok(ExitCode::from(stop::code()));
    }
    if !ranks::is_first() {
        return Ok(ExitCode::SUCCESS);
    }
    let mut report = collect(&plan, arguments)?;
    (report.claims, report.maps) = measure::measure(&plan, &machine, sharing, &bars)?;
    let folder = plan.folder(arguments);
    std::fs::create_dir_all(&folder)?;
    report::write(&report, &folder)?;
    match arguments.format {
        Format::Text => outln!("{}", report::text(&report)),
        Format::Json => outln!("{}", report::json(&report)),
    }
    bars.say(&format!("written to {}", folder.display()));
    Ok(ExitCode::SUCCESS)
}

/// How `open` runs share the threads: small ones side by side on the CPU, others one after the other.
fn sharing(table: &Table, open: usize, arguments: &ReproduceArguments) -> Sharing {
    let threads = machine::threads(arguments.machine.threads);
    let small = table.scale == Scale::Demo && arguments.machine.device == "cpu";
    let side_by_side = if small { threads } else { 1 };
    let several = ranks::communicator().ranks() > 1;
    let jobs = if several { 1 } else { arguments.jobs.unwrap_or(side_by_side) };
    let jobs = jobs.clamp(1, open.max(1));
    Sharing { jobs, threads: (threads / jobs).max(1) }
}

/// The report of all complete runs of the table's rows.
fn collect(plan: &Plan, arguments: &ReproduceArguments) -> Result<TableReport> {
    let table = &plan.table;
    let mut processors = BTreeSet::new();
    let mut instructions = BTreeSet::new();
    for run in plan.runs() {
        let directory = RunDirectory::open(&run.path)?;
        processors.extend(directory.manifest().processor.clone());
        instructions.extend(directory.manifest().instructions.clone());
    }
    let mut rows = Vec::with_capacity(table.rows.len());
    for (row, plans) in table.rows.iter().zip(&plan.rows) {
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
    for (name, values) in [("processor", processors), ("instructions", instructions)] {
        if !values.is_empty() {
            environment.push(fact(name, values.into_iter().collect::<Vec<_>>().join(", ")));
        }
    }
    if let (Some(commit), dirty) = machine::commit() {
        let dirty = if dirty == Some(true) { ", with changes" } else { "" };
        environment.insert(1, fact("commit", format!("{commit}{dirty}")));
    }
    let mut protocol = Vec::new();
    if !rows.is_empty() {
        protocol.push(format!("Seeds 1 to {}.", plan.seeds));
    }
    protocol.extend(table.protocol.iter().cloned());
    Ok(TableReport {
        // By which it is reproduced: an id, or a file of one's own.
        id: arguments.table.clone().unwrap_or_else(|| table.id.clone()),
        title: table.title.clone(),
        scale: table.scale.name().into(),
        dataset: table.dataset.clone(),
        network: (!rows.is_empty()).then(|| table.network.clone()),
        selection: table.selection,
        baseline: table
            .rows
            .iter()
            .any(|row| row.id == table.baseline)
            .then(|| table.baseline.clone()),
        protocol,
        deviations: table.deviations.clone(),
        options: arguments.options(),
        environment,
        claims: Vec::new(),
        maps: Vec::new(),
        rows,
    })
}
