//! How long trainings take on this machine, and how much memory, from a few steps of each.

use std::sync::Arc;
use std::time::{Duration, Instant};

use candlewick_core::Key;
use candlewick_datasets::Dataset;
use candlewick_encode::{Batch, Loader};
use candlewick_network::Context;
use candlewick_train::{Optimizer, Settings, StepSettings, step};

use crate::experiment::open;
use crate::{Error, Experiment, Machine, Recipe, Result, memory};

/// Timed training steps per number of time steps, after one that is not.
pub const MEASURED_STEPS: usize = 2;

/// Samples of the step before the measured ones, from which their size is chosen.
const FIRST_SAMPLES: usize = 2;

/// What a training takes.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// Seconds, evaluations included.
    pub seconds: f64,
    /// Bytes of memory of a process that trains it, where the system tells: the most that this one ever
    /// had, and what whole batches need beyond those that were measured.
    pub bytes: Option<u64>,
}

/// Measures trainings; data sets are opened once.
#[derive(Debug)]
pub struct Estimator<'a> {
    machine: &'a Machine,
    sets: Vec<(String, [Arc<dyn Dataset>; 2])>,
}

impl<'a> Estimator<'a> {
    /// An estimator of trainings on `machine`.
    pub fn new(machine: &'a Machine) -> Self {
        Self { machine, sets: Vec::new() }
    }

    /// Opens the data of a recipe, if that is not done yet.
    ///
    /// # Errors
    /// If the data is not there, or damaged.
    pub fn open(&mut self, recipe: &Recipe) -> Result<&[Arc<dyn Dataset>; 2]> {
        let name = recipe.data.name_for(recipe.seed);
        let known = self.sets.iter().position(|(known, _)| *known == name);
        let index = known.unwrap_or(self.sets.len());
        if known.is_none() {
            self.sets.push((name, open(recipe, self.machine)?));
        }
        Ok(&self.sets[index].1)
    }

    /// What the training of `recipe` takes: a few steps on its first batch, times the number of
    /// steps. The measuring itself takes about `budget`, at least a few steps on single samples; where
    /// whole batches take longer, parts of one stand for it.
    ///
    /// # Errors
    /// As [`Experiment::prepare`] and [`Experiment::train`].
    pub fn cost(&mut self, recipe: &Recipe, name: &str, budget: Duration) -> Result<Cost> {
        let machine = self.machine;
        let sets = self.open(recipe)?.clone();
        let mut experiment = Experiment::assemble(recipe.clone(), name, machine, &sets)?;
        experiment.check_memory()?;
        let settings = &recipe.train;
        let mut known: Vec<(usize, [f64; 2])> = Vec::new();
        let mut all = 0.0;
        let mut unmeasured = 0;
        let mut epoch = 0;
        for stage in &settings.stages {
            let time_steps = stage.time_steps;
            let measured = known.iter().find(|(known, _)| *known == time_steps).copied();
            let [train, evaluation] = if let Some((_, seconds)) = measured {
                seconds
            } else {
                let share = budget / distinct(settings);
                let (samples, seconds) = per_sample(&mut experiment, time_steps, share)?;
                unmeasured = unmeasured.max(experiment.memory_beyond(time_steps, samples));
                known.push((time_steps, seconds));
                seconds
            };
            let evaluations = evaluations(settings, epoch, stage.epochs);
            epoch += stage.epochs;
            let loaders = experiment.loaders();
            let trained = samples(&loaders.train, time_steps);
            let tested =
                samples(&loaders.test, time_steps) + samples(&loaders.validation, time_steps);
            all += f64::from(stage.epochs) * trained as f64 * train;
            all += f64::from(evaluations) * tested as f64 * evaluation;
        }
        let bytes = memory::peak().map(|peak| peak.saturating_add(unmeasured));
        Ok(Cost { seconds: all, bytes })
    }
}

/// How many numbers of time steps the stages have.
fn distinct(settings: &Settings) -> u32 {
    let mut known: Vec<usize> = settings.stages.iter().map(|stage| stage.time_steps).collect();
    known.sort_unstable();
    known.dedup();
    known.len().max(1) as u32
}

/// Evaluations in the `epochs` epochs after the first `done`.
fn evaluations(settings: &Settings, done: u32, epochs: u32) -> u32 {
    let all = settings.epochs();
    let due = |epoch: &u32| epoch.is_multiple_of(settings.evaluate_every) || *epoch == all;
    (done + 1..=done + epochs).filter(due).count() as u32
}

/// The loader of inputs for that many time steps.
fn loader(loaders: &[Loader], time_steps: usize) -> Option<&Loader> {
    loaders.iter().find(|loader| [1, time_steps].contains(&loader.input_steps()))
}

