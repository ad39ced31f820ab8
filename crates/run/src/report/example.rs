//! A small made-up report for the tests of the renderers, and the golden files that it is compared with.

pub(crate) mod claims;

use std::fs;
use std::path::Path;

use crate::flatness::{Flatness, FlatnessPoint};
use crate::metrics::{EpochMetrics, EvaluationMetrics, GradientNorm, LayerMetrics, TrainMetrics};
use crate::snapshot::{LayerSnapshot, Snapshot};
use crate::summary::{Accuracies, Selection, Summary};
use crate::table::{Fact, Published, RowReport, RunRecord, Source, TableReport};

/// Three rows: a baseline, a row with all there can be, and one with a single run and markup in its label.
pub(crate) fn report() -> TableReport {
    TableReport {
        id: "table-0".to_owned(),
        title: "A small example".to_owned(),
        scale: "demo".to_owned(),
        dataset: "Digits 8×8".to_owned(),
        network: Some("16C3-AP2-FC10".to_owned()),
        selection: Selection::Final,
        baseline: Some("sdt".to_owned()),
        protocol: vec!["Seeds 0, 1 and 2; official split.".to_owned()],
        deviations: vec!["A small network instead of ResNet-19, to end within minutes.".to_owned()],
        options: vec!["--seeds 3".to_owned()],
        environment: vec![
            Fact { name: "candlewick".to_owned(), value: "0.1.0".to_owned() },
            Fact { name: "threads".to_owned(), value: "2".to_owned() },
        ],
        claims: Vec::new(),
        maps: Vec::new(),
        rows: vec![
            row("sdt", "SDT", &[0.80, 0.81, 0.82]),
            RowReport {
                note: Some("cross-entropy at each time step".to_owned()),
                published: Some(Published {
                    value: 0.7447,
                    std: Some(0.0015),
                    source: Source::ThirdParty,
                    dataset: "CIFAR-100".to_owned(),
                    network: Some("ResNet-19".to_owned()),
                }),
                ..row("tet", "TET", &[0.81, 0.83, 0.85])
            },
            RowReport {
                provenance: Some("inferred from the abstract".to_owned()),
                ..row("pda", "PDA <alternate>", &[0.80])
            },
        ],
    }
}

/// Compares with a file of `golden/`, or writes that file if `UPDATE_GOLDEN` is set in the environment.
pub(crate) fn assert_golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/report/golden").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, text).unwrap();
    }
    assert_eq!(text, fs::read_to_string(&path).unwrap(), "{name}");
}

/// A row whose runs, of seeds 0, 1, …, end at `accuracies`.
pub(crate) fn row(id: &str, label: &str, accuracies: &[f64]) -> RowReport {
    let runs =
        accuracies.iter().enumerate().map(|(seed, &accuracy)| run(id, seed as u64, accuracy));
    RowReport {
        id: id.to_owned(),
        label: label.to_owned(),
        note: None,
        provenance: None,
        baseline: None,
        runs: runs.collect(),
        published: None,
        unpublished: None,
    }
}

fn run(id: &str, seed: u64, accuracy: f64) -> RunRecord {
    let layers = vec![layer("conv1", 0.2), layer("conv2", 0.1)];
    let epochs = (1..=4).map(|epoch| epoch_metrics(epoch, accuracy, &layers)).collect();
    RunRecord {
        directory: format!("runs/table-0/{id}/s{seed}-0123abcd"),
        summary: Summary {
            schema: 1,
            dataset: "Digits 8×8".to_owned(),
            seed,
            recipe_hash: "0123abcd".repeat(8),
            epochs: 4,
            time_steps: 4,
            parameters: 12_345,
            accuracy: Accuracies {
                final_epoch: accuracy,
                best_on_test: accuracy + 0.005,
                best_on_validation: None,
            },
            loss: 0.5,
            firing_rate: Some(0.15),
            accuracy_per_step: vec![0.6, 0.7, 0.75, accuracy as f32],
            synaptic_operations: None,
            layers,
            seconds: 12.0,
            images_per_second: 1_500.0,
        },
        epochs,
        snapshot: (seed == 0).then(snapshot),
        flatness: (seed == 0).then(flatness),
    }
}

fn snapshot() -> Snapshot {
    let layer = |name: &str, exact_support| LayerSnapshot {
        name: name.to_owned(),
        low: -2.0,
        high: 2.0,
        counts: vec![4, 9, 6, 1],
        support: (-1.0, 1.0),
        exact_support,
        neurons: 3,
        spikes: vec![(0, 1), (2, 2), (3, 1)],
    };
    let layers = vec![layer("conv1", true), layer("conv2", false)];
    Snapshot { schema: 1, samples: 32, time_steps: 4, layers }
}

fn flatness() -> Flatness {
    let point = |(distance, loss, accuracy): (f64, [f64; 2], [f64; 2])| FlatnessPoint {
        distance,
        loss: loss.to_vec(),
        accuracy: accuracy.to_vec(),
    };
    let points = [
        (-1.0, [2.0, 1.5], [0.2, 0.4]),
        (0.0, [0.5, 0.5], [0.9, 0.9]),
        (1.0, [1.0, 1.5], [0.5, 0.3]),
    ];
    Flatness { schema: 1, samples: 512, directions: 2, points: points.map(point).to_vec() }
}

fn layer(name: &str, firing_rate: f32) -> LayerMetrics {
    LayerMetrics {
        name: name.to_owned(),
        firing_rate,
        dead: Some(0.05),
        active_gradient: Some(0.4),
        saturated: Some(0.0),
    }
}

fn epoch_metrics(epoch: u32, accuracy: f64, layers: &[LayerMetrics]) -> EpochMetrics {
    let progress = f64::from(epoch) / 4.0;
    EpochMetrics {
        epoch,
        time_steps: 4,
        learning_rate: 0.1 * (1.0 - progress),
        train: TrainMetrics { loss: 2.0 - 1.5 * progress, accuracy: accuracy * progress },
        validation: None,
        test: Some(EvaluationMetrics {
            loss: 2.1 - 1.4 * progress,
            cross_entropy: Some(2.2 - 1.4 * progress),
            accuracy: accuracy * progress,
            confusion: if epoch == 4 { vec![vec![8, 2], vec![1, 9]] } else { Vec::new() },
            accuracy_per_step: Vec::new(),
            synaptic_operations: None,
        }),
        layers: layers.to_vec(),
        gradient_norms: vec![
            GradientNorm { name: "conv1.weight".to_owned(), norm: 0.03 },
            GradientNorm { name: "fc.weight".to_owned(), norm: 0.3 },
        ],
        methods: Vec::new(),
    }
}
