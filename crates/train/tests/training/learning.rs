//! A network learns, its record says how, and its checkpoint is worth what the record says.

use std::sync::atomic::AtomicBool;

use candle_core::Device;
use candlewick_core::Key;
use candlewick_core::parameters::seeded;
use candlewick_datasets::Split;
use candlewick_methods::Methods;
use candlewick_network::{Context, Network};
use candlewick_run::{RunState, Status};
use candlewick_train::optimizer::AdamW;
use candlewick_train::{
    Cadence, Checkpoint, Data, Ended, Error, Event, Model, Progress, Silent, Stage, Trainer,
    evaluate_checkpoint,
};

use crate::bench::{Result, Training, digits, loaders, network, run_directory, settings};

/// Counts the events of each kind.
#[derive(Default)]
struct Counter {
    started: usize,
    steps: usize,
    evaluations: usize,
    epochs: usize,
    checkpoints: usize,
    last_seconds_left: f64,
}

impl Progress for Counter {
    fn event(&mut self, event: &Event<'_>) {
        match event {
            Event::Started { epoch: 0, step: 0, epochs: 8, steps: 10 } => self.started += 1,
            Event::Step(report) => {
                self.steps += 1;
                self.last_seconds_left = report.seconds_left;
                assert!(report.images_per_second > 0.0 && report.accuracy <= 1.0);
            }
            Event::Evaluating { split: "test", batches: 4, .. } => self.evaluations += 1,
            Event::Epoch { .. } => self.epochs += 1,
            Event::Checkpoint { .. } => self.checkpoints += 1,
            other => unreachable!("{other:?}"),
        }
    }
}

#[test]
fn a_network_learns_digits_in_two_stages_of_time_steps() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("run");
    let training = Training {
        layers: "FC64-FC10",
        settings: settings(vec![Stage::new(5, 2), Stage::new(3, 4)]),
        methods: None,
        loaders: loaders(310, 100)?,
        cadence: Cadence::default(),
    };
    let mut run = run_directory(&path)?;
    let mut counter = Counter::default();
    let ended = training.run(Some(&mut run), &mut counter, &AtomicBool::new(false))?;
    let Ended::Complete(summary) = ended else {
        return Err(format!("{ended:?}").into());
    };
    assert_eq!(
        (counter.started, counter.steps, counter.evaluations, counter.epochs, counter.checkpoints),
        (1, 80, 32, 8, 8)
    );
    assert!(counter.last_seconds_left >= 0.0);
    assert_eq!(run.manifest().status, Status::Complete);
    assert_eq!(run.summary()?.as_ref(), Some(&*summary));

    // Chance is 0.1.
    assert!(summary.accuracy.final_epoch > 0.7, "{:?}", summary.accuracy);
    assert_eq!(summary.time_steps, 4);
    assert_eq!(summary.accuracy_per_step.len(), 4);
    assert_eq!(summary.parameters, (64 * 64 + 64 + 64 * 10 + 10) as u64);
    let metrics = run.metrics()?;
    let time_steps: Vec<usize> = metrics.iter().map(|epoch| epoch.time_steps).collect();
    assert_eq!(time_steps, [2, 2, 2, 2, 2, 4, 4, 4]);
    assert!(metrics[7].train.loss < 0.5 * metrics[0].train.loss);
    // The second stage begins the cosine anew.
    assert!(metrics[5].learning_rate > metrics[4].learning_rate);
    let mut visited = 0;
    for epoch in &metrics {
        assert_eq!(epoch.gradient_norms.len(), 4);
        assert!(epoch.gradient_norms.iter().all(|gradient| gradient.norm > 0.0));
        let [layer] = &epoch.layers[..] else { unreachable!("one spiking layer") };
        assert!(layer.firing_rate > 0.0 && layer.firing_rate < 1.0);
        assert!(layer.active_gradient.is_some_and(|share| share > 0.0 && share < 1.0));
        assert!(layer.dead.is_some() && layer.saturated.is_some());
        visited += 1;
    }
    assert_eq!(visited, 8);

    let fresh = network("FC64-FC10", 99)?;
    let last = Checkpoint::open_in(&run, "last.safetensors")?;
    let test = &training.loaders.test;
    let found = evaluate_checkpoint(&last, &fresh, &mut training.methods(), test, &[1, 4, 6])?;
    let time_steps: Vec<usize> = found.iter().map(|found| found.time_steps).collect();
    assert_eq!(time_steps, [1, 4, 6]);
    assert!(found.iter().all(|found| found.samples == 100));
    assert_eq!(found[1].metrics.accuracy, summary.accuracy.final_epoch);
    assert_eq!(found[1].metrics.loss, summary.loss);
    Ok(())
}

