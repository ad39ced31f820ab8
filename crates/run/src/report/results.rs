//! The page of measured tables in the documentation, and the files that it is made of.
//!
//! A file holds a report without what only figures show, so that it can be committed.
//! The page is a function of the files: it says nothing that they do not.

use std::fmt::Write;
use std::path::Path;

use crate::claim::{Expectation, Verdict};
use crate::error::RunError;
use crate::report::cells::NOTHING;
use crate::report::claims::found;
use crate::report::direction::Directions;
use crate::report::markdown::{escape, sections};
use crate::table::{RowReport, RunRecord, TableReport};

/// The report as a JSON document with what the page needs: per run the summary, and the gradient
/// norms of the first and the last weight in the last epoch.
#[expect(clippy::missing_panics_doc, reason = "strings and numbers always serialize")]
pub fn results(report: &TableReport) -> String {
    let mut report = report.clone();
    for row in &mut report.rows {
        for run in &mut row.runs {
            reduce(run);
        }
    }
    let text = serde_json::to_string_pretty(&report).expect("strings and numbers always serialize");
    text + "\n"
}

/// Leaves out the course of a run, its snapshot, and where on a machine it lies.
fn reduce(run: &mut RunRecord) {
    let mut last = run.epochs.pop();
    if let Some(epoch) = &mut last {
        let weights: Vec<_> =
            epoch.gradient_norms.iter().filter(|norm| norm.name.ends_with("weight")).collect();
        let ends = [weights.first().copied(), weights.last().copied()];
        epoch.gradient_norms = ends.into_iter().flatten().cloned().collect();
        for metrics in [&mut epoch.test, &mut epoch.validation].into_iter().flatten() {
            metrics.confusion.clear();
        }
        epoch.layers.clear();
        epoch.methods.clear();
    }
    run.epochs = last.into_iter().collect();
    run.snapshot = None;
    let parts: Vec<&str> = run.directory.split(['/', '\\']).collect();
    run.directory = parts[parts.len().saturating_sub(2)..].join("/");
}

/// Reads what [`results`] wrote; `path` is named in the error.
///
/// # Errors
/// If the text is not such a document.
pub fn read_results(text: &str, path: &Path) -> Result<TableReport, RunError> {
    serde_json::from_str(text)
        .map_err(|source| RunError::Malformed { path: path.to_path_buf(), source })
}

/// The folder of figures, as seen from the page.
const FIGURES: &str = "results";

/// The page of all reports, numbered tables first, as Markdown that ends with a line break.
///
/// It shows the [maps](super::map_figures) of each report as files `results/TABLE/SCALE-NAME` beside the page.
pub fn results_page(reports: &[TableReport]) -> String {
    let mut reports: Vec<&TableReport> = reports.iter().collect();
    let scales = ["demo", "reduced", "full"];
    reports.sort_by_key(|report| {
        let scale = scales.iter().position(|scale| *scale == report.scale);
        (report.id.contains('/'), report.id.clone(), scale)
    });
    let mut out = String::from(
        "# What we measured\n\n\
         This page is made by `cargo xtask results` from the files in `docs/results`, which hold every run's numbers; `cargo xtask tidy` fails if it is not what they give.\n\
         `cargo xtask results FILE` takes in the `results.json` that `cargo xtask reproduce` leaves beside its report.\n",
    );
    if reports.is_empty() {
        out.push_str("\nNo table has been measured yet.\n");
        return out;
    }
    push_claims(&mut out, &reports);
    push_accuracies(&mut out, &reports);
    for report in reports {
        let _ = write!(
            out,
            "\n## {}\n\n{}",
            escape(&report.title),
            sections(report, "###", &format!("{FIGURES}/{}/{}-", report.id, report.scale))
        );
    }
    out
}

/// What each table says of claims.
fn push_claims(out: &mut String, reports: &[&TableReport]) {
    if reports.iter().all(|report| report.claims.is_empty()) {
        return;
    }
    out.push_str(
        "\nEach claim of a paper is tested where its effect should be large, under a condition that was chosen by the behavior of the baseline alone.\n\
         Of all tables without any effect at most 5 % have a claim that holds or is contradicted, since the tests are corrected for the number of claims.\n\
         A claim shows no effect where its effect is smaller than a margin for certain; otherwise the runs cannot tell, and the table says which effects they would have seen.\n\
         Identities, which hold to the bit or show a mistake in the code, are counted apart.\n\n\
         | table | scale | holds | contradicted | no effect | cannot tell | identities |\n|---|---|---|---|---|---|---|\n",
    );
    for report in reports.iter().filter(|report| !report.claims.is_empty()) {
        let all = found(&report.claims);
        let names = |verdict: Verdict| {
            let tested = all.iter().filter(|(claim, finding)| {
                claim.expected != Expectation::Identical && finding.verdict == verdict
            });
            let names: Vec<String> = tested.map(|(claim, _)| format!("`{}`", claim.id)).collect();
            if names.is_empty() { NOTHING.to_owned() } else { names.join(", ") }
        };
        let identities =
            || all.iter().filter(|(claim, _)| claim.expected == Expectation::Identical);
        let held = identities().filter(|(_, finding)| finding.verdict == Verdict::Holds).count();
        let _ = writeln!(
            out,
            "| `{}` | {} | {} | {} | {} | {} | {held} of {} |",
            report.id,
            report.scale,
            names(Verdict::Holds),
            names(Verdict::Contradicted),
            names(Verdict::NoEffect),
            names(Verdict::CannotTell),
            identities().count(),
        );
    }
}

