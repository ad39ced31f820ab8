//! A second table beside the accuracies: what tells why a method helps or does not.

use crate::format::{percent, rate, significant};
use crate::report::cells::NOTHING;
use crate::table::{RowReport, TableReport};

/// Headers of the table.
pub(crate) const HEADERS: [&str; 6] = [
    "Method",
    "Firing rate",
    "Surrogate gradient zero, %",
    "Gradient norm, first / last weight",
    "Energy per inference, µJ",
    "Accuracy after each time step, %",
];

/// What the columns mean.
pub(crate) const CAPTION: &str = "Mean over the seeds: spikes per neuron and step; share of neurons and steps at which the surrogate gradient is zero; \
     gradient norms in the last epoch; energy at 45 nm with 0.9 pJ per addition and 4.6 pJ per multiply-add.";

/// One row of cells per row of the report that was run; empty if no row has anything to tell beyond its firing rate.
pub(crate) fn rows(report: &TableReport) -> Vec<[String; 6]> {
    let tells = |row: &&RowReport| {
        row.zero_gradient().is_some()
            || row.first_and_last_gradient().is_some()
            || row.energy().is_some()
            || !row.accuracy_per_step().is_empty()
    };
    report.rows.iter().filter(tells).map(cells).collect()
}

fn cells(row: &RowReport) -> [String; 6] {
    let or_nothing = |text: Option<String>| text.unwrap_or_else(|| NOTHING.to_owned());
    let steps: Vec<String> =
        row.accuracy_per_step().iter().map(|accuracy| format!("{:.1}", 100.0 * accuracy)).collect();
    [
        row.full_label(),
        or_nothing(row.firing_rate().map(rate)),
        or_nothing(row.zero_gradient().map(percent)),
        or_nothing(
            row.first_and_last_gradient()
                .map(|(first, last)| format!("{} / {}", significant(first), significant(last))),
        ),
        or_nothing(row.energy().map(|joules| significant(1e6 * joules))),
        if steps.is_empty() { NOTHING.to_owned() } else { steps.join(", ") },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operations::SynapticOperations;
    use crate::report::example;

    /// 1,000,000 additions at 0.9 pJ and 100,000 multiply-adds at 4.6 pJ: 0.9 + 0.46 = 1.36 µJ.
    #[test]
    fn what_each_column_says() {
        let mut report = example::report();
        for run in &mut report.rows[1].runs {
            let operations = SynapticOperations { additions: 1e6, multiply_adds: 1e5 };
            run.summary.synaptic_operations = Some(operations);
        }
        let rows = rows(&report);
        assert_eq!(rows.len(), 3);
        let expected =
            ["TET", "0.150", "60.00", "0.0300 / 0.300", "1.36", "60.0, 70.0, 75.0, 83.0"];
        assert_eq!(rows[1], expected);
        assert_eq!(rows[0][4], NOTHING);
    }

    #[test]
    fn rows_with_nothing_to_tell_are_left_out() {
        let mut report = example::report();
        for run in report.rows.iter_mut().flat_map(|row| &mut row.runs) {
            run.summary.layers.clear();
            run.summary.accuracy_per_step.clear();
            run.epochs.clear();
        }
        assert_eq!(rows(&report).len(), 0);
    }
}
