//! Which classes are told apart: confusion matrices and the accuracy of each class.

use crate::report::charts::{Section, bars};
use crate::svg::{ColorScale, HeatCell, HeatPanel, Heatmap};
use crate::table::{RowReport, RunRecord, TableReport};

/// A matrix of more classes than this is not readable.
const READABLE: usize = 20;

/// The confusions of the last epoch on the test data.
pub(crate) fn confusion(report: &TableReport) -> Section {
    let figures = report.rows.iter().filter_map(|row| {
        let counts = summed(row)?;
        let shares: Vec<Vec<f64>> = counts.iter().map(|line| shares(line)).collect();
        let names: Vec<String> = (0..counts.len()).map(|class| class.to_string()).collect();
        let cell = |class: usize, taken: usize| {
            let share = shares[class][taken];
            HeatCell {
                value: Some(share),
                text: if share < 0.005 { String::new() } else { format!("{:.0}", 100.0 * share) },
                tooltip: format!(
                    "class {class} taken for {taken}: {} of {}",
                    counts[class][taken],
                    counts[class].iter().sum::<u64>()
                ),
            }
        };
        let cells = (0..counts.len())
            .map(|class| (0..counts.len()).map(|taken| cell(class, taken)).collect())
            .collect();
        let heatmap = Heatmap {
            title: row.full_label(),
            down: "class".into(),
            across: "taken for class".into(),
            panels: vec![HeatPanel {
                label: String::new(),
                scale: ColorScale {
                    label: "share of the class, %".into(),
                    low: 0.0,
                    high: 1.0,
                    low_text: "0".into(),
                    high_text: "100".into(),
                    logarithmic: false,
                },
                rows: names.clone(),
                columns: names,
                cells,
            }],
            note: None,
        };
        Some(heatmap.draw())
    });
    Section {
        heading: "Confusion matrix",
        caption: "Test samples of each class by the class that the trained network took them for, all seeds together.".to_owned(),
        figures: figures.collect(),
    }
}

/// The share of each class that is classified rightly; of many classes, the hardest.
pub(crate) fn accuracy(report: &TableReport) -> Section {
    Section {
        heading: "Accuracy by class",
        caption: format!(
            "Share of the test samples of a class that are classified rightly after the last epoch: mean over the seeds, with the range from the lowest to the highest. Of more than {READABLE} classes, the {READABLE} that the first seed finds hardest."
        ),
        figures: bars(report, "test accuracy, %", of_classes),
    }
}

fn of_classes(run: &RunRecord) -> Vec<(String, f64)> {
    let mut all: Vec<(usize, f64)> = confusions(run)
        .iter()
        .enumerate()
        .map(|(class, line)| {
            let line: Vec<u64> = line.iter().copied().map(u64::from).collect();
            (class, 100.0 * shares(&line)[class])
        })
        .collect();
    if all.len() > READABLE {
        all.sort_by(|(_, left), (_, right)| left.total_cmp(right));
    }
    all.into_iter().map(|(class, share)| (format!("class {class}"), share)).collect()
}

/// The confusions of all runs of a row together, if all have some and they can be read.
fn summed(row: &RowReport) -> Option<Vec<Vec<u64>>> {
    let classes = confusions(row.runs.first()?).len();
    if classes == 0 || classes > READABLE {
        return None;
    }
    let mut sums = vec![vec![0; classes]; classes];
    for run in &row.runs {
        let confusions = confusions(run);
        if confusions.len() != classes {
            return None;
        }
        for (sums, line) in sums.iter_mut().zip(confusions) {
            for (sum, count) in sums.iter_mut().zip(line) {
                *sum += u64::from(*count);
            }
        }
    }
    Some(sums)
}

fn confusions(run: &RunRecord) -> &[Vec<u32>] {
    let last = run.epochs.last().and_then(|epoch| epoch.test.as_ref());
    last.map_or(&[], |test| &test.confusion)
}

/// The counts of a line as shares; 0 of a class without samples.
fn shares(line: &[u64]) -> Vec<f64> {
    let all = line.iter().sum::<u64>().max(1) as f64;
    line.iter().map(|&count| count as f64 / all).collect()
}
