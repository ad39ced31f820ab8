//! What a training reports and leaves behind: progress, checkpoints, the summary.

use std::time::Instant;

use candlewick_encode::Loader;
use candlewick_run::{Origin, Status};

use super::epochs::{Training, of_rank_0};
use super::{BEST, Cadence, Ended, LAST};
use crate::checkpoint;
use crate::data::Loaders;
use crate::error::{Error, Result};
use crate::loaders;
use crate::place::{BestPlace, Place};
use crate::progress::{Event, StepProgress};

impl Training<'_> {
    pub(super) fn announce(&mut self) -> Result<()> {
        let Place { epoch, step, .. } = self.place;
        let settings = &self.settings;
        let loader = loaders::fitting(&self.loaders.train, settings.span(epoch).stage.time_steps)?;
        let steps = loader.batches() as u64;
        let epochs = settings.epochs();
        self.progress.event(&Event::Started { epoch, step, epochs, steps });
        Ok(())
    }

    pub(super) fn report_step(&mut self, steps: u64) {
        let sums = &self.place.sums;
        let train = sums.train_metrics();
        let report = StepProgress {
            epoch: self.place.epoch + 1,
            epochs: self.settings.epochs(),
            step: self.place.step,
            steps,
            loss: train.loss,
            accuracy: train.accuracy,
            learning_rate: sums.learning_rate,
            images_per_second: self.speed.images_per_second(),
            seconds_left: self.seconds_left(steps),
        };
        self.progress.event(&Event::Step(report));
    }

    fn seconds_left(&self, steps: u64) -> f64 {
        let (settings, Loaders { train, validation, test, .. }) = (&self.settings, self.loaders);
        let samples = |loaders: &[Loader]| loaders.first().map_or(0, Loader::samples) as f64;
        let share_left = 1.0 - self.place.step as f64 / steps.max(1) as f64;
        (self.place.epoch..settings.epochs())
            .map(|epoch| {
                let time_steps = settings.span(epoch).stage.time_steps as f64;
                let share = if epoch == self.place.epoch { share_left } else { 1.0 };
                let every = f64::from(settings.evaluate_every);
                let evaluated = (samples(validation) + samples(test)) / every;
                self.speed.seconds(share * samples(train) * time_steps, evaluated * time_steps)
            })
            .sum()
    }

    pub(super) fn save_now_and_then(&mut self, steps: u64) -> Result<()> {
        let Cadence { seconds, steps: every } = self.cadence;
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
        let Some(run) = &self.run else { return Ok(()) };
        let (path, origin) = (run.checkpoints().join(LAST), Origin::of(run, self.place.epoch)?);
        let (parameters, optimizer) = (self.model.parameters(), Some(&self.optimizer));
        let (methods, place) = (&*self.methods, &self.place);
        checkpoint::save(&path, parameters, optimizer, methods, place, Some(&origin))?;
        self.progress.event(&Event::Checkpoint { path: &path });
        Ok(())
    }

    pub(super) fn save_best(&mut self, best: &BestPlace) -> Result<()> {
        let Some(run) = &self.run else { return Ok(()) };
        let (path, origin) = (run.checkpoints().join(BEST), Origin::of(run, best.epoch)?);
        checkpoint::save(&path, self.model.parameters(), None, self.methods, best, Some(&origin))
    }

    pub(super) fn interrupt(&mut self) -> Result<Ended> {
        self.save()?;
        if let Some(run) = &mut self.run {
            run.set_status(Status::Interrupted)?;
        }
        let Place { epoch, step, .. } = self.place;
        Ok(Ended::Interrupted { epoch, step })
    }

    pub(super) fn summarize(&mut self) -> Result<Ended> {
        let parameters = self.model.parameters().count() as u64;
        let (seed, recipe_hash) = self.run.as_ref().map_or((0, String::new()), |run| {
            (run.manifest().seed, run.manifest().recipe_hash.clone())
        });
        let summary = self.history.summary(&self.loaders.name, seed, recipe_hash, parameters);
        let summary = summary.ok_or_else(|| Error::EpochLength {
            epoch: self.place.epoch,
            expected: u64::from(self.settings.epochs()),
            got: self.history.len() as u64,
        })?;
        if let Some(run) = &mut self.run {
            run.complete(&summary)?;
        }
        let summary = of_rank_0(&summary, self.reduction.shards().communicator())?;
        Ok(Ended::Complete(Box::new(summary)))
    }
}
