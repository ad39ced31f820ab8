//! Two runs side by side: what was set differently, and what came out.

use crate::format::{duration, percent, points, rate, significant, thousands};
use crate::metrics::{EpochMetrics, LayerMetrics};
use crate::table::RunRecord;

/// Names of the two runs in tables and figures.
pub const NAMES: [&str; 2] = ["A", "B"];

/// Stands where a run has no value.
const NOTHING: &str = "–";

/// Two complete runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// The runs, the first of which the second is compared with.
    pub runs: [RunRecord; 2],
    /// What was set in each, by its path in the recipe or in the manifest, in one order for both.
    pub settings: [Vec<(String, String)>; 2],
}

/// A table of a comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct ComparisonTable {
    /// Stands above it.
    pub heading: &'static str,
    /// What the columns mean.
    pub caption: &'static str,
    /// Names of the columns; the first is that of the rows.
    pub headers: Vec<&'static str>,
    /// The rows, as many cells each as there are headers.
    pub rows: Vec<Vec<String>>,
}

impl Comparison {
    /// All tables, of which those of settings and layers may have no rows.
    pub fn tables(&self) -> [ComparisonTable; 4] {
        [self.differing_settings(), self.results(), self.epochs(), self.layers()]
    }

    /// The settings that differ, in the order of the first run; then those that only the second has.
    fn differing_settings(&self) -> ComparisonTable {
        let [first, second] = &self.settings;
        let value = |settings: &[(String, String)], wanted: &str| {
            settings.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone())
        };
        let only_second = second.iter().filter(|(name, _)| value(first, name).is_none());
        let below = |settings: &[(String, String)], wanted: &str| {
            let is_below =
                |name: &str| name.strip_prefix(wanted).is_some_and(|rest| rest.starts_with('.'));
            settings.iter().any(|(name, _)| is_below(name))
        };
        let rows = first
            .iter()
            .chain(only_second)
            .map(|(name, _)| (name, [value(first, name), value(second, name)]))
            .filter(|(_, [first, second])| first != second)
            // Nothing set in one run is no setting of its own where the other says what.
            .filter(|(name, _)| !below(first, name) && !below(second, name))
            .map(|(name, values)| {
                let values = values.map(|value| value.unwrap_or_else(|| NOTHING.to_owned()));
                [name.clone()].into_iter().chain(values).collect()
            });
        ComparisonTable {
            heading: "Settings that differ",
            caption: "Everything that was set or resolved to something else, and the surroundings of the runs.",
            headers: vec!["Setting", NAMES[0], NAMES[1]],
            rows: rows.collect(),
        }
    }

    fn results(&self) -> ComparisonTable {
        let summaries = [&self.runs[0].summary, &self.runs[1].summary];
        let shares = |values: [Option<f64>; 2]| cells(values, percent, points);
        let of = |value: fn(&crate::Summary) -> Option<f64>| summaries.map(value);
        let numbers = |values| cells(values, significant, change);
        let mut rows = vec![
            ("Final accuracy, %", shares(of(|run| Some(run.accuracy.final_epoch)))),
            ("Best accuracy on validation, %", shares(of(|run| run.accuracy.best_on_validation))),
            ("Best accuracy on test, %", shares(of(|run| Some(run.accuracy.best_on_test)))),
            ("Final test loss", numbers(of(|run| Some(run.loss)))),
            (
                "Firing rate",
                cells(of(|run| run.firing_rate.map(f64::from)), rate, |value| {
                    change_of(value, rate)
                }),
            ),
            (
                "Energy per inference, µJ",
                numbers(of(|run| Some(1e6 * run.synaptic_operations?.energy()))),
            ),
            (
                "Parameters",
                cells(of(|run| Some(run.parameters as f64)), whole, |value| {
                    change_of(value, whole)
                }),
            ),
            (
                "Epochs",
                cells(of(|run| Some(f64::from(run.epochs))), whole, |value| {
                    change_of(value, whole)
                }),
            ),
            (
                "Time",
                cells(of(|run| Some(run.seconds)), duration, |value| change_of(value, duration)),
            ),
            ("Images per second", numbers(of(|run| Some(run.images_per_second)))),
        ];
        rows.retain(|(_, values)| values[0] != NOTHING || values[1] != NOTHING);
        ComparisonTable {
            heading: "Results",
            caption: "One run each: a difference no larger than that between two seeds of one recipe says nothing of the settings.",
            headers: vec!["Quantity", NAMES[0], NAMES[1], "B − A"],
            rows: rows
                .into_iter()
                .map(|(name, values)| [name.to_owned()].into_iter().chain(values).collect())
                .collect(),
        }
    }

    /// The epochs that either run has, paired by their numbers.
    fn epochs(&self) -> ComparisonTable {
        let [first, second] = [&self.runs[0].epochs, &self.runs[1].epochs];
        let row = |index: usize| -> Vec<String> {
            let pair = [first.get(index), second.get(index)];
            let of = |value: fn(&EpochMetrics) -> Option<f64>| pair.map(|epoch| value(epoch?));
            let accuracy = of(|epoch| Some(epoch.test.as_ref()?.accuracy));
            let loss = of(|epoch| Some(epoch.train.loss));
            let accuracy = cells(accuracy, percent, points);
            let loss = cells(loss, significant, change);
            [(index + 1).to_string()].into_iter().chain(accuracy).chain(loss).collect()
        };
        ComparisonTable {
            heading: "Epoch by epoch",
            caption: "Accuracy on the test data after each epoch, in percent, and mean loss over its training samples.",
            headers: vec![
                "Epoch",
                "Accuracy A",
                "Accuracy B",
                "B − A",
                "Loss A",
                "Loss B",
                "B − A",
            ],
            rows: (0..first.len().max(second.len())).map(row).collect(),
        }
    }

    /// The layers of the first run, then those that only the second has.
    fn layers(&self) -> ComparisonTable {
        let [first, second] = [&self.runs[0].summary.layers, &self.runs[1].summary.layers];
        let find = |layers: &[LayerMetrics], name: &str| {
            layers.iter().find(|layer| layer.name == name).cloned()
        };
        let only_second = second.iter().filter(|layer| find(first, &layer.name).is_none());
        let row = |LayerMetrics { name, .. }: &LayerMetrics| -> Vec<String> {
            let pair = [find(first, name), find(second, name)];
            let of = |value: fn(&LayerMetrics) -> Option<f32>| {
                pair.each_ref().map(|layer| value(layer.as_ref()?).map(f64::from))
            };
            let rates =
                cells(of(|layer| Some(layer.firing_rate)), rate, |value| change_of(value, rate));
            let [dead, dead_second, _] = cells(of(|layer| layer.dead), percent, points);
            let [active, active_second, _] =
                cells(of(|layer| layer.active_gradient), percent, points);
            [name.clone()]
                .into_iter()
                .chain(rates)
                .chain([dead, dead_second, active, active_second])
                .collect()
        };
        ComparisonTable {
            heading: "Layer by layer",
            caption: "On the test data after the last epoch: spikes per neuron and step, share of neurons that never fired, and, in training, share of neurons and steps with a surrogate gradient that is not zero.",
            headers: vec![
                "Layer",
                "Rate A",
                "Rate B",
                "B − A",
                "Dead A, %",
                "Dead B, %",
                "Gradient A, %",
                "Gradient B, %",
            ],
            rows: first.iter().chain(only_second).map(row).collect(),
        }
    }
}

