//! A layer of neurons.

mod composed;
mod currents;
mod kernels;
mod on_device;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use candle_core::Tensor;
use candlewick_core::parameters::Scope;
use candlewick_core::{Error, Result};
use candlewick_device::Scan;
use candlewick_methods::{Methods, SpikingSite};
use candlewick_neuron::{ActivityPenalty, Counts, Model, Probe};
use candlewick_surrogate::{Effective, Site, Surrogate, SurrogateRule};
use rayon::prelude::*;

use crate::gradients::ParameterGradients;
use crate::layer::Backward;
use crate::pass::lock;
use crate::{Array, Context, Element, Features, Layer, Pass, Signal, synchronization};
pub(crate) use currents::Summand;
pub(crate) use on_device::Unread;

/// The spikes of every single neuron of a layer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Of each neuron, over all samples and steps.
    pub spikes: Vec<u64>,
    /// Steps in which each could have fired, over all samples.
    pub steps: u64,
}

impl Census {
    /// Neurons that did not fire once.
    pub fn dead(&self) -> usize {
        self.spikes.iter().filter(|&&spikes| spikes == 0).count()
    }

    /// Neurons that fired at 95 % or more of all steps.
    pub fn saturated(&self) -> usize {
        self.spikes.iter().filter(|&&spikes| spikes * 20 >= self.steps * 19).count()
    }

    /// Adds what was counted elsewhere.
    pub fn add(&mut self, other: &Self) {
        self.spikes.resize(self.spikes.len().max(other.spikes.len()), 0);
        self.spikes.iter_mut().zip(&other.spikes).for_each(|(sum, spikes)| *sum += spikes);
        self.steps += other.steps;
    }
}

/// A layer of neurons of one kind, which share their learned scalars and their surrogate: currents `[T, B, …]`, or
/// `[1, B, …]` for the same current at every step, to spikes `[T, B, …]`.
///
/// The equations are those of the [`neuron`](candlewick_neuron); in a network the methods act here, and spikes are
/// counted. A candle model of your own takes [`Neurons`](candlewick_neuron::Neurons) instead.
///
/// ```
/// use candle_core::{Device, Tensor};
/// use candle_nn::ModuleT;
/// use candlewick_core::{Key, parameters::seeded};
/// use candlewick_network::{Features, Spiking};
/// use candlewick_neuron::{Lif, Settings};
/// use candlewick_surrogate::{Surrogate, Triangle};
///
/// let (neuron, surrogate) = (Lif::default().model(), Triangle::default().shared());
/// let builder = seeded(&Device::Cpu, Key::new(1));
/// let layer = Spiking::new(Features::Vector { size: 3 }, neuron, surrogate, builder)?;
/// let currents = Tensor::full(0.75_f32, (4, 1, 3), &Device::Cpu)?; // [T, B, N]
/// let spikes = layer.forward_t(&currents, false)?;
/// assert_eq!(spikes.sum_all()?.to_scalar::<f32>()?, 6.0); // each fires at steps 2 and 4
/// # Ok::<(), candlewick_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Spiking {
    name: String,
    features: Features,
    model: Arc<dyn Model>,
    surrogate: Arc<dyn Surrogate>,
    rules: Vec<Arc<dyn SurrogateRule>>,
    /// The neurons' learned scalars, of one element each.
    parameters: Vec<Tensor>,
    penalties: Vec<Arc<dyn ActivityPenalty>>,
    /// Number of spiking layers of the network: penalties are means over the layers.
    layers: Arc<AtomicUsize>,
    /// The activity of each shard that runs on a thread of its own.
    probes: Mutex<BTreeMap<usize, Arc<Probe>>>,
    census: Mutex<Census>,
    /// What a device has counted and the host has not read yet.
    unread: Mutex<Option<Unread>>,
    /// The last scan of a device, whose text serves while the structure of the surrogate stays.
    scan: Mutex<Option<Scan>>,
}

/// A backward pass through neurons: turns the gradient with respect to the spikes into that with
/// respect to the current, `[T, B, …]` or `[1, B, …]` as the current is.
pub(crate) type NeuronBackward =
    Box<dyn FnOnce(Array, &mut ParameterGradients) -> Result<Array> + Send>;

