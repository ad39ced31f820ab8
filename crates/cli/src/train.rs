//! `candlewick train RECIPE`.

use std::process::ExitCode;
use std::sync::atomic::Ordering;

use anyhow::Result;
use candlewick::experiment::{RawRecipe, read_toml};
use candlewick::run::RunDirectory;
use candlewick::run::statistics::Spread;

use crate::arguments::TrainArguments;
use crate::bars::Bars;
use crate::estimate::Sharing;
use crate::runs::{self, Planned};
use crate::stop::{self, STOP};
use crate::{machine, ranks};

pub(crate) fn run(arguments: &TrainArguments) -> Result<ExitCode> {
    let path = &arguments.recipe;
    let name = path.display().to_string();
    let text = read_toml(path)?;
    let recipe = RawRecipe::parse(&text, &name)?.resolve(&name)?;
    let row = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or("recipe").to_owned();
    let wanted = &arguments.machine;
    let machine = machine::wanted(wanted)?;
    let seeds = match arguments.seeds {
        Some(seeds) => (1..=seeds).collect(),
        None => vec![arguments.seed.unwrap_or(recipe.seed)],
    };
    let planned = |seed| {
        let mut recipe = recipe.clone();
        recipe.seed = seed;
        let (name, text) = (name.clone(), Some(text.clone()));
        Planned::new(&wanted.runs_dir, "train", &row, name, text, recipe)
    };
    let all: Vec<Planned> = seeds.into_iter().map(planned).collect::<Result<_>>()?;
    let all: Vec<&Planned> = all.iter().collect();
    let bars = Bars::new();
    stop::listen()?;
    for run in &all {
        run.mend(&bars)?;
        if run.is_complete() {
            bars.say(&format!("{} is already complete", run.path.display()));
        }
    }
    let threads = machine::threads(wanted.threads);
    let several = machine.communicator.ranks() > 1;
    let jobs = if several { 1 } else { arguments.jobs.clamp(1, all.len()).min(threads) };
    machine::limit(threads)?;
    runs::train_all(&all, &machine, Sharing { jobs, threads: threads / jobs }, wanted, &bars)?;
    if STOP.load(Ordering::Relaxed) {
        bars.say("stopped; the same command resumes from here");
        return Ok(ExitCode::from(stop::code()));
    }
    if !ranks::is_first() {
        return Ok(ExitCode::SUCCESS);
    }
    let mut accuracies = Vec::new();
    for run in &all {
        if let Some(summary) = RunDirectory::open(&run.path)?.summary()? {
            outln!(
                "test accuracy {:.2} % after {} epochs ({:.0} s, {:.0} images/s); best epoch {:.2} %",
                100.0 * summary.accuracy.final_epoch,
                summary.epochs,
                summary.seconds,
                summary.images_per_second,
                100.0 * summary.accuracy.best_on_test,
            );
            accuracies.push(summary.accuracy.final_epoch);
        }
        outln!("{}", run.path.display());
    }
    if let Some(Spread { mean, std: Some(std), runs }) = Spread::of(&accuracies) {
        outln!(
            "mean test accuracy {:.2} ± {:.2} % over {runs} seeds (standard deviation)",
            100.0 * mean,
            100.0 * std,
        );
    }
    Ok(ExitCode::SUCCESS)
}
