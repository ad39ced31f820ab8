//! A process killed at an arbitrary moment, also while it writes, leaves a run that resumes.

use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use candlewick_run::{RunDirectory, RunState};
use candlewick_train::{Cadence, Event, Progress, Silent, Stage};

use crate::bench::{Record, Result, Training, run_directory, settings};

/// Tells the child where to train.
const RUN: &str = "CANDLEWICK_TEST_RUN";

/// Twenty epochs of ten steps, with a checkpoint after each step.
fn training() -> Result<Training> {
    let mut training = Training::small(settings(vec![Stage::new(20, 1)]))?;
    training.cadence = Cadence { seconds: None, steps: Some(1) };
    Ok(training)
}

/// Slows a training down, so that it is killed before its end.
struct Slow;

impl Progress for Slow {
    fn event(&mut self, event: &Event<'_>) {
        if let Event::Step(_) = event {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

#[test]
#[ignore = "the process that the other test of this file kills"]
fn child() -> Result<()> {
    let path = PathBuf::from(std::env::var_os(RUN).ok_or("started by hand")?);
    let mut run = match RunDirectory::inspect(&path) {
        RunState::Absent => run_directory(&path)?,
        _ => RunDirectory::resume(&path)?,
    };
    training()?.run(Some(&mut run), &mut Slow, &AtomicBool::new(false))?;
    Ok(())
}

#[test]
fn a_killed_process_resumes_to_the_same_bits() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let whole = training()?.record(&directory.path().join("whole"))?;
    let path = directory.path().join("killed");
    let lines = || {
        let text = std::fs::read_to_string(path.join("metrics.jsonl")).unwrap_or_default();
        text.lines().count()
    };
    let mut killed = 0;
    // The same run again and again, each time a little further.
    for epochs in [1, 2, 4] {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["--exact", "killed::child", "--ignored"])
            .env(RUN, &path)
            .stdout(std::process::Stdio::null())
            .spawn()?;
        while lines() < epochs && child.try_wait()?.is_none() {
            std::thread::sleep(Duration::from_millis(3));
        }
        child.kill()?;
        child.wait()?;
        killed += usize::from(RunDirectory::inspect(&path) == RunState::Unfinished);
    }
    assert_eq!(killed, 3, "the child came to its end");
    let mut run = RunDirectory::resume(&path)?;
    training()?.run(Some(&mut run), &mut Silent, &AtomicBool::new(false))?;
    Record::read(&path)?.assert_equals(&whole, "killed three times");
    Ok(())
}
