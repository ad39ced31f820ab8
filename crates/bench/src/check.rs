//! The sections of `candlewick gpu-check`: laws on a device against the CPU, and times of training steps there.
//!
//! Each section is a function of a [`DeviceCheck`] that gives [`Findings`], or the error that ended it.

mod anchors;
mod counts;
mod epochs;
mod error;
mod laws;
mod machine;
mod networks;
mod target;
mod times;
mod trainee;

use std::path::PathBuf;
use std::time::Instant;

use candlewick_run::CheckTable;

pub use anchors::{check_anchors, measure_sew};
pub use counts::check_counts;
pub use epochs::check_epochs;
pub use error::{CheckError, Result};
pub use laws::check_laws;
pub use machine::check_machine;
pub use target::Target;
pub use times::{StepTime, Unmeasured, check_times, measure_steps};

/// What is checked.
#[derive(Clone, Debug)]
pub struct DeviceCheck {
    /// Where the kernels run.
    pub target: Target,
    /// Whether everything is smaller, for a quick look.
    pub quick: bool,
    /// The folder of the data sets that are not embedded.
    pub data: Option<PathBuf>,
    /// When the section has to end; what is not done by then is left out.
    pub until: Instant,
}

impl DeviceCheck {
    /// Whether the time of the section is up.
    fn is_over(&self) -> bool {
        Instant::now() >= self.until
    }
}

/// What a section found.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    /// In a sentence.
    pub sentence: String,
    /// What is wrong, one sentence each; the section passed if there are none.
    pub failures: Vec<String>,
    /// Number of comparisons, where the section compares.
    pub comparisons: Option<u64>,
    /// What a reader must know beside the tables, one sentence each.
    pub notes: Vec<String>,
    /// What was found in detail.
    pub tables: Vec<CheckTable>,
}

/// What stands in the place of a time when the kernels ran on the host.
pub const NOT_MEASURED: &str = "not measured: the kernels ran on the host";

/// An error as a sentence; of one that the device's memory is to blame for, with what to do about it.
pub fn in_words(error: &impl std::fmt::Display, lower: &str) -> String {
    let error = error.to_string();
    let lowered = error.to_lowercase();
    let signs = ["out_of_memory", "out of memory", "alloc_failed"];
    if signs.iter().any(|sign| lowered.contains(sign)) {
        return format!("the device has too little memory: lower {lower}");
    }
    error.lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_memory_says_what_to_lower() {
        let error = "DriverError(CUDA_ERROR_OUT_OF_MEMORY, \"out of memory\")\n  0: a trace";
        let expected = "the device has too little memory: lower the batch size";
        assert_eq!(in_words(&error, "the batch size"), expected);
        assert_eq!(in_words(&"no such kernel\n trace", "x"), "no such kernel");
    }
}
