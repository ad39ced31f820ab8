//! `candlewick train RECIPE`.

use std::process::ExitCode;

use anyhow::Result;
use candlewick::experiment::{RawRecipe, read_toml};
use candlewick::run::RunDirectory;

use crate::arguments::TrainArguments;
use crate::bars::Bars;
use crate::runs::Planned;
use crate::{machine, stop};

pub(crate) fn run(arguments: &TrainArguments) -> Result<ExitCode> {
    let path = &arguments.recipe;
    let name = path.display().to_string();
    let text = read_toml(path)?;
    let mut recipe = RawRecipe::parse(&text, &name)?.resolve(&name)?;
    if let Some(seed) = arguments.seed {
        recipe.seed = seed;
    }
    let row = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or("recipe").to_owned();
    let wanted = &arguments.machine;
    let machine =
        machine::named(&wanted.device, wanted.data_dir.clone(), wanted.cache_dir.clone())?;
    let threads = machine::threads(arguments.machine.threads);
    let planned =
        Planned::new(&arguments.machine.runs_dir, "train", &row, name, Some(text), recipe)?;
    let bars = Bars::new();
    stop::listen()?;
    planned.mend(&bars)?;
    if planned.is_complete() {
        bars.say(&format!("{} is complete already", planned.path.display()));
    } else {
        machine::limit(threads)?;
        let pool = machine::pool(threads)?;
        if !pool.install(|| planned.train(&machine, wanted, threads, &bars))? {
            bars.say("stopped; the same command resumes from here");
            return Ok(ExitCode::from(stop::code()));
        }
    }
    if let Some(summary) = RunDirectory::open(&planned.path)?.summary()? {
        outln!(
            "test accuracy {:.2} % after {} epochs ({:.0} s, {:.0} images/s); best epoch {:.2} %",
            100.0 * summary.accuracy.final_epoch,
            summary.epochs,
            summary.seconds,
            summary.images_per_second,
            100.0 * summary.accuracy.best_on_test,
        );
    }
    outln!("{}", planned.path.display());
    Ok(ExitCode::SUCCESS)
}
