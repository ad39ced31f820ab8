//! Trial steps that are undone, for methods that search.

use std::collections::BTreeMap;

use candle_core::{Result as CandleResult, Tensor};
use candlewick_core::parameters::Parameters;
use candlewick_encode::Batch;
use candlewick_methods::{Methods, Moment, Trials};
use candlewick_network::Context;

use crate::error::{Error, Result};
use crate::model::Model;
use crate::optimizer::Optimizer;
use crate::reduction::Reduction;
use crate::shard::{Part, halves};
use crate::step::{StepSettings, mixed_loss, update};

/// Trials with the halves of a batch: a step on the first, the loss of the second.
pub(crate) struct Halves<'a> {
    model: &'a dyn Model,
    methods: &'a Methods,
    optimizer: &'a mut Optimizer,
    settings: StepSettings,
    reduction: Reduction,
    parts: Option<[Vec<Part>; 2]>,
}

impl<'a> Halves<'a> {
    /// Trials with the halves of `batch`, of steps with these settings.
    pub(crate) fn new(
        model: &'a dyn Model,
        methods: &'a Methods,
        optimizer: &'a mut Optimizer,
        batch: &Batch,
        settings: &StepSettings,
        reduction: &Reduction,
    ) -> Result<Self> {
        let (parts, reduction) = (halves(batch, reduction.shards())?, reduction.another());
        let context = Context { key: settings.context.key.named("search"), ..settings.context };
        let settings = StepSettings { context, ..*settings };
        Ok(Self { model, methods, optimizer, settings, reduction, parts })
    }

    /// The loss of a part without a step.
    fn loss_of(&self, part: &Part) -> Result<f64> {
        let Some(batch) = &part.batch else { return Ok(0.0) };
        let context = Context::evaluation(self.settings.context.time_steps);
        let outputs = self.model.forward(&batch.input, &context)?;
        let moment = Moment { training: false, ..self.settings.moment };
        let loss = mixed_loss(self.methods, &outputs, batch, &moment)?;
        Ok(f64::from(loss.to_scalar::<f32>()?))
    }

    fn try_step(&mut self) -> Result<Option<f64>> {
        let Some([first, second]) = &self.parts else { return Ok(None) };
        let parameters = self.model.parameters();
        let before = Before::new(parameters, self.optimizer)?;
        let outcome = update(
            self.model,
            self.methods,
            self.optimizer,
            first,
            &self.settings,
            &mut self.reduction,
        );
        let loss = match outcome {
            Ok(_) => {
                let losses = second.iter().map(|part| Ok(vec![part.weight * self.loss_of(part)?]));
                let losses = losses.collect::<Result<_>>()?;
                self.reduction.shards().gather(losses)?.iter().flatten().sum()
            }
            Err(Error::Diverged { .. }) => f64::INFINITY,
            Err(error) => return Err(error),
        };
        before.restore(parameters, self.optimizer)?;
        // What the trial counted belongs to no step.
        self.model.take_observations();
        Ok(Some(if loss.is_nan() { f64::INFINITY } else { loss }))
    }
}

impl Trials for Halves<'_> {
    fn parameters(&self) -> &Parameters {
        self.model.parameters()
    }

    fn loss(&mut self) -> candlewick_core::Result<Option<f64>> {
        self.try_step().map_err(|error| match error {
            Error::Core(error) => error,
            other => candle_core::Error::wrap(other).into(),
        })
    }
}

/// Parameters, running statistics and optimizer before a trial.
struct Before {
    values: Vec<Tensor>,
    optimizer: BTreeMap<String, Vec<f32>>,
}

impl Before {
    fn new(parameters: &Parameters, optimizer: &Optimizer) -> Result<Self> {
        let values = parameters.iter().map(|entry| entry.variable.as_detached_tensor().copy());
        let values = values.collect::<CandleResult<_>>()?;
        let optimizer_state = optimizer.state(parameters)?.into_iter().collect();
        Ok(Self { values, optimizer: optimizer_state })
    }

    fn restore(&self, parameters: &Parameters, optimizer: &mut Optimizer) -> Result<()> {
        for (entry, value) in parameters.iter().zip(&self.values) {
            entry.variable.set(value)?;
        }
        optimizer.restore(parameters, |name, _| {
            Ok::<_, Error>(self.optimizer.get(name).cloned().unwrap_or_default())
        })
    }
}
