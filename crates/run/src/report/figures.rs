//! The figures of a table: its course over the epochs, accuracy by time step and class, firing rates, gradients, the
//! minimum, potentials, rasters.

use crate::report::charts::{Section, bars, in_charts, range};
use crate::report::maps::map_figures;
use crate::report::{classes, course, minimum};
use crate::snapshot::{LayerSnapshot, Snapshot};
use crate::svg::{Figure, Histogram, LineChart, Mark, Point, Raster, Shade};
use crate::table::{RowReport, TableReport};

/// All sections that the runs have data for.
pub(crate) fn sections(report: &TableReport) -> Vec<Section> {
    let all = [
        course::learning_curves(report),
        course::generalization(report),
        Section {
            heading: "Accuracy by time step",
            caption: "What the trained network would answer if it were stopped after fewer time steps: mean over the seeds, and the band spans the lowest and highest seed.".to_owned(),
            figures: by_time_step(report).into_iter().collect(),
        },
        Section {
            heading: "Firing rates",
            caption: "Spikes per neuron and time step on the test data after the last epoch: mean over the seeds, with the range from the lowest to the highest.".to_owned(),
            figures: firing_rates(report),
        },
        course::firing_rates(report),
        Section {
            heading: "Gradient norms",
            caption: "Norm of the gradient of the loss with respect to the weights of each layer in the last epoch, from the input to the output: mean over the seeds, with the range from the lowest to the highest.".to_owned(),
            figures: gradient_norms(report),
        },
        course::gradient_norms(report),
        Section {
            heading: "Sparsity of surrogate gradients",
            caption: "Share of neurons and time steps of the last epoch whose surrogate gradient was zero, by layer: mean over the seeds, with the range from the lowest to the highest.".to_owned(),
            figures: gradient_sparsity(report),
        },
        classes::confusion(report),
        classes::accuracy(report),
        minimum::section(report),
        Section {
            heading: "Membrane potentials",
            caption: "Potentials before the reset, minus the threshold, of the first run's trained network in a training pass over one batch of test samples; what lies beyond the axis is in the outermost bins.".to_owned(),
            figures: potentials(report),
        },
        Section {
            heading: "Spike rasters",
            caption: "The first sample of the same pass: each line is a neuron of a fixed random choice, each mark a spike.".to_owned(),
            figures: rasters(report),
        },
    ];
    all.into_iter().filter(|section| !section.figures.is_empty()).collect()
}

fn by_time_step(report: &TableReport) -> Vec<Figure> {
    let lines: Vec<(&RowReport, Vec<Point>)> = report
        .rows
        .iter()
        .map(|row| {
            let steps = row.accuracy_per_step().into_iter().enumerate();
            let point = |(step, accuracy): (usize, f64)| {
                let of_runs = row.runs.iter().map(|run| &run.summary.accuracy_per_step);
                let values: Vec<f64> =
                    of_runs.map(|steps| 100.0 * f64::from(steps[step])).collect();
                Point { x: (step + 1) as f64, y: 100.0 * accuracy, band: range(&values) }
            };
            (row, steps.map(point).collect::<Vec<_>>())
        })
        .filter(|(_, points)| points.len() > 1)
        .collect();
    in_charts(report, &lines, |series, row| {
        LineChart {
            title: row.map_or_else(|| "Test accuracy".to_owned(), RowReport::full_label),
            x_label: "time steps".to_owned(),
            y_label: "test accuracy, %".to_owned(),
            whole_x: true,
            series,
        }
        .draw()
    })
}

fn firing_rates(report: &TableReport) -> Vec<Figure> {
    bars(report, "spikes per neuron and step", |run| {
        let layers = run.summary.layers.iter();
        layers.map(|layer| (layer.name.clone(), f64::from(layer.firing_rate))).collect()
    })
}

fn gradient_norms(report: &TableReport) -> Vec<Figure> {
    bars(report, "Euclidean norm", |run| {
        run.epochs.last().map(course::norms_of_layers).unwrap_or_default()
    })
}

fn gradient_sparsity(report: &TableReport) -> Vec<Figure> {
    bars(report, "share of surrogate gradients that are 0", |run| {
        let layers = run.summary.layers.iter();
        layers
            .filter_map(|layer| Some((layer.name.clone(), 1.0 - f64::from(layer.active_gradient?))))
            .collect()
    })
}

/// One figure per layer of the first run of each row that has a snapshot.
fn of_layers(
    report: &TableReport,
    draw: impl Fn(String, &Snapshot, &LayerSnapshot) -> Figure,
) -> Vec<Figure> {
    let several = report.rows.len() > 1;
    let snapshot = |row: &RowReport| row.runs.iter().find_map(|run| run.snapshot.clone());
    let rows = report.rows.iter().filter_map(|row| Some((row, snapshot(row)?)));
    rows.flat_map(|(row, snapshot)| {
        let title = |layer: &LayerSnapshot| {
            if several {
                format!("{}: {}", row.full_label(), layer.name)
            } else {
                layer.name.clone()
            }
        };
        let layers = snapshot.layers.iter();
        layers.map(|layer| draw(title(layer), &snapshot, layer)).collect::<Vec<_>>()
    })
    .collect()
}

