//! `candlewick gpu-check`: whether a device computes what the CPU computes, and how fast, as a report.

mod child;
mod memory;
mod peer;
mod plan;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Result;
use candlewick::run::{CheckOutcome, CheckReport, CheckSection, report};
use candlewick_bench::check::{self as sections, DeviceCheck, Findings, StepTime, Target};

use crate::arguments::{GpuCheckArguments, Section};
use crate::output::progress;
use crate::{exit, machine};

/// What a section gives: findings, or why it was left out.
enum Ended {
    Found(Findings),
    LeftOut(String),
}

/// Checks the device, writes the report and prints the outcome of each section; exit code 1 if one failed.
pub(crate) fn run(arguments: &GpuCheckArguments) -> Result<ExitCode> {
    let target = target(&arguments.device)?;
    machine::limit(machine::threads(None))?;
    std::fs::create_dir_all(&arguments.out).map_err(exit::unwritten(&arguments.out))?;
    let start = Instant::now();
    let mut check = Check { arguments, target, start, times: None, sew: None };
    let mut found = Vec::new();
    for section in plan::chosen(&arguments.only) {
        progress(format_args!("{} …\u{1b}[K", plan::heading(section)));
        let section = check.section(section);
        progress(format_args!("\u{1b}[K"));
        noteln!("{}: {}", section.heading, section.outcome.words());
        found.push(section);
    }
    let report = CheckReport {
        title: check.title(&found),
        command: command(),
        sections: found,
        seconds: start.elapsed().as_secs_f64(),
    };
    report::write_check(&report, &arguments.out)?;
    out!("{}", report::check_text(&report));
    outln!("report: {}", arguments.out.join("report.html").display());
    let failed = report.sections.iter().any(|section| section.outcome == CheckOutcome::Failed);
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The device of that name.
fn target(name: &str) -> Result<Target> {
    if name == "host" {
        return Ok(Target::Host);
    }
    if name.split(':').next() != Some("cuda") {
        return Err(exit::usage(format!("--device: expected cuda, cuda:N or host, got {name}")));
    }
    // Where the driver's library is not there, cudarc panics.
    let opened = catch_unwind(|| candlewick::core::device::parse(name));
    let opened = opened.map_err(|panic| exit::usage(format!("{name}: {}", panicked(&*panic))))?;
    Ok(Target::Device(opened?))
}

/// The command as it was typed.
fn command() -> String {
    let arguments = std::env::args_os().skip(1);
    let words = arguments.map(|argument| argument.to_string_lossy().into_owned());
    std::iter::once("candlewick".to_owned()).chain(words).collect::<Vec<_>>().join(" ")
}

/// A check that runs.
struct Check<'a> {
    arguments: &'a GpuCheckArguments,
    target: Target,
    start: Instant,
    /// The times of steps, once they are measured.
    times: Option<Vec<StepTime>>,
    /// Those of SEW-ResNet-18.
    sew: Option<Vec<StepTime>>,
}

