//! Ranks that train together write the bits of one process that computes all shards.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use candle_core::{Device, Tensor};
use candlewick_core::Key;
use candlewick_core::parameters::Parameters;
use candlewick_datasets::{Split, open};
use candlewick_encode::augment::Crop;
use candlewick_encode::mix::CutMix;
use candlewick_encode::{Augmentation, Loader};
use candlewick_methods::{Methods, Outputs};
use candlewick_network::{Context, Network};
use candlewick_ranks::{Alone, Communicator, Shards, ThreadRank};
use candlewick_run::RunDirectory;
use candlewick_train::optimizer::Sgd;
use candlewick_train::{
    AnyOptimizer, Cadence, Ended, Groups, Loaders, Model, Optimizer, Progress, Reduction, Settings,
    Silent, Stage, StepSettings, step, step_in_shards,
};

use crate::bench::{Record, Result, StopAt, Training, network, run_directory, settings};
use crate::methods::cases;

const SHARDS: usize = 4;

/// The first samples of a split, in batches of 20 samples.
fn loader(shards: &Shards, split: Split, count: usize) -> Result<Vec<Loader>> {
    let training = split == Split::Train;
    let crop = Augmentation { steps: vec![Crop::default().into()] };
    let settings = candlewick_encode::Settings {
        batch_size: 20,
        shuffle: training,
        augmentation: if training { crop } else { Augmentation::default() },
        mix: training.then(|| CutMix::default().into()),
        subset: Some((0..count).collect()),
        shards: shards.clone(),
        ..candlewick_encode::Settings::new(Key::new(5).named(split.name()))
    };
    Ok(vec![Loader::new(Arc::from(open("digits", split, None)?), settings, Device::Cpu)?])
}

/// Everything random, in a network with statistics of the batch; the last batch of an epoch has fewer samples
/// than shards.
fn training(settings: Settings, communicator: Arc<dyn Communicator>) -> Result<Training> {
    let shards = Shards::new(settings.shards, communicator)?;
    Ok(Training {
        layers: "6C3-AP2-DP0.2-8C3-AP2-FC10",
        settings,
        methods: None,
        loaders: Loaders {
            name: "digits".into(),
            train: loader(&shards, Split::Train, 63)?,
            validation: loader(&shards, Split::Test, 23)?,
            test: loader(&shards, Split::Test, 41)?,
        },
        cadence: Cadence { seconds: None, steps: None },
    })
}

fn sharded() -> Settings {
    Settings { shards: SHARDS, clip_norm: Some(1.0), ..settings(vec![Stage::new(2, 2)]) }
}

