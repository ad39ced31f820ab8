//! Event files read back by their wire format.

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
            ..EvaluationMetrics::default()
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
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/events.out.tfevents.1.golden");
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
