//! What a training tells and leaves behind: progress, checkpoints, the summary.

use std::path::PathBuf;
use std::time::Instant;

use candlewick_encode::Loader;
use candlewick_run::Status;

use super::Trainer;
use crate::checkpoint;
use crate::error::{Error, Result};
use crate::loaders;
use crate::place::{BestPlace, Place};
use crate::progress::{Event, StepReport};
use crate::task::{BEST, Cadence, Ended, LAST, Task};

impl Trainer<'_> {
    pub(super) fn announce(&mut self) -> Result<()> {
        let Place { epoch, step, .. } = self.place;
        let settings = self.task.settings;
        let loader = loaders::fitting(self.task.train, settings.span(epoch).stage.time_steps)?;
        let steps = loader.batches() as u64;
        let epochs = settings.epochs();
        self.task.progress.event(&Event::Started { epoch, step, epochs, steps });
        Ok(())
    }

    pub(super) fn report_step(&mut self, steps: u64) {
        let sums = &self.place.sums;
        let train = sums.train_metrics();
        let report = StepReport {
            epoch: self.place.epoch + 1,
            epochs: self.task.settings.epochs(),
            step: self.place.step,
            steps,
            loss: train.loss,
            accuracy: train.accuracy,
            learning_rate: sums.learning_rate,
            images_per_second: self.pace.images_per_second(),
            seconds_left: self.seconds_left(steps),
        };
        self.task.progress.event(&Event::Step(report));
    }

    fn seconds_left(&self, steps: u64) -> f64 {
        let Task { settings, train, validation, test, .. } = &self.task;
        let samples = |loaders: &[Loader]| loaders.first().map_or(0, Loader::samples) as f64;
        let share_left = 1.0 - self.place.step as f64 / steps.max(1) as f64;
        (self.place.epoch..settings.epochs())
            .map(|epoch| {
                let time_steps = settings.span(epoch).stage.time_steps as f64;
                let share = if epoch == self.place.epoch { share_left } else { 1.0 };
                let every = f64::from(settings.evaluate_every);
                let evaluated = (samples(validation) + samples(test)) / every;
                self.pace.seconds(share * samples(train) * time_steps, evaluated * time_steps)
            })
            .sum()
    }

    pub(super) fn save_now_and_then(&mut self, steps: u64) -> Result<()> {
        let Cadence { seconds, steps: every } = self.task.cadence;
        let step = self.place.step;
        let late = seconds.is_some_and(|limit| self.last_save.elapsed().as_secs_f64() >= limit);
        let due = every.is_some_and(|every| step.is_multiple_of(every.max(1)));
        // The end of the epoch has a checkpoint of its own.
        if step < steps && (late || due) {
            self.save()?;
        }
        Ok(())
    }

    pub(super) fn save(&mut self) -> Result<()> {
        self.last_save = Instant::now();
        self.place.optimizer_steps = self.optimizer.steps();
        let Some(path) = self.checkpoint_path(LAST) else {
            return Ok(());
        };
        let parameters = self.task.model.parameters();
        let optimizer = Some(&self.optimizer);
        checkpoint::save(&path, parameters, optimizer, self.task.objective, &self.place)?;
        self.task.progress.event(&Event::Checkpoint { path: &path });
        Ok(())
    }

    pub(super) fn save_best(&mut self, best: &BestPlace) -> Result<()> {
        let Some(path) = self.checkpoint_path(BEST) else {
            return Ok(());
        };
        let parameters = self.task.model.parameters();
        checkpoint::save(&path, parameters, None, self.task.objective, best)
    }

    fn checkpoint_path(&self, name: &str) -> Option<PathBuf> {
        self.task.run.as_ref().map(|run| run.checkpoints().join(name))
    }

    pub(super) fn interrupt(&mut self) -> Result<Ended> {
        self.save()?;
        if let Some(run) = &mut self.task.run {
            run.set_status(Status::Interrupted)?;
        }
        let Place { epoch, step, .. } = self.place;
        Ok(Ended::Interrupted { epoch, step })
    }

    pub(super) fn summarize(&mut self) -> Result<Ended> {
        let parameters = self.task.model.parameters().count() as u64;
        let (seed, recipe_hash) = self.task.run.as_ref().map_or((0, String::new()), |run| {
            (run.manifest().seed, run.manifest().recipe_hash.clone())
        });
        let summary = self.history.summary(self.task.dataset, seed, recipe_hash, parameters);
        let summary = summary.ok_or_else(|| Error::EpochLength {
            epoch: self.place.epoch,
            expected: u64::from(self.task.settings.epochs()),
            got: self.history.len() as u64,
        })?;
        if let Some(run) = &mut self.task.run {
            run.complete(&summary)?;
        }
        Ok(Ended::Complete(Box::new(summary)))
    }
}
