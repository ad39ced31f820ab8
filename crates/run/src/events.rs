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
        let Some(EvaluationMetrics { loss, accuracy, accuracy_per_step, synaptic_operations }) =
            evaluation
        else {
            continue;
        };
        add(format!("loss/{split}"), *loss);
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
mod tests {
    use std::collections::BTreeMap;

    use super::wire::{Field, fields};
    use super::*;
    use crate::metrics::{GradientNorm, LayerMetrics, MethodValues, TrainMetrics};

    fn metrics(epoch: u32) -> EpochMetrics {
        let size = f64::from(epoch);
        EpochMetrics {
            epoch,
            time_steps: 4,
            learning_rate: 0.1 / size,
            train: TrainMetrics { loss: 2.0 / size, accuracy: 0.25 * size },
            validation: None,
            test: Some(EvaluationMetrics {
                loss: 2.5 / size,
                accuracy: 0.2 * size,
                accuracy_per_step: vec![0.125, 0.25],
                synaptic_operations: None,
            }),
            layers: vec![LayerMetrics {
                name: "convolution1".into(),
                firing_rate: 0.125,
                dead: Some(0.5),
                active_gradient: None,
                saturated: Some(0.0),
            }],
            gradient_norms: vec![GradientNorm { name: "classifier.weight".into(), norm: 1.5 }],
            methods: vec![MethodValues { name: "two.weights".into(), values: vec![0.25, 0.75] }],
        }
    }

    fn timing(epoch: u32) -> Timing {
        Timing {
            epoch,
            train_seconds: 1.5,
            evaluation_seconds: None,
            images_per_second: 640.0,
            resident_bytes: Some(1 << 20),
        }
    }

    /// The values 0, 1, … 99 in the order of a stride.
    fn histogram() -> Histogram {
        let values: Vec<f32> = (0..100).map(|index| (index * 37 % 100) as f32).collect();
        Histogram::of(&values).unwrap()
    }

    fn write(path: &Path, epochs: std::ops::RangeInclusive<u32>) {
        for epoch in epochs {
            append_metrics(path, 2.5, &metrics(epoch)).unwrap();
            append_timing(path, 2.5, &timing(epoch)).unwrap();
            let histograms = [("weights/classifier.weight".to_owned(), histogram())];
            append_histograms(path, 2.5, epoch, &histograms).unwrap();
        }
    }

    fn bytes(field: &Field<'_>) -> Vec<u8> {
        let Field::Bytes(bytes) = field else { panic!("{field:?}") };
        bytes.to_vec()
    }

    /// Step and value of every scalar, by tag; and the number of histograms.
    fn read(file: &[u8]) -> (BTreeMap<String, Vec<(i64, f32)>>, usize) {
        let (mut scalars, mut histograms) = (BTreeMap::<_, Vec<_>>::new(), 0);
        let mut end = 0;
        for record in records(file) {
            end = record.end;
            let event = fields(record.data).unwrap();
            let Some((_, summary)) = event.iter().find(|(number, _)| *number == 5) else {
                assert_eq!(bytes(&event[1].1), b"brain.Event:2");
                continue;
            };
            for (number, value) in fields(&bytes(summary)).unwrap() {
                assert_eq!(number, 1);
                let value = bytes(&value);
                let value = fields(&value).unwrap();
                let tag = String::from_utf8(bytes(&value[0].1)).unwrap();
                match &value[1] {
                    (2, Field::Fixed32(value)) => {
                        scalars
                            .entry(tag)
                            .or_default()
                            .push((record.step(), f32::from_le_bytes(*value)));
                    }
                    (5, Field::Bytes(histogram)) => {
                        assert_eq!(fields(histogram).unwrap().len(), 7);
                        histograms += 1;
                    }
                    other => panic!("{tag}: {other:?}"),
                }
            }
        }
        assert_eq!(end, file.len(), "a record is damaged");
        (scalars, histograms)
    }

    /// `CANDLEWICK_GOLDEN=write` writes the file anew, for `golden/read_events.py` to read.
    #[test]
    fn the_file_is_the_one_that_tensorboard_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events");
        create(&path, 1.25).unwrap();
        write(&path, 1..=3);
        let file = fs::read(&path).unwrap();
        let golden =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/events.out.tfevents.1.golden");
        if std::env::var_os("CANDLEWICK_GOLDEN").is_some_and(|value| value == "write") {
            fs::write(&golden, &file).unwrap();
        }
        assert!(file == fs::read(&golden).unwrap(), "the file has changed");
        let (scalars, histograms) = read(&file);
        assert_eq!(histograms, 3);
        assert_eq!(scalars["loss/train"], [(1, 2.0), (2, 1.0), (3, 2.0 / 3.0)]);
        assert_eq!(scalars["accuracy_per_step_test/2"], [(1, 0.25), (2, 0.25), (3, 0.25)]);
        assert_eq!(scalars["firing_rate/convolution1"][0], (1, 0.125));
        assert_eq!(scalars["gradient_norm/classifier.weight"][2], (3, 1.5));
        assert_eq!(scalars["two.weights/2"][1], (2, 0.75));
        assert_eq!(scalars["time/images_per_second"][1], (2, 640.0));
        // Twelve of the metrics, with two classes of weights; three of the timing.
        assert_eq!(scalars.len(), 14 + 3);
    }

    #[test]
    fn a_file_is_cut_back_at_an_epoch_and_at_damage() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events");
        create(&path, 1.25).unwrap();
        write(&path, 1..=1);
        let one = fs::read(&path).unwrap();
        write(&path, 2..=3);
        let whole = fs::read(&path).unwrap();
        assert_eq!(rewind(&path, 3).unwrap(), 3);
        assert!(fs::read(&path).unwrap() == whole);
        assert_eq!(rewind(&path, 1).unwrap(), 1);
        assert!(fs::read(&path).unwrap() == one);
        write(&path, 2..=3);
        assert!(fs::read(&path).unwrap() == whole, "a resumed file is that of one go");
        // Wherever it is truncated or damaged, whole events of whole records remain.
        let mut visited = 0;
        for place in (0..whole.len()).step_by(97) {
            fs::write(&path, &whole[..place]).unwrap();
            let last = rewind(&path, 3).unwrap();
            let cut = fs::read(&path).unwrap();
            assert!(cut.len() <= place.max(50) && last <= 3);
            read(&cut);
            let mut damaged = whole.clone();
            damaged[place] ^= 4;
            fs::write(&path, &damaged).unwrap();
            rewind(&path, 3).unwrap();
            let cut = fs::read(&path).unwrap();
            assert!(cut.len() <= place.max(50), "{place}");
            read(&cut);
            visited += 1;
        }
        assert!(visited > 20, "{visited}");
    }

    #[test]
    fn histograms_count_every_value() {
        let histogram = histogram();
        assert_eq!((histogram.min, histogram.max), (0.0, 99.0));
        assert_eq!((histogram.sum, histogram.sum_of_squares), (4950.0, 328_350.0));
        assert_eq!(histogram.counts.len(), BUCKETS);
        assert_eq!(histogram.counts.iter().sum::<u64>(), 100);
        // 0 to 3.3 holds 0, 1, 2 and 3; 95.7 to 99 holds 96 to 99.
        assert_eq!((histogram.counts[0], histogram.counts[29]), (4, 4));
        let same = Histogram::of(&[0.5; 7]).unwrap();
        assert_eq!(same.counts, [7]);
        assert_eq!(Histogram::of(&[]), None);
        assert_eq!(Histogram::of(&[1.0, f32::NAN]), None);
    }
}
