//! Laws on a device: its kernels against the operations of the CPU.

mod scans;
mod trainings;

use candlewick_run::{CheckCell, CheckTable};

use super::{DeviceCheck, Findings, Result};

/// What comparisons of one kind gave.
#[derive(Debug, Default)]
struct Law {
    comparisons: u64,
    /// How many there would be with enough time.
    planned: u64,
    /// Numbers that were compared.
    values: u64,
    /// Spikes on the CPU; where nothing fires, little is compared.
    spikes: u64,
    failures: Vec<String>,
}

impl Law {
    fn row(&self, name: &str, bound: &str) -> Vec<CheckCell> {
        vec![
            name.into(),
            bound.into(),
            CheckCell::count(self.comparisons),
            CheckCell::count(self.planned),
            CheckCell::count(self.values),
            CheckCell::count(self.spikes),
            CheckCell::count(self.failures.len() as u64),
        ]
    }
}

/// Failures that are quoted; there may be hundreds of one cause.
const QUOTED: usize = 8;

/// Compares the scans of neurons and training steps on the device with those of the CPU.
///
/// # Errors
/// If an operation fails.
pub fn check_laws(check: &DeviceCheck) -> Result<Findings> {
    let scans = scans::compare(check)?;
    let trainings = trainings::compare(check)?;
    let headers = ["law", "bound", "comparisons", "planned", "numbers", "spikes", "failed"];
    let mut table = CheckTable::new(&headers);
    table.rows.push(scans.row(
        "every neuron under several surrogates, spikes, states and gradients",
        "equal to the bit; sums over neurons 1e-6",
    ));
    table.rows.push(trainings.row(
        "two training steps of each network with each method, losses and parameters",
        "losses 1e-5; parameters and statistics 1e-4 of the largest",
    ));
    let comparisons = scans.comparisons + trainings.comparisons;
    let failed = scans.failures.len() + trainings.failures.len();
    let mut failures: Vec<String> = scans.failures;
    failures.extend(trainings.failures);
    failures.truncate(QUOTED);
    if failed > failures.len() {
        failures.push(format!("{} more comparisons failed.", failed - failures.len()));
    }
    let mut notes = Vec::new();
    let planned = scans.planned + trainings.planned;
    if comparisons < planned {
        notes.push(format!(
            "The time of the section was up after {comparisons} of {planned} comparisons."
        ));
    }
    let sentence = format!("{comparisons} comparisons with the CPU agree.");
    Ok(Findings { sentence, failures, comparisons: Some(comparisons), notes, tables: vec![table] })
}
