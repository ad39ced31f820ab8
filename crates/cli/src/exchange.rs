//! `candlewick import` and `candlewick export`.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, bail};
use candlewick::experiment::exchange::{self, NameMap, StateDict};
use candlewick::experiment::{Error, RawRecipe, Trained};
use candlewick::run::hash::sha256_hex;
use candlewick::run::{RunDirectory, Status, replace_file};
use candlewick::train::task::{BEST, LAST};

use crate::arguments::{CheckpointChoice, ExportArguments, ExportFormat, ImportArguments};
use crate::place;

pub(crate) fn import(arguments: &ImportArguments) -> Result<ExitCode> {
    let name = arguments.recipe.display().to_string();
    let text = read(&arguments.recipe)?;
    let map = match &arguments.map {
        Some(path) => NameMap::parse(&read(path)?, &path.display().to_string())?,
        None => NameMap::default(),
    };
    let recipe = RawRecipe::parse(&text, &name)?.resolve(&name)?;
    let trained = Trained::untrained(recipe, &name)?;
    let parameters = trained.network().parameters();
    let state = StateDict::read(&arguments.file, arguments.key.as_deref())?;
    let Some(out) = arguments.out.as_ref().filter(|_| !arguments.template) else {
        out!("{}", exchange::template(parameters, &state));
        return Ok(ExitCode::SUCCESS);
    };
    let imported = exchange::import(parameters, &state, &map)?;
    if out.exists() {
        bail!("{} exists already", out.display());
    }
    let resolved = trained.recipe().to_toml()?;
    let hash = sha256_hex(resolved.as_bytes());
    let manifest = place::manifest_without_data(trained.recipe().seed, hash);
    let mut run = RunDirectory::create(out, manifest, &text, &resolved)?;
    trained.save(&run.checkpoints().join(LAST))?;
    run.set_status(Status::Imported)?;
    outln!("{} tensors imported into {}", imported.pairs.len(), out.display());
    if !imported.left_out.is_empty() {
        outln!("left out: {}", imported.left_out.join(", "));
    }
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn export(arguments: &ExportArguments) -> Result<ExitCode> {
    let checkpoint = match arguments.checkpoint {
        CheckpointChoice::Last => LAST,
        CheckpointChoice::Best => BEST,
    };
    let trained = Trained::open_checkpoint(&arguments.run, checkpoint)?;
    let out = &arguments.out;
    match arguments.format {
        ExportFormat::Safetensors => trained.save(out)?,
        ExportFormat::Pytorch => {
            replace_file(out, &exchange::pytorch(trained.network().parameters(), out)?)?;
        }
    }
    outln!("{}", out.display());
    Ok(ExitCode::SUCCESS)
}

fn read(path: &Path) -> Result<String> {
    Ok(fs::read_to_string(path).map_err(|source| Error::Read { path: path.into(), source })?)
}
