//! Measurements that others published, made here in the same way as far as this code allows.

mod lif;
mod linear;
mod sew;

use candlewick_run::{CheckCell, CheckTable};

use super::target::Timed;
use super::{DeviceCheck, Findings, NOT_MEASURED, Result, StepTime, in_words};

pub use sew::measure_sew;

/// What the anchors found so far.
struct Anchor<'a> {
    check: &'a DeviceCheck,
    failures: Vec<String>,
    notes: Vec<String>,
    tables: Vec<CheckTable>,
}

impl Anchor<'_> {
    /// A cell of a time that was measured, or that says why it was not; a failure is noted.
    fn time(&mut self, what: &str, lower: &str, outcome: Result<Option<Timed>>) -> Option<f64> {
        match outcome {
            Ok(timed) => timed.map(|timed| timed.seconds),
            Err(error) => {
                self.failures.push(format!("{what}: {}.", in_words(&error, lower)));
                None
            }
        }
    }

    /// The time in milliseconds, or what stands in its place.
    fn cell(&self, seconds: Option<f64>, failures_before: usize) -> CheckCell {
        match seconds {
            Some(seconds) => CheckCell::number(1e3 * seconds, 2),
            None if self.failures.len() > failures_before => "failed".into(),
            None if self.check.target.is_timed() => "not measured: the time was up".into(),
            None => NOT_MEASURED.into(),
        }
    }
}

/// The three anchors, each beside its published numbers; `sew` are the times of the first, which others use too.
pub fn check_anchors(check: &DeviceCheck, sew: &[StepTime]) -> Findings {
    let mut anchor = Anchor { check, failures: Vec::new(), notes: Vec::new(), tables: Vec::new() };
    sew::show(&mut anchor, sew);
    lif::measure(&mut anchor);
    linear::measure(&mut anchor);
    let Anchor { failures, notes, tables, .. } = anchor;
    let sentence = if check.target.is_timed() {
        "measured beside what was published; the devices differ.".to_owned()
    } else {
        format!("everything ran, at small sizes; {NOT_MEASURED}.")
    };
    Findings { sentence, failures, notes, tables, comparisons: None }
}
