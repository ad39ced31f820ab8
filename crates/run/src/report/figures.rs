//! The figures of a table: learning curves, accuracy by time step, firing rates, gradients, the minimum, potentials, rasters.

use crate::metrics::EpochMetrics;
use crate::report::charts::{Section, bars, in_charts};
use crate::report::maps::map_figures;
use crate::report::minimum;
use crate::snapshot::{LayerSnapshot, Snapshot};
use crate::statistics::mean;
use crate::svg::{Figure, Histogram, LineChart, Mark, Point, Raster, Shade};
use crate::table::{RowReport, TableReport};

/// All sections that the runs have data for.
pub(crate) fn sections(report: &TableReport) -> Vec<Section> {
    let all = [
        Section {
            heading: "Learning curves",
            caption: "Mean over the seeds after each epoch; the band spans the lowest and highest seed.".to_owned(),
            figures: learning_curves(report),
        },
        Section {
            heading: "Accuracy by time step",
            caption: "What the trained network would answer if it were stopped after fewer time steps, mean over the seeds.".to_owned(),
            figures: by_time_step(report).into_iter().collect(),
        },
        Section {
            heading: "Firing rates",
            caption: "Spikes per neuron and time step on the test data after the last epoch, mean over the seeds.".to_owned(),
            figures: firing_rates(report),
        },
        Section {
            heading: "Gradient norms",
            caption: "Norm of the gradient of the loss with respect to the weights of each layer in the last epoch, from the input to the output, mean over the seeds.".to_owned(),
            figures: gradient_norms(report),
        },
        Section {
            heading: "Sparsity of surrogate gradients",
            caption: "Share of neurons and time steps of the last epoch whose surrogate gradient was zero, by layer, mean over the seeds.".to_owned(),
            figures: gradient_sparsity(report),
        },
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

/// Accuracy and loss by epoch, the two charts of a row side by side.
fn learning_curves(report: &TableReport) -> Vec<Figure> {
    let accuracy = curves(report, "Test accuracy", "test accuracy, %", |epoch| {
        Some(100.0 * epoch.test.as_ref()?.accuracy)
    });
    let loss =
        curves(report, "Training loss", "mean training loss", |epoch| Some(epoch.train.loss));
    if accuracy.len() != loss.len() {
        return [accuracy, loss].concat();
    }
    accuracy.into_iter().zip(loss).flat_map(|(left, right)| [left, right]).collect()
}

/// Charts of one quantity by epoch: one for all rows if they are few, else one per row.
fn curves(
    report: &TableReport,
    title: &str,
    unit: &str,
    value: fn(&EpochMetrics) -> Option<f64>,
) -> Vec<Figure> {
    let lines: Vec<(&RowReport, Vec<Point>)> = report
        .rows
        .iter()
        .map(|row| (row, curve(row, value)))
        .filter(|(_, points)| !points.is_empty())
        .collect();
    in_charts(report, &lines, |series, row| {
        let title = row.map_or_else(|| title.to_owned(), RowReport::full_label);
        LineChart {
            title,
            x_label: "epoch".to_owned(),
            y_label: unit.to_owned(),
            whole_x: true,
            series,
        }
        .draw()
    })
}

/// Mean and range over the runs at each epoch that all runs have.
fn curve(row: &RowReport, value: fn(&EpochMetrics) -> Option<f64>) -> Vec<Point> {
    let epochs = row.runs.iter().map(|run| run.epochs.len()).min().unwrap_or(0);
    (0..epochs)
        .filter_map(|index| {
            let values: Option<Vec<f64>> =
                row.runs.iter().map(|run| value(&run.epochs[index])).collect();
            let values = values?;
            let low = values.iter().copied().fold(f64::INFINITY, f64::min);
            let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let x = f64::from(row.runs[0].epochs[index].epoch);
            let band = (values.len() > 1).then_some((low, high));
            Some(Point { x, y: mean(&values)?, band })
        })
        .collect()
}

fn by_time_step(report: &TableReport) -> Vec<Figure> {
    let lines: Vec<(&RowReport, Vec<Point>)> = report
        .rows
        .iter()
        .map(|row| {
            let steps = row.accuracy_per_step().into_iter().enumerate();
            let point = |(step, accuracy): (usize, f64)| Point {
                x: (step + 1) as f64,
                y: 100.0 * accuracy,
                band: None,
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
    bars(report, "spikes per neuron and step", |row| {
        let layers = row.layers().into_iter();
        layers.map(|layer| (layer.name, f64::from(layer.firing_rate))).collect()
    })
}

fn gradient_norms(report: &TableReport) -> Vec<Figure> {
    bars(report, "Euclidean norm", |row| {
        row.gradient_norms()
            .into_iter()
            .filter_map(|gradient| {
                let layer = gradient.name.strip_suffix(".weight")?;
                // The scales of normalizations are no layers of their own.
                (!layer.ends_with("normalization"))
                    .then(|| (layer.to_owned(), f64::from(gradient.norm)))
            })
            .collect()
    })
}

fn gradient_sparsity(report: &TableReport) -> Vec<Figure> {
    bars(report, "share of surrogate gradients that are 0", |row| {
        let layers = row.layers().into_iter();
        layers
            .filter_map(|layer| Some((layer.name, 1.0 - f64::from(layer.active_gradient?))))
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

    /// Four of six rows beside the baseline and the baseline itself have both curves, steps, rates and norms.
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
                ("Learning curves", 2),
                ("Accuracy by time step", 1),
                ("Firing rates", 3),
                ("Gradient norms", 3),
                ("Sparsity of surrogate gradients", 3),
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
                ("Learning curves", 10),
                ("Accuracy by time step", 5),
                ("Firing rates", 6),
                ("Gradient norms", 6),
                ("Sparsity of surrogate gradients", 6),
                ("Loss around the minimum", 10),
                ("Membrane potentials", 12),
                ("Spike rasters", 12)
            ]
        );
    }

    /// Accuracies 0.80, 0.81, 0.82 at the end: mean 81 %, band 80 % to 82 %.
    #[test]
    fn a_curve_is_the_mean_with_the_range_over_seeds() {
        let row = example::row("sdt", "SDT", &[0.80, 0.81, 0.82]);
        let points = curve(&row, |epoch| Some(epoch.test.as_ref()?.accuracy));
        assert_eq!(points.len(), 4);
        let last = points[3];
        assert_eq!((last.x, last.band), (4.0, Some((0.80, 0.82))));
        assert!((last.y - 0.81).abs() < 1e-12);
    }

    /// Of one run: two curves, one chart of each other kind, two layers with potentials and raster.
    #[test]
    fn the_files_of_a_run_have_names_of_their_own() {
        let mut report = example::report();
        report.rows.truncate(1);
        report.rows[0].runs.truncate(1);
        let files = files(&report);
        let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
        let expected = [
            "learning-curves-test-accuracy.svg",
            "learning-curves-training-loss.svg",
            "accuracy-by-time-step.svg",
            "firing-rates.svg",
            "gradient-norms.svg",
            "sparsity-of-surrogate-gradients.svg",
            "loss-around-the-minimum-training-loss.svg",
            "loss-around-the-minimum-training-accuracy.svg",
            "membrane-potentials-conv1.svg",
            "membrane-potentials-conv2.svg",
            "spike-rasters-conv1.svg",
            "spike-rasters-conv2.svg",
        ];
        assert_eq!(names, expected);
        let potentials = &files[8].1.body;
        assert!(potentials.contains("shaded: surrogate gradient not zero"), "{potentials}");
        assert!(files[9].1.body.contains("above 1 % of its peak"));
        assert_eq!(files[10].1.body.matches("cw-bar").count(), 3);
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