/// Samples of an epoch.
fn samples(loaders: &[Loader], time_steps: usize) -> usize {
    loader(loaders, time_steps).map_or(0, Loader::samples)
}

/// How many samples were measured, and the seconds per sample of a training step and of an evaluation.
fn per_sample(
    experiment: &mut Experiment,
    time_steps: usize,
    budget: Duration,
) -> Result<(usize, [f64; 2])> {
    let first = loader(&experiment.loaders().train, time_steps).map(|loader| loader.epoch(0, 0));
    let Some(batch) = first.transpose()?.and_then(|mut batches| batches.next()).transpose()? else {
        return Ok((0, [0.0; 2]));
    };
    let train = experiment.recipe().train.clone();
    let name = experiment.recipe().data.name.clone();
    let (network, methods) = experiment.parts();
    let named = |source| Error::Network { name: name.clone(), source };
    let part = |samples| batch.part(0, samples).map_err(|error| named(error.into()));
    let key = Key::new(0).named("estimate");
    let mut settings = StepSettings::new(time_steps, key);
    settings.context.recompute = train.recompute;
    settings.context.precision = train.precision;
    settings.clip_norm = train.clip_norm;
    settings.update_in_backward = train.shards == 1;
    let mut optimizer = Optimizer::new(&train.optimizer, train.groups, network.parameters())?;
    let mut trained = |batch: &Batch| -> Result<f64> {
        let start = Instant::now();
        step(network, methods, &mut optimizer, batch, &settings)?;
        let synchronized = network.parameters().device().synchronize();
        synchronized.map_err(|error| named(error.into()))?;
        Ok(start.elapsed().as_secs_f64())
    };
    let whole = batch.indices.len();
    let few = FIRST_SAMPLES.min(whole);
    let first = trained(&part(few)?)?;
    // One step that is not timed, the timed ones, and an evaluation.
    let steps = MEASURED_STEPS as f64 + 2.0;
    let affordable = budget.as_secs_f64() / steps / (first / few as f64);
    let samples = (affordable as usize).clamp(1, whole);
    let chosen = part(samples)?;
    trained(&chosen)?;
    let mut seconds = 0.0;
    for _ in 0..MEASURED_STEPS {
        seconds += trained(&chosen)?;
    }
    let start = Instant::now();
    let outputs = network.forward(&chosen.input, &Context::evaluation(time_steps));
    // What comes back from a device is finished there.
    let logits = outputs.map_err(named)?.logits.sum_all().and_then(|sum| sum.to_scalar::<f32>());
    logits.map_err(|error| named(error.into()))?;
    let evaluated = start.elapsed().as_secs_f64();
    let trained = seconds / MEASURED_STEPS as f64;
    Ok((samples, [trained, evaluated].map(|seconds| seconds / samples as f64)))
}

#[cfg(test)]
mod tests {
    use candlewick_train::Stage;

    use super::*;

    fn recipe(epochs: u32) -> Result<Recipe> {
        let text = format!(
            "[data]\nname = \"digits\"\n[network.spec]\nlayers = \"4C3-AP2-FC10\"\n\
             [train]\nstages = [{{ epochs = {epochs}, time_steps = 2 }}]\nevaluate_every = 3"
        );
        Recipe::parse(&text, "test")
    }

    /// Every third epoch and the last one, counted over all stages.
    #[test]
    fn evaluations_by_hand() -> Result<()> {
        let mut settings = recipe(7)?.train;
        assert_eq!(evaluations(&settings, 0, 7), 3);
        settings.stages.push(Stage::new(4, 5));
        assert_eq!((evaluations(&settings, 0, 7), evaluations(&settings, 7, 4)), (2, 2));
        assert_eq!(distinct(&settings), 2);
        Ok(())
    }

    /// No clock is compared with another: a training of no time would be a step that was not made.
    #[test]
    fn a_training_takes_time_and_memory_and_nothing_of_the_measuring_stays() -> Result<()> {
        let machine = Machine::default();
        let mut estimator = Estimator::new(&machine);
        let budget = Duration::from_millis(20);
        for epochs in [1, 1000] {
            let cost = estimator.cost(&recipe(epochs)?, "test", budget)?;
            assert!(cost.seconds > 0.0);
            assert_eq!(cost.bytes.is_some(), cfg!(target_os = "linux"));
        }
        assert_eq!(estimator.sets.len(), 1);
        let mut absent = recipe(1)?;
        absent.data.name = "cifar10".into();
        let error = estimator.cost(&absent, "test", budget).unwrap_err();
        assert!(matches!(error, Error::Data(_)), "{error}");
        Ok(())
    }
}
