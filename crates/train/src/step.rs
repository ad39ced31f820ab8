//! One training step: forward, loss, backward, clip, update.

use candle_core::Tensor;
use candle_core::backprop::GradStore;
use candlewick_core::{Key, host};
use candlewick_encode::Batch;
use candlewick_methods::{Methods, Moment, Outputs, Scores};
use candlewick_network::{Context, backward, synchronized};
use candlewick_ranks::Seat;

use crate::divergence::Symptom;
use crate::error::{Error, Result};
use crate::gradients::{Gradients, is_finite};
use crate::in_backward::update_in_backward;
use crate::loaders;
use crate::model::Model;
use crate::optimizer::Optimizer;
use crate::reduction::Reduction;
use crate::shard::{self, LayerActivity, Part, ShardReport};

/// The settings of a step.
#[derive(Clone, Copy, Debug)]
pub struct StepSettings {
    /// Time steps, random stream, and what the forward pass keeps.
    pub context: Context,
    /// Where in the training the step is.
    pub moment: Moment,
    /// Factor on the optimizer's learning rate, such as that of a schedule.
    pub learning_rate_factor: f64,
    /// Largest norm of all gradients together; not clipped if absent.
    pub clip_norm: Option<f64>,
    /// Whether each parameter of a [`Network`](candlewick_network::Network) is updated as soon as the backward pass has
    /// found its gradient, which is then freed: only the gradients of one layer take memory at a time, and the results
    /// are the same to the bit. The model must run the network once, each parameter must belong to one layer, and the
    /// loss must depend on it through this layer alone: another gradient with respect to it is an error. It has no effect
    /// on devices other than the CPU, on batches that are divided into shards, with `clip_norm`, and on parameters
    /// outside of a network.
    pub update_in_backward: bool,
}

impl StepSettings {
    /// A step at `time_steps` with random numbers from `key`, at the start of a training, with the
    /// optimizer's own learning rate.
    pub fn new(time_steps: usize, key: Key) -> Self {
        Self {
            context: Context::training(time_steps, key),
            moment: Moment { epoch: 0, step: 0, progress: 0.0, training: true },
            learning_rate_factor: 1.0,
            clip_norm: None,
            update_in_backward: false,
        }
    }
}

/// What a step measured.
#[derive(Clone, Debug, PartialEq)]
pub struct StepReport {
    /// The loss before the update, without the penalties on activity.
    pub loss: f64,
    /// Scores of the batch before the update.
    pub scores: Scores,
    /// The labels by which accuracy is counted, `[B]`: of mixed samples those of the larger share.
    pub labels: Vec<u32>,
    /// The activity of each spiking layer, from input to output.
    pub layers: Vec<LayerActivity>,
    /// Squared norm of the gradient with respect to each learned parameter, before clipping; 0 where
    /// the loss does not depend on it.
    pub squared_norms: Vec<f64>,
}

/// Makes one step of `optimizer` on a batch, and shows its scores to the methods.
///
/// The input is `[T, B, …]` or `[1, B, …]`, labels are `[B]` (u32). In order: forward pass, loss of the methods,
/// backward pass, check that loss and gradients are finite, clipping by the norm of all gradients together, update;
/// with [`StepSettings::update_in_backward`], each gradient is checked and used in the backward pass.
///
/// ```
/// use candle_core::Device;
/// use candlewick_core::{Key, parameters::seeded};
/// use candlewick_methods::Methods;
/// use candlewick_network::Network;
/// use candlewick_train::optimizer::AdamW;
/// use candlewick_train::{Data, Groups, Optimizer, StepSettings, step};
///
/// let data = Data::open("digits")?.batch_size(32).time_steps(2);
/// let mut methods = Methods::new();
/// let network = Network::spec("FC64-FC10").methods(&methods);
/// let network = network.build(data.features()?, 10, seeded(&Device::Cpu, Key::new(1)))?;
/// let rule = AdamW { learning_rate: 5e-3, ..AdamW::default() };
/// let mut optimizer = Optimizer::new(&rule.into(), Groups::default(), network.parameters())?;
/// let mut losses = Vec::new();
/// for (number, batch) in data.batches(0)?.enumerate() {
///     let settings = StepSettings::new(2, Key::new(1).at(number as u64));
///     let report = step(&network, &mut methods, &mut optimizer, &batch?, &settings)?;
///     losses.push(report.loss);
/// }
/// assert!(losses[losses.len() - 1] < losses[0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`Error::Diverged`] if the loss or a gradient is not finite, and if a layer fails; parameters are
/// then as they were, unless [`StepSettings::update_in_backward`] has updated some before.
pub fn step(
    model: &dyn Model,
    methods: &mut Methods,
    optimizer: &mut Optimizer,
    batch: &Batch,
    settings: &StepSettings,
) -> Result<StepReport> {
    step_in_shards(model, methods, optimizer, batch, settings, &mut Reduction::default())
}

