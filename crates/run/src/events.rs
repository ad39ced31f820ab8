//! Event files of TensorBoard: what an epoch measured, as scalars and histograms.
//!
//! A file is a sequence of `TFRecords`, each a length and a message of the protocol buffer `Event`, both with
//! a masked CRC-32C. The few fields that are needed are written by hand in `wire.rs`.
//! Unlike `metrics.jsonl`, the file holds the wall clock. Its step is the number of epochs done.

mod wire;

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::error::{Result, RunError};
use crate::metrics::{EpochMetrics, EvaluationMetrics};
use crate::timing::Timing;
use wire::{Message, frame, records};

/// Buckets of a histogram.
const BUCKETS: usize = 30;

/// How often values occur, in equal buckets from the least to the greatest.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    min: f64,
    max: f64,
    sum: f64,
    sum_of_squares: f64,
    /// Of the bucket that ends at `min + (index + 1) · width`.
    counts: Vec<u64>,
}

impl Histogram {
    /// The histogram of `values`; `None` if there are none or one is not finite.
    pub fn of(values: &[f32]) -> Option<Self> {
        let min = f64::from(values.iter().copied().reduce(f32::min)?);
        let max = f64::from(values.iter().copied().reduce(f32::max)?);
        let (mut sum, mut sum_of_squares) = (0.0, 0.0);
        for &value in values {
            sum += f64::from(value);
            sum_of_squares += f64::from(value).powi(2);
        }
        if !sum_of_squares.is_finite() {
            return None;
        }
        let mut counts = vec![0; if max > min { BUCKETS } else { 1 }];
        let scale = counts.len() as f64 / (max - min).max(f64::MIN_POSITIVE);
        for &value in values {
            let bucket = ((f64::from(value) - min) * scale) as usize;
            counts[bucket.min(BUCKETS - 1)] += 1;
        }
        Some(Self { min, max, sum, sum_of_squares, counts })
    }

    fn message(&self) -> Message {
        let width = (self.max - self.min) / self.counts.len() as f64;
        let limits: Vec<f64> = (1..self.counts.len())
            .map(|bucket| self.min + width * bucket as f64)
            .chain([self.max])
            .collect();
        let counts: Vec<f64> = self.counts.iter().map(|&count| count as f64).collect();
        let mut message = Message::default();
        message.double(1, self.min);
        message.double(2, self.max);
        message.double(3, counts.iter().sum());
        message.double(4, self.sum);
        message.double(5, self.sum_of_squares);
        message.doubles(6, &limits);
        message.doubles(7, &counts);
        message
    }
}

/// Seconds since 1970.
pub(crate) fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64())
}

/// Starts a file, in place of one that is there.
pub(crate) fn create(path: &Path, wall_time: f64) -> Result<()> {
    let mut event = Message::default();
    event.double(1, wall_time);
    event.bytes(3, b"brain.Event:2");
    fs::write(path, frame(&event.0)).map_err(|source| RunError::io("create", path, source))
}

/// Appends what an epoch measured.
pub(crate) fn append_metrics(path: &Path, wall_time: f64, metrics: &EpochMetrics) -> Result<()> {
    append(
        path,
        wall_time,
        metrics.epoch,
        scalars(metrics).iter().map(|(tag, value)| scalar(tag, *value)),
    )
}

/// Appends what an epoch cost.
pub(crate) fn append_timing(path: &Path, wall_time: f64, timing: &Timing) -> Result<()> {
    let mut values = vec![
        scalar("time/train_seconds", timing.train_seconds),
        scalar("time/images_per_second", timing.images_per_second),
    ];
    let evaluation =
        timing.evaluation_seconds.map(|value| scalar("time/evaluation_seconds", value));
    let memory = timing.resident_bytes.map(|value| scalar("resident_bytes", value as f64));
    values.extend(evaluation);
    values.extend(memory);
    append(path, wall_time, timing.epoch, values)
}

