//! `candlewick bench`: how fast this machine is.

use std::process::ExitCode;

use anyhow::{Result, ensure};
use candlewick::experiment::step::{self, LayerTimes, StepBench, StepReport};

use crate::arguments::{Format, Phase, StepArguments};
use crate::place;

/// Times a step and prints what was found.
pub(crate) fn step(arguments: &StepArguments) -> Result<ExitCode> {
    let threads = place::threads(arguments.threads);
    place::limit(threads)?;
    let bench = StepBench {
        net: arguments.net.clone(),
        batch: arguments.batch.map(|batch| batch as usize),
        time_steps: arguments.time_steps.map(|steps| steps as usize),
        steps: arguments.steps as usize,
        infer: arguments.phase != Phase::Train,
        train: arguments.phase != Phase::Infer,
        weights: arguments.weights.clone(),
        data: arguments.data.clone(),
    };
    if let Some(density) = arguments.density {
        ensure!(
            (0.0..=1.0).contains(&density),
            "--density: expected a share from 0 to 1, got {density}"
        );
        let layers = step::measure_layers(&bench, density)?;
        match arguments.format {
            Format::Json => println!("{}", serde_json::to_string(&layers)?),
            Format::Text => print_layers(&layers),
        }
        return Ok(ExitCode::SUCCESS);
    }
    let report = step::measure(&bench)?;
    match arguments.format {
        Format::Json => println!("{}", serde_json::to_string(&report)?),
        Format::Text => print_report(&report),
    }
    Ok(ExitCode::SUCCESS)
}

fn print_report(report: &StepReport) {
    let StepReport { net, batch, time_steps, threads, parameters, .. } = report;
    println!("{net}: {parameters} parameters, batch {batch}, T = {time_steps}, {threads} threads");
    for (name, median, least) in [
        ("training step", report.train_s, report.train_min_s),
        ("inference", report.infer_s, report.infer_min_s),
    ] {
        if let (Some(median), Some(least)) = (median, least) {
            println!("{name:<14} {:>9.1} ms (at least {:.1} ms)", 1e3 * median, 1e3 * least);
        }
    }
    println!("throughput     {:>9.1} images/s", report.images_per_s);
    if let (Some(base), Some(peak)) = (report.rss_base_mib, report.rss_peak_mib) {
        println!("memory         {:>9.1} MiB at the peak, {base:.1} MiB before", peak);
    }
    let width = report.layers.iter().map(|layer| layer.name.len()).max().unwrap_or(0).max(5);
    println!("\n{:<width$}  density  firing rate  kernels (forward/weight/input)", "layer");
    for layer in &report.layers {
        let rate =
            layer.firing_rate.map_or("–".to_owned(), |rate| format!("{:.1} %", 100.0 * rate));
        println!(
            "{:<width$}  {:>5.1} %  {rate:>11}  {}",
            layer.name,
            100.0 * layer.density,
            layer.path
        );
    }
}

fn print_layers(layers: &[LayerTimes]) {
    let width = layers.iter().map(|layer| layer.name.len()).max().unwrap_or(0).max(5);
    println!("{:<width$}  density   forward (dense)   weight gradient (dense)  kernels", "layer");
    for layer in layers {
        println!(
            "{:<width$}  {:>5.1} %  {:>6.1} ({:>5.1}) ms  {:>14.1} ({:>5.1}) ms  {}",
            layer.name,
            100.0 * layer.density,
            1e3 * layer.forward_s,
            1e3 * layer.dense_forward_s,
            1e3 * layer.weight_gradient_s,
            1e3 * layer.dense_weight_gradient_s,
            layer.path
        );
    }
}
