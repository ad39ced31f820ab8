//! The published methods train through the loop, alone and together, and survive a resume.

use std::sync::atomic::AtomicBool;

use candlewick_methods::{
    AnyLoss, CrossEntropy, FiringRateTarget, GradientScaling, MaskedSurrogate, Methods,
    ParameterSearch, ParameterUpdate, ParametricSurrogate, PotentialDistribution,
    PotentialObjective, Shortcut, ShortcutSchedule, SpikePenalty, TemporallyWeightedOutput, Tet,
};
use candlewick_run::RunDirectory;
use candlewick_train::{Ended, Silent, Stage};

use crate::bench::{Record, Result, StopAt, Training, run_directory, settings};

/// A loss and methods with a name.
type Case = (&'static str, AnyLoss, Methods);

/// Each method alone, those that have several forms in each, and all together.
fn cases() -> Vec<Case> {
    let cross_entropy = || AnyLoss::from(CrossEntropy::default());
    let shortcut = Shortcut { schedule: ShortcutSchedule::Evolutionary, ..Shortcut::default() };
    let two = TemporallyWeightedOutput { start_epoch: 0, ..TemporallyWeightedOutput::default() };
    let all = Methods {
        firing_rate_target: Some(FiringRateTarget::default()),
        gradient_scaling: Some(GradientScaling::default()),
        masked_surrogate: Some(MaskedSurrogate::default()),
        parametric_surrogate: Some(ParametricSurrogate::default()),
        potential_distribution: Some(PotentialDistribution::default()),
        shortcut: Some(shortcut),
        spike_penalty: Some(SpikePenalty::default()),
        temporally_weighted_output: Some(two),
    };
    let none = Methods::default;
    let Methods {
        firing_rate_target,
        gradient_scaling,
        masked_surrogate,
        parametric_surrogate,
        potential_distribution,
        shortcut,
        spike_penalty,
        temporally_weighted_output,
    } = all.clone();
    let by = |update| Methods {
        parametric_surrogate: Some(ParametricSurrogate { update, ..Default::default() }),
        ..none()
    };
    let towards = |objective| Methods {
        potential_distribution: Some(PotentialDistribution { objective, ..Default::default() }),
        ..none()
    };
    vec![
        ("baseline", cross_entropy(), none()),
        ("tet", Tet::default().into(), none()),
        ("firing_rate_target", cross_entropy(), Methods { firing_rate_target, ..none() }),
        ("gradient_scaling", cross_entropy(), Methods { gradient_scaling, ..none() }),
        ("masked_surrogate", cross_entropy(), Methods { masked_surrogate, ..none() }),
        ("parametric_surrogate", cross_entropy(), Methods { parametric_surrogate, ..none() }),
        ("parametric_surrogate, statistics", cross_entropy(), by(ParameterUpdate::Statistics)),
        (
            "parametric_surrogate, search",
            cross_entropy(),
            by(ParameterUpdate::Search(ParameterSearch::default())),
        ),
        ("potential_distribution", cross_entropy(), Methods { potential_distribution, ..none() }),
        (
            "potential_distribution, currents",
            cross_entropy(),
            towards(PotentialObjective::Currents),
        ),
        ("potential_distribution, spikes", cross_entropy(), towards(PotentialObjective::Spikes)),
        ("shortcut", cross_entropy(), Methods { shortcut, ..none() }),
        ("spike_penalty", cross_entropy(), Methods { spike_penalty, ..none() }),
        (
            "temporally_weighted_output",
            cross_entropy(),
            Methods { temporally_weighted_output, ..none() },
        ),
        ("all", Tet::default().into(), all),
    ]
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
        let mut ears = StopAt { stop: &stop, moment: (2, 6), in_evaluation: false, epoch: 0 };
        let ended = training.run(Some(&mut run), &mut ears, &stop)?;
        assert_eq!(ended, Ended::Interrupted { epoch: 1, step: 6 });
        drop(run);
        let mut run = RunDirectory::resume(&path)?;
        training.run(Some(&mut run), &mut Silent, &AtomicBool::new(false))?;
        Record::read(&path)?.assert_equals(&whole, name);

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
    assert_eq!(records.len(), 15);
    Ok(())
}

#[test]
fn output_weights_follow_the_accuracy_of_the_steps() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("run");
    let mut training = Training::small(settings(vec![Stage::new(3, 3)]))?;
    let two = TemporallyWeightedOutput { start_epoch: 1, ..TemporallyWeightedOutput::default() };
    let methods = Methods { temporally_weighted_output: Some(two), ..Methods::default() };
    training.methods = Some((CrossEntropy::default().into(), methods));
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
        let psg = update.map(|update| ParametricSurrogate { update, ..Default::default() });
        let methods = Methods { parametric_surrogate: psg, ..Methods::default() };
        training.methods = Some((CrossEntropy::default().into(), methods));
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