/// Runs a training on so many ranks, the first of which has the run directory and hears of the events; how
/// it ended on each.
fn run_on(
    ranks: usize,
    run: &mut RunDirectory,
    progress: &mut (dyn Progress + Send),
    stop: &AtomicBool,
    make: impl Fn(Arc<dyn Communicator>) -> Result<Training> + Sync,
) -> Result<Vec<Ended>> {
    let group: Vec<Arc<dyn Communicator>> = match ranks {
        1 => vec![Arc::new(Alone)],
        _ => ThreadRank::group(ranks).into_iter().map(|rank| Arc::new(rank) as _).collect(),
    };
    let mut first = Some((run, progress, stop));
    let outcomes: Vec<Result<Ended, String>> = std::thread::scope(|scope| {
        let threads: Vec<_> = group
            .into_iter()
            .map(|rank| {
                let (make, first) = (&make, first.take());
                scope.spawn(move || {
                    let training = make(rank).map_err(|error| error.to_string())?;
                    let ended = match first {
                        Some((run, progress, stop)) => training.run(Some(run), progress, stop),
                        None => training.run(None, &mut Silent, &AtomicBool::new(false)),
                    };
                    ended.map_err(|error| error.to_string())
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    });
    Ok(outcomes.into_iter().collect::<Result<_, _>>()?)
}

fn record_on(
    ranks: usize,
    path: &Path,
    make: impl Fn(Arc<dyn Communicator>) -> Result<Training> + Sync,
) -> Result<Record> {
    let mut run = run_directory(path)?;
    let ended = run_on(ranks, &mut run, &mut Silent, &AtomicBool::new(false), make)?;
    assert!(ended.iter().all(|ended| matches!(ended, Ended::Complete(_))), "{ended:?}");
    assert!(ended.windows(2).all(|pair| pair[0] == pair[1]));
    Record::read(path)
}

#[test]
fn every_method_writes_the_same_bits_on_any_number_of_ranks() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let mut visited = 0;
    let cases = cases();
    let count = cases.len();
    for (number, (name, loss, methods)) in cases.into_iter().enumerate() {
        let make = |rank| -> Result<Training> {
            let methods = Some((loss.clone(), methods.clone()));
            Ok(Training { methods, ..training(sharded(), rank)? })
        };
        let path = |ranks| directory.path().join(format!("{number}-{ranks}"));
        let alone = record_on(1, &path(1), make)?;
        for ranks in [2, 4] {
            record_on(ranks, &path(ranks), make)?
                .assert_equals(&alone, &format!("{name} on {ranks} ranks"));
            visited += 1;
        }
    }
    assert_eq!(visited, 2 * count);
    Ok(())
}

/// With synchronized normalizations every batch needs a sample for each shard.
fn synchronized(rank: Arc<dyn Communicator>) -> Result<Training> {
    let settings = Settings { synchronize_normalization: true, ..sharded() };
    let mut training = training(settings, rank)?;
    training.loaders.train = loader(&training.loaders.train[0].shards().clone(), Split::Train, 64)?;
    Ok(training)
}

#[test]
fn synchronized_normalizations_have_the_same_bits_on_any_number_of_ranks() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let all = cases().pop().ok_or("no case")?;
    let mut visited = 0;
    for (name, case) in [("none", None), ("all", Some((all.1, all.2)))] {
        let make = |rank| Ok(Training { methods: case.clone(), ..synchronized(rank)? });
        let path = |ranks| directory.path().join(format!("{name}-{ranks}"));
        let alone = record_on(1, &path(1), make)?;
        for ranks in [2, 4] {
            record_on(ranks, &path(ranks), make)?
                .assert_equals(&alone, &format!("{name} on {ranks} ranks"));
            visited += 1;
        }
        let apart = |rank| {
            let mut training = Training { methods: case.clone(), ..synchronized(rank)? };
            training.settings.synchronize_normalization = false;
            Ok(training)
        };
        assert!(record_on(1, &path(0), apart)?.last != alone.last);
    }
    assert_eq!(visited, 4);
    let mut short = synchronized(Arc::new(Alone))?;
    short.loaders = training(short.settings.clone(), Arc::new(Alone))?.loaders;
    let message = short.run(None, &mut Silent, &AtomicBool::new(false)).unwrap_err().to_string();
    let expected = "synchronize_normalization: expected batches of at least one sample per shard, got a last \
                    batch of 3";
    assert_eq!(message, expected);
    Ok(())
}

/// Layers of more than 1 MiB, whose gradients travel by themselves.
#[test]
fn large_layers_have_the_same_bits_on_any_number_of_ranks() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let make =
        |rank| Ok(Training { layers: "FC600-FC600-FC600-FC10", ..training(sharded(), rank)? });
    let alone = record_on(1, &directory.path().join("1"), make)?;
    let mut visited = 0;
    for ranks in [2, 4] {
        record_on(ranks, &directory.path().join(ranks.to_string()), make)?
            .assert_equals(&alone, &format!("{ranks} ranks"));
        visited += 1;
    }
    assert_eq!(visited, 2);
    Ok(())
}

/// Shards change the batch statistics, the masks and the order of sums: it is another training.
#[test]
fn another_number_of_shards_is_another_training() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let mut records = Vec::new();
    for shards in [1, 2, 4] {
        let make = |rank| training(Settings { shards, ..sharded() }, rank);
        records.push(record_on(1, &directory.path().join(shards.to_string()), make)?.last);
    }
    assert!(records[0] != records[1] && records[1] != records[2] && records[0] != records[2]);
    Ok(())
}

#[test]
fn a_training_resumes_on_another_number_of_ranks() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let make = |rank| training(sharded(), rank);
    let whole = record_on(1, &directory.path().join("whole"), make)?;
    let mut visited = 0;
    for (before, after) in [(4, 1), (1, 2), (2, 4)] {
        for in_evaluation in [false, true] {
            let path = directory.path().join(format!("{before}-{after}-{in_evaluation}"));
            let mut run = run_directory(&path)?;
            let stop = AtomicBool::new(false);
            let moment = if in_evaluation { (1, 2) } else { (2, 2) };
            let mut listener = StopAt { stop: &stop, moment, in_evaluation, epoch: 0 };
            let ended = run_on(before, &mut run, &mut listener, &stop, make)?;
            let expected = Ended::Interrupted {
                epoch: u32::from(!in_evaluation),
                step: if in_evaluation { 4 } else { 2 },
            };
            assert!(ended.iter().all(|ended| *ended == expected), "{ended:?}");
            drop(run);
            let mut run = RunDirectory::resume(&path)?;
            run_on(after, &mut run, &mut Silent, &AtomicBool::new(false), make)?;
            Record::read(&path)?.assert_equals(&whole, &format!("{before}, then {after} ranks"));
            visited += 1;
        }
    }
    assert_eq!(visited, 6);
    Ok(())
}

/// A rank whose data cannot be read ends the others with a sentence, instead of leaving them waiting.
#[test]
fn ranks_are_told_when_one_ends() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let mut run = run_directory(&directory.path().join("run"))?;
    let make = |rank: Arc<dyn Communicator>| match rank.rank() {
        1 => Err("its data cannot be read".into()),
        _ => training(sharded(), rank),
    };
    let ended = run_on(2, &mut run, &mut Silent, &AtomicBool::new(false), make);
    assert_eq!(ended.unwrap_err().to_string(), "rank 1 has ended");
    let shards = Shards::new(3, Arc::new(ThreadRank::group(2).swap_remove(0)));
    let message = "train.shards: expected a multiple of the 2 ranks, got 3";
    assert_eq!(shards.unwrap_err().to_string(), message);
    Ok(())
}

