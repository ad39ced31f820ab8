//! `candlewick compare PATH…`: two runs side by side, or rows as a table.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use candlewick::experiment::{Recipe, settings};
use candlewick::run::{
    Comparison, RowReport, RunDirectory, RunRecord, RunState, TableReport, replace_file, report,
};

use crate::arguments::CompareArguments;

pub(crate) fn run(arguments: &CompareArguments) -> Result<ExitCode> {
    let CompareArguments { paths, html } = arguments;
    let is_run = |path: &PathBuf| RunDirectory::inspect(path) != RunState::Absent;
    let (text, page) = if let [first, second] = &paths[..]
        && is_run(first)
        && is_run(second)
    {
        let ([first, second], [of_first, of_second]) = two(first, second)?;
        let comparison = Comparison { runs: [first, second], settings: [of_first, of_second] };
        (report::comparison_text(&comparison), report::comparison_html(&comparison))
    } else {
        let report = table(paths)?;
        (report::text(&report), report::html(&report))
    };
    out!("{text}");
    if let Some(path) = html {
        replace_file(path, page.as_bytes())?;
        outln!("\n{}", path.display());
    }
    Ok(ExitCode::SUCCESS)
}

type Settings = Vec<(String, String)>;

fn two(first: &Path, second: &Path) -> Result<([RunRecord; 2], [Settings; 2])> {
    let (first, of_first) = read(first)?;
    let (second, of_second) = read(second)?;
    Ok(([first, second], [of_first, of_second]))
}

/// The rows in the folders as a table: runs, folders of the runs of a row, and folders of rows.
fn table(paths: &[PathBuf]) -> Result<TableReport> {
    let mut rows: Vec<RowReport> = Vec::new();
    for path in paths {
        let found = rows_in(path)?;
        if found.is_empty() {
            bail!("{}: there is no complete run in it", path.display());
        }
        rows.extend(found);
    }
    let mut datasets: Vec<&str> =
        rows.iter().flat_map(|row| &row.runs).map(|run| run.summary.dataset.as_str()).collect();
    datasets.dedup();
    if datasets.len() > 1 {
        bail!("rows on different data do not compare: {}", datasets.join(", "));
    }
    // Rows of the same name are told apart by their folders.
    let labels: Vec<String> = rows.iter().map(|row| row.label.clone()).collect();
    for row in &mut rows {
        if labels.iter().filter(|label| **label == row.label).count() > 1 {
            row.label.clone_from(&row.id);
        }
    }
    let title = match &rows[..] {
        [row] => row.label.clone(),
        _ => format!("{} rows compared", rows.len()),
    };
    Ok(TableReport::of_rows(title, rows))
}

/// The rows in a folder, by name: itself if it is a run or holds runs, else those in its folders.
fn rows_in(folder: &Path) -> Result<Vec<RowReport>> {
    if RunDirectory::inspect(folder) != RunState::Absent {
        return Ok(vec![row(folder, vec![read(folder)?.0])]);
    }
    let entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut folders: Vec<PathBuf> = entries
        .map(|entry| Ok(entry?.path()))
        .filter(|path| path.as_ref().map_or(true, |path: &PathBuf| path.is_dir()))
        .collect::<std::io::Result<_>>()?;
    folders.sort();
    let mut runs = Vec::new();
    let mut rows = Vec::new();
    for path in folders {
        match RunDirectory::inspect(&path) {
            RunState::Complete => runs.push(read(&path)?.0),
            RunState::Unfinished => {}
            RunState::Absent => rows.extend(rows_in(&path)?),
        }
    }
    if !runs.is_empty() {
        runs.sort_by_key(|run| run.summary.seed);
        let seeds: Vec<u64> = runs.iter().map(|run| run.summary.seed).collect();
        if let Some(twice) = seeds.windows(2).find(|pair| pair[0] == pair[1]) {
            let (folder, seed) = (folder.display(), twice[0]);
            bail!(
                "{folder}: several runs with seed {seed}, of different recipes or instructions: name those to compare"
            );
        }
        rows.insert(0, row(folder, runs));
    }
    Ok(rows)
}

fn row(folder: &Path, runs: Vec<RunRecord>) -> RowReport {
    let id = folder.display().to_string();
    let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or(&id);
    RowReport {
        label: name.to_owned(),
        id,
        note: None,
        provenance: None,
        baseline: None,
        runs,
        published: None,
        unpublished: None,
    }
}

/// A complete run, and everything that was set in it: the recipe, and what surrounded it.
fn read(path: &Path) -> Result<(RunRecord, Vec<(String, String)>)> {
    let directory = RunDirectory::open(path)?;
    let Some(record) = RunRecord::read(&directory)? else {
        bail!("{}: the run is not complete", path.display());
    };
    let recipe = Recipe::of_run(&directory)?;
    let mut all = settings(&recipe.to_toml()?, &path.display().to_string())?;
    let manifest = directory.manifest();
    let mut tell = |name: &str, value: String| all.push((format!("manifest: {name}"), value));
    for data in &manifest.data {
        let samples =
            format!("{} samples, {}", data.samples, &data.sha256[..8.min(data.sha256.len())]);
        tell(
            &format!("data {}", data.name),
            [vec![samples], data.choices.clone()].concat().join(", "),
        );
    }
    tell("version", manifest.version.clone());
    tell("commit", manifest.git_commit.clone().unwrap_or_else(|| "unknown".to_owned()));
    tell("features", manifest.features.join(", "));
    tell("target", manifest.target.clone());
    tell("device", manifest.device.clone());
    tell("threads", manifest.threads.to_string());
    let known = |value: &Option<String>| value.clone().unwrap_or_else(|| "unknown".to_owned());
    tell("processor", known(&manifest.processor));
    tell("instructions", known(&manifest.instructions));
    Ok((record, all))
}
