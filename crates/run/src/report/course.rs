//! The course of trainings: what changes from epoch to epoch.

use crate::metrics::EpochMetrics;
use crate::report::charts::{Section, in_charts, range};
use crate::statistics::mean;
use crate::svg::{COLORS, Figure, LineChart, Point, Series};
use crate::table::{RowReport, TableReport};

/// What a caption says of lines over the epochs.
pub(crate) const OVER_SEEDS: &str =
    "Mean over the seeds after each epoch; the band spans the lowest and highest seed.";

/// Test accuracy, and two losses: one that compares methods, and the one that each trained.
pub(crate) fn learning_curves(report: &TableReport) -> Section {
    let of_all = [
        curves(report, "Test accuracy", "test accuracy, %", |epoch| {
            Some(100.0 * epoch.test.as_ref()?.accuracy)
        }),
        curves(report, "Test cross-entropy", "cross-entropy of the mean output, nats", |epoch| {
            epoch.test.as_ref()?.cross_entropy
        }),
        curves(report, "Training loss", "mean training loss", |epoch| Some(epoch.train.loss)),
    ];
    // Those of a row stand side by side.
    let most = of_all.iter().map(Vec::len).max().unwrap_or(0);
    let in_turn = (0..most).flat_map(|index| of_all.iter().filter_map(move |all| all.get(index)));
    Section {
        heading: "Learning curves",
        caption: format!(
            "{OVER_SEEDS} The cross-entropy is that of the mean output over time for every row, whatever loss it trained with."
        ),
        figures: in_turn.cloned().collect(),
    }
}

/// Training against test accuracy.
pub(crate) fn generalization(report: &TableReport) -> Section {
    let figure = |row: &RowReport| {
        let training = curve(row, |epoch| Some(100.0 * epoch.train.accuracy));
        let test = curve(row, |epoch| Some(100.0 * epoch.test.as_ref()?.accuracy));
        let lines = [("training", training), ("test", test)].into_iter().enumerate();
        let series = lines.map(|(color, (label, points))| Series {
            label: label.to_owned(),
            points,
            color: Some(color),
        });
        drawn(row, "accuracy, %", series.filter(|series| series.points.len() > 1).collect())
    };
    Section {
        heading: "Training and test accuracy",
        caption: format!(
            "{OVER_SEEDS} That of the training is the mean over its samples, augmented, with the weights as they were at each step."
        ),
        figures: report.rows.iter().filter_map(figure).collect(),
    }
}

/// Firing rates of the layers.
pub(crate) fn firing_rates(report: &TableReport) -> Section {
    let rates = |epoch: &EpochMetrics| {
        let layers = epoch.layers.iter();
        layers.map(|layer| (layer.name.clone(), f64::from(layer.firing_rate))).collect()
    };
    Section {
        heading: "Firing rates over the epochs",
        caption: format!("{OVER_SEEDS} On the test data; of many layers, some from first to last."),
        figures: by_layer(report, "spikes per neuron and step", rates),
    }
}

/// Norms of the weight gradients of the layers.
pub(crate) fn gradient_norms(report: &TableReport) -> Section {
    Section {
        heading: "Gradient norms over the epochs",
        caption: format!("{OVER_SEEDS} Of many layers, some from first to last."),
        figures: by_layer(report, "Euclidean norm", norms_of_layers),
    }
}

/// Layer and norm of its weight gradient.
pub(crate) fn norms_of_layers(epoch: &EpochMetrics) -> Vec<(String, f64)> {
    let norms = epoch.gradient_norms.iter().filter_map(|gradient| {
        let layer = gradient.name.strip_suffix(".weight")?;
        // The scales of normalizations are no layers of their own.
        (!layer.ends_with("normalization")).then(|| (layer.to_owned(), f64::from(gradient.norm)))
    });
    norms.collect()
}

/// A chart per row with a line for each layer, at most as many as there are colors.
fn by_layer(
    report: &TableReport,
    unit: &str,
    values: impl Fn(&EpochMetrics) -> Vec<(String, f64)>,
) -> Vec<Figure> {
    let figure = |row: &RowReport| {
        let last = row.runs.first().and_then(|run| run.epochs.last());
        let layers: Vec<String> =
            last.map(&values).unwrap_or_default().into_iter().map(|(name, _)| name).collect();
        let shown = layers.len().min(COLORS);
        let chosen = (0..shown).map(|line| match shown {
            1 => 0,
            _ => line * (layers.len() - 1) / (shown - 1),
        });
        let series = chosen.enumerate().map(|(color, layer)| Series {
            label: layers[layer].clone(),
            points: curve(row, |epoch| {
                let all = values(epoch);
                let found = all.into_iter().find(|(name, _)| *name == layers[layer]);
                found.map(|(_, value)| value)
            }),
            color: Some(color),
        });
        drawn(row, unit, series.filter(|series| series.points.len() > 1).collect())
    };
    report.rows.iter().filter_map(figure).collect()
}

/// A chart of a row over its epochs, if there is anything in it.
fn drawn(row: &RowReport, unit: &str, series: Vec<Series>) -> Option<Figure> {
    (!series.is_empty()).then(|| {
        let chart = LineChart {
            title: row.full_label(),
            x_label: "epoch".to_owned(),
            y_label: unit.to_owned(),
            whole_x: true,
            series,
        };
        chart.draw()
    })
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
fn curve(row: &RowReport, value: impl Fn(&EpochMetrics) -> Option<f64>) -> Vec<Point> {
    let epochs = row.runs.iter().map(|run| run.epochs.len()).min().unwrap_or(0);
    (0..epochs)
        .filter_map(|index| {
            let values: Option<Vec<f64>> =
                row.runs.iter().map(|run| value(&run.epochs[index])).collect();
            let values = values?;
            let x = f64::from(row.runs[0].epochs[index].epoch);
            Some(Point { x, y: mean(&values)?, band: range(&values) })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::example;

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

    /// Of many layers the first, the last, and some between.
    #[test]
    fn no_more_layers_are_drawn_than_there_are_colors() {
        let mut report = example::report();
        report.rows.truncate(1);
        let many = |epoch: &EpochMetrics| {
            (0..40).map(|layer| (format!("l{layer}"), f64::from(epoch.epoch))).collect()
        };
        let figures = by_layer(&report, "unit", many);
        let [figure] = &figures[..] else { panic!("{} figures", figures.len()) };
        let mut visited = 0;
        for (layer, shown) in [(0, true), (1, false), (7, true), (39, true)] {
            assert_eq!(figure.body.contains(&format!(">l{layer}<")), shown, "{layer}");
            visited += 1;
        }
        assert_eq!(visited, 4);
    }
}