/// A model whose gradients are not complete when its network shows them: it runs it twice.
struct Twice(Network);

impl Model for Twice {
    fn parameters(&self) -> &Parameters {
        self.0.parameters()
    }

    fn forward(&self, input: &Tensor, context: &Context) -> candlewick_core::Result<Outputs> {
        let [one, other] = [0.0, 0.5].map(|shift| self.0.forward(&(input + shift)?, context));
        Ok(Outputs { logits: (one?.logits + other?.logits)?, side: Vec::new() })
    }
}

/// Models outside of candlewick's networks train on ranks, too; and S shards are S small batches, whose steps
/// are averaged.
#[test]
fn a_sharded_step_is_the_mean_of_the_steps_of_its_shards() -> Result<()> {
    let key = Key::new(3);
    let rule = AnyOptimizer::from(Sgd { learning_rate: 0.5, momentum: 0.0, ..Sgd::default() });
    let model = || -> Result<Twice> { Ok(Twice(network("6C3-AP2-8C3-FC10", 5)?)) };
    let values = |model: &Twice| -> Result<Vec<f32>> {
        let entries = model.parameters().iter();
        let values = entries.map(|entry| entry.variable.flatten_all()?.to_vec1::<f32>());
        Ok(values.collect::<candle_core::Result<Vec<_>>>()?.concat())
    };
    let steps = 3;
    // Values after so many steps with these shards, of the model that starts from `start`.
    let trained = |shards: Shards| -> Result<Vec<f32>> {
        let (model, mut methods) = (model()?, Methods::new());
        let mut optimizer = Optimizer::new(&rule, Groups::default(), model.parameters())?;
        let batches = loader(&shards, Split::Train, 60)?.remove(0).epoch(0, 0)?;
        let mut reduction = Reduction::new(shards);
        for (number, batch) in batches.take(steps).enumerate() {
            let settings = StepSettings::new(2, key.at(number as u64));
            let optimizer = &mut optimizer;
            step_in_shards(&model, &mut methods, optimizer, &batch?, &settings, &mut reduction)?;
        }
        values(&model)
    };
    let found = trained(Shards::new(SHARDS, Arc::new(Alone))?)?;
    let on_ranks: Vec<Result<Vec<f32>, String>> = std::thread::scope(|scope| {
        let threads: Vec<_> = ThreadRank::group(2)
            .into_iter()
            .map(|rank| {
                let trained = &trained;
                scope.spawn(move || {
                    let shards = Shards::new(SHARDS, Arc::new(rank)).map_err(|e| e.to_string())?;
                    trained(shards).map_err(|error| error.to_string())
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    });
    assert!(on_ranks.into_iter().all(|values| values.as_ref() == Ok(&found)));

    // The same by hand: each shard takes a step from where all are, and the mean goes on.
    let shards = Shards::new(SHARDS, Arc::new(Alone))?;
    let whole = model()?;
    let start = values(&whole)?;
    for (number, batch) in
        loader(&shards, Split::Train, 60)?.remove(0).epoch(0, 0)?.take(steps).enumerate()
    {
        let batch = batch?;
        let before: Vec<Tensor> = whole
            .parameters()
            .iter()
            .map(|entry| entry.variable.as_detached_tensor().copy())
            .collect::<candle_core::Result<_>>()?;
        let mut mean = vec![0.0_f32; start.len()];
        for shard in 0..SHARDS {
            let range = shards.samples(shard, batch.total);
            let part = batch.part(range.start, range.end)?;
            let key = key.at(number as u64).named("shard").at(shard as u64);
            let mut optimizer = Optimizer::new(&rule, Groups::default(), whole.parameters())?;
            let settings = StepSettings::new(2, key);
            step(&whole, &mut Methods::new(), &mut optimizer, &part, &settings)?;
            for (sum, value) in mean.iter_mut().zip(values(&whole)?) {
                *sum += value * range.len() as f32 / batch.total as f32;
            }
            for (entry, before) in whole.parameters().iter().zip(&before) {
                entry.variable.set(before)?;
            }
        }
        let mut rest = &mean[..];
        for entry in whole.parameters().iter() {
            let (own, after) = rest.split_at(entry.variable.elem_count());
            entry.variable.set(&Tensor::from_slice(own, entry.variable.shape(), &Device::Cpu)?)?;
            rest = after;
        }
    }
    let by_hand = values(&whole)?;
    let distance = |one: &[f32], other: &[f32]| {
        one.iter().zip(other).map(|(one, other)| (one - other).abs()).fold(0.0, f32::max)
    };
    assert!(distance(&found, &start) > 0.01);
    assert!(distance(&found, &by_hand) < 1e-5, "{}", distance(&found, &by_hand));
    Ok(())
}
