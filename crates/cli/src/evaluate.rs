//! `candlewick evaluate RUN`.

use std::process::ExitCode;

use anyhow::Result;
use candlewick::experiment::{Experiment, Recipe};
use candlewick::run::RunDirectory;
use candlewick::train::Checkpoint;
use candlewick::train::trainer::{BEST, LAST};
use serde_json::json;

use crate::arguments::{CheckpointChoice, EvaluateArguments, Format};
use crate::machine;

pub(crate) fn run(arguments: &EvaluateArguments) -> Result<ExitCode> {
    let directory = RunDirectory::open(&arguments.run)?;
    let recipe = Recipe::of_run(&directory)?;
    let time_steps = if arguments.time_steps.is_empty() {
        vec![recipe.train.time_steps()]
    } else {
        arguments.time_steps.iter().map(|&steps| steps as usize).collect()
    };
    let machine = machine::named(&arguments.device, arguments.data_dir.clone(), None)?;
    let checkpoint = match arguments.checkpoint {
        CheckpointChoice::Last => LAST,
        CheckpointChoice::Best => BEST,
    };
    let checkpoint = Checkpoint::open_in(&directory, checkpoint)?;
    let threads = machine::threads(arguments.threads);
    machine::limit(threads)?;
    let pool = machine::pool(threads)?;
    let evaluations = pool.install(|| -> Result<_> {
        Ok(Experiment::prepare(recipe, &arguments.run.display().to_string(), &machine)?
            .evaluate(&checkpoint, &time_steps)?)
    })?;
    match arguments.format {
        Format::Text => {
            outln!("{:>4}  {:>9}  {:>8}  {:>8}", "T", "accuracy", "loss", "rate");
            for evaluation in &evaluations {
                let rates: Vec<f32> =
                    evaluation.layers.iter().map(|layer| layer.firing_rate).collect();
                let rate = rates.iter().sum::<f32>() / rates.len().max(1) as f32;
                outln!(
                    "{:>4}  {:>7.2} %  {:>8.4}  {:>6.2} %",
                    evaluation.time_steps,
                    100.0 * evaluation.metrics.accuracy,
                    evaluation.metrics.loss,
                    100.0 * rate,
                );
            }
        }
        Format::Json => {
            let all: Vec<_> = evaluations
                .iter()
                .map(|evaluation| {
                    json!({
                        "time_steps": evaluation.time_steps,
                        "samples": evaluation.samples,
                        "accuracy": evaluation.metrics.accuracy,
                        "accuracy_per_step": evaluation.metrics.accuracy_per_step,
                        "loss": evaluation.metrics.loss,
                        "layers": evaluation.layers.iter().map(|layer| json!({
                            "name": layer.name,
                            "firing_rate": layer.firing_rate,
                            "dead": layer.dead,
                            "saturated": layer.saturated,
                        })).collect::<Vec<_>>(),
                    })
                })
                .collect();
            outln!("{}", json!({ "run": arguments.run.display().to_string(), "evaluations": all }));
        }
    }
    Ok(ExitCode::SUCCESS)
}
