//! A training in progress.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use candlewick_core::Key;
use candlewick_core::parameters::Parameters;
use candlewick_encode::Batch;
use candlewick_methods::{Methods, Moment};
use candlewick_network::Context;
use candlewick_ranks::Communicator;
use candlewick_run::{EpochMetrics, Histogram, MethodValues, RunDirectory, Status, Timing};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Cadence, Ended, LAST, in_words};
use crate::checkpoint::Checkpoint;
use crate::data::Loaders;
use crate::divergence::symptom;
use crate::error::{Error, Result};
use crate::evaluate::{Evaluation, evaluate};
use crate::history::History;
use crate::loaders;
use crate::model::Model;
use crate::optimizer::Optimizer;
use crate::place::Place;
use crate::progress::{Event, Progress};
use crate::reduction::Reduction;
use crate::settings::{Settings, Span};
use crate::speed::{Speed, resident_bytes};
use crate::step::{StepSettings, step_in_shards};
use crate::trial::Halves;

pub(super) struct Training<'a> {
    pub(super) model: &'a dyn Model,
    pub(super) methods: &'a mut Methods,
    pub(super) settings: Settings,
    pub(super) update_in_backward: bool,
    pub(super) key: Key,
    pub(super) loaders: &'a Loaders,
    pub(super) run: Option<&'a mut RunDirectory>,
    pub(super) cadence: Cadence,
    pub(super) progress: &'a mut dyn Progress,
    pub(super) stop: &'a AtomicBool,
    pub(super) optimizer: Optimizer,
    pub(super) reduction: Reduction,
    pub(super) place: Place,
    pub(super) history: History,
    pub(super) speed: Speed,
    pub(super) last_save: Instant,
}