/// As [`step`], where the batch is divided into the shards of `reduction`: each is computed by itself, as a
/// batch of its own, and their losses, gradients and running statistics are averaged by the samples that they
/// have. All ranks of the reduction take the step together, and each has the samples of its own shards.
///
/// # Errors
/// As [`step`], and [`Error::Ranks`] if another rank has ended.
pub fn step_in_shards(
    model: &dyn Model,
    methods: &mut Methods,
    optimizer: &mut Optimizer,
    batch: &Batch,
    settings: &StepSettings,
    reduction: &mut Reduction,
) -> Result<StepReport> {
    let parts = shard::parts(batch, reduction.shards())?;
    let report = update(model, methods, optimizer, &parts, settings, reduction)?;
    methods.observe(&report.scores, &report.labels, &settings.moment);
    Ok(report)
}

/// A step that the methods do not see.
pub(crate) fn update(
    model: &dyn Model,
    methods: &Methods,
    optimizer: &mut Optimizer,
    parts: &[Part],
    settings: &StepSettings,
    reduction: &mut Reduction,
) -> Result<StepReport> {
    let StepSettings { moment, learning_rate_factor, clip_norm, .. } = settings;
    let parameters = model.parameters();
    let diverged = |quantity, layer| {
        let Moment { epoch, step, .. } = *moment;
        let symptom = Symptom::NotFinite { quantity, layer };
        Error::Diverged { symptom, epoch: epoch + 1, step: step + 1 }
    };
    reduction.start(parameters)?;
    let divided = reduction.shards().count() > 1;
    let in_backward = settings.update_in_backward
        && !divided
        && clip_norm.is_none()
        && host::is_reachable(parameters.device());
    let run = |part: &Part, backward: Backward<'_>| {
        let mut context = settings.context;
        if divided {
            context.key = context.key.named("shard").at(part.shard as u64);
        }
        let batch = part.batch.as_ref();
        let pass = |batch| differentiate(model, methods, batch, &context, moment, backward);
        batch.map(pass).transpose()
    };
    let run_plain = |part: &Part| run(part, &mut |loss| Ok(backward(loss)?));
    let mut own = Vec::with_capacity(parts.len());
    let mut updated = Vec::new();
    if let Some(seats) = reduction.seats() {
        for (part, found) in parts.iter().zip(at_once(parts, seats, run_plain)) {
            reduction.add(parameters, part, found?, &mut own)?;
        }
    } else {
        for (number, part) in parts.iter().enumerate() {
            let last = number + 1 == parts.len();
            let found = if in_backward {
                run(part, &mut |loss| {
                    let factor = *learning_rate_factor;
                    let (store, norms) = update_in_backward(loss, parameters, optimizer, factor)?;
                    updated = norms;
                    Ok(store)
                })?
            } else if last && reduction.may_travel() {
                reduction.while_running(parameters, part.weight, || run_plain(part))?
            } else {
                run_plain(part)?
            };
            reduction.add(parameters, part, found, &mut own)?;
        }
    }
    let reports = reduction.gather(own)?;
    let loss = reports.iter().map(|report| report.weight * report.loss).sum::<f64>();
    if !loss.is_finite() {
        let mut entries = parameters.iter();
        let bad = entries.find(|entry| !is_finite(&entry.variable).unwrap_or(false));
        return Err(diverged("loss", bad.map(|entry| entry.name.clone())));
    }
    let mut gradients = reduction.finish(parameters)?;
    let mut squared_norms = gradients.squared_norms()?;
    for (norm, updated) in squared_norms.iter_mut().zip(updated) {
        *norm = updated.unwrap_or(*norm);
    }
    if let Some(bad) = squared_norms.iter().position(|norm| !norm.is_finite()) {
        let name = parameters.learned().nth(bad).map(|parameter| parameter.name.clone());
        return Err(diverged("gradient", name));
    }
    if let Some(max_norm) = *clip_norm {
        gradients.clip(&squared_norms, max_norm)?;
    }
    optimizer.step(*learning_rate_factor, parameters, &gradients)?;
    let scores: Vec<&Scores> = reports.iter().map(|report| &report.scores).collect();
    Ok(StepReport {
        loss,
        scores: Scores::join(&scores),
        labels: reports.iter().flat_map(|report| &report.labels).copied().collect(),
        layers: LayerActivity::mean(&reports),
        squared_norms,
    })
}

/// Runs the own shards of a batch, each on a thread of its own.
fn at_once<T: Send>(
    parts: &[Part],
    seats: Vec<Seat>,
    run: impl Fn(&Part) -> Result<T> + Sync,
) -> Vec<Result<T>> {
    let run = &run;
    std::thread::scope(|scope| {
        let threads: Vec<_> = parts
            .iter()
            .zip(seats)
            .map(|(part, seat)| scope.spawn(move || synchronized(seat, || run(part))))
            .collect();
        let outcome = |thread: std::thread::ScopedJoinHandle<'_, _>| match thread.join() {
            Ok(outcome) => outcome,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        threads.into_iter().map(outcome).collect()
    })
}

