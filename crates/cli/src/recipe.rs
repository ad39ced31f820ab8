//! `candlewick recipe check|show|list`.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use candlewick::experiment::{
    Experiment, RawRecipe, Recipe, Scale, Table, read_toml, reference, schema, tables,
};

use crate::arguments::RecipeCommand;
use crate::machine;

pub(crate) fn run(command: &RecipeCommand) -> Result<ExitCode> {
    match command {
        RecipeCommand::Check { recipe, data_dir } => {
            let name = recipe.display().to_string();
            let machine = machine::named("cpu", data_dir.clone(), None)?;
            let experiment = Experiment::prepare(read(recipe)?, &name, &machine)?;
            experiment.check_memory()?;
            outln!(
                "{name} is valid: {} parameters, {} spiking layers, {} epochs",
                experiment.network().parameters().count(),
                experiment.network().spiking().len(),
                experiment.recipe().train.epochs(),
            );
        }
        RecipeCommand::Show { recipe, scale } => {
            let shown = match recipe.rsplit_once('/') {
                Some((table, row)) if !Path::new(recipe).exists() => {
                    let mut table = Table::open(table, scale.parse()?)?;
                    table.keep_rows(&[row.to_owned()])?;
                    table.rows.remove(0).recipe
                }
                _ => read(Path::new(recipe))?,
            };
            out!("{}", shown.to_toml()?);
        }
        RecipeCommand::Reference => out!("{}", reference()),
        RecipeCommand::Schema => outln!("{}", serde_json::to_string_pretty(&schema())?),
        RecipeCommand::List => {
            for table in tables()? {
                let scales: Vec<_> = table.scales.into_iter().map(Scale::name).collect();
                for row in Table::open(table.id, Scale::Demo)?.rows {
                    outln!("{:<48} {}", format!("{}/{}", table.id, row.id), scales.join(", "));
                }
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn read(path: &Path) -> Result<Recipe> {
    let name = path.display().to_string();
    Ok(RawRecipe::parse(&read_toml(path)?, &name)?.resolve(&name)?)
}
