//! The table of the runs that are complete, which says what is missing.

use std::collections::BTreeSet;

use anyhow::Result;
use candlewick::run::{Fact, RowReport, RunDirectory, RunRecord, TableReport, report};

use super::plan::Plan;
use super::{measure, threads};
use crate::arguments::{Format, ReproduceArguments};
use crate::bars::Bars;
use crate::machine;
use crate::runs::Planned;

/// Writes and prints the table of what is complete, and says what is missing; claims are tested when nothing is,
/// so that nobody looks again and again until one holds.
pub(super) fn print(plan: &Plan, arguments: &ReproduceArguments, bars: &Bars) -> Result<()> {
    let runs = plan.runs();
    let missing: Vec<&Planned> = runs.iter().copied().filter(|run| !run.is_complete()).collect();
    let partial = !missing.is_empty();
    if partial {
        bars.say(&words(&missing, runs.len()));
    }
    if partial && missing.len() == runs.len() {
        return Ok(());
    }
    let mut report = collect(plan, &missing, arguments)?;
    if partial && !(plan.tests.claims.is_empty() && plan.tests.maps.is_empty()) {
        report.protocol.insert(0, "Claims are tested when all runs are complete.".into());
    }
    if partial {
        report.protocol.insert(0, words(&missing, runs.len()));
    } else {
        (report.claims, report.maps) = measure::measure(plan, arguments, bars)?;
    }
    let folder = plan.folder(arguments, partial);
    std::fs::create_dir_all(&folder)?;
    report::write(&report, &folder)?;
    match arguments.format {
        Format::Text => outln!("{}", report::text(&report)),
        Format::Json => outln!("{}", report::json(&report)),
    }
    bars.say(&format!("written to {}", folder.display()));
    Ok(())
}

/// Which of `all` runs are missing, row by row.
fn words(missing: &[&Planned], all: usize) -> String {
    let mut rows: Vec<(&str, Vec<String>)> = Vec::new();
    for run in missing {
        let seed = run.recipe.seed.to_string();
        match rows.iter_mut().find(|(name, _)| *name == run.name) {
            Some((_, seeds)) => seeds.push(seed),
            None => rows.push((&run.name, vec![seed])),
        }
    }
    let row = |(name, seeds): &(&str, Vec<String>)| {
        let seed = if seeds.len() == 1 { "seed" } else { "seeds" };
        format!("{name}, {seed} {}", seeds.join(", "))
    };
    let rows: Vec<String> = rows.iter().map(row).collect();
    format!("Partial: {} of {all} runs not complete: {}.", missing.len(), rows.join("; "))
}

/// The report of the table's rows, of all runs but the missing ones.
fn collect(
    plan: &Plan,
    missing: &[&Planned],
    arguments: &ReproduceArguments,
) -> Result<TableReport> {
    let table = &plan.table;
    let is_there = |run: &Planned| !missing.iter().any(|missing| missing.path == run.path);
    let mut processors = BTreeSet::new();
    let mut instructions = BTreeSet::new();
    for run in plan.runs().into_iter().filter(|run| is_there(run)) {
        let directory = RunDirectory::open(&run.path)?;
        processors.extend(directory.manifest().processor.clone());
        instructions.extend(directory.manifest().instructions.clone());
    }
    let mut rows = Vec::with_capacity(table.rows.len());
    for (row, plans) in table.rows.iter().zip(&plan.rows) {
        let mut runs = Vec::with_capacity(plans.len());
        for plan in plans.iter().filter(|plan| is_there(plan)) {
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
        fact("threads", threads(table, arguments).to_string()),
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use candlewick::experiment::{Scale, Table};

    use super::*;

    #[test]
    fn what_is_missing_is_said_row_by_row() -> Result<()> {
        let table = Table::open("table-1", Scale::Demo)?;
        let planned = |row: &str, seed| {
            let mut recipe = table.rows[0].recipe.clone();
            recipe.seed = seed;
            let name = format!("table-1, row {row}");
            Planned::new(Path::new("runs"), "table-1/demo", row, name, None, recipe)
        };
        let runs = [planned("sdt", 1)?, planned("tet", 1)?, planned("sdt", 2)?];
        assert_eq!(
            words(&runs.each_ref(), 4),
            "Partial: 3 of 4 runs not complete: table-1, row sdt, seeds 1, 2; table-1, row tet, seed 1."
        );
        Ok(())
    }
}