impl Training<'_> {
    /// Checks that there are loaders for every stage, which divide batches as the settings say.
    pub(super) fn check_loaders(&mut self) -> Result<()> {
        let Loaders { train, validation, test, .. } = self.loaders;
        for stage in &self.settings.stages {
            loaders::fitting(train, stage.time_steps)?;
            loaders::fitting(test, stage.time_steps)?;
            if !validation.is_empty() {
                loaders::fitting(validation, stage.time_steps)?;
            }
        }
        for loader in train.iter().chain(validation).chain(test) {
            let (found, expected) = (loader.shards().count(), self.settings.shards);
            if found != expected {
                return Err(Error::Core(candlewick_core::Error::Setting {
                    field: "shards of the loaders".into(),
                    expected: format!("{expected}, as in the settings"),
                    got: found.to_string(),
                }));
            }
        }
        let synchronized = self.settings.synchronize_normalization;
        for loader in train.iter().filter(|_| synchronized) {
            let smallest = loader.smallest_batch();
            if smallest < self.settings.shards {
                return Err(Error::Core(candlewick_core::Error::Setting {
                    field: "synchronize_normalization".into(),
                    expected: "batches of at least one sample per shard".into(),
                    got: format!("a last batch of {smallest}"),
                }));
            }
        }
        let shards = train[0].shards().clone();
        self.reduction = Reduction::new(shards).synchronized(synchronized);
        Ok(())
    }

    /// Resumes the run from its last checkpoint, if it has one: all ranks from that of rank 0.
    pub(super) fn resume(&mut self) -> Result<()> {
        let found = match &self.run {
            Some(run) if run.checkpoints().join(LAST).is_file() => {
                Some(Checkpoint::open_in(run, LAST)?)
            }
            Some(run) => {
                lost_checkpoint(run)?;
                None
            }
            None => None,
        };
        let shards = self.reduction.shards().clone();
        let ranks = shards.communicator();
        if let Some(checkpoint) = Checkpoint::of_rank_0(found, ranks)? {
            let parameters = self.model.parameters();
            self.place = checkpoint.place()?;
            checkpoint.load_parameters(parameters)?;
            checkpoint.load_optimizer(&mut self.optimizer, parameters)?;
            checkpoint.load_methods(self.methods)?;
        }
        if let Some(run) = &mut self.run {
            run.rewind(self.place.epoch)?;
            self.history = History::read(run)?;
        }
        self.history = of_rank_0(&self.history, ranks)?;
        Ok(())
    }

    /// Trains to the end; if that fails, the manifest of the run records the reason.
    pub(super) fn finish(mut self) -> Result<Ended> {
        let outcome = self.train();
        if let (Err(error), Some(run)) = (&outcome, &mut self.run) {
            let reason = in_words(error);
            let status = match error {
                Error::Diverged { .. } => Status::Diverged { reason },
                _ => Status::Failed { reason },
            };
            // The error that ended the training is the one to report.
            let _ = run.set_status(status);
        }
        outcome
    }

    fn train(&mut self) -> Result<Ended> {
        let epochs = self.settings.epochs();
        self.announce()?;
        while self.place.epoch < epochs {
            let span = self.settings.span(self.place.epoch);
            if !self.train_epoch(span)? {
                return self.interrupt();
            }
            self.check_divergence()?;
            if !self.finish_epoch(span)? {
                return self.interrupt();
            }
        }
        self.summarize()
    }

    /// Ends the training, or warns if it is to continue, when the steps of this epoch show that it has diverged.
    fn check_divergence(&self) -> Result<()> {
        let Place { epoch, step, sums } = &self.place;
        let Some(symptom) = symptom(sums) else { return Ok(()) };
        if self.settings.stop_when_diverged {
            return Err(Error::Diverged { symptom, epoch: epoch + 1, step: *step });
        }
        tracing::warn!("epoch {}: {symptom}", epoch + 1);
        Ok(())
    }

    /// The remaining steps of an epoch; `false` if the training was stopped.
    fn train_epoch(&mut self, span: Span) -> Result<bool> {
        let loader = loaders::fitting(&self.loaders.train, span.stage.time_steps)?;
        let steps = loader.batches() as u64;
        if span.restarts && self.place.step == 0 {
            let Settings { optimizer, groups, .. } = &self.settings;
            self.optimizer = Optimizer::new(optimizer, *groups, self.model.parameters())?;
        }
        if self.place.step >= steps {
            return Ok(true);
        }
        let mut batches = loader
            .epoch(u64::from(self.place.epoch), self.place.step as usize)
            .map_err(loaders::failed)?;
        while self.place.step < steps {
            let ranks = self.reduction.shards().communicator();
            let [stopped] = ranks.any([self.stop.load(Ordering::Relaxed)])?;
            if stopped {
                return Ok(false);
            }
            let start = Instant::now();
            let batch = batches.next().ok_or(Error::EpochLength {
                epoch: self.place.epoch + 1,
                expected: steps,
                got: self.place.step,
            })?;
            let batch = batch.map_err(loaders::failed)?;
            self.step(&batch, span, steps)?;
            self.place.step += 1;
            let seconds = start.elapsed().as_secs_f64();
            self.place.sums.seconds += seconds;
            self.speed.trained(batch.indices.len(), span.stage.time_steps, seconds);
            self.report_step(steps);
            self.save_now_and_then(steps)?;
        }
        let waited = batches.waited().as_secs_f64();
        if waited > 1.0 && waited > 0.2 * self.place.sums.seconds {
            tracing::warn!(
                "epoch {}: {waited:.1} s of {:.1} s were spent waiting for data",
                self.place.epoch + 1,
                self.place.sums.seconds
            );
        }
        let moment = self.moment(steps);
        self.methods.end_epoch(&moment);
        Ok(true)
    }

    /// One step, and after the last one of an epoch the searches of the methods.
    fn step(&mut self, batch: &Batch, span: Span, steps: u64) -> Result<()> {
        let (epoch, number) = (self.place.epoch, self.place.step);
        let key = self.key.named("step").at(u64::from(epoch)).at(number);
        let Settings { recompute, precision, .. } = self.settings;
        let schedule_step = u64::from(epoch - span.schedule_start) * steps + number;
        let factor = span.stage.learning_rate_factor
            * self.settings.schedule.factor(schedule_step, steps, span.schedule_epochs);
        let settings = StepSettings {
            context: Context {
                recompute,
                precision,
                ..Context::training(span.stage.time_steps, key)
            },
            moment: self.moment(steps),
            learning_rate_factor: factor,
            clip_norm: self.settings.clip_norm,
            update_in_backward: self.update_in_backward,
        };
        let (model, optimizer, reduction) = (self.model, &mut self.optimizer, &mut self.reduction);
        let report = step_in_shards(model, self.methods, optimizer, batch, &settings, reduction)?;
        let weights = self.methods.output_weights(report.scores.time_steps());
        let learning_rate = self.settings.optimizer.learning_rate() * factor;
        self.place.sums.add(&report, &weights, learning_rate);
        if number + 1 == steps {
            let (optimizer, reduction) = (&mut self.optimizer, &self.reduction);
            let mut halves =
                Halves::new(model, self.methods, optimizer, batch, &settings, reduction)?;
            self.methods.search(&settings.moment, &mut halves)?;
        }
        Ok(())
    }

    /// Evaluates, records and saves the epoch; `false` if the training was stopped before.
    fn finish_epoch(&mut self, span: Span) -> Result<bool> {
        let epoch = self.place.epoch + 1;
        let start = Instant::now();
        let mut validation = None;
        let mut test = None;
        let due =
            epoch.is_multiple_of(self.settings.evaluate_every) || epoch == self.settings.epochs();
        if due {
            if !self.loaders.validation.is_empty() {
                let Some(evaluation) = self.evaluate("validation", span)? else {
                    return Ok(false);
                };
                validation = Some(evaluation.finite("validation loss", epoch, self.place.step)?);
            }
            let Some(evaluation) = self.evaluate("test", span)? else {
                return Ok(false);
            };
            test = Some(evaluation.finite("test loss", epoch, self.place.step)?);
        }
        let evaluation_seconds = due.then(|| start.elapsed().as_secs_f64());

        let moment = self.moment(self.place.step);
        let sums = std::mem::take(&mut self.place.sums);
        let (layers, mut test) = test.map(|test| (test.layers, test.metrics)).unzip();
        let mut validation = validation.map(|validation| validation.metrics);
        if epoch < self.settings.epochs() {
            for metrics in [&mut test, &mut validation].into_iter().flatten() {
                metrics.confusion.clear();
            }
        }
        let mut layers = layers.unwrap_or_default();
        sums.fill_active_gradients(&mut layers);
        let parameters = self.model.parameters();
        let reported = self.methods.report(parameters, &moment).into_iter();
        let metrics = EpochMetrics {
            epoch,
            time_steps: span.stage.time_steps,
            learning_rate: sums.learning_rate,
            train: sums.train_metrics(),
            validation,
            test,
            layers,
            gradient_norms: sums.gradient_norms(parameters),
            methods: reported.map(|(name, values)| MethodValues { name, values }).collect(),
        };
        let timing = Timing {
            epoch,
            train_seconds: sums.seconds,
            evaluation_seconds,
            images_per_second: sums.samples as f64 / sums.seconds.max(1e-9),
            resident_bytes: resident_bytes(),
        };
        if let Some(run) = &self.run {
            run.append_metrics(&metrics)?;
            run.append_timing(&timing)?;
            if run.records_events() {
                run.append_histograms(epoch, &histograms(parameters)?)?;
            }
        }
        self.progress.event(&Event::Epoch { metrics: &metrics, timing: &timing });
        let best = self.history.is_best(&metrics, self.settings.time_steps());
        self.history.push(metrics, timing);
        if let Some(best) = best {
            self.save_best(&best)?;
        }
        self.place.epoch = epoch;
        self.place.step = 0;
        self.save()?;
        Ok(true)
    }

    fn evaluate(&mut self, split: &'static str, span: Span) -> Result<Option<Evaluation>> {
        let Loaders { validation, test, .. } = self.loaders;
        let data = if split == "test" { test } else { validation };
        let progress = &mut *self.progress;
        let start = Instant::now();
        let on_batch =
            |batch, batches| progress.event(&Event::Evaluating { split, batch, batches });
        let time_steps = span.stage.time_steps;
        let evaluation = evaluate(self.model, self.methods, data, time_steps, self.stop, on_batch)?;
        if let Some(evaluation) = &evaluation {
            let seconds = start.elapsed().as_secs_f64();
            self.speed.evaluated(evaluation.samples as usize, time_steps, seconds);
        }
        Ok(evaluation)
    }

    /// The moment of the training after the completed steps.
    fn moment(&self, steps: u64) -> Moment {
        let Place { epoch, step, .. } = self.place;
        let epochs = f64::from(epoch) + step as f64 / steps as f64;
        let progress = epochs / f64::from(self.settings.epochs());
        Moment { epoch, step, progress, training: true }
    }
}

