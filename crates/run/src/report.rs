//! Renders a [`TableReport`] as terminal text, Markdown, JSON or one HTML page.
//!
//! All four say the same: the claims with their verdicts, the maps, measured values with their data set, the paired difference to the baseline with its interval,
//! and published numbers in a column of their own with data set and provenance, so that none is mistaken for another.

mod cells;
mod charts;
mod check;
mod claims;
mod classes;
mod compare;
mod course;
mod diagnostics;
mod direction;
mod excerpt;
mod figures;
mod html;
mod json;
mod maps;
mod markdown;
mod minimum;
mod results;
mod text;

use std::path::Path;

use crate::atomic::replace_file;
use crate::error::Result;
use crate::table::TableReport;

pub use check::{check_html, check_markdown, check_text, write_check};
pub use compare::{comparison_html, comparison_text};
pub use excerpt::{ExcerptError, excerpt};
pub use figures::files as figures;
pub use html::html;
pub use json::json;
pub use maps::map_figures;
pub use markdown::markdown;
pub use results::{read_results, results, results_page};
pub use text::text;

/// Writes `report.txt`, `report.md`, `report.json`, `report.html` and `results.json`, which is what
/// the page of results is made of, and each map as `map-NAME.svg` into an existing directory, each whole.
///
/// # Errors
///
/// [`RunError::Io`](crate::RunError::Io) if a file cannot be written.
pub fn write(report: &TableReport, directory: &Path) -> Result<()> {
    let forms = [
        ("report.txt", text(report)),
        ("report.md", markdown(report)),
        ("report.json", json(report)),
        ("report.html", html(report)),
        ("results.json", results(report)),
    ];
    for (name, form) in forms {
        replace_file(&directory.join(name), form.as_bytes())?;
    }
    for (name, figure) in map_figures(report) {
        replace_file(&directory.join(name), figure.standalone().as_bytes())?;
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod example;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_written() {
        let directory = tempfile::tempdir().unwrap();
        let report = example::claims::report();
        write(&report, directory.path()).unwrap();
        let read = |name: &str| std::fs::read_to_string(directory.path().join(name)).unwrap();
        assert_eq!(read("report.txt"), text(&report));
        assert_eq!(read("report.md"), markdown(&report));
        assert_eq!(read("report.json"), json(&report));
        assert_eq!(read("report.html"), html(&report));
        assert_eq!(read("results.json"), results(&report));
        assert!(read("map-tet-steps.svg").starts_with("<svg"));
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 7);
    }
}