fn potentials(report: &TableReport) -> Vec<Figure> {
    of_layers(report, |title, _, layer| {
        let label = if layer.exact_support {
            "surrogate gradient not zero"
        } else {
            "surrogate gradient above 1 % of its peak"
        };
        let (low, high) = layer.support;
        Histogram {
            title,
            x_label: "membrane potential minus threshold".to_owned(),
            low: f64::from(layer.low),
            high: f64::from(layer.high),
            counts: layer.counts.clone(),
            marks: vec![Mark { at: 0.0, label: "threshold".to_owned() }],
            shade: Some(Shade {
                low: f64::from(low.max(layer.low)),
                high: f64::from(high.min(layer.high)),
                label: label.to_owned(),
            }),
            color: 0,
        }
        .draw()
    })
}

fn rasters(report: &TableReport) -> Vec<Figure> {
    of_layers(report, |title, snapshot, layer| {
        Raster {
            title,
            time_steps: snapshot.time_steps,
            neurons: layer.neurons,
            spikes: layer.spikes.clone(),
            color: 0,
        }
        .draw()
    })
}

/// All figures as files: a name that tells section and title, and the figure.
pub fn files(report: &TableReport) -> Vec<(String, Figure)> {
    let mut files = map_figures(report);
    for Section { heading, figures, .. } in sections(report) {
        let alone = figures.len() == 1;
        for figure in figures {
            let name = if alone {
                slug(heading)
            } else {
                format!("{}-{}", slug(heading), slug(&figure.title))
            };
            files.push((format!("{name}.svg"), figure));
        }
    }
    files
}

/// Lower-case letters and digits, everything else as single dashes.
pub(crate) fn slug(text: &str) -> String {
    let words = text.split(|character: char| !character.is_alphanumeric());
    let words: Vec<String> = words.filter(|word| !word.is_empty()).map(str::to_lowercase).collect();
    words.join("-")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::example;

    /// Five of six rows have charts beside the baseline, and all have those of their own.
    #[test]
    fn few_rows_share_a_chart_and_many_have_their_own() {
        let few = example::report();
        let counts = |report: &TableReport| -> Vec<(&'static str, usize)> {
            sections(report)
                .iter()
                .map(|section| (section.heading, section.figures.len()))
                .collect()
        };
        assert_eq!(
            counts(&few),
            [
                ("Learning curves", 3),
                ("Training and test accuracy", 3),
                ("Accuracy by time step", 1),
                ("Firing rates", 3),
                ("Firing rates over the epochs", 3),
                ("Gradient norms", 3),
                ("Gradient norms over the epochs", 3),
                ("Sparsity of surrogate gradients", 3),
                ("Confusion matrix", 3),
                ("Accuracy by class", 3),
                ("Loss around the minimum", 2),
                ("Membrane potentials", 6),
                ("Spike rasters", 6)
            ]
        );
        let mut many = few;
        for id in ["a", "b", "c"] {
            many.rows.push(example::row(id, id, &[0.5, 0.6]));
        }
        assert_eq!(
            counts(&many),
            [
                ("Learning curves", 15),
                ("Training and test accuracy", 6),
                ("Accuracy by time step", 5),
                ("Firing rates", 6),
                ("Firing rates over the epochs", 6),
                ("Gradient norms", 6),
                ("Gradient norms over the epochs", 6),
                ("Sparsity of surrogate gradients", 6),
                ("Confusion matrix", 6),
                ("Accuracy by class", 6),
                ("Loss around the minimum", 10),
                ("Membrane potentials", 12),
                ("Spike rasters", 12)
            ]
        );
    }

    /// Of one run: three curves, one chart of each other kind, two layers with potentials and raster.
    #[test]
    fn the_files_of_a_run_have_names_of_their_own() {
        let mut report = example::report();
        report.rows.truncate(1);
        report.rows[0].runs.truncate(1);
        let files = files(&report);
        let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
        let expected = [
            "learning-curves-test-accuracy.svg",
            "learning-curves-test-cross-entropy.svg",
            "learning-curves-training-loss.svg",
            "training-and-test-accuracy.svg",
            "accuracy-by-time-step.svg",
            "firing-rates.svg",
            "firing-rates-over-the-epochs.svg",
            "gradient-norms.svg",
            "gradient-norms-over-the-epochs.svg",
            "sparsity-of-surrogate-gradients.svg",
            "confusion-matrix.svg",
            "accuracy-by-class.svg",
            "loss-around-the-minimum-training-loss.svg",
            "loss-around-the-minimum-training-accuracy.svg",
            "membrane-potentials-conv1.svg",
            "membrane-potentials-conv2.svg",
            "spike-rasters-conv1.svg",
            "spike-rasters-conv2.svg",
        ];
        assert_eq!(names, expected);
        let body = |name: &str| &files.iter().find(|(file, _)| file == name).unwrap().1.body;
        let potentials = body("membrane-potentials-conv1.svg");
        assert!(potentials.contains("shaded: surrogate gradient not zero"), "{potentials}");
        assert!(body("membrane-potentials-conv2.svg").contains("above 1 % of its peak"));
        assert_eq!(body("spike-rasters-conv1.svg").matches("cw-bar").count(), 3);
        assert!(body("confusion-matrix.svg").contains("class 0 taken for 1: 2 of 10"));
    }

    #[test]
    fn maps_are_files() {
        let report = TableReport { rows: Vec::new(), ..example::claims::report() };
        let files = files(&report);
        let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["map-shortcut-first-layer.svg", "map-tet-steps.svg"]);
    }

    #[test]
    fn rows_that_were_not_run_leave_no_empty_chart() {
        let mut report = example::report();
        for row in &mut report.rows {
            row.runs.clear();
        }
        assert_eq!(sections(&report).len(), 0);
    }
}