/// Runs the backward pass from a loss.
type Backward<'a> = &'a mut dyn FnMut(&Tensor) -> Result<GradStore>;

/// The forward and backward pass of a batch. On a device both are queued before the loss is read, since reading
/// waits; on the CPU there are no gradients if the loss is not finite.
fn differentiate(
    model: &dyn Model,
    methods: &Methods,
    batch: &Batch,
    context: &Context,
    moment: &Moment,
    backward: Backward<'_>,
) -> Result<(ShardReport, Option<Gradients>)> {
    // What was observed before belongs to no step.
    model.take_observations();
    let outputs = model.forward(&batch.input, context)?;
    let loss = mixed_loss(methods, &outputs, batch, moment)?;
    loaders::same_time_steps(outputs.logits.dim(0)?, context.time_steps)?;
    let mut gradients_of = || Gradients::take(model.parameters(), backward(&loss)?);
    let on_device = !host::is_reachable(loss.device());
    let mut gradients = on_device.then(&mut gradients_of).transpose()?;
    let value = f64::from(loss.to_scalar::<f32>()?);
    let scores = Scores::new(&outputs.logits.detach())?;
    drop(outputs);
    if !on_device && value.is_finite() {
        gradients = Some(gradients_of()?);
    }
    let layers = model.take_observations().iter().map(LayerActivity::of).collect();
    let labels = loaders::main_labels(batch)?;
    Ok((ShardReport { weight: 1.0, loss: value, scores, labels, layers }, gradients))
}

/// The loss of a batch; where samples are mixed, that of both labels by their shares.
pub(crate) fn mixed_loss(
    methods: &Methods,
    outputs: &Outputs,
    batch: &Batch,
    moment: &Moment,
) -> Result<Tensor> {
    let loss = methods.loss(outputs, &batch.labels, moment)?;
    let Some(mixed) = &batch.mixed else {
        return Ok(loss);
    };
    let partner = methods.loss(outputs, &mixed.labels, moment)?;
    let share = f64::from(mixed.share);
    Ok(((loss * share)? + (partner * (1.0 - share))?)?)
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};
    use candlewick_core::parameters::seeded;
    use candlewick_encode::Mixed;
    use candlewick_methods::{Loss, Method};
    use candlewick_network::{Features, Network};

    use super::*;

    /// A loss of logits and labels.
    #[derive(Debug)]
    struct Function(fn(&Tensor, &Tensor) -> candle_core::Result<Tensor>);

    impl Loss for Function {
        fn loss(&self, logits: &Tensor, labels: &Tensor) -> candlewick_core::Result<Tensor> {
            Ok(self.0(logits, labels)?)
        }

        fn problem(&self) -> Option<(&'static str, &'static str)> {
            None
        }
    }

    impl Method for Function {
        fn name(&self) -> &'static str {
            "function"
        }

        fn loss(&self) -> Option<&dyn Loss> {
            Some(self)
        }
    }

    /// Two samples of one number.
    fn batch(labels: [u32; 2]) -> Result<Batch> {
        Ok(Batch {
            input: Tensor::ones((1, 2, 1), DType::F32, &Device::Cpu)?,
            labels: Tensor::new(&labels, &Device::Cpu)?,
            indices: vec![0, 1],
            mixed: None,
            total: 2,
        })
    }

    #[test]
    fn the_backward_pass_is_queued_before_the_host_waits_for_the_loss_of_a_device() -> Result<()> {
        let weights = seeded(&Device::Cpu, Key::new(1));
        let network = Network::spec("FC2").build(Features::Vector { size: 1 }, 2, weights)?;
        let batch = batch([0, 1])?;
        let infinite = Function(|logits, _| logits.sum_all()? / 0.0);
        let methods = Methods::new().with(infinite);
        let StepSettings { context, moment, .. } = StepSettings::new(1, Key::new(1));
        let runs = || -> Result<usize> {
            let mut runs = 0;
            let mut run = |loss: &Tensor| {
                runs += 1;
                Ok(backward(loss)?)
            };
            let (report, _) =
                differentiate(&network, &methods, &batch, &context, &moment, &mut run)?;
            assert!(!report.loss.is_finite());
            Ok(runs)
        };
        assert_eq!(runs()?, 0, "on the CPU the loss is known before");
        assert_eq!(host::forbid(runs)?, 1);
        Ok(())
    }

    #[test]
    fn a_mixed_batch_has_the_loss_of_both_labels_by_their_shares() -> Result<()> {
        let mut batch = batch([1, 2])?;
        let sum = Function(|_, labels| labels.to_dtype(DType::F32)?.sum_all());
        let methods = Methods::new().with(sum);
        let labels = |labels: [u32; 2]| Tensor::new(&labels, &Device::Cpu);
        let outputs = Outputs { logits: batch.input.clone(), side: Vec::new() };
        let moment = Moment { epoch: 0, step: 0, progress: 0.0, training: true };
        let loss = |batch: &Batch| -> Result<f32> {
            Ok(mixed_loss(&methods, &outputs, batch, &moment)?.to_scalar()?)
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