/// What rank 0 has of a value that can be written.
pub(super) fn of_rank_0<T: Clone + Serialize + DeserializeOwned>(
    own: &T,
    ranks: &dyn Communicator,
) -> Result<T> {
    if ranks.ranks() == 1 {
        return Ok(own.clone());
    }
    let foreign = |error: serde_json::Error| candle_core::Error::wrap(error);
    let bytes = ranks.broadcast(&serde_json::to_vec(own).map_err(foreign)?)?;
    Ok(serde_json::from_slice(&bytes).map_err(foreign)?)
}

/// Refuses to silently restart a run that must have had a checkpoint.
fn lost_checkpoint(run: &RunDirectory) -> Result<()> {
    let epochs = run.metrics()?.len();
    // Before the first checkpoint, a run that was killed has at most the line of its first epoch.
    if epochs > 1 || matches!(run.manifest().status, Status::Interrupted | Status::Complete) {
        return Err(Error::Checkpoint {
            path: run.checkpoints().join(LAST),
            field: "file".into(),
            what: format!(
                "missing; the run, of which {epochs} epochs are recorded, cannot continue without it; remove \
                 {} to start over",
                run.path().display()
            ),
        });
    }
    Ok(())
}

/// How the values of each parameter are distributed.
fn histograms(parameters: &Parameters) -> Result<Vec<(String, Histogram)>> {
    let mut all = Vec::new();
    for parameter in parameters.learned() {
        let values = parameter.variable.flatten_all()?.to_vec1::<f32>()?;
        let tag = format!("parameters/{}", parameter.name);
        all.extend(Histogram::of(&values).map(|histogram| (tag, histogram)));
    }
    Ok(all)
}
