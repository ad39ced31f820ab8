//! A layer of neurons.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{Tensor, Var};
use candlewick_core::{Result, host};
use candlewick_kernels::neuron::current::{PerChannel, Source};
use candlewick_kernels::neuron::scan::{self, Derivative};
use candlewick_kernels::spikes::Spikes;
use candlewick_neuron::{ActivityPenalty, Counts, Model, MultiStep, Probe, measure, needs};
use candlewick_surrogate::{Dynamics, Effective, Site, Surrogate, SurrogateRule};
use rayon::prelude::*;

use crate::buffer::Buffer;
use crate::kept::Kept;
use crate::signal::{Filed, Pass, Pull, Signal, Values, decoded};
use crate::{Context, Element, Features, Layer, Normalization};

/// Neurons that never or nearly always fired in the passes that were counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Neurons that did not fire once.
    pub dead: usize,
    /// Neurons that fired at 95 % or more of all steps.
    pub saturated: usize,
}

/// A layer of neurons of one kind, which share their learned scalars and their surrogate.
#[derive(Debug)]
pub struct Spiking {
    name: String,
    features: Features,
    model: Arc<dyn Model>,
    surrogate: Arc<dyn Surrogate>,
    rules: Vec<LearnedRule>,
    /// Weights of the normalizations whose currents meet here.
    gammas: Vec<Tensor>,
    parameters: Option<Tensor>,
    penalties: Vec<Arc<dyn ActivityPenalty>>,
    /// Number of spiking layers of the network: penalties are means over the layers.
    layers: Arc<AtomicUsize>,
    probe: Arc<Probe>,
    census: Mutex<SpikeTally>,
}

/// A rule for the surrogate with the scalar that it learns in this layer.
#[derive(Clone, Debug)]
pub(crate) struct LearnedRule {
    pub(crate) rule: Arc<dyn SurrogateRule>,
    pub(crate) learned: Option<Var>,
}

/// Spikes of every single neuron.
#[derive(Debug, Default)]
struct SpikeTally {
    spikes: Vec<u64>,
    steps: u64,
}

impl Spiking {
    #[expect(clippy::too_many_arguments, reason = "each is a field, set in one place")]
    pub(crate) fn new(
        name: String,
        features: Features,
        model: Arc<dyn Model>,
        surrogate: Arc<dyn Surrogate>,
        rules: Vec<LearnedRule>,
        parameters: Option<Tensor>,
        penalties: Vec<Arc<dyn ActivityPenalty>>,
        layers: Arc<AtomicUsize>,
    ) -> Self {
        Self {
            name,
            features,
            model,
            surrogate,
            rules,
            gammas: Vec::new(),
            parameters,
            penalties,
            layers,
            probe: Arc::default(),
            census: Mutex::default(),
        }
    }

