//! `candlewick figures RUN`.

use std::fs;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use candlewick::experiment::{self, Experiment, Recipe};
use candlewick::run::{
    RowReport, RunDirectory, RunRecord, Snapshot, TableReport, replace_file, report,
};
use candlewick::train::Checkpoint;
use candlewick::train::trainer::LAST;

use crate::arguments::FiguresArguments;
use crate::{machine, output};

pub(crate) fn run(arguments: &FiguresArguments) -> Result<ExitCode> {
    let directory = RunDirectory::open(&arguments.run)?;
    let Some(mut record) = RunRecord::read(&directory)? else {
        bail!("{}: the run is not complete", arguments.run.display());
    };
    let wanted = arguments.flatness.map(usize::from);
    let measured = record.flatness.as_ref().map(|flatness| flatness.directions);
    let flatness = wanted.filter(|_| wanted != measured);
    if record.snapshot.is_none() || flatness.is_some() {
        let name = arguments.run.display().to_string();
        let recipe = Recipe::of_run(&directory)?;
        let machine = machine::named("cpu", arguments.data_dir.clone(), None)?;
        if let Some(directions) = flatness {
            let checkpoint = Checkpoint::open_in(&directory, LAST)?;
            let found = experiment::flatness(&recipe, &machine, &checkpoint, directions, tell)?;
            directory.write_flatness(&found)?;
            record.flatness = Some(found);
        }
        if record.snapshot.is_none() {
            let experiment = Experiment::prepare(recipe, &name, &machine)?;
            record.snapshot = Some(take(&experiment, &directory)?);
        }
    }
    let folder = arguments.output.clone().unwrap_or_else(|| arguments.run.join("figures"));
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    for (name, figure) in report::figures(&of_one_run(&record)) {
        let path = folder.join(name);
        replace_file(&path, figure.standalone().as_bytes())?;
        outln!("{}", path.display());
    }
    Ok(ExitCode::SUCCESS)
}

/// Says on standard error, if that is a terminal, how much of the flatness is measured.
fn tell(done: usize, all: usize) {
    let end = if done == all { "\n" } else { "" };
    output::progress(format_args!("flatness: {done} of {all} points{end}"));
}

/// Looks into the trained network of a run and keeps what was seen in its directory.
pub(crate) fn take(experiment: &Experiment, directory: &RunDirectory) -> Result<Snapshot> {
    let snapshot = experiment.snapshot(&Checkpoint::open_in(directory, LAST)?)?;
    directory.write_snapshot(&snapshot)?;
    Ok(snapshot)
}

/// The run as a table of one row, which is what figures are drawn of.
fn of_one_run(record: &RunRecord) -> TableReport {
    let summary = &record.summary;
    let row = RowReport {
        id: "run".into(),
        label: format!("{}, seed {}", summary.dataset, summary.seed),
        note: None,
        provenance: None,
        baseline: None,
        published: None,
        unpublished: None,
        runs: vec![record.clone()],
    };
    TableReport::of_rows(row.label.clone(), vec![row])
}
