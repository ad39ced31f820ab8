//! The laws under NVIDIA's memory checker.

use std::process::Command;
use std::time::Instant;

use candlewick_bench::check::{DeviceCheck, Findings};

use super::{Ended, child, plan};
use crate::arguments::{GpuCheckArguments, Section};

const CHECKER: &str = "compute-sanitizer";

/// Exit code of the checker where it found something; none of `candlewick`.
const FOUND: i32 = 86;

/// Runs the laws once more in a process that the checker watches.
pub(super) fn check(arguments: &GpuCheckArguments, check: &DeviceCheck) -> Result<Ended, String> {
    if !check.target.is_timed() {
        let reason = "the kernels run on the host, where there is no memory of a device.";
        return Ok(Ended::LeftOut(reason.to_owned()));
    }
    if !child::is_on_path(CHECKER) {
        let reason = format!("`{CHECKER}` is not on the path; the CUDA toolkit contains it.");
        return Ok(Ended::LeftOut(reason));
    }
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let left = check.until.saturating_duration_since(Instant::now());
    // The laws stop by themselves before the checker is ended.
    let seconds = left.mul_f64(0.5 / plan::share(Section::Laws)).as_secs().max(1);
    let mut command = Command::new(CHECKER);
    command
        .args(["--tool", "memcheck", "--error-exitcode", &FOUND.to_string()])
        .arg(program)
        .args(["gpu-check", "--quick", "--only", "laws", "--device", &arguments.device])
        .args(["--seconds", &seconds.to_string()])
        .arg("--out")
        .arg(arguments.out.join("memory-checker"));
    let done = child::run(&mut command, check.until).map_err(|error| error.to_string())?;
    if done.late {
        let reason = format!("{CHECKER} was not done within {} s.", left.as_secs());
        return Ok(Ended::LeftOut(reason));
    }
    Ok(Ended::Found(verdict(&done)))
}

/// What the checker says, and whether the laws held under it.
fn verdict(done: &child::Finished) -> Findings {
    let all = done.output.lines().chain(done.errors.lines());
    let mut summaries = all.filter_map(|line| line.split_once("ERROR SUMMARY: "));
    let summary = summaries.next_back();
    let summary = summary.map_or("no summary", |(_, summary)| summary.trim());
    let mut found = Findings { sentence: format!("{CHECKER}: {summary}."), ..Findings::default() };
    match done.code {
        Some(0) => {}
        Some(FOUND) => found.failures.push(format!("{CHECKER} found errors: {summary}.")),
        _ => found.failures.push(format!("the laws failed under {CHECKER}: {}.", done.last_line())),
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_is_read_from_code_and_summary() {
        let done = |code, summary: &str| child::Finished {
            code: Some(code),
            late: false,
            output: format!("========= ERROR SUMMARY: {summary}\n"),
            errors: "error: law broken\n".into(),
        };
        let fine = verdict(&done(0, "0 errors"));
        assert_eq!((&*fine.sentence, fine.failures.len()), ("compute-sanitizer: 0 errors.", 0));
        let bad = verdict(&done(FOUND, "2 errors"));
        assert_eq!(bad.failures, ["compute-sanitizer found errors: 2 errors."]);
        let broken = verdict(&done(1, "0 errors"));
        assert!(broken.failures[0].ends_with("error: law broken."), "{:?}", broken.failures);
    }
}
