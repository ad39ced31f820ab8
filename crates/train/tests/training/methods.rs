//! The published methods train through the loop, alone and together, and survive a resume.

use std::sync::atomic::AtomicBool;

use candlewick_methods::{
    AnyLoss, AnyMethod, CrossEntropy, MethodSettings, ParameterSearch, ParameterUpdate,
    ParametricSurrogate, PotentialDistribution, PotentialObjective, ShortcutSchedule,
    TemporallyWeightedOutput, Tet,
};
use candlewick_run::RunDirectory;
use candlewick_train::{Ended, Silent, Stage};

use crate::bench::{Record, Result, StopAt, Training, run_directory, settings};

/// A loss and methods with a name.
pub(crate) type Case = (String, AnyLoss, MethodSettings);

/// Every registered method, changed where its defaults would not act in two epochs.
fn registered() -> Vec<AnyMethod> {
    let mut all = AnyMethod::all();
    for method in &mut all {
        match method {
            AnyMethod::Shortcut(shortcut) => shortcut.schedule = ShortcutSchedule::Evolutionary,
            AnyMethod::TemporallyWeightedOutput(two) => two.start_epoch = 0,
            _ => (),
        }
    }
    all
}

/// Each loss and each method alone, those that have several forms in each, and all together.
pub(crate) fn cases() -> Vec<Case> {
    let search = ParameterUpdate::Search(ParameterSearch::default());
    let forms: [(_, AnyMethod); 4] = [
        ("statistics", by(ParameterUpdate::Statistics).into()),
        ("search", by(search).into()),
        ("currents", towards(PotentialObjective::Currents).into()),
        ("spikes", towards(PotentialObjective::Spikes).into()),
    ];
    let alone = |method| (CrossEntropy::default().into(), MethodSettings(vec![method]));
    let losses = AnyLoss::all().into_iter();
    let losses = losses.map(|loss| (loss.name().to_owned(), loss, MethodSettings::default()));
    let methods = registered().into_iter().map(|method| {
        let name = method.name().to_owned();
        let (mut loss, methods) = alone(method);
        if name == "averaged_logits" {
            // The cross-entropy of the mean output is that of averaged logits.
            loss = Tet::default().into();
        }
        (name, loss, methods)
    });
    let forms = forms.into_iter().map(|(form, method)| {
        let name = format!("{}, {form}", method.name());
        let (loss, methods) = alone(method);
        (name, loss, methods)
    });
    let all = ("all".to_owned(), Tet::default().into(), MethodSettings(registered()));
    losses.chain(methods).chain(forms).chain([all]).collect()
}

fn by(update: ParameterUpdate) -> ParametricSurrogate {
    ParametricSurrogate { update, ..ParametricSurrogate::default() }
}

fn towards(objective: PotentialObjective) -> PotentialDistribution {
    PotentialDistribution { objective, ..PotentialDistribution::default() }
}

#[test]
fn every_method_changes_the_training_and_resumes_to_the_bit() -> Result<()> {
    let mut records: Vec<Record> = Vec::new();
    for (name, loss, methods) in cases() {
        let mut training = Training::small(settings(vec![Stage::new(2, 2)]))?;
        training.layers = "6C3-AP2-8C3-FC10";
        training.methods = Some((loss, methods));
        let directory = tempfile::tempdir()?;
        let whole = training.record(&directory.path().join("whole"))?;

        let path = directory.path().join("cut");
        let mut run = run_directory(&path)?;
        let stop = AtomicBool::new(false);
        let mut listener = StopAt { stop: &stop, moment: (2, 6), in_evaluation: false, epoch: 0 };
        let ended = training.run(Some(&mut run), &mut listener, &stop)?;
        assert_eq!(ended, Ended::Interrupted { epoch: 1, step: 6 });
        drop(run);
        let mut run = RunDirectory::resume(&path)?;
        training.run(Some(&mut run), &mut Silent, &AtomicBool::new(false))?;
        Record::read(&path)?.assert_equals(&whole, &name);

        let reported: Vec<usize> = run.metrics()?.iter().map(|epoch| epoch.methods.len()).collect();
        let expected = match name.split(',').next().unwrap_or_default() {
            "parametric_surrogate" | "shortcut" | "temporally_weighted_output" => [1, 1],
            "all" => [3, 3],
            _ => [0, 0],
        };
        assert_eq!(reported, expected, "{name}");
        for other in &records {
            assert!(other.metrics != whole.metrics, "{name} changes nothing");
        }
        records.push(whole);
    }
    assert_eq!(records.len(), AnyLoss::NAMES.len() + AnyMethod::NAMES.len() + 4 + 1);
    Ok(())
}

