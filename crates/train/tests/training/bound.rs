//! A run whose files do not belong together, or were changed, does not resume: the file is named.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use candlewick_run::{RunDirectory, Status};
use candlewick_train::{Checkpoint, Ended, Silent, Stage};

use crate::bench::{Result, StopAt, Training, copy, run_directory, run_directory_of, settings};

fn training() -> Result<Training> {
    Training::small(settings(vec![Stage::new(3, 1)]))
}

/// A run of `seed` that was stopped after four steps of its third epoch.
fn interrupted(path: &Path, seed: u64) -> Result<()> {
    let mut run = run_directory_of(path, seed)?;
    let stop = AtomicBool::new(false);
    let mut listener = StopAt { stop: &stop, moment: (3, 4), in_evaluation: false, epoch: 0 };
    let ended = training()?.run(Some(&mut run), &mut listener, &stop)?;
    assert_eq!(ended, Ended::Interrupted { epoch: 2, step: 4 });
    Ok(())
}

/// What stops a training that resumes at `path`.
fn refusal(path: &Path) -> Result<String> {
    let resume = || -> Result<()> {
        let mut run = RunDirectory::resume(path)?;
        training()?.run(Some(&mut run), &mut Silent, &AtomicBool::new(false))?;
        Ok(())
    };
    Ok(resume().err().ok_or("it went on")?.to_string())
}

#[test]
fn what_was_edited_or_is_of_another_seed_is_named() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let (whole, other) = (directory.path().join("whole"), directory.path().join("other"));
    interrupted(&whole, 5)?;
    interrupted(&other, 6)?;
    let (last, best) = ("checkpoints/last.safetensors", "checkpoints/best.safetensors");
    let cases: [(&str, &[&str], &str); 5] = [
        ("edited", &["recipe.toml"], "recipe.toml: damaged or edited"),
        ("edited", &["resolved.toml"], "resolved.toml: damaged or edited"),
        ("edited", &["metrics.jsonl"], "metrics.jsonl: damaged or edited"),
        ("copied", &[last], "last.safetensors: written with another recipe"),
        ("copied", &[last, best, "metrics.jsonl"], "last.safetensors: written with another recipe"),
    ];
    let mut visited = 0;
    for (how, names, expected) in cases {
        let path = directory.path().join(format!("damaged{visited}"));
        copy(&whole, &path)?;
        for name in names {
            let file = path.join(name);
            match how {
                "copied" => fs::copy(other.join(name), file).map(drop)?,
                _ => fs::write(&file, edited(&fs::read_to_string(&file)?))?,
            }
        }
        let message = refusal(&path)?;
        assert!(message.contains(expected), "{how} {names:?}: {message}");
        visited += 1;
    }
    assert_eq!(visited, 5);
    Ok(())
}

/// The text with its first digit counted up.
fn edited(text: &str) -> String {
    let at = text.find(|c: char| c.is_ascii_digit() && c != '9').unwrap_or(0);
    let next = char::from(text.as_bytes()[at] + 1);
    format!("{}{next}{}", &text[..at], &text[at + 1..])
}

#[test]
fn one_digit_of_a_recorded_loss_is_noticed() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("run");
    interrupted(&path, 5)?;
    let file = path.join("metrics.jsonl");
    let text = fs::read_to_string(&file)?;
    let (start, loss) = text.split_once("\"test\":{\"loss\":").ok_or("a test loss")?;
    fs::write(&file, format!("{start}\"test\":{{\"loss\":{}", edited(loss)))?;
    assert!(RunDirectory::open(&path)?.metrics().is_ok(), "the line can be read");
    let message = refusal(&path)?;
    assert!(message.contains("metrics.jsonl: damaged or edited: expected SHA-256 "), "{message}");
    let run = RunDirectory::open(&path)?;
    let evaluated = Checkpoint::open_in(&run, "last.safetensors").unwrap_err().to_string();
    assert_eq!(evaluated, message);
    Ok(())
}

#[test]
fn a_lost_checkpoint_is_not_replaced_by_a_new_beginning() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let path: PathBuf = directory.path().join("run");
    interrupted(&path, 5)?;
    let file = path.join("checkpoints/last.safetensors");
    fs::remove_file(&file)?;
    let metrics = fs::read(path.join("metrics.jsonl"))?;
    let mut visited = 0;
    // Also of a run that was killed, since two epochs are recorded.
    for status in [Status::Interrupted, Status::Running] {
        RunDirectory::resume(&path)?.set_status(status)?;
        let message = refusal(&path)?;
        let start = format!("{}: file: missing; the run", file.display());
        assert!(message.starts_with(&start), "{message}");
        assert!(message.contains("2 epochs are recorded"), "{message}");
        assert_eq!(fs::read(path.join("metrics.jsonl"))?, metrics);
        visited += 1;
    }
    assert_eq!(visited, 2);
    Ok(())
}

#[test]
fn a_run_that_was_killed_before_its_first_checkpoint_begins_anew() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("run");
    drop(run_directory(&path)?);
    let mut run = RunDirectory::resume(&path)?;
    let ended = training()?.run(Some(&mut run), &mut Silent, &AtomicBool::new(false))?;
    assert!(matches!(ended, Ended::Complete(_)), "{ended:?}");
    Ok(())
}
