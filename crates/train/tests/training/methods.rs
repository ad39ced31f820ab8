//! The published methods train through the loop, alone and together, and survive a resume.

use std::sync::atomic::AtomicBool;

use candlewick_methods::{
    AnyLoss, CrossEntropy, FiringRateTarget, GradientScaling, MaskedSurrogate, Methods,
    ParametricSurrogate, PotentialDistribution, Shortcut, ShortcutSchedule, SpikePenalty,
    TemporallyWeightedOutput, Tet,
};
use candlewick_run::RunDirectory;
use candlewick_train::{Ended, Silent, Stage};

use crate::bench::{Record, Result, StopAt, Training, run_directory, settings};

/// A loss and methods with a name.
type Case = (&'static str, AnyLoss, Methods);

/// Each method alone, and all together.
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
    vec![
        ("baseline", cross_entropy(), none()),
        ("tet", Tet::default().into(), none()),
        ("firing_rate_target", cross_entropy(), Methods { firing_rate_target, ..none() }),
        ("gradient_scaling", cross_entropy(), Methods { gradient_scaling, ..none() }),
        ("masked_surrogate", cross_entropy(), Methods { masked_surrogate, ..none() }),
        ("parametric_surrogate", cross_entropy(), Methods { parametric_surrogate, ..none() }),
        ("potential_distribution", cross_entropy(), Methods { potential_distribution, ..none() }),
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
        let expected = match name {
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
    assert_eq!(records.len(), 11);
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
