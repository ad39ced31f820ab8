//! `candlewick bench`: the speed of this machine.

use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::Result;
use candlewick::ranks::Shards;
use candlewick_bench::{
    self as bench, ExchangeTime, LayerTimes, LinearLifBench, LinearLifReport, StepBench, StepReport,
};

use crate::arguments::{ExchangeArguments, Format, LinearLifArguments, Phase, StepArguments};
use crate::{exit, machine, ranks};

/// Times a step and prints what was found.
pub(crate) fn step(arguments: &StepArguments) -> Result<ExitCode> {
    outln!("{}", measured(arguments)?.trim_end());
    Ok(ExitCode::SUCCESS)
}

/// Times a linear layer with LIF neurons and prints what was found.
pub(crate) fn linear_lif(arguments: &LinearLifArguments) -> Result<ExitCode> {
    machine::limit(machine::threads(arguments.threads))?;
    let report = bench::measure_linear_lif(&LinearLifBench {
        neurons: arguments.neurons as usize,
        batch: arguments.batch as usize,
        time_steps: arguments.time_steps as usize,
        steps: arguments.steps as usize,
    })?;
    match arguments.format {
        Format::Json => outln!("{}", serde_json::to_string(&report)?),
        Format::Text => outln!("{}", linear_lif_text(&report)?.trim_end()),
    }
    Ok(ExitCode::SUCCESS)
}

fn linear_lif_text(report: &LinearLifReport) -> Result<String, std::fmt::Error> {
    let LinearLifReport { neurons, batch, time_steps, threads, .. } = report;
    let mut text = String::new();
    writeln!(text, "{neurons} neurons, batch {batch}, T = {time_steps}, {threads} threads")?;
    writeln!(text, "forward     {:>9.1} ms", 1e3 * report.forward_s)?;
    writeln!(text, "backward    {:>9.1} ms", 1e3 * report.backward_s)?;
    writeln!(text, "firing rate {:>9.1} %", 100.0 * report.firing_rate)?;
    if let (Some(base), Some(peak)) = (report.rss_base_mib, report.rss_peak_mib) {
        writeln!(text, "memory      {peak:>9.1} MiB at the peak, {base:.1} MiB before")?;
    }
    Ok(text)
}

/// Times sums over all ranks and prints what was found.
pub(crate) fn exchange(arguments: &ExchangeArguments) -> Result<ExitCode> {
    machine::limit(machine::threads(None))?;
    let own = ranks::communicator();
    let shards = Shards::new(own.ranks(), own.clone())?;
    let times = bench::measure_exchange(&shards, arguments.repetitions as usize)?;
    match arguments.format {
        Format::Json => outln!("{}", serde_json::to_string(&times)?),
        Format::Text => outln!("{}", exchange_text(own.ranks(), &times)?.trim_end()),
    }
    Ok(ExitCode::SUCCESS)
}

fn exchange_text(ranks: usize, times: &[ExchangeTime]) -> Result<String, std::fmt::Error> {
    let mut text = format!("{ranks} ranks\n gradients, KiB   sum, ms   sent by each rank, GB/s\n");
    for ExchangeTime { bytes, travels, seconds } in times {
        let rate = *travels as f64 / seconds / 1e9;
        writeln!(text, "{:>15} {:>9.3} {rate:>25.2}", bytes / 1024, 1e3 * seconds)?;
    }
    Ok(text)
}

