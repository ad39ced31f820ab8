//! `candlewick import` and `candlewick export`.

use std::io::Read;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
#[cfg(not(feature = "hdf5"))]
use anyhow::bail;
use candlewick::datasets::{file, visible};
use candlewick::exchange::{self, NameMap, StateDict};
use candlewick::experiment::{Error, RawRecipe, Trained, read_toml};
use candlewick::run::{RunDirectory, Status, replace_file};
use candlewick::train::trainer::{BEST, LAST};

use crate::arguments::{CheckpointChoice, ExportArguments, ExportFormat, ImportArguments};
use crate::{exit, machine};

/// What the files of HDF5, and so those of NIR, begin with.
const HDF5: &[u8] = b"\x89HDF\r\n\x1a\n";

pub(crate) fn import(arguments: &ImportArguments) -> Result<ExitCode> {
    let name = arguments.recipe.display().to_string();
    let text = read_toml(&arguments.recipe)?;
    let recipe = RawRecipe::parse(&text, &name)?;
    let (trained, imported) = if is_hdf5(&arguments.file)? {
        if arguments.map.is_some() || arguments.key.is_some() || arguments.template {
            return Err(exit::usage("--map, --key and --template do not apply to a NIR graph"));
        }
        (of_graph(&arguments.file, recipe, &name)?, None)
    } else {
        let trained = Trained::untrained(recipe.resolve(&name)?, &name)?;
        let parameters = trained.network().parameters();
        let state = StateDict::read(&arguments.file, arguments.key.as_deref())?;
        if arguments.template {
            out!("{}", exchange::template(parameters, &state));
            return Ok(ExitCode::SUCCESS);
        }
        let map = match &arguments.map {
            Some(path) => NameMap::parse(&read_toml(path)?, &path.display().to_string())?,
            None => NameMap::default(),
        };
        let imported = exchange::import(parameters, &state, &map)?;
        (trained, Some(imported))
    };
    let Some(out) = &arguments.out else {
        return Err(exit::usage("--out is required: the run directory to create"));
    };
    if out.exists() {
        return Err(exit::usage(format!("--out: {} already exists", out.display())));
    }
    let resolved = trained.recipe().to_toml()?;
    let manifest = machine::manifest_without_data(trained.recipe().seed);
    let mut run = RunDirectory::create(out, manifest, &text, &resolved)?;
    trained.save_in(&run)?;
    run.set_status(Status::Imported)?;
    let tensors = trained.network().parameters().iter().count();
    outln!("{tensors} tensors imported into {}", out.display());
    if let Some(imported) = imported.filter(|imported| !imported.left_out.is_empty()) {
        outln!("skipped: {}", visible(imported.left_out.join(", ")));
    }
    Ok(ExitCode::SUCCESS)
}

fn is_hdf5(path: &Path) -> Result<bool> {
    let mut start = Vec::new();
    let file = file::open(path)?;
    file.take(HDF5.len() as u64)
        .read_to_end(&mut start)
        .map_err(|source| Error::Read { path: path.into(), source })?;
    Ok(start == HDF5)
}

#[cfg(feature = "hdf5")]
fn of_graph(path: &Path, recipe: RawRecipe, name: &str) -> Result<Trained> {
    let graph = exchange::nir::Graph::read(path)?;
    Ok(Trained::of_graph(&graph, path, recipe, name)?)
}

#[cfg(not(feature = "hdf5"))]
fn of_graph(path: &Path, _recipe: RawRecipe, _name: &str) -> Result<Trained> {
    bail!("{}: {WITHOUT}", path.display());
}

#[cfg(feature = "hdf5")]
fn write_graph(trained: &Trained, out: &Path) -> Result<()> {
    let neuron = &trained.recipe().neuron;
    Ok(exchange::nir::Graph::of(trained.network(), neuron, out)?.write(out)?)
}

#[cfg(not(feature = "hdf5"))]
fn write_graph(_trained: &Trained, out: &Path) -> Result<()> {
    bail!("{}: {WITHOUT}", out.display());
}

/// What a binary says that cannot do it.
#[cfg(not(feature = "hdf5"))]
const WITHOUT: &str = "NIR files need a candlewick built with the feature `hdf5`";

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
        ExportFormat::Nir => write_graph(&trained, out)?,
    }
    outln!("{}", out.display());
    Ok(ExitCode::SUCCESS)
}
