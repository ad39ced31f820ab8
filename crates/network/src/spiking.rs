//! A layer of neurons.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{Tensor, Var};
use candlewick_core::{Result, axes, host};
use candlewick_neuron::{ActivityPenalty, Counts, Model, MultiStep, Probe};
use candlewick_surrogate::{Effective, Site, Surrogate, SurrogateRule};
use rayon::prelude::*;

use crate::{Context, Features, Layer};

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
            parameters,
            penalties,
            layers,
            probe: Arc::default(),
            census: Mutex::default(),
        }
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
        if context.training {
            let site = Site { key: context.key.named(&self.name), elements };
            for LearnedRule { rule, learned } in &self.rules {
                effective = rule.apply(&*self.surrogate, effective, learned.as_ref(), site)?;
            }
        }
        Ok(effective)
    }

    fn count_spikes(&self, spikes: &Tensor) -> Result<()> {
        let (time, batch) = axes::time_and_batch(spikes)?;
        let neurons = self.features.count();
        let mut tally = self.census.lock().unwrap_or_else(PoisonError::into_inner);
        tally.spikes.resize(neurons, 0);
        tally.steps += (time * batch) as u64;
        let spikes = spikes.contiguous()?;
        let spikes = host::values(&spikes)?;
        tally.spikes.par_iter_mut().enumerate().for_each(|(neuron, count)| {
            *count += (neuron..spikes.len()).step_by(neurons).filter(|&i| spikes[i] != 0.0).count()
                as u64;
        });
        Ok(())
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
        if context.census && x.device().is_cpu() {
            self.count_spikes(&out.output)?;
        }
        Ok(out.output)
    }

    fn output(&self) -> Features {
        self.features
    }

    fn spiking(&self) -> Vec<&Spiking> {
        vec![self]
    }
}