    /// Says which normalizations the currents come from.
    pub(crate) fn behind<'a>(
        mut self,
        normalizations: impl IntoIterator<Item = &'a Normalization>,
    ) -> Self {
        self.gammas = normalizations.into_iter().map(|layer| layer.gamma().clone()).collect();
        self
    }

    /// Path of the layer in the network.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The neuron.
    pub fn model(&self) -> &dyn Model {
        &*self.model
    }

    /// The surrogate as configured, before learned widths and masks.
    pub fn surrogate(&self) -> &dyn Surrogate {
        &*self.surrogate
    }

    /// What happened since the last call.
    pub(crate) fn take_counts(&self) -> (Counts, Option<Census>) {
        let tally =
            std::mem::take(&mut *self.census.lock().unwrap_or_else(PoisonError::into_inner));
        let census = (tally.steps > 0).then(|| Census {
            dead: tally.spikes.iter().filter(|&&spikes| spikes == 0).count(),
            saturated: tally
                .spikes
                .iter()
                .filter(|&&spikes| spikes * 20 >= tally.steps * 19)
                .count(),
        });
        (self.probe.take(), census)
    }

    fn effective(&self, context: &Context, elements: usize) -> Result<Effective> {
        let mut effective = Effective { surrogate: self.surrogate.clone(), parameter: None };
        if context.training && !self.rules.is_empty() {
            let key = context.key.named(&self.name);
            let potentials = self.dynamics(context.time_steps)?;
            let site = Site { key, elements, potentials };
            for LearnedRule { rule, learned } in &self.rules {
                effective = rule.apply(&*self.surrogate, effective, learned.as_ref(), site)?;
            }
        }
        Ok(effective)
    }

    fn dynamics(&self, time_steps: usize) -> Result<Dynamics> {
        let learned = match &self.parameters {
            Some(parameters) => parameters.flatten_all()?.to_vec1()?,
            None => Vec::new(),
        };
        let [decay, gain] = self.model.slopes(&learned);
        let mut squares = 0.0;
        for gamma in &self.gammas {
            let values = host::values(gamma)?;
            squares += (values.iter().sum::<f32>() / values.len() as f32).powi(2);
        }
        let gamma = if self.gammas.is_empty() { 1.0 } else { squares.sqrt() };
        let v_threshold = self.model.firing().v_threshold;
        Ok(Dynamics { time_steps, v_threshold, decay, gain, gamma })
    }

    fn count_spikes(&self, spikes: &[f32]) {
        let neurons = self.features.count();
        let mut tally = self.census.lock().unwrap_or_else(PoisonError::into_inner);
        tally.spikes.resize(neurons, 0);
        tally.steps += (spikes.len() / neurons.max(1)) as u64;
        tally.spikes.par_iter_mut().enumerate().for_each(|(neuron, count)| {
            *count += (neuron..spikes.len()).step_by(neurons).filter(|&i| spikes[i] != 0.0).count()
                as u64;
        });
    }

    /// Runs the neurons on the sum of `parts`; their backward pass turns the gradient by the spikes
    /// into that by the current, `[T, B, …]` or `[1, B, …]` as the parts are. There is at least one.
    pub(crate) fn drive(
        &self,
        parts: Vec<Part>,
        pass: &Pass,
    ) -> Result<(Signal, Option<NeuronPull>)> {
        let run = || self.drive_unnamed(parts, pass);
        run().map_err(|error| error.in_layer(&self.name))
    }

    fn drive_unnamed(&self, parts: Vec<Part>, pass: &Pass) -> Result<(Signal, Option<NeuronPull>)> {
        let context = &pass.context;
        let steps = context.time_steps;
        let batch = parts[0].batch;
        let neurons = batch * self.features.count();
        let channels = self.features.channels();
        let Effective { surrogate, parameter } = self.effective(context, steps * neurons)?;
        let learned: Vec<f32> = match &self.parameters {
            Some(parameters) => parameters.flatten_all()?.to_vec1()?,
            None => Vec::new(),
        };
        let penalties = if context.training { &self.penalties[..] } else { &[] };
        let read = parts.iter().map(Part::read).collect::<Result<Vec<_>>>()?;
        let sources: Vec<Source<'_>> = read.iter().map(Read::source).collect();
        let forward = |output: scan::Output<'_>| {
            self.model.forward(scan::Forward {
                steps,
                input: &sources,
                state: None,
                parameters: &learned,
                output,
                final_state: None,
                potentials: None,
                measure: needs(penalties),
            })
        };
        let shape = [steps, neurons / channels, channels];
        let mut support = None;
        let (values, sums) = if self.model.fires() && Spikes::is_seamless(channels) {
            let derivative: &dyn Surrogate = &*surrogate;
            let (spikes, sums) = if pass.is_kept() && derivative.support().is_some() {
                let (spikes, (marks, sums)) = Spikes::recorded(shape, |spikes| {
                    Spikes::recorded(shape, |marks| {
                        let support: Option<(&dyn Derivative, _)> = Some((&derivative, marks));
                        forward(scan::Output::Bits { neurons, spikes, support })
                    })
                });
                support = Some(Arc::new(marks));
                (spikes, sums)
            } else {
                Spikes::recorded(shape, |spikes| {
                    forward(scan::Output::Bits { neurons, spikes, support: None })
                })
            };
            (Values::Spikes(Arc::new(spikes)), sums)
        } else {
            let mut output = pass.pool.take(steps * neurons);
            let sums = forward(scan::Output::Values(&mut output));
            match self.model.fires().then(|| Spikes::binary(shape, &output)) {
                Some(Ok(spikes)) => (Values::Spikes(Arc::new(spikes)), sums),
                _ => (Values::Dense(Arc::new(output)), sums),
            }
        };
        drop(sources);
        drop(read);
        parts.iter().for_each(Part::let_go);
        let scale = 1.0 / self.layers.load(Ordering::Relaxed).max(1) as f32;
        let elements = (steps * neurons) as u64;
        let activity = measure(penalties, scale, sums, elements, Some(&self.probe));
        let features = self.features;
        let signal = Signal { time: steps, batch, features, values, support, gradient: true };
        if context.census {
            self.count_spikes(&signal.dense(&pass.pool));
        }
        if !pass.is_kept() {
            return Ok((signal, None));
        }
        let (model, probe) = (self.model.clone(), self.probe.clone());
        let parameters = self.parameters.clone();
        let pull = move |mut gradient: Buffer, filed: &mut Filed| {
            let derivative: &dyn Surrogate = &*surrogate;
            let read = parts.iter().map(Part::read).collect::<Result<Vec<_>>>()?;
            let sources: Vec<Source<'_>> = read.iter().map(Read::source).collect();
            let sums = model.backward(scan::Backward {
                steps,
                input: &sources,
                state: None,
                parameters: &learned,
                gradient: &mut gradient,
                grad_final_state: None,
                derivative: &derivative,
                surrogate_gradient: parameter.is_some(),
                activity,
                grad_state: None,
            });
            if parts.iter().all(|part| part.time == 1) {
                gradient.truncate(neurons);
            }
            probe.went_back(elements, sums.zero_derivatives);
            if let Some(parameters) = &parameters {
                filed.add(parameters, sums.parameters)?;
            }
            if let Some(parameter) = &parameter {
                // The rule may have made it of its variable by further operations.
                filed.through(parameter, sums.surrogate as f32)?;
            }
            Ok(gradient)
        };
        Ok((signal, Some(Box::new(pull))))
    }
}

