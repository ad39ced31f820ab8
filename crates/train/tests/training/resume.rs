//! A training that was interrupted anywhere ends with the bits of one that was not.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use candlewick_datasets::Split;
use candlewick_encode::AnyMix;
use candlewick_run::{RunDirectory, Status};
use candlewick_train::optimizer::Sgd;
use candlewick_train::schedule::{AnyCurve, StepDecay};
use candlewick_train::{AnyOptimizer, Cadence, Ended, Schedule, Settings, Silent, Stage};

use crate::bench::{
    CopyAt, Record, Result, StopAt, Training, mixed_digits, run_directory, settings,
};

/// Every optimizer, with everything that has a state switched on.
fn optimizers() -> Vec<AnyOptimizer> {
    let learning_rate = 0.01;
    let with_state = |optimizer| match optimizer {
        AnyOptimizer::Sgd(_) => {
            Sgd { learning_rate, momentum: 0.9, nesterov: true, weight_decay: 0.01 }.into()
        }
        other => other,
    };
    AnyOptimizer::all().into_iter().map(with_state).collect()
}

/// Resumes the run at `path` as a new process would, and trains to the end.
fn resume(training: &Training, path: &Path) -> Result<Record> {
    let mut run = RunDirectory::resume(path)?;
    let ended = training.run(Some(&mut run), &mut Silent, &AtomicBool::new(false))?;
    assert!(matches!(ended, Ended::Complete(_)), "{ended:?}");
    Record::read(path)
}

#[test]
fn every_optimizer_and_schedule_resumes_in_the_middle_of_an_epoch() -> Result<()> {
    let mut visited = 0;
    for optimizer in optimizers() {
        for mut curve in AnyCurve::all() {
            if let AnyCurve::StepDecay(step) = &mut curve {
                *step = StepDecay { every: 1, factor: 0.5 };
            }
            let schedule = Schedule { curve, warm_up_epochs: 0.5, ..Schedule::default() };
            let training = Training::small(Settings {
                optimizer: optimizer.clone(),
                schedule,
                clip_norm: Some(1.0),
                ..settings(vec![Stage::new(2, 2)])
            })?;
            let what = format!("{:?}, {:?}", optimizer, training.settings.schedule.curve);
            let directory = tempfile::tempdir()?;
            let whole = training.record(&directory.path().join("whole"))?;

            let path = directory.path().join("cut");
            let mut run = run_directory(&path)?;
            let stop = AtomicBool::new(false);
            let mut listener =
                StopAt { stop: &stop, moment: (2, 4), in_evaluation: false, epoch: 0 };
            let ended = training.run(Some(&mut run), &mut listener, &stop)?;
            assert_eq!(ended, Ended::Interrupted { epoch: 1, step: 4 });
            assert_eq!(run.manifest().status, Status::Interrupted);
            drop(run);
            resume(&training, &path)?.assert_equals(&whole, &what);
            visited += 1;
        }
    }
    assert_eq!(visited, AnyOptimizer::NAMES.len() * AnyCurve::NAMES.len());
    Ok(())
}

#[test]
fn mixed_samples_train_and_resume() -> Result<()> {
    let mut training = Training::small(settings(vec![Stage::new(2, 2)]))?;
    let directory = tempfile::tempdir()?;
    let plain = training.record(&directory.path().join("plain"))?;
    let mut visited = 0;
    for mix in AnyMix::all() {
        let name = mix.name();
        training.loaders.train = mixed_digits(Split::Train, 310, Some(mix))?;
        let whole = training.record(&directory.path().join(format!("{name}-whole")))?;
        assert!(whole.metrics != plain.metrics, "{name} changes nothing");
        let path = directory.path().join(name);
        let mut run = run_directory(&path)?;
        let stop = AtomicBool::new(false);
        let mut listener = StopAt { stop: &stop, moment: (1, 7), in_evaluation: false, epoch: 0 };
        training.run(Some(&mut run), &mut listener, &stop)?;
        drop(run);
        resume(&training, &path)?.assert_equals(&whole, name);
        visited += 1;
    }
    assert_eq!(visited, AnyMix::NAMES.len());
    Ok(())
}

/// The sizes of the event files in a run's directory.
fn event_files(path: &Path) -> Result<Vec<u64>> {
    let mut sizes = Vec::new();
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with("events.out.tfevents.") {
            sizes.push(entry.metadata()?.len());
        }
    }
    Ok(sizes)
}

