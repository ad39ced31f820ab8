//! `candlewick compare RUN RUN`.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, bail};
use candlewick::experiment::{Recipe, settings};
use candlewick::run::{Comparison, RunDirectory, RunRecord, replace_file, report};

use crate::arguments::CompareArguments;

pub(crate) fn run(arguments: &CompareArguments) -> Result<ExitCode> {
    let (first, settings_of_first) = read(&arguments.first)?;
    let (second, settings_of_second) = read(&arguments.second)?;
    let comparison =
        Comparison { runs: [first, second], settings: [settings_of_first, settings_of_second] };
    out!("{}", report::comparison_text(&comparison));
    if let Some(path) = &arguments.html {
        replace_file(path, report::comparison_html(&comparison).as_bytes())?;
        outln!("\n{}", path.display());
    }
    Ok(ExitCode::SUCCESS)
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