impl Check<'_> {
    /// Runs a section; whatever happens in it stays in it.
    fn section(&mut self, section: Section) -> CheckSection {
        let began = Instant::now();
        let all = Duration::from_secs(self.arguments.seconds);
        let until = (began + all.mul_f64(plan::share(section))).min(self.start + all);
        let outcome = if began >= until {
            Ok(Ended::LeftOut(format!("the {} s of the check were up.", self.arguments.seconds)))
        } else {
            // A library that is not there, such as that of NVRTC, ends in a panic of cudarc.
            catch_unwind(AssertUnwindSafe(|| self.run(section, until)))
                .unwrap_or_else(|panic| Err(panicked(&*panic)))
        };
        let (outcome, sentence, findings) = match outcome {
            Ok(Ended::Found(found)) if found.failures.is_empty() => {
                (CheckOutcome::Passed, found.sentence.clone(), found)
            }
            Ok(Ended::Found(found)) => {
                let sentence = match &found.failures[..] {
                    [one] => one.clone(),
                    [first, rest @ ..] => format!("{first} And {} more.", rest.len()),
                    [] => String::new(),
                };
                (CheckOutcome::Failed, sentence, found)
            }
            Ok(Ended::LeftOut(reason)) => (CheckOutcome::LeftOut, reason, Findings::default()),
            Err(words) => (CheckOutcome::Failed, format!("{words}."), Findings::default()),
        };
        let Findings { failures, comparisons, notes, tables, .. } = findings;
        let failures = if failures.len() > 1 { failures } else { Vec::new() };
        CheckSection {
            id: plan::id(section),
            heading: plan::heading(section).into(),
            about: plan::about(section).into(),
            outcome,
            sentence,
            comparisons,
            notes: failures.into_iter().chain(notes).collect(),
            tables,
            seconds: began.elapsed().as_secs_f64(),
        }
    }

    fn run(&mut self, section: Section, until: Instant) -> Result<Ended, String> {
        let GpuCheckArguments { quick, data_dir, .. } = self.arguments;
        let (target, data) = (self.target.clone(), data_dir.clone());
        let check = DeviceCheck { target, quick: *quick, data, until };
        let words = |error| sections::in_words(&error, "the batch size");
        let found = match section {
            Section::Machine => {
                sections::check_machine(&check, &machine::features()).map_err(words)?
            }
            Section::Laws => sections::check_laws(&check).map_err(words)?,
            Section::Memory => return memory::check(self.arguments, &check),
            Section::Counts => sections::check_counts(&check).map_err(words)?,
            Section::Times => sections::check_times(&check, self.times(&check)),
            Section::Anchors => sections::check_anchors(&check, self.sew(&check)),
            Section::Spikingjelly => {
                if !check.target.is_timed() {
                    let reason =
                        "a ratio needs times of a device, and the kernels ran on the host.";
                    return Ok(Ended::LeftOut(reason.to_owned()));
                }
                if let Some(reason) = peer::missing(&self.arguments.python) {
                    return Ok(Ended::LeftOut(reason));
                }
                let ours = [self.sew(&check).to_vec(), self.times(&check).to_vec()].concat();
                peer::check(self.arguments, &check, &ours)?
            }
            Section::Recipes => {
                let found = sections::check_epochs(&check);
                if found.failures.is_empty() && found.tables.is_empty() {
                    return Ok(Ended::LeftOut(found.sentence));
                }
                found
            }
        };
        Ok(Ended::Found(found))
    }

    /// The times of steps, measured once.
    fn times(&mut self, check: &DeviceCheck) -> &[StepTime] {
        self.times.get_or_insert_with(|| sections::measure_steps(check))
    }

    /// The times of SEW-ResNet-18, measured once.
    fn sew(&mut self, check: &DeviceCheck) -> &[StepTime] {
        self.sew.get_or_insert_with(|| sections::measure_sew(check))
    }

    /// The title, with the name of the device if it is known.
    fn title(&self, found: &[CheckSection]) -> String {
        if !self.target.is_timed() {
            return "The kernels for devices, run on the host".to_owned();
        }
        let machine = found.iter().find(|section| section.id == "machine");
        let rows = machine.and_then(|section| section.tables.first()).map(|table| &table.rows);
        let name = rows.and_then(|rows| rows.iter().find(|row| row[0].shown() == "device"));
        let name = name.map_or(&*self.arguments.device, |row| row[1].shown());
        format!("candlewick on {name}")
    }
}

/// The message of a panic.
fn panicked(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    let text = text.unwrap_or_else(|| "it panicked without a message".to_owned());
    text.lines().next().unwrap_or_default().trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_devices_with_kernels_are_checked() {
        assert!(matches!(target("host"), Ok(Target::Host)));
        let error = target("cpu").err().map(|error| error.to_string()).unwrap_or_default();
        assert_eq!(error, "--device: expected cuda, cuda:N or host, got cpu");
    }
}