/// Which rows of each table are more accurate than their baseline.
fn push_accuracies(out: &mut String, reports: &[&TableReport]) {
    if reports.iter().all(|report| report.rows.is_empty()) {
        return;
    }
    out.push_str(
        "\nEach paper claims that its method is more accurate than training without it.\n\
         In the tables of accuracies that holds in direction where the whole 95 % interval of the paired difference to the baseline lies above zero, it does not where the interval lies below, and otherwise the runs cannot tell.\n\
         Tables of ablations and of variants have rows for which no paper claims a gain; they are sorted in the same way.\n\
         The intervals are not corrected for the number of rows: of twenty rows without any effect, one is expected to look like one.\n\
         None of the numbers is comparable with a published one unless the scale is `full`.\n\n\
         | table | scale | measured on | holds | does not | cannot tell |\n|---|---|---|---|---|---|\n",
    );
    for report in reports.iter().filter(|report| !report.rows.is_empty()) {
        let directions = Directions::of(report);
        let names = |rows: &[&RowReport]| match rows {
            [] => NOTHING.to_owned(),
            rows => rows.iter().map(|row| escape(&row.label)).collect::<Vec<_>>().join(", "),
        };
        let _ = writeln!(
            out,
            "| `{}` | {} | {} | {} | {} | {} |",
            report.id,
            report.scale,
            escape(&report.dataset),
            names(&directions.higher),
            names(&directions.lower),
            names(&directions.open),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{example, json, markdown};

    /// Nothing that the tables say is lost in the file.
    #[test]
    fn a_file_says_what_the_report_says() {
        let report = example::claims::report();
        let text = results(&report);
        let read = read_results(&text, Path::new("results.json")).unwrap();
        assert_eq!(results(&read), text);
        assert_eq!(markdown(&read), markdown(&report));
        let object = |report| serde_json::from_str::<serde_json::Value>(&json(report)).unwrap();
        let (whole, mut kept) = (object(&report), object(&read));
        let mut visited = 0;
        for row in kept["rows"].as_array_mut().unwrap() {
            for run in row["runs"].as_array_mut().unwrap() {
                let directory = format!("runs/table-0/{}", run["directory"].as_str().unwrap());
                run["directory"] = directory.into();
                visited += 1;
            }
        }
        assert_eq!((kept, visited), (whole, 7));
    }

    #[test]
    fn the_page_of_the_small_example() {
        let mut other = example::report();
        other.id = "paper/table".to_owned();
        let page = results_page(&[other, example::report()]);
        assert!(page.find("`table-0`").unwrap() < page.find("`paper/table`").unwrap());
        assert_eq!(page.matches("\n## A small example\n").count(), 2);
        assert_eq!(page.matches("\n### Protocol\n").count(), 2);
        assert!(results_page(&[]).ends_with("\nNo table has been measured yet.\n"));
    }

    /// `golden/verdicts.py` computes them by scipy from the file alone.
    #[test]
    fn verdicts_can_be_computed_from_the_file() {
        let text = results(&example::claims::report());
        example::assert_golden("claims.json", &text);
        let report = read_results(&text, Path::new("claims.json")).unwrap();
        let verdicts: Vec<String> = found(&report.claims)
            .iter()
            .map(|(claim, finding)| {
                format!("{} {}", claim.id, finding.verdict.words().replace(' ', "-"))
            })
            .collect();
        let golden: Vec<&str> = include_str!("golden/verdicts.txt").lines().collect();
        assert_eq!(verdicts, golden);
        assert_eq!(golden.len(), 8);
    }

    #[test]
    fn claims_stand_before_accuracies() {
        let bare = TableReport { rows: Vec::new(), ..example::claims::report() };
        let page = results_page(&[example::report(), bare]);
        let line = "| `table-0` | demo | `tet/early-accuracy`, `shortcut/first-gradient` | `shortcut/deep-accuracy` | `shortcut/no-cost` | `tet/final-accuracy`, `psg-pda/rescue`, `psg-pda/spread` | 1 of 1 |";
        assert!(page.find(line).unwrap() < page.find("measured on").unwrap());
        assert_eq!(page.matches("| `table-0` | demo | Digits").count(), 1);
    }

    #[test]
    fn a_damaged_file_is_named() {
        let error = read_results("{}", Path::new("a/demo.json")).unwrap_err().to_string();
        assert!(error.contains("a/demo.json") && error.contains("id"), "{error}");
    }
}
