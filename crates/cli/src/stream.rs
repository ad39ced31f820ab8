//! `candlewick run RUN --events FILE`: a trained network on a recording, window by window.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Result;
use candlewick::datasets::Events;
use candlewick::experiment::Trained;
use serde_json::json;

use crate::arguments::{CheckpointChoice, Format, RunArguments};
use crate::{events, exit, machine, output};

pub(crate) fn run(arguments: &RunArguments) -> Result<ExitCode> {
    let threads = machine::threads(arguments.threads);
    machine::limit(threads)?;
    machine::pool(threads)?.install(|| stream(arguments))
}

fn stream(arguments: &RunArguments) -> Result<ExitCode> {
    let trained = match arguments.checkpoint {
        CheckpointChoice::Best => {
            Trained::open_checkpoint(&arguments.run, candlewick::train::trainer::BEST)?
        }
        CheckpointChoice::Last => Trained::open(&arguments.run)?,
    };
    let mut recording = events::read(&arguments.recording())?;
    recording.sort_by_time();
    let (Some(&first), Some(&last)) = (recording.t.first(), recording.t.last()) else {
        anyhow::bail!("{}: no events", arguments.events.display());
    };
    let time_steps = trained.recipe().train.time_steps().max(1) as i64;
    let window = match arguments.window {
        Some(milliseconds) => {
            if !(milliseconds > 0.0 && milliseconds.is_finite()) {
                return Err(exit::usage(format!(
                    "--window: expected a number of milliseconds above 0, found {milliseconds}"
                )));
            }
            ((1e3 * milliseconds) as i64).max(1)
        }
        // As long as the slices of the training, if they are of equal time; the last event is inside.
        None => (last - first) / time_steps + 1,
    };
    let mut stream = trained.event_stream(recording.width, recording.height)?;
    let (start, mut latencies, mut from, mut number) = (Instant::now(), Vec::new(), 0, 0_i64);
    if arguments.format == Format::Text {
        outln!("{:>10}  {:>8}  {:>5}  {:>6}  {:>9}", "ms", "events", "class", "share", "latency");
    }
    while from < recording.len() {
        number += 1;
        let end = first.saturating_add(number.saturating_mul(window));
        let to = from + recording.t[from..].partition_point(|&time| time < end);
        if arguments.real_time {
            let due = Duration::from_micros((number * window) as u64);
            std::thread::sleep(due.saturating_sub(start.elapsed()));
        }
        let began = Instant::now();
        let scores = stream.step(part(&recording, from, to))?;
        let latency = began.elapsed();
        latencies.push(latency);
        let (class, share) = decided(&scores);
        let (milliseconds, events) = ((end - first) as f64 / 1e3, to - from);
        let latency_ms = 1e3 * latency.as_secs_f64();
        match arguments.format {
            Format::Text => outln!(
                "{milliseconds:>10.1}  {events:>8}  {class:>5}  {:>4.0} %  {latency_ms:>6.2} ms",
                100.0 * share
            ),
            Format::Json => outln!(
                "{}",
                json!({
                    "ms": milliseconds, "events": events, "class": class, "share": share,
                    "latency_ms": latency_ms, "scores": scores,
                })
            ),
        }
        from = to;
        if output::is_lost() {
            break;
        }
    }
    latencies.sort_unstable();
    if arguments.format == Format::Text {
        let (median, most) = (latencies[latencies.len() / 2], latencies[latencies.len() - 1]);
        outln!(
            "{} windows of {:.1} ms; latency {:.2} ms (median), {:.2} ms (largest)",
            latencies.len(),
            window as f64 / 1e3,
            1e3 * median.as_secs_f64(),
            1e3 * most.as_secs_f64()
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// The class of the largest score, the first of equal ones, and its share by the softmax.
fn decided(scores: &[f32]) -> (usize, f32) {
    let mut class = 0;
    for (index, score) in scores.iter().enumerate() {
        if *score > scores[class] {
            class = index;
        }
    }
    let sum: f32 = scores.iter().map(|score| (score - scores[class]).exp()).sum();
    (class, 1.0 / sum)
}

/// Events number `from` to before `to`.
fn part(events: &Events, from: usize, to: usize) -> Events {
    Events {
        width: events.width,
        height: events.height,
        x: events.x[from..to].to_vec(),
        y: events.y[from..to].to_vec(),
        t: events.t[from..to].to_vec(),
        p: events.p[from..to].to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::decided;

    /// e⁰ / (e⁰ + e⁻¹ + e⁰): the first of two equal scores.
    #[test]
    fn the_first_of_equal_scores_decides() {
        let (class, share) = decided(&[1.0, 0.0, 1.0]);
        assert_eq!(class, 0);
        assert!((share - 1.0 / (2.0 + (-1.0_f32).exp())).abs() < 1e-6);
    }
}