/// Both values and their difference, as far as they are there.
fn cells(
    values: [Option<f64>; 2],
    write: impl Fn(f64) -> String,
    difference: impl Fn(f64) -> String,
) -> [String; 3] {
    let or_nothing = |text: Option<String>| text.unwrap_or_else(|| NOTHING.to_owned());
    let both = values[0].zip(values[1]).map(|(first, second)| difference(second - first));
    [or_nothing(values[0].map(&write)), or_nothing(values[1].map(&write)), or_nothing(both)]
}

/// A change with its sign, in three significant digits.
fn change(value: f64) -> String {
    change_of(value, significant)
}

/// A change with its sign.
fn change_of(value: f64, write: impl Fn(f64) -> String) -> String {
    let size = write(value.abs());
    if value == 0.0 || size == write(0.0) {
        return write(0.0);
    }
    format!("{}{size}", if value < 0.0 { '−' } else { '+' })
}

fn whole(value: f64) -> String {
    thousands(value as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::example;

    pub(crate) fn settings(values: &[(&str, &str)]) -> Vec<(String, String)> {
        values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn comparison() -> Comparison {
        let [first, second] = [("sdt", 0.80), ("tet", 0.85)]
            .map(|(id, accuracy)| example::row(id, id, &[accuracy]).runs.remove(0));
        Comparison {
            runs: [first, second],
            settings: [
                settings(&[("loss", "{}"), ("seed", "1"), ("surrogate.triangle.gamma", "1.0")]),
                settings(&[("loss.tet.phi", "1.0"), ("seed", "1")]),
            ],
        }
    }

    fn row<'a>(table: &'a ComparisonTable, name: &str) -> Vec<&'a str> {
        let row = table.rows.iter().find(|row| row[0] == name).unwrap();
        row.iter().map(String::as_str).collect()
    }

    #[test]
    fn only_what_differs_is_listed() {
        let [settings, ..] = comparison().tables();
        assert_eq!(
            settings.rows,
            [["surrogate.triangle.gamma", "1.0", "–"], ["loss.tet.phi", "–", "1.0"]]
        );
    }

    /// 85 - 80 = 5 points; both runs have four epochs, of which the first reaches a quarter of the end.
    #[test]
    fn values_and_their_differences_by_hand() {
        let mut comparison = comparison();
        comparison.runs[1].epochs.pop();
        comparison.runs[1].summary.seconds = 9.5;
        comparison.runs[1].summary.layers[0].firing_rate = 0.15;
        comparison.runs[1].summary.layers[1].name = "conv9".to_owned();
        let [_, results, epochs, layers] = comparison.tables();
        assert_eq!(row(&results, "Final accuracy, %")[1..], ["80.00", "85.00", "+5.00"]);
        assert_eq!(row(&results, "Parameters")[1..], ["12,345", "12,345", "0"]);
        assert_eq!(row(&results, "Time")[1..], ["12 s", "9.50 s", "−2.50 s"]);
        assert!(results.rows.iter().all(|row| row[0] != "Best accuracy on validation, %"));
        assert_eq!(row(&epochs, "1")[1..4], ["20.00", "21.25", "+1.25"]);
        assert_eq!(row(&epochs, "4")[1..4], ["80.00", "–", "–"]);
        assert_eq!(row(&layers, "conv1")[1..4], ["0.200", "0.150", "−0.050"]);
        assert_eq!(row(&layers, "conv2")[1..4], ["0.100", "–", "–"]);
        assert_eq!(row(&layers, "conv9")[1..4], ["–", "0.100", "–"]);
        for table in comparison.tables() {
            assert!(table.rows.iter().all(|row| row.len() == table.headers.len()));
        }
    }
}
