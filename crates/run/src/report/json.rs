//! A report as one JSON object, for programs.
//!
//! Accuracies, differences and published values are fractions; `firing_rate` is spikes per neuron and step; `seconds` is
//! the mean wall-clock time of a run. Differences of claims are in their `unit`. What was not measured or published is
//! `null`.

mod claims;

use serde::Serialize;

use crate::map::MapReport;
use crate::report::cells::protocol;
use crate::summary::Selection;
use crate::table::{Fact, Published, RowReport, TableReport};

#[derive(Serialize)]
struct Object<'a> {
    table: &'a str,
    scale: &'a str,
    dataset: &'a str,
    claims: Vec<claims::Tested<'a>>,
    maps: &'a [MapReport],
    rows: Vec<Row<'a>>,
    title: &'a str,
    unit: &'static str,
    network: Option<&'a str>,
    baseline: Option<&'a str>,
    selection: Selection,
    protocol: Vec<String>,
    deviations: &'a [String],
    environment: &'a [Fact],
}

#[derive(Serialize)]
struct Row<'a> {
    id: &'a str,
    accuracy: Option<Accuracy>,
    baseline: Option<&'a str>,
    difference: Option<Interval>,
    firing_rate: Option<f64>,
    seconds: Option<f64>,
    published: Option<PublishedValue<'a>>,
    unpublished: Option<&'a str>,
    label: &'a str,
    note: Option<&'a str>,
    provenance: Option<&'a str>,
    images_per_second: Option<f64>,
    energy_joules: Option<f64>,
    accuracy_per_step: Vec<f64>,
    zero_gradient: Option<f64>,
    gradient_norm: Option<FirstAndLast>,
    runs: Vec<Run<'a>>,
}

#[derive(Serialize)]
struct Accuracy {
    mean: f64,
    std: Option<f64>,
    runs: usize,
}

#[derive(Serialize)]
struct Interval {
    mean: f64,
    low: f64,
    high: f64,
    pairs: usize,
    verdict: &'static str,
}

#[derive(Serialize)]
struct PublishedValue<'a> {
    value: f64,
    std: Option<f64>,
    source: crate::table::Source,
    dataset: &'a str,
    network: Option<&'a str>,
}

#[derive(Serialize)]
struct FirstAndLast {
    first: f64,
    last: f64,
}

#[derive(Serialize)]
struct Run<'a> {
    seed: u64,
    directory: &'a str,
    r#final: f64,
    best_on_validation: Option<f64>,
    best_on_test: f64,
    seconds: f64,
}

/// Renders the report as an indented JSON object that ends with a line break.
#[expect(clippy::missing_panics_doc, reason = "strings and numbers always serialize")]
pub fn json(report: &TableReport) -> String {
    let table = Object {
        table: &report.id,
        scale: &report.scale,
        dataset: &report.dataset,
        claims: claims::all(&report.claims),
        maps: &report.maps,
        rows: report.rows.iter().map(|row| self::row(report, row)).collect(),
        title: &report.title,
        unit: "fraction",
        network: report.network.as_deref(),
        baseline: report.baseline.as_deref(),
        selection: report.selection,
        protocol: protocol(report),
        deviations: &report.deviations,
        environment: &report.environment,
    };
    let text = serde_json::to_string_pretty(&table).expect("strings and numbers always serialize");
    text + "\n"
}

fn row<'a>(report: &'a TableReport, row: &'a RowReport) -> Row<'a> {
    Row {
        id: &row.id,
        accuracy: report.accuracy(row).map(|spread| Accuracy {
            mean: spread.mean,
            std: spread.std,
            runs: spread.runs,
        }),
        baseline: report.baseline_of(row).map(|baseline| baseline.id.as_str()),
        difference: report.difference(row).map(|difference| Interval {
            mean: difference.mean,
            low: difference.low,
            high: difference.high,
            pairs: difference.pairs,
            verdict: difference.direction().words(),
        }),
        firing_rate: row.firing_rate(),
        seconds: row.seconds(),
        published: row.published.as_ref().map(published),
        unpublished: row.unpublished.as_deref(),
        label: &row.label,
        note: row.note.as_deref(),
        provenance: row.provenance.as_deref(),
        images_per_second: row.images_per_second(),
        energy_joules: row.energy(),
        accuracy_per_step: row.accuracy_per_step(),
        zero_gradient: row.zero_gradient(),
        gradient_norm: row
            .first_and_last_gradient()
            .map(|(first, last)| FirstAndLast { first, last }),
        runs: row
            .runs
            .iter()
            .map(|run| Run {
                seed: run.summary.seed,
                directory: &run.directory,
                r#final: run.summary.accuracy.final_epoch,
                best_on_validation: run.summary.accuracy.best_on_validation,
                best_on_test: run.summary.accuracy.best_on_test,
                seconds: run.summary.seconds,
            })
            .collect(),
    }
}

fn published(published: &Published) -> PublishedValue<'_> {
    PublishedValue {
        value: published.value,
        std: published.std,
        source: published.source,
        dataset: &published.dataset,
        network: published.network.as_deref(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::report::example;

    #[test]
    fn the_keys_that_programs_rely_on() {
        let value: Value = serde_json::from_str(&json(&example::report())).unwrap();
        assert_eq!(value["table"], "table-0");
        assert_eq!(value["scale"], "demo");
        assert_eq!(value["dataset"], "Digits 8×8");
        let rows = value["rows"].as_array().unwrap();
        assert_eq!(rows.len(), 3);

        let baseline = &rows[0];
        assert_eq!(baseline["id"], "sdt");
        assert_eq!(baseline["accuracy"]["runs"], 3);
        assert!((baseline["accuracy"]["mean"].as_f64().unwrap() - 0.81).abs() < 1e-12);
        assert!((baseline["accuracy"]["std"].as_f64().unwrap() - 0.01).abs() < 1e-12);
        assert_eq!(baseline["difference"], Value::Null);
        assert_eq!(baseline["published"], Value::Null);

        let tet = &rows[1];
        assert!((tet["difference"]["mean"].as_f64().unwrap() - 0.02).abs() < 1e-12);
        assert!(tet["difference"]["low"].as_f64().unwrap() < 0.02);
        assert!(tet["difference"]["high"].as_f64().unwrap() > 0.02);
        assert_eq!(tet["published"]["value"], 0.7447);
        assert_eq!(tet["published"]["std"], 0.0015);
        assert_eq!(tet["published"]["source"], "third-party");
        assert_eq!(tet["seconds"], 12.0);
        assert!((tet["firing_rate"].as_f64().unwrap() - 0.15).abs() < 1e-7);

        assert!((tet["zero_gradient"].as_f64().unwrap() - 0.6).abs() < 1e-7);
        assert!((tet["gradient_norm"]["first"].as_f64().unwrap() - 0.03).abs() < 1e-8);
        assert!((tet["gradient_norm"]["last"].as_f64().unwrap() - 0.3).abs() < 1e-7);
        assert_eq!(tet["accuracy_per_step"].as_array().unwrap().len(), 4);

        let single = &rows[2];
        assert_eq!(single["accuracy"]["runs"], 1);
        assert_eq!(single["accuracy"]["std"], Value::Null);
        assert_eq!(single["difference"], Value::Null);
    }
}
