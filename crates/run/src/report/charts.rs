//! Charts of the rows of a table: together while they are few, else each beside its baseline.

use crate::statistics::mean;
use crate::svg::{Bar, BarChart, Figure, Point, Series};
use crate::table::{RowReport, RunRecord, TableReport};

/// Up to this many rows share one chart; more get a chart each, with the baseline to compare.
const TOGETHER: usize = 4;

/// A heading with its figures; sections without figures are left out of a report.
#[derive(Debug)]
pub(crate) struct Section {
    pub(crate) heading: &'static str,
    pub(crate) caption: String,
    pub(crate) figures: Vec<Figure>,
}

/// Few rows go into one chart; of many, each goes into its own beside the baseline.
pub(crate) fn in_charts(
    report: &TableReport,
    lines: &[(&RowReport, Vec<Point>)],
    draw: impl Fn(Vec<Series>, Option<&RowReport>) -> Figure,
) -> Vec<Figure> {
    let series = |row: &RowReport, points: &[Point], color| Series {
        label: row.full_label(),
        points: points.to_vec(),
        color,
    };
    if lines.is_empty() {
        return Vec::new();
    }
    if lines.len() <= TOGETHER {
        let lines = lines.iter().enumerate();
        let all = lines.map(|(index, (row, points))| series(row, points, Some(index))).collect();
        return vec![draw(all, None)];
    }
    lines
        .iter()
        .filter(|(row, _)| !report.is_baseline(row))
        .map(|(row, points)| {
            let baseline = report.baseline_of(row);
            let gray = lines
                .iter()
                .find(|(row, _)| baseline.is_some_and(|baseline| baseline.id == row.id))
                .map(|(row, points)| series(row, points, None));
            draw(gray.into_iter().chain([series(row, points, Some(0))]).collect(), Some(row))
        })
        .collect()
}

/// Lowest and highest of several values.
pub(crate) fn range(values: &[f64]) -> Option<(f64, f64)> {
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    (values.len() > 1).then_some((low, high))
}

/// A named mean over runs with its range.
type Named = (String, f64, Option<(f64, f64)>);

/// Mean and range over the runs of what `values` names in each; of the names of the first run, those that all have.
fn over_runs(row: &RowReport, values: fn(&RunRecord) -> Vec<(String, f64)>) -> Vec<Named> {
    let of_runs: Vec<Vec<(String, f64)>> = row.runs.iter().map(values).collect();
    let Some(first) = of_runs.first() else { return Vec::new() };
    let named = first.iter().filter_map(|(name, _)| {
        let of_name = |all: &Vec<(String, f64)>| {
            all.iter().find(|(other, _)| other == name).map(|(_, value)| *value)
        };
        let values: Vec<f64> = of_runs.iter().map(of_name).collect::<Option<_>>()?;
        Some((name.clone(), mean(&values)?, range(&values)))
    });
    named.collect()
}

/// At most this many bars in a chart.
const MOST_BARS: usize = 60;

/// One bar chart per row, all on one scale, with the baseline's value as a line across each bar.
pub(crate) fn bars(
    report: &TableReport,
    value_label: &str,
    values: fn(&RunRecord) -> Vec<(String, f64)>,
) -> Vec<Figure> {
    let rows: Vec<(&RowReport, Vec<Named>)> = report
        .rows
        .iter()
        .map(|row| (row, over_runs(row, values)))
        .filter(|(_, values)| !values.is_empty())
        .collect();
    let all = rows.iter().flat_map(|(_, values)| values);
    let full = all
        .map(|(_, value, range)| range.map_or(*value, |(_, high)| high.max(*value)))
        .fold(0.0, f64::max);
    rows.iter()
        .map(|(row, values)| {
            let baseline = report.baseline_of(row).filter(|baseline| baseline.id != row.id);
            let compared =
                baseline.and_then(|baseline| rows.iter().find(|(row, _)| row.id == baseline.id));
            let bar = |(name, value, range): &Named| Bar {
                label: name.clone(),
                value: *value,
                range: *range,
                reference: compared.and_then(|(_, reference)| {
                    reference.iter().find(|(other, ..)| other == name).map(|(_, value, _)| *value)
                }),
            };
            BarChart {
                title: row.full_label(),
                value_label: value_label.to_owned(),
                reference_label: compared.map(|(row, _)| row.label.clone()),
                full: Some(full),
                color: 0,
                bars: values.iter().take(MOST_BARS).map(bar).collect(),
            }
            .draw()
        })
        .collect()
}