/// Appends histograms by tag.
pub(crate) fn append_histograms(
    path: &Path,
    wall_time: f64,
    epoch: u32,
    histograms: &[(String, Histogram)],
) -> Result<()> {
    let values = histograms.iter().map(|(tag, histogram)| {
        let mut value = Message::default();
        value.bytes(1, tag.as_bytes());
        value.bytes(5, &histogram.message().0);
        value
    });
    append(path, wall_time, epoch, values)
}

/// Cuts the file back to the events of epochs up to `epoch`, and what is damaged off; returns the last
/// epoch that remains.
pub(crate) fn rewind(path: &Path, epoch: u32) -> Result<u32> {
    let bytes = fs::read(path).map_err(|source| RunError::io("read", path, source))?;
    let kept = records(&bytes).take_while(|record| record.step() <= i64::from(epoch)).last();
    let (last, length) = kept.map_or((0, 0), |record| (record.step().max(0) as u32, record.end));
    OpenOptions::new()
        .write(true)
        .open(path)
        .and_then(|file| file.set_len(length as u64))
        .map_err(|source| RunError::io("cut back", path, source))?;
    if length == 0 {
        create(path, now())?;
    }
    Ok(last)
}

fn append(
    path: &Path,
    wall_time: f64,
    epoch: u32,
    values: impl IntoIterator<Item = Message>,
) -> Result<()> {
    let mut summary = Message::default();
    for value in values {
        summary.bytes(1, &value.0);
    }
    if summary.0.is_empty() {
        return Ok(());
    }
    let mut event = Message::default();
    event.double(1, wall_time);
    event.varint(2, u64::from(epoch));
    event.bytes(5, &summary.0);
    let write = || -> io::Result<()> {
        OpenOptions::new().append(true).open(path)?.write_all(&frame(&event.0))
    };
    write().map_err(|source| RunError::io("append to", path, source))
}

fn scalar(tag: &str, value: f64) -> Message {
    let mut message = Message::default();
    message.bytes(1, tag.as_bytes());
    message.float(2, value as f32);
    message
}

/// Tag and value of everything that an epoch measured.
fn scalars(metrics: &EpochMetrics) -> Vec<(String, f64)> {
    let mut all = Vec::new();
    let mut add = |tag: String, value: f64| all.push((tag, value));
    add("learning_rate".into(), metrics.learning_rate);
    add("time_steps".into(), metrics.time_steps as f64);
    add("loss/train".into(), metrics.train.loss);
    add("accuracy/train".into(), metrics.train.accuracy);
    for (split, evaluation) in [("validation", &metrics.validation), ("test", &metrics.test)] {
        // Confusions are no curve.
        let Some(EvaluationMetrics {
            loss,
            cross_entropy,
            accuracy,
            accuracy_per_step,
            synaptic_operations,
            confusion: _,
        }) = evaluation
        else {
            continue;
        };
        add(format!("loss/{split}"), *loss);
        if let Some(cross_entropy) = cross_entropy {
            add(format!("cross_entropy/{split}"), *cross_entropy);
        }
        add(format!("accuracy/{split}"), *accuracy);
        for (step, accuracy) in accuracy_per_step.iter().enumerate() {
            add(format!("accuracy_per_step_{split}/{}", step + 1), f64::from(*accuracy));
        }
        if let Some(operations) = synaptic_operations {
            add(format!("synaptic_operations_{split}/additions"), operations.additions);
            add(format!("synaptic_operations_{split}/multiply_adds"), operations.multiply_adds);
        }
    }
    for layer in &metrics.layers {
        let shares = [
            ("firing_rate", Some(layer.firing_rate)),
            ("dead", layer.dead),
            ("active_gradient", layer.active_gradient),
            ("saturated", layer.saturated),
        ];
        for (quantity, value) in shares {
            if let Some(value) = value {
                add(format!("{quantity}/{}", layer.name), f64::from(value));
            }
        }
    }
    for gradient in &metrics.gradient_norms {
        add(format!("gradient_norm/{}", gradient.name), f64::from(gradient.norm));
    }
    for method in &metrics.methods {
        for (index, value) in method.values.iter().enumerate() {
            add(format!("{}/{}", method.name, index + 1), f64::from(*value));
        }
    }
    all
}

#[cfg(test)]
mod tests;