#[test]
fn a_dozen_lines_train_to_ninety_percent() -> Result<()> {
    let data = Data::open("digits")?.time_steps(4);
    let mut methods = Methods::new();
    let network = Network::spec("16C3-AP2-FC10").build(
        data.features()?,
        data.classes(),
        seeded(&Device::Cpu, Key::new(7)),
    )?;
    let ended = Trainer::new(&network, &mut methods)
        .optimizer(AdamW { learning_rate: 0.02, ..AdamW::default() })
        .epochs(4)
        .fit(&data)?;
    let accuracy = ended.summary().map(|summary| summary.accuracy.final_epoch);
    assert!(accuracy.is_some_and(|accuracy| accuracy >= 0.9), "{accuracy:?}");
    Ok(())
}

#[test]
fn validation_data_choose_the_best_epoch() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("run");
    let mut training = Training::small(settings(vec![Stage::new(3, 2)]))?;
    training.settings.evaluate_every = 2;
    training.loaders.validation = digits(Split::Test, 50)?;
    let mut run = run_directory(&path)?;
    let ended = training.run(Some(&mut run), &mut Silent, &AtomicBool::new(false))?;
    let Ended::Complete(summary) = ended else {
        return Err(format!("{ended:?}").into());
    };
    assert!(summary.accuracy.best_on_validation.is_some());
    let evaluated: Vec<bool> = run.metrics()?.iter().map(|epoch| epoch.test.is_some()).collect();
    assert_eq!(evaluated, [false, true, true]);
    let best = Checkpoint::open(&run.checkpoints().join("best.safetensors"))?;
    let best: serde_json::Value = best.place()?;
    assert_eq!(best["selection"], "best-on-validation");
    Ok(())
}

#[test]
fn a_training_needs_no_directory() -> Result<()> {
    let training = Training::small(settings(vec![Stage::new(1, 2)]))?;
    let ended = training.run(None, &mut Silent, &AtomicBool::new(false))?;
    assert!(matches!(ended, Ended::Complete(summary) if summary.epochs == 1));
    let stopped = training.run(None, &mut Silent, &AtomicBool::new(true))?;
    assert_eq!(stopped, Ended::Interrupted { epoch: 0, step: 0 });
    Ok(())
}

/// Counts checkpoints only.
#[derive(Default)]
struct Saves(usize);

impl Progress for Saves {
    fn event(&mut self, event: &Event<'_>) {
        self.0 += usize::from(matches!(event, Event::Checkpoint { .. }));
    }
}

#[test]
fn the_cadence_counts_seconds_and_steps() -> Result<()> {
    // Ten steps; the last checkpoint is that of the epoch's end.
    let cadences = [((None, None), 1), ((None, Some(3)), 4), ((Some(0.0), None), 10)];
    let mut visited = 0;
    for ((seconds, steps), expected) in cadences {
        let directory = tempfile::tempdir()?;
        let mut training = Training::small(settings(vec![Stage::new(1, 2)]))?;
        training.cadence = Cadence { seconds, steps };
        let mut run = run_directory(&directory.path().join("run"))?;
        let mut saves = Saves::default();
        training.run(Some(&mut run), &mut saves, &AtomicBool::new(false))?;
        assert_eq!(saves.0, expected, "{seconds:?}, {steps:?}");
        visited += 1;
    }
    assert_eq!(visited, 3);
    Ok(())
}

#[test]
fn evaluation_keeps_nothing_for_a_backward_pass() -> Result<()> {
    let network = network("FC24-FC10", 1)?;
    let loader = &digits(Split::Test, 32)?[0];
    let Some(batch) = loader.epoch(0, 0)?.next() else {
        return Err("no batch".into());
    };
    let input = batch?.input;
    let model: &dyn Model = &network;
    let evaluation = model.forward(&input, &Context::evaluation(2))?;
    let message = evaluation.logits.sum_all()?.backward().unwrap_err().to_string();
    assert!(message.contains("ran without gradients"), "{message}");
    let buffered = network.most_buffered();
    let training = model.forward(&input, &Context::training(2, Key::new(1)))?;
    let store = training.logits.sum_all()?.backward()?;
    let mut visited = 0;
    for parameter in network.parameters().learned() {
        assert!(store.get(&parameter.variable).is_some(), "{}", parameter.name);
        visited += 1;
    }
    assert_eq!(visited, 4);
    assert!(buffered < network.most_buffered(), "{buffered}, {}", network.most_buffered());
    Ok(())
}

#[test]
fn data_of_other_time_steps_are_refused_before_the_training() -> Result<()> {
    let mut training = Training::small(settings(vec![Stage::new(1, 2)]))?;
    training.loaders.test = Vec::new();
    let error = training.run(None, &mut Silent, &AtomicBool::new(false)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "time steps of the input: expected 2, or 1 for all steps, got no data"
    );
    assert!(matches!(error, Error::Core(_)));
    Ok(())
}

#[test]
fn a_complete_run_is_not_trained_again() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("run");
    Training::small(settings(vec![Stage::new(1, 2)]))?.record(&path)?;
    assert_eq!(candlewick_run::RunDirectory::inspect(&path), RunState::Complete);
    Ok(())
}
