//! The contents of the cells of a table, in words, for every form of report.

use crate::format::{duration, percent_spread, points, rate};
use crate::report::claims;
use crate::statistics::{Difference, Spread};
use crate::table::{RowReport, TableReport};

/// What stands where nothing was measured or published.
pub(crate) const NOTHING: &str = "–";

/// The cells of one row: the first line of each is the value, further lines explain it.
#[derive(Debug)]
pub(crate) struct Cells {
    /// Label, then provenance if there is one.
    pub(crate) method: Vec<String>,
    /// Mean and spread in percent, then the number of seeds.
    pub(crate) accuracy: Vec<String>,
    /// Difference and interval in points, then the verdict.
    pub(crate) difference: Vec<String>,
    /// Spikes per neuron and step.
    pub(crate) firing_rate: String,
    /// Time of one run.
    pub(crate) time: String,
    /// Published number, then its data set and network, then its source.
    pub(crate) published: Vec<String>,
}

impl Cells {
    pub(crate) fn of(report: &TableReport, row: &RowReport) -> Self {
        let mut method = vec![row.label.clone()];
        method.extend(row.provenance.clone());
        Self {
            method,
            accuracy: accuracy(report.accuracy(row)),
            difference: difference(report, row, report.difference(row)),
            firing_rate: row.firing_rate().map_or_else(|| NOTHING.to_owned(), rate),
            time: row.seconds().map_or_else(|| NOTHING.to_owned(), duration),
            published: published(row),
        }
    }
}

fn accuracy(spread: Option<Spread>) -> Vec<String> {
    let Some(spread) = spread else {
        return vec!["not run".to_owned()];
    };
    let seeds =
        if spread.runs == 1 { "1 seed".to_owned() } else { format!("{} seeds", spread.runs) };
    vec![percent_spread(spread.mean, spread.std), seeds]
}

fn difference(
    report: &TableReport,
    row: &RowReport,
    difference: Option<Difference>,
) -> Vec<String> {
    if report.is_baseline(row) {
        return vec!["baseline".to_owned()];
    }
    match difference {
        Some(difference) => {
            let mut lines =
                vec![difference_words(&difference), difference.direction().words().to_owned()];
            if report.only_baseline().is_none() {
                lines.extend(report.baseline_of(row).map(|row| format!("to {}", row.label)));
            }
            lines
        }
        None => vec![NOTHING.to_owned()],
    }
}

/// A difference in points with its interval: `+1.20 [+0.30, +2.10]`.
pub(crate) fn difference_words(difference: &Difference) -> String {
    let Difference { mean, low, high, .. } = *difference;
    format!("{} [{}, {}]", points(mean), points(low), points(high))
}

fn published(row: &RowReport) -> Vec<String> {
    let Some(published) = &row.published else {
        return vec![row.unpublished.clone().unwrap_or_else(|| NOTHING.to_owned())];
    };
    let setting = match &published.network {
        Some(network) => format!("{}, {network}", published.dataset),
        None => published.dataset.clone(),
    };
    vec![
        percent_spread(published.value, published.std),
        setting,
        published.source.words().to_owned(),
    ]
}

/// Header of the accuracy column: the data set stands in it, so that no value is read as one on another.
pub(crate) fn accuracy_header(report: &TableReport) -> String {
    format!("Test accuracy, % on {}", report.dataset)
}

/// Header of the difference column.
pub(crate) fn difference_header(report: &TableReport) -> String {
    let baseline = report.only_baseline().map_or("its baseline", |row| row.label.as_str());
    format!("Difference to {baseline}, points [95 %]")
}

/// Header of the column of published numbers.
pub(crate) const PUBLISHED_HEADER: &str = "Published, % (elsewhere)";

/// How measured and published numbers relate at this scale.
pub(crate) fn scale_note(report: &TableReport) -> String {
    match report.scale.as_str() {
        "full" => "The last column quotes what was published; compare it with a measured value only where data set and network are the same.".to_owned(),
        scale => format!(
            "Measured at the {scale} scale: a small stand-in that shows whether the method works and in which direction it moves the accuracy. \
             The last column quotes numbers of other data sets and networks; they are not comparable with the measured ones."
        ),
    }
}

/// How claims are tested, how the accuracies were chosen and what their interval is, before the table's own lines of protocol.
pub(crate) fn protocol(report: &TableReport) -> Vec<String> {
    let mut lines = Vec::new();
    if !report.claims.is_empty() {
        lines.extend(claims::protocol());
    }
    if !report.rows.is_empty() {
        lines.push(format!(
            "Quoted: {}; mean ± sample standard deviation over the seeds.",
            report.selection.describe()
        ));
        lines.push("Difference: paired by seed, with Student's 95 % interval of the mean; not corrected for the number of rows.".to_owned());
    }
    lines.extend(report.protocol.iter().cloned());
    lines
}

/// The command that makes the report again.
pub(crate) fn command(report: &TableReport) -> String {
    // Only the demo scale is sure to need no files.
    let data = if report.scale == "demo" { "" } else { " --data-dir FOLDER" };
    let options: String = report.options.iter().map(|option| format!(" {option}")).collect();
    format!("cargo xtask reproduce {} --scale {}{options}{data}", report.id, report.scale)
}