/// A backward pass through neurons.
pub(crate) type NeuronPull = Box<dyn FnOnce(Buffer, &mut Filed) -> Result<Buffer> + Send>;

/// A summand of the input current, `[T, B, …]` or `[1, B, …]`.
#[derive(Debug)]
pub(crate) struct Part {
    time: usize,
    batch: usize,
    values: PartValues,
}

#[derive(Debug)]
enum PartValues {
    Floats(Arc<Kept>, Option<PerChannel>),
    Spikes(Arc<Spikes>),
}

/// A part in memory.
enum Read<'a> {
    Floats(Arc<Buffer>, Option<&'a PerChannel>),
    Spikes(&'a Spikes),
}

impl Part {
    /// Currents with the time steps and samples of `x`, before their normalization.
    pub(crate) fn currents(
        x: &Signal,
        values: Arc<Kept>,
        normalization: Option<PerChannel>,
    ) -> Self {
        let values = PartValues::Floats(values, normalization);
        Self { time: x.time, batch: x.batch, values }
    }

    /// An activation as it is: the shortcut of a residual block.
    pub(crate) fn as_it_is(signal: &Signal, pass: &Pass) -> Self {
        let values = match &signal.values {
            Values::Dense(values) => PartValues::Floats(Kept::new(values.clone(), None), None),
            Values::Spikes(spikes)
                if spikes.is_binary() && Spikes::is_seamless(signal.features.channels()) =>
            {
                PartValues::Spikes(spikes.clone())
            }
            Values::Spikes(spikes) => {
                let (spikes, pool) = (spikes.clone(), pass.pool.clone());
                let decode = move || Arc::new(decoded(&spikes, &pool));
                let values = decode();
                PartValues::Floats(Kept::new(values, Some(Box::new(move || Ok(decode())))), None)
            }
        };
        Self { time: signal.time, batch: signal.batch, values }
    }

    fn read(&self) -> Result<Read<'_>> {
        Ok(match &self.values {
            PartValues::Floats(kept, normalization) => {
                Read::Floats(kept.values()?, normalization.as_ref())
            }
            PartValues::Spikes(spikes) => Read::Spikes(spikes),
        })
    }

    fn let_go(&self) {
        if let PartValues::Floats(kept, _) = &self.values {
            kept.let_go();
        }
    }
}

impl Read<'_> {
    fn source(&self) -> Source<'_> {
        match self {
            Self::Floats(values, Some(normalization)) => Source::Normalized(values, normalization),
            Self::Floats(values, None) => Source::Values(values),
            Self::Spikes(spikes) => Source::Spikes(spikes),
        }
    }
}

impl Layer for Spiking {
    fn forward(&self, x: &Tensor, context: &Context) -> Result<Tensor> {
        let elements = x.elem_count() / x.dim(0)? * context.time_steps;
        let Effective { surrogate, parameter } = self.effective(context, elements)?;
        let parameters = self.parameters.as_ref().map(|values| context.parameter(values));
        let out = MultiStep {
            parameters: parameters.as_ref(),
            surrogate_parameter: parameter.as_ref(),
            penalties: if context.training { &self.penalties } else { &[] },
            penalty_scale: 1.0 / self.layers.load(Ordering::Relaxed).max(1) as f32,
            probe: Some(self.probe.clone()),
            ..MultiStep::new(self.model.clone(), surrogate, x, context.time_steps)
        }
        .run()
        .map_err(|error| candlewick_core::Error::from(error).in_layer(&self.name))?;
        Ok(out.output)
    }

    fn run(&self, x: Signal, pass: &Pass) -> Result<(Signal, Option<Pull>)> {
        x.expect("neurons", self.features)?;
        let (out, pull) = self.drive(vec![Part::as_it_is(&x, pass)], pass)?;
        let needed = x.gradient;
        Ok((
            out,
            pull.map(|pull| -> Pull {
                Box::new(move |gradient, filed| Ok(Some(pull(gradient, filed)?).filter(|_| needed)))
            }),
        ))
    }

    fn output(&self) -> Features {
        self.features
    }

    fn spiking(&self) -> Vec<&Spiking> {
        vec![self]
    }

    fn elements(&self) -> Vec<Element> {
        vec![Element::Neurons { name: self.name.clone(), features: self.features }]
    }
}