fn measured(arguments: &StepArguments) -> Result<String> {
    machine::limit(machine::threads(arguments.threads))?;
    let settings = StepBench {
        net: arguments.net.clone(),
        batch: arguments.batch.map(|batch| batch as usize),
        time_steps: arguments.time_steps.map(|steps| steps as usize),
        steps: arguments.steps as usize,
        infer: arguments.phase != Phase::Train,
        train: arguments.phase != Phase::Infer,
        recompute: arguments.recompute,
        weights: arguments.weights.clone(),
        data: arguments.data.clone(),
        shards: Shards::new(arguments.shards as usize, ranks::communicator())?,
    };
    if let Some(density) = arguments.density {
        if !(0.0..=1.0).contains(&density) {
            let expected = "--density: expected a share from 0 to 1";
            return Err(exit::usage(format!("{expected}, got {density}")));
        }
        let layers = bench::measure_layers(&settings, density)?;
        return match arguments.format {
            Format::Json => Ok(serde_json::to_string(&layers)?),
            Format::Text => Ok(layers_text(&layers)?),
        };
    }
    let report = bench::measure(&settings)?;
    match arguments.format {
        Format::Json => Ok(serde_json::to_string(&report)?),
        Format::Text => Ok(report_text(&report)?),
    }
}

fn report_text(report: &StepReport) -> Result<String, std::fmt::Error> {
    let StepReport { net, batch, time_steps, shards, ranks, threads, parameters, .. } = report;
    let mut text = String::new();
    writeln!(
        text,
        "{net}: {parameters} parameters, batch {batch}, T = {time_steps}, {threads} threads"
    )?;
    if *shards > 1 {
        writeln!(text, "{shards} shards on {ranks} ranks")?;
    }
    for (name, median, least) in [
        ("training step", report.train_s, report.train_min_s),
        ("inference", report.infer_s, report.infer_min_s),
    ] {
        if let (Some(median), Some(least)) = (median, least) {
            let (median, least) = (1e3 * median, 1e3 * least);
            writeln!(text, "{name:<14} {median:>9.1} ms (at least {least:.1} ms)")?;
        }
    }
    if let Some(seconds) = report.stream_s {
        writeln!(text, "stream         {:>9.2} ms per time step of one sample", 1e3 * seconds)?;
    }
    writeln!(text, "throughput     {:>9.1} images/s", report.images_per_s)?;
    if let (Some(base), Some(peak)) = (report.rss_base_mib, report.rss_peak_mib) {
        writeln!(text, "memory         {peak:>9.1} MiB at the peak, {base:.1} MiB before")?;
    }
    writeln!(text, "buffers        {:>9.1} MiB at the peak", report.buffers_peak_mib)?;
    let width = report.layers.iter().map(|layer| layer.name.len()).max().unwrap_or(0).max(5);
    writeln!(text, "\n{:<width$}  density  firing rate  kernels (forward/weight/input)", "layer")?;
    for layer in &report.layers {
        let rate =
            layer.firing_rate.map_or("–".to_owned(), |rate| format!("{:.1} %", 100.0 * rate));
        let (name, density, algorithms) = (&layer.name, 100.0 * layer.density, &layer.algorithms);
        writeln!(text, "{name:<width$}  {density:>5.1} %  {rate:>11}  {algorithms}")?;
    }
    Ok(text)
}

fn layers_text(layers: &[LayerTimes]) -> Result<String, std::fmt::Error> {
    let width = layers.iter().map(|layer| layer.name.len()).max().unwrap_or(0).max(5);
    let mut text = String::new();
    writeln!(
        text,
        "{:<width$}  density   forward (dense)   weight gradient (dense)   input gradient (dense)  kernels",
        "layer"
    )?;
    for layer in layers {
        writeln!(
            text,
            "{:<width$}  {:>5.1} %  {:>6.1} ({:>5.1}) ms  {:>14.1} ({:>5.1}) ms  {:>13.1} ({:>5.1}) ms  {}",
            layer.name,
            100.0 * layer.density,
            1e3 * layer.forward_s,
            1e3 * layer.dense_forward_s,
            1e3 * layer.weight_gradient_s,
            1e3 * layer.dense_weight_gradient_s,
            1e3 * layer.input_gradient_s,
            1e3 * layer.dense_input_gradient_s,
            layer.algorithms
        )?;
    }
    Ok(text)
}
