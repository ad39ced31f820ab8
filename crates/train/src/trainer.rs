//! The loop: batch → forward → loss → backward → clip → step, then evaluation and a checkpoint.

mod record;
mod search;

use std::sync::atomic::Ordering;
use std::time::Instant;

use candle_core::Tensor;
use candlewick_core::parameters::Parameters;
use candlewick_encode::Batch;
use candlewick_network::{Context, Outputs};
use candlewick_run::{EpochMetrics, Histogram, Status, Timing};

use crate::checkpoint::Checkpoint;
use crate::error::{Error, Result};
use crate::evaluate::{Evaluation, evaluate};
use crate::gradients::{Gradients, is_finite};
use crate::history::History;
use crate::loaders;
use crate::objective::{Moment, Objective};
use crate::optimizer::Optimizer;
use crate::pace::Pace;
use crate::place::Place;
use crate::progress::Event;
use crate::scores::Scores;
use crate::settings::{Settings, Span};
use crate::task::{Ended, LAST, Task};

/// Trains, from the run's last checkpoint if there is one, and records it in the run directory.
///
/// # Errors
/// [`Error::Diverged`] if a loss or gradient is not finite, [`Error::Checkpoint`] if the checkpoint
/// is damaged or of another network, and what settings, data and layers have to say. The manifest
/// of the run then tells the reason.
pub fn train(task: Task<'_>) -> Result<Ended> {
    let mut trainer = Trainer::start(task)?;
    let outcome = trainer.run();
    if let (Err(error), Some(run)) = (&outcome, &mut trainer.task.run) {
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

struct Trainer<'a> {
    task: Task<'a>,
    optimizer: Optimizer,
    place: Place,
    history: History,
    pace: Pace,
    last_save: Instant,
}

impl<'a> Trainer<'a> {
    /// At the start, or where the last checkpoint of the run was written.
    fn start(mut task: Task<'a>) -> Result<Self> {
        task.settings.check()?;
        for stage in &task.settings.stages {
            loaders::fitting(task.train, stage.time_steps)?;
            loaders::fitting(task.test, stage.time_steps)?;
            if !task.validation.is_empty() {
                loaders::fitting(task.validation, stage.time_steps)?;
            }
        }
        let parameters = task.model.parameters();
        let mut optimizer =
            Optimizer::new(&task.settings.optimizer, task.settings.groups, parameters)?;
        let mut place = Place::default();
        let mut history = History::default();
        if let Some(run) = &mut task.run {
            let path = run.checkpoints().join(LAST);
            if path.is_file() {
                let checkpoint = Checkpoint::open(&path)?;
                place = checkpoint.place()?;
                checkpoint.load_parameters(parameters)?;
                checkpoint.load_optimizer(&mut optimizer, place.optimizer_steps, parameters)?;
                checkpoint.load_objective(task.objective)?;
            }
            run.rewind(place.epoch)?;
            history = History::read(run)?;
        }
        let pace = Pace::default();
        Ok(Self { task, optimizer, place, history, pace, last_save: Instant::now() })
    }

    fn run(&mut self) -> Result<Ended> {
        let epochs = self.task.settings.epochs();
        self.announce()?;
        while self.place.epoch < epochs {
            let span = self.task.settings.span(self.place.epoch);
            if !self.train_epoch(span)? || !self.finish_epoch(span)? {
                return self.interrupt();
            }
        }
        self.summarize()
    }

    /// The steps of an epoch that are not done yet; `false` if the training was stopped.
    fn train_epoch(&mut self, span: Span) -> Result<bool> {
        let (train, stop) = (self.task.train, self.task.stop);
        let loader = loaders::fitting(train, span.stage.time_steps)?;
        let steps = loader.batches() as u64;
        if span.restarts && self.place.step == 0 {
            let Settings { optimizer, groups, .. } = self.task.settings;
            self.optimizer = Optimizer::new(optimizer, *groups, self.task.model.parameters())?;
        }
        if self.place.step >= steps {
            return Ok(true);
        }
        let mut batches = loader
            .epoch(u64::from(self.place.epoch), self.place.step as usize)
            .map_err(loaders::failed)?;
        while self.place.step < steps {
            if stop.load(Ordering::Relaxed) {
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
            self.pace.trained(batch.indices.len(), span.stage.time_steps, seconds);
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
        self.task.objective.end_epoch(&moment);
        Ok(true)
    }

    /// One step of the optimizer.
    fn step(&mut self, batch: &Batch, span: Span, steps: u64) -> Result<()> {
        let (epoch, step) = (self.place.epoch, self.place.step);
        let parameters = self.task.model.parameters();
        let key = self.task.key.named("step").at(u64::from(epoch)).at(step);
        let recompute = self.task.settings.recompute;
        let context = Context { recompute, ..Context::training(span.stage.time_steps, key) };
        let outputs = self.task.model.forward(&batch.input, &context)?;
        let moment = self.moment(steps);
        let loss = mixed_loss(self.task.objective, &outputs, batch, &moment)?;
        let value = f64::from(loss.to_scalar::<f32>()?);
        if !value.is_finite() {
            return Err(self.diverged("loss", self.first_bad_parameter()?));
        }
        let scores = Scores::new(&outputs.logits.detach())?;
        loaders::same_time_steps(scores.time_steps(), span.stage.time_steps)?;
        let mut gradients = Gradients::take(parameters, outputs.backward(&loss)?)?;
        // The graph ends before the step.
        drop(loss);

        let norms = gradients.squared_norms()?;
        if let Some(bad) = norms.iter().position(|norm| !norm.is_finite()) {
            let name = parameters.learned().nth(bad).map(|parameter| parameter.name.clone());
            return Err(self.diverged("gradient", name));
        }
        if let Some(max_norm) = self.task.settings.clip_norm {
            gradients.clip(&norms, max_norm)?;
        }
        let schedule_step = u64::from(epoch - span.schedule_start) * steps + step;
        let schedule = &self.task.settings.schedule;
        let factor = span.stage.learning_rate_factor
            * schedule.factor(schedule_step, steps, span.schedule_epochs);
        self.optimizer.step(factor, parameters, &gradients)?;

        let labels = loaders::main_labels(batch)?;
        self.task.objective.after_step(parameters)?;
        self.task.objective.observe(&scores, &labels, &moment);
        let weights = self.task.objective.output_weights(scores.time_steps());
        let right = scores.right_up_to(&weights, &labels).last().copied().unwrap_or(0);
        let learning_rate = self.task.settings.optimizer.learning_rate() * factor;
        let layers = self.task.model.take_observations();
        let samples = labels.len() as u64;
        self.place.sums.add(value, right, samples, learning_rate, &norms, &layers);
        if let Some(change) = self.task.objective.surrogate_search(epoch + 1)
            && step + 1 == steps
        {
            self.search_surrogates(batch, change, &context, factor)?;
        }
        Ok(())
    }

    /// Evaluates, records and saves the epoch; `false` if the training was stopped before.
    fn finish_epoch(&mut self, span: Span) -> Result<bool> {
        let settings = self.task.settings;
        let epoch = self.place.epoch + 1;
        let start = Instant::now();
        let mut validation = None;
        let mut test = None;
        let due = epoch.is_multiple_of(settings.evaluate_every) || epoch == settings.epochs();
        if due {
            if !self.task.validation.is_empty() {
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

        let sums = std::mem::take(&mut self.place.sums);
        let (layers, test) = test.map(|test| (test.layers, test.metrics)).unzip();
        let mut layers = layers.unwrap_or_default();
        sums.fill_active_gradients(&mut layers);
        let metrics = EpochMetrics {
            epoch,
            time_steps: span.stage.time_steps,
            learning_rate: sums.learning_rate,
            train: sums.train_metrics(),
            validation: validation.map(|validation| validation.metrics),
            test,
            layers,
            gradient_norms: sums.gradient_norms(self.task.model.parameters()),
            methods: self.task.objective.report(self.task.model.parameters()),
        };
        let timing = Timing {
            epoch,
            train_seconds: sums.seconds,
            evaluation_seconds,
            images_per_second: sums.samples as f64 / sums.seconds.max(1e-9),
            resident_bytes: crate::pace::resident_bytes(),
        };
        if let Some(run) = &self.task.run {
            run.append_metrics(&metrics)?;
            run.append_timing(&timing)?;
            if run.records_events() {
                run.append_histograms(epoch, &histograms(self.task.model.parameters())?)?;
            }
        }
        self.task.progress.event(&Event::Epoch { metrics: &metrics, timing: &timing });
        let best = self.history.is_best(&metrics, settings.time_steps());
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
        let Task { model, validation, test, stop, .. } = self.task;
        let data = if split == "test" { test } else { validation };
        let progress = &mut *self.task.progress;
        let start = Instant::now();
        let heard = |batch, batches| progress.event(&Event::Evaluating { split, batch, batches });
        let time_steps = span.stage.time_steps;
        let evaluation = evaluate(model, self.task.objective, data, time_steps, stop, heard)?;
        if let Some(evaluation) = &evaluation {
            let seconds = start.elapsed().as_secs_f64();
            self.pace.evaluated(evaluation.samples as usize, time_steps, seconds);
        }
        Ok(evaluation)
    }

    /// The moment of the training after the steps that are done.
    fn moment(&self, steps: u64) -> Moment {
        let Place { epoch, step, .. } = self.place;
        let epochs = f64::from(epoch) + step as f64 / steps as f64;
        let progress = epochs / f64::from(self.task.settings.epochs());
        Moment { epoch, step, progress, training: true }
    }

    fn diverged(&self, quantity: &'static str, layer: Option<String>) -> Error {
        let Place { epoch, step, .. } = self.place;
        Error::Diverged { quantity, layer, epoch: epoch + 1, step: step + 1 }
    }

    fn first_bad_parameter(&self) -> Result<Option<String>> {
        for parameter in self.task.model.parameters().iter() {
            if !is_finite(&parameter.variable)? {
                return Ok(Some(parameter.name.clone()));
            }
        }
        Ok(None)
    }
}

/// The loss of a batch; where samples are mixed, that of both labels by their shares.
fn mixed_loss(
    objective: &dyn Objective,
    outputs: &Outputs,
    batch: &Batch,
    moment: &Moment,
) -> Result<Tensor> {
    let loss = objective.loss(outputs, &batch.labels, moment)?;
    let Some(mixed) = &batch.mixed else {
        return Ok(loss);
    };
    let partner = objective.loss(outputs, &mixed.labels, moment)?;
    let share = f64::from(mixed.share);
    Ok(((loss * share)? + (partner * (1.0 - share))?)?)
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

/// An error with its causes.
fn in_words(error: &Error) -> String {
    let mut words = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        words = format!("{words}: {cause}");
        source = cause.source();
    }
    words
}

#[cfg(test)]
mod tests {
    use candle_core::Device;
    use candlewick_encode::Mixed;

    use super::*;

    /// The sum of the labels, as a loss.
    struct Labels;

    impl Objective for Labels {
        fn loss(
            &self,
            _outputs: &Outputs,
            labels: &Tensor,
            _moment: &Moment,
        ) -> candlewick_core::Result<Tensor> {
            Ok(labels.to_dtype(candle_core::DType::F32)?.sum_all()?)
        }
    }

    #[test]
    fn a_mixed_batch_has_the_loss_of_both_labels_by_their_shares() -> Result<()> {
        let labels = |labels: [u32; 2]| Tensor::new(&labels, &Device::Cpu);
        let mut batch = Batch {
            input: Tensor::zeros((1, 2, 1), candle_core::DType::F32, &Device::Cpu)?,
            labels: labels([1, 2])?,
            indices: vec![0, 1],
            mixed: None,
        };
        let outputs = Outputs::new(batch.input.clone(), Vec::new());
        let moment = Moment { epoch: 0, step: 0, progress: 0.0, training: true };
        let loss = |batch: &Batch| -> Result<f32> {
            Ok(mixed_loss(&Labels, &outputs, batch, &moment)?.to_scalar()?)
        };
        assert_eq!(loss(&batch)?, 3.0);
        assert_eq!(loaders::main_labels(&batch)?, [1, 2]);
        batch.mixed = Some(Mixed { labels: labels([5, 6])?, share: 0.25 });
        // 0.25 · 3 + 0.75 · 11.
        assert_eq!(loss(&batch)?, 9.0);
        assert_eq!(loaders::main_labels(&batch)?, [5, 6]);
        batch.mixed = Some(Mixed { labels: labels([5, 6])?, share: 0.75 });
        assert_eq!(loss(&batch)?, 5.0);
        assert_eq!(loaders::main_labels(&batch)?, [1, 2]);
        Ok(())
    }
}