#[test]
fn output_weights_follow_the_accuracy_of_the_steps() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("run");
    let mut training = Training::small(settings(vec![Stage::new(3, 3)]))?;
    let two = TemporallyWeightedOutput { start_epoch: 1, ..TemporallyWeightedOutput::default() };
    training.methods = Some((CrossEntropy::default().into(), MethodSettings(vec![two.into()])));
    training.record(&path)?;
    let metrics = RunDirectory::open(&path)?.metrics()?;
    let weights: Vec<&[f32]> = metrics.iter().map(|epoch| &epoch.methods[0].values[..]).collect();
    assert_eq!(weights.len(), 3);
    assert_eq!(weights[0], [1.0; 3]);
    assert_ne!(weights[1], [1.0; 3]);
    let mean = weights[2].iter().sum::<f32>() / 3.0;
    assert!((mean - 1.0).abs() < 1e-5, "{:?}", weights[2]);
    // The first step sees the least.
    assert!(weights[2][0] < 1.0, "{:?}", weights[2]);
    Ok(())
}

/// Each scalar is changed by the share that is tried, or stays, and only in epochs in which a search is
/// due; nothing else of the training changes but through the scalars.
#[test]
fn a_search_changes_surrogates_and_nothing_else() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let mut training = Training::small(settings(vec![Stage::new(6, 2)]))?;
    training.layers = "6C3-AP2-8C3-FC10";
    let mut record = |name: &str, update: Option<ParameterUpdate>| -> Result<_> {
        let methods = update.map(|update| by(update).into()).into_iter().collect();
        training.methods = Some((CrossEntropy::default().into(), MethodSettings(methods)));
        let path = directory.path().join(name);
        training.record(&path)?;
        Ok(RunDirectory::open(&path)?.metrics()?)
    };
    let change = 0.5;
    let search = |period| Some(ParameterUpdate::Search(ParameterSearch { period, change }));
    let (baseline, found) = (record("baseline", None)?, record("search", search(2))?);
    let parameters: Vec<&[f32]> = found.iter().map(|epoch| &epoch.methods[0].values[..]).collect();
    assert_eq!(parameters[0], [1.0; 2]);
    assert_eq!((parameters[2], parameters[4]), (parameters[1], parameters[3]));
    let mut changed = 0;
    for (before, after) in [(0, 1), (2, 3), (4, 5)] {
        for (before, after) in parameters[before].iter().zip(parameters[after]) {
            let factor = after / before;
            let tried = [1.0 - change, 1.0, 1.0 + change];
            assert!(tried.iter().any(|tried| (factor - tried).abs() < 1e-5), "{factor}");
            changed += usize::from((factor - 1.0).abs() > 1e-5);
        }
    }
    assert!(changed > 0, "{parameters:?}");
    // The search ends the second epoch: all of its steps are those of the baseline, and its evaluation
    // does not see the surrogates.
    assert_eq!(found[1].train, baseline[1].train);
    assert_eq!(found[1].test, baseline[1].test);
    assert_eq!(found[1].layers, baseline[1].layers);
    assert_ne!(found[2].train, baseline[2].train);
    Ok(())
}