impl Spiking {
    /// Neurons of `model` whose spikes have the derivative `surrogate` in the backward pass; their
    /// learned scalars, if they have any, are created at `scope`.
    ///
    /// # Errors
    /// If a parameter cannot be created.
    pub fn new<'a>(
        features: Features,
        model: Arc<dyn Model>,
        surrogate: Arc<dyn Surrogate>,
        scope: impl Into<Scope<'a>>,
    ) -> Result<Self> {
        let scope = scope.into();
        let parameters = model.create_parameters(&scope)?;
        Ok(Self {
            name: scope.path(),
            features,
            model,
            surrogate,
            rules: Vec::new(),
            parameters,
            penalties: Vec::new(),
            layers: Arc::new(AtomicUsize::new(1)),
            probes: Mutex::default(),
            census: Mutex::default(),
            unread: Mutex::default(),
            scan: Mutex::default(),
        })
    }

    /// The layer at the path `name` of a network in which `methods` act: behind normalizations of the
    /// weights `gammas`, one of as many spiking layers as `layers` will count.
    ///
    /// # Errors
    /// If a method cannot make its rule for the layer.
    pub(crate) fn with_methods(
        mut self,
        name: &str,
        methods: &Methods,
        gammas: &[Tensor],
        layers: &Arc<AtomicUsize>,
        scope: &Scope<'_>,
    ) -> Result<Self> {
        name.clone_into(&mut self.name);
        let site = SpikingSite {
            surrogate: &self.surrogate,
            neuron: &self.model,
            learned: &self.parameters,
            gammas,
        };
        self.rules = methods.surrogate_rules(&site, scope)?;
        self.penalties = methods.penalties(&*self.model);
        layers.fetch_add(1, Ordering::Relaxed);
        self.layers = layers.clone();
        Ok(self)
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

    /// Counts the activity of the shard that runs on this thread.
    fn probe(&self) -> Arc<Probe> {
        lock(&self.probes).entry(synchronization::shard()).or_default().clone()
    }

    /// Activity since the last call.
    pub(crate) fn take_counts(&self) -> (Counts, Option<Census>) {
        let census = std::mem::take(&mut *lock(&self.census));
        (self.probe().take(), Some(census).filter(|census| census.steps > 0))
    }

    /// Runs the neurons on the sum of `currents`, of which there is at least one.
    pub(crate) fn drive(
        &self,
        currents: Vec<Summand>,
        pass: &Pass,
    ) -> Result<(Signal, Option<NeuronBackward>)> {
        let run = || {
            let (spikes, backward) = if let Some(queue) = pass.queue() {
                self.by_device(currents, queue, pass)?
            } else if pass.is_on_host() {
                self.by_kernels(currents, pass)?
            } else {
                self.by_composition(&currents, pass)?
            };
            if pass.context.census {
                self.count_spikes(&spikes.dense(&pass.pool)?);
            }
            Ok((spikes, backward))
        };
        run().map_err(|error: Error| error.in_layer(&self.name))
    }

    /// The surrogate of a pass over `elements` T·B·N.
    fn effective(&self, context: &Context, elements: usize) -> Result<Effective> {
        let mut effective = Effective { surrogate: self.surrogate.clone(), parameter: None };
        if context.training {
            let key = context.key.named(&self.name);
            let site = Site { key, elements, time_steps: context.time_steps };
            for rule in &self.rules {
                effective = rule.apply(effective, site)?;
            }
        }
        Ok(effective)
    }

    /// The values of the learned scalars.
    fn learned(&self) -> Result<Vec<f32>> {
        let value = |scalar: &Tensor| Ok(scalar.get(0)?.to_scalar()?);
        self.parameters.iter().map(value).collect()
    }

    fn active_penalties(&self, context: &Context) -> &[Arc<dyn ActivityPenalty>] {
        if context.training { &self.penalties } else { &[] }
    }

    /// The share of each penalty in the loss.
    fn penalty_scale(&self) -> f32 {
        1.0 / self.layers.load(Ordering::Relaxed).max(1) as f32
    }

    fn count_spikes(&self, spikes: &[f32]) {
        let neurons = self.features.count();
        let mut census = lock(&self.census);
        census.spikes.resize(neurons, 0);
        census.steps += (spikes.len() / neurons.max(1)) as u64;
        census.spikes.par_iter_mut().enumerate().for_each(|(neuron, count)| {
            *count += (neuron..spikes.len()).step_by(neurons).filter(|&i| spikes[i] != 0.0).count()
                as u64;
        });
    }
}

impl Layer for Spiking {
    fn run(&self, x: Signal, pass: &Pass) -> Result<(Signal, Option<Backward>)> {
        x.expect("neurons", self.features)?;
        let needed = x.gradient;
        let (out, backward) = self.drive(vec![Summand::as_it_is(&x, pass)], pass)?;
        let backward = backward.map(|backward| -> Backward {
            Box::new(move |gradient, found| Ok(Some(backward(gradient, found)?).filter(|_| needed)))
        });
        Ok((out, backward))
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
