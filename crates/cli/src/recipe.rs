//! `candlewick recipe check|show|list`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use candlewick::experiment::{
    Experiment, RawRecipe, Recipe, Scale, Table, read_toml, reference, schema, tables,
};

use crate::arguments::{ChosenRecipe, RecipeCommand};
use crate::machine;

pub(crate) fn run(command: &RecipeCommand) -> Result<ExitCode> {
    match command {
        RecipeCommand::Check { recipe: chosen, device, data_dir } => {
            check(chosen, device, data_dir.as_ref())?;
        }
        RecipeCommand::Show(chosen) => out!("{}", read(chosen)?.to_toml()?),
        RecipeCommand::Reference => out!("{}", reference()),
        RecipeCommand::Schema => outln!("{}", serde_json::to_string_pretty(&schema())?),
        RecipeCommand::List => {
            for table in tables()? {
                let scales: Vec<_> = table.scales.iter().copied().map(Scale::name).collect();
                let smallest = table.scales.first().copied().unwrap_or(Scale::Demo);
                for row in Table::open(table.id, smallest)?.rows {
                    outln!("{:<48} {}", format!("{}/{}", table.id, row.id), scales.join(", "));
                }
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Checks a recipe for a device, even if this machine lacks it, like the login node of a cluster.
fn check(chosen: &ChosenRecipe, device: &str, data_dir: Option<&PathBuf>) -> Result<()> {
    candlewick::core::device::check(device)?;
    let (name, recipe) = (&chosen.recipe, read(chosen)?);
    let (experiment, missing) = match machine::named(device, data_dir.cloned(), None) {
        Ok(machine) => {
            let experiment = Experiment::prepare(recipe, name, &machine)?;
            experiment.check_memory()?;
            (experiment, None)
        }
        Err(missing) => {
            let machine = machine::named("cpu", data_dir.cloned(), None)?;
            (Experiment::check_for_device(recipe, name, &machine)?, Some(missing))
        }
    };
    let on = if device == "cpu" { String::new() } else { format!(" on {device}") };
    outln!(
        "{name} is valid{on}: {} parameters, {} spiking layers, {} epochs",
        experiment.network().parameters().count(),
        experiment.network().spiking().len(),
        experiment.recipe().train.epochs(),
    );
    if let Some(missing) = missing {
        outln!("The device was not opened: {missing}");
    }
    Ok(())
}

fn read(chosen: &ChosenRecipe) -> Result<Recipe> {
    let path = Path::new(&chosen.recipe);
    let is_file = path.exists() || path.extension().is_some_and(|end| end == "toml");
    if let Some((table, row)) = chosen.recipe.rsplit_once('/')
        && !is_file
    {
        let mut table = Table::open(table, chosen.scale.parse()?)?;
        table.keep_rows(&[row.to_owned()])?;
        return Ok(table.rows.remove(0).recipe);
    }
    let name = path.display().to_string();
    Ok(RawRecipe::parse(&read_toml(path)?, &name)?.resolve(&name)?)
}
