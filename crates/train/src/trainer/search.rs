//! The search for the parameters of surrogates: they change no output, so that a trial is a step of
//! the optimizer and what it does to the loss of other samples.

use std::collections::BTreeMap;

use candle_core::{Result as CandleResult, Tensor, Var};
use candlewick_core::parameters::{Parameters, Role};
use candlewick_encode::{Batch, Mixed};
use candlewick_network::Context;

use super::{Trainer, mixed_loss};
use crate::error::{Error, Result};
use crate::gradients::Gradients;
use crate::objective::Moment;
use crate::optimizer::Optimizer;

impl Trainer<'_> {
    /// Tries each surrogate's parameter as it is and changed by the share `change` up and down, one
    /// parameter after the other, and keeps the best; all else stays as it was.
    ///
    /// A trial steps on the first half of `batch` and is judged by the loss of the second half.
    pub(super) fn search_surrogates(
        &mut self,
        batch: &Batch,
        change: f32,
        context: &Context,
        factor: f64,
    ) -> Result<()> {
        let samples = batch.indices.len();
        if samples < 2 {
            return Ok(());
        }
        let halves = [
            part(batch, 0, samples / 2).map_err(candlewick_core::Error::from)?,
            part(batch, samples / 2, samples).map_err(candlewick_core::Error::from)?,
        ];
        let context = Context { key: context.key.named("search"), ..*context };
        let parameters = self.task.model.parameters();
        let scalars: Vec<Var> = parameters
            .iter()
            .filter(|entry| entry.role == Role::SurrogateBuffer)
            .map(|entry| entry.variable.clone())
            .collect();
        let before = Before::new(parameters, &self.optimizer)?;
        let mut least = self.trial(&halves, &context, factor, &before)?;
        for scalar in scalars {
            let start = scalar.flatten_all()?.get(0)?.to_scalar::<f32>()?;
            let mut best = scalar.copy()?;
            for tried in [1.0 + change, 1.0 - change] {
                scalar.set(&Tensor::full(start + tried.ln(), scalar.shape(), scalar.device())?)?;
                let loss = self.trial(&halves, &context, factor, &before)?;
                if loss < least {
                    // The rule has clamped it in the trial.
                    (least, best) = (loss, scalar.copy()?);
                }
            }
            scalar.set(&best)?;
        }
        // What the trials counted belongs to no step.
        self.task.model.take_observations();
        Ok(())
    }

    /// The loss of the second half after a step on the first, which is then undone; infinity if it is
    /// not a number.
    fn trial(
        &mut self,
        [first, second]: &[Batch; 2],
        context: &Context,
        factor: f64,
        before: &Before,
    ) -> Result<f64> {
        let (model, objective) = (self.task.model, &*self.task.objective);
        let parameters = model.parameters();
        let moment = Moment { training: true, ..self.moment(1) };
        let outputs = model.forward(&first.input, context)?;
        let loss = mixed_loss(objective, &outputs, first, &moment)?;
        let mut gradients = Gradients::take(parameters, outputs.backward(&loss)?)?;
        if let Some(max_norm) = self.task.settings.clip_norm {
            let norms = gradients.squared_norms()?;
            gradients.clip(&norms, max_norm)?;
        }
        self.optimizer.step(factor, parameters, &gradients)?;
        let outputs = model.forward(&second.input, &Context::evaluation(context.time_steps))?;
        let moment = Moment { training: false, ..moment };
        let loss = mixed_loss(objective, &outputs, second, &moment)?.to_scalar::<f32>()?;
        before.restore(parameters, &mut self.optimizer)?;
        Ok(if loss.is_nan() { f64::INFINITY } else { f64::from(loss) })
    }
}

/// Samples `from..to` of a batch.
fn part(batch: &Batch, from: usize, to: usize) -> CandleResult<Batch> {
    let labels = |labels: &Tensor| labels.narrow(0, from, to - from)?.contiguous();
    let mixed = |mixed: &Mixed| -> CandleResult<Mixed> {
        Ok(Mixed { labels: labels(&mixed.labels)?, share: mixed.share })
    };
    Ok(Batch {
        input: batch.input.narrow(1, from, to - from)?.contiguous()?,
        labels: labels(&batch.labels)?,
        indices: batch.indices[from..to].to_vec(),
        mixed: batch.mixed.as_ref().map(mixed).transpose()?,
    })
}

/// Parameters, running statistics and optimizer before a trial.
struct Before {
    /// One per entry of the parameters; none for what is searched.
    values: Vec<Option<Tensor>>,
    steps: u64,
    optimizer: BTreeMap<String, Vec<f32>>,
}

impl Before {
    fn new(parameters: &Parameters, optimizer: &Optimizer) -> Result<Self> {
        let copy = |variable: &Var| variable.as_detached_tensor().copy();
        let values = parameters
            .iter()
            .map(|entry| (entry.role != Role::SurrogateBuffer).then(|| copy(&entry.variable)))
            .map(Option::transpose)
            .collect::<CandleResult<_>>()?;
        let state = optimizer.state(parameters)?;
        Ok(Self { values, steps: optimizer.steps(), optimizer: state.into_iter().collect() })
    }

    fn restore(&self, parameters: &Parameters, optimizer: &mut Optimizer) -> Result<()> {
        for (entry, value) in parameters.iter().zip(&self.values) {
            if let Some(value) = value {
                entry.variable.set(value)?;
            }
        }
        optimizer.restore(self.steps, parameters, |name, _| {
            Ok::<_, Error>(self.optimizer.get(name).cloned().unwrap_or_default())
        })
    }
}