/// All fields of events have fixed lengths: the same size means that nothing is missing or twice.
#[test]
fn an_event_file_changes_no_result_and_goes_on_without_repeating() -> Result<()> {
    let training = Training::small(settings(vec![Stage::new(3, 2)]))?;
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("plain");
    let plain = training.record(&path)?;
    assert!(event_files(&path)?.is_empty());

    let path = directory.path().join("whole");
    let mut run = run_directory(&path)?;
    run.record_events()?;
    training.run(Some(&mut run), &mut Silent, &AtomicBool::new(false))?;
    Record::read(&path)?.assert_equals(&plain, "with events");
    let sizes = event_files(&path)?;
    assert_eq!(sizes.len(), 1);
    assert!(sizes[0] > 3 * 1000, "{sizes:?}");

    let path = directory.path().join("cut");
    let mut run = run_directory(&path)?;
    run.record_events()?;
    let stop = AtomicBool::new(false);
    let mut listener = StopAt { stop: &stop, moment: (2, 4), in_evaluation: false, epoch: 0 };
    training.run(Some(&mut run), &mut listener, &stop)?;
    drop(run);
    assert!(event_files(&path)?[0] < sizes[0]);
    resume(&training, &path)?.assert_equals(&plain, "cut off with events");
    assert_eq!(event_files(&path)?, sizes);
    Ok(())
}

/// A stage that begins anew and one that does not, so that all parts of the place matter.
fn staged() -> Result<Training> {
    let mut last = Stage::new(1, 1);
    last.restart = false;
    let mut training = Training::small(settings(vec![Stage::new(1, 2), Stage::new(1, 3), last]))?;
    training.cadence = Cadence { seconds: None, steps: Some(4) };
    Ok(training)
}

#[test]
fn a_run_stopped_at_any_kind_of_moment_resumes() -> Result<()> {
    let training = staged()?;
    let directory = tempfile::tempdir()?;
    let whole = training.record(&directory.path().join("whole"))?;
    let moments = [
        ((1, 1), false),  // after the first step
        ((1, 10), false), // between training and evaluation
        ((2, 1), true),   // within an evaluation
        ((2, 10), false), // before the stage that continues the schedule
        ((3, 2), true),   // after the last batch of all
    ];
    let mut visited = 0;
    for (moment, in_evaluation) in moments {
        let path = directory.path().join(format!("cut{visited}"));
        let mut run = run_directory(&path)?;
        let stop = AtomicBool::new(false);
        let mut listener = StopAt { stop: &stop, moment, in_evaluation, epoch: 0 };
        let ended = training.run(Some(&mut run), &mut listener, &stop)?;
        drop(run);
        let what = format!("stopped at {moment:?}");
        if let Ended::Interrupted { .. } = ended {
            resume(&training, &path)?.assert_equals(&whole, &what);
        } else {
            assert_eq!(moment, (3, 2), "only the last moment comes too late");
            Record::read(&path)?.assert_equals(&whole, &what);
        }
        visited += 1;
    }
    assert_eq!(visited, 5);
    Ok(())
}

#[test]
fn a_run_killed_after_any_checkpoint_resumes() -> Result<()> {
    let training = staged()?;
    let directory = tempfile::tempdir()?;
    let whole = training.record(&directory.path().join("whole"))?;
    let mut visited = 0;
    // Three per epoch: after 4 and 8 of 10 steps, and at the end.
    for at in 1..=9 {
        let from = directory.path().join(format!("run{at}"));
        let to = directory.path().join(format!("killed{at}"));
        let mut run = run_directory(&from)?;
        let mut listener = CopyAt { at, written: 0, from, to: to.clone(), failure: None };
        training.run(Some(&mut run), &mut listener, &AtomicBool::new(false))?;
        assert_eq!(listener.written, 9);
        assert!(listener.failure.is_none(), "{:?}", listener.failure);
        resume(&training, &to)?.assert_equals(&whole, &format!("killed at checkpoint {at}"));
        visited += 1;
    }
    assert_eq!(visited, 9);
    Ok(())
}

#[test]
fn lines_of_epochs_after_the_checkpoint_are_cut_off() -> Result<()> {
    let training = Training::small(settings(vec![Stage::new(2, 2)]))?;
    let directory = tempfile::tempdir()?;
    let whole = training.record(&directory.path().join("whole"))?;
    let path = directory.path().join("cut");
    let mut run = run_directory(&path)?;
    let stop = AtomicBool::new(false);
    let mut listener = StopAt { stop: &stop, moment: (2, 3), in_evaluation: false, epoch: 0 };
    training.run(Some(&mut run), &mut listener, &stop)?;
    // Killed between the lines of the second epoch and its checkpoint.
    let lines = [("metrics.jsonl", whole.metrics.clone())];
    for (name, bytes) in lines {
        std::fs::write(path.join(name), bytes)?;
    }
    drop(run);
    resume(&training, &path)?.assert_equals(&whole, "killed before the checkpoint");
    Ok(())
}
