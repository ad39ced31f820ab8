//! What a task of the array may take: CPUs, time, memory.

use std::fmt;

use candlewick::experiment::estimate::Cost;

/// How many times the measured time a task may take: the node may be slower than this machine, or shared.
const TIME_FACTOR: f64 = 3.0;
/// Seconds beyond that, in which data are read and figures taken.
const TIME_BESIDE: f64 = 600.0;
/// How many times the measured memory a task may take.
const MEMORY_FACTOR: u64 = 2;
/// Bytes beyond that.
const MEMORY_BESIDE: u64 = 512 << 20;

/// The limits of each task; `None` is not limited by the script, since the user says it or nobody knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    pub(super) cpus: usize,
    /// Of wall clock.
    pub(super) minutes: Option<u64>,
    /// Of memory.
    pub(super) mebibytes: Option<u64>,
    /// Whether the options of the user say them.
    said: [bool; 2],
}

impl Limits {
    /// Before anything is measured; `options` are those that the user gives to sbatch.
    pub(super) fn unknown(cpus: usize, options: &[String]) -> Self {
        let said = |names: &[&str]| {
            options.iter().any(|option| {
                let name = option.split(['=', ' ']).next();
                name.is_some_and(|name| names.contains(&name))
            })
        };
        let memory = ["--mem", "--mem-per-cpu", "--mem-per-gpu"];
        Self { cpus, minutes: None, mebibytes: None, said: [said(&["--time"]), said(&memory)] }
    }

    /// Whether one of them follows from measured steps.
    pub(super) fn are_to_be_measured(&self) -> bool {
        self.said != [true; 2]
    }

    /// Takes what the longest and the largest training take.
    pub(super) fn measured(&mut self, costs: impl Iterator<Item = Cost> + Clone) {
        let [time, memory] = self.said;
        if !time {
            let seconds = costs.clone().map(|cost| cost.seconds).fold(0.0, f64::max);
            self.minutes = Some(((TIME_FACTOR * seconds + TIME_BESIDE) / 60.0).ceil() as u64);
        }
        if !memory {
            let bytes = costs.filter_map(|cost| cost.bytes).max();
            let limit =
                |bytes: u64| bytes.saturating_mul(MEMORY_FACTOR).saturating_add(MEMORY_BESIDE);
            self.mebibytes = bytes.map(|bytes| limit(bytes).div_ceil(1 << 20));
        }
    }

    /// The options of sbatch for them.
    pub(super) fn options(&self) -> Vec<String> {
        let mut options = vec![format!("--cpus-per-task={}", self.cpus)];
        options.extend(self.minutes.map(|minutes| {
            let (days, hours) = (minutes / 1440, minutes / 60 % 24);
            format!("--time={days}-{hours:02}:{:02}:00", minutes % 60)
        }));
        options.extend(self.mebibytes.map(|mebibytes| format!("--mem={mebibytes}M")));
        options
    }
}

impl fmt::Display for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.options().join(" "))
    }
}
