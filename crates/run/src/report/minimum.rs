//! Figures of the loss around the minimum.

use crate::flatness::{Flatness, FlatnessPoint};
use crate::report::charts::{Section, in_charts};
use crate::statistics::mean;
use crate::svg::{Figure, LineChart, Point};
use crate::table::{RowReport, TableReport};

/// Loss and accuracy by distance, of the first run of each row that has them.
pub(crate) fn section(report: &TableReport) -> Section {
    let loss = charts(report, "Training loss", "mean training loss", |point| &point.loss, 1.0);
    let accuracy =
        charts(report, "Training accuracy", "accuracy, %", |point| &point.accuracy, 100.0);
    let figures = if loss.len() == accuracy.len() {
        loss.into_iter().zip(accuracy).flat_map(|(left, right)| [left, right]).collect()
    } else {
        [loss, accuracy].concat()
    };
    Section {
        heading: "Loss around the minimum",
        caption: "The first run's trained network on training samples without augmentation, with its weights moved along random directions: at a distance of 1 the change of every filter is as large as the filter. Mean over the directions; the band spans the lowest and highest. Compare the losses of methods that minimize the same one; the accuracies compare always.".to_owned(),
        figures,
    }
}

fn charts(
    report: &TableReport,
    title: &str,
    unit: &str,
    values: fn(&FlatnessPoint) -> &[f64],
    factor: f64,
) -> Vec<Figure> {
    let lines: Vec<(&RowReport, Vec<Point>)> = report
        .rows
        .iter()
        .filter_map(|row| {
            let flatness = row.runs.iter().find_map(|run| run.flatness.as_ref())?;
            Some((row, line(flatness, values, factor)))
        })
        .collect();
    in_charts(report, &lines, |series, row| {
        LineChart {
            title: row.map_or_else(|| title.to_owned(), RowReport::full_label),
            x_label: "distance from the weights".to_owned(),
            y_label: unit.to_owned(),
            whole_x: false,
            series,
        }
        .draw()
    })
}

/// Mean and range over the directions at each distance.
fn line(flatness: &Flatness, values: fn(&FlatnessPoint) -> &[f64], factor: f64) -> Vec<Point> {
    let point = |point: &FlatnessPoint| {
        let values: Vec<f64> = values(point).iter().map(|value| factor * value).collect();
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let band = (values.len() > 1).then_some((low, high));
        Some(Point { x: point.distance, y: mean(&values)?, band })
    };
    flatness.points.iter().filter_map(point).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::example;

    /// Losses 2.0 and 1.5 at a distance of -1: 1.75, from 1.5 to 2.0.
    #[test]
    fn a_line_is_the_mean_with_the_range_over_directions() {
        let report = example::report();
        let flatness = report.rows[0].runs[0].flatness.as_ref().unwrap();
        let points = line(flatness, |point| &point.loss, 1.0);
        assert_eq!(points[0], Point { x: -1.0, y: 1.75, band: Some((1.5, 2.0)) });
        assert_eq!(points.len(), 3);
        let shown = section(&report);
        assert_eq!(shown.figures.len(), 2);
        assert!(
            shown.figures[0].body.contains("SDT: 1.75 at −1.00 (1.50 to 2.00)"),
            "{}",
            shown.figures[0].body
        );
        assert!(shown.figures[1].body.contains("SDT: 90.0 at 0 "), "{}", shown.figures[1].body);
    }
}
