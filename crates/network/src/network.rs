//! A whole network: its layers, its parameters, its side heads.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use candle_core::Tensor;
use candle_nn::ModuleT;
use candlewick_core::parameters::{Parameters, Scope};
use candlewick_core::{Error, Key, Result};
use candlewick_device::Counts;
use candlewick_methods::{Methods, Outputs};

use crate::buffer::Pool;
use crate::builder::Built;
use crate::graph::{BackwardOfResult, connect, refuse};
use crate::layer::Backward;
use crate::pass::lock;
use crate::side_head::SideHead;
use crate::spiking::Unread;
use crate::{
    Architecture, Array, Census, Context, Element, Features, Layer, Linear, NetworkBuilder,
    Operations, ParameterGradients, Parts, Pass, Signal, Spiking, SynapseObservation,
};

/// A spiking network: one operation of candle's graph, from the input and the parameters to the
/// logits.
///
/// The input is `[T, B, H, W, C]` or `[T, B, N]`, or `[1, B, …]` if it is the same at every step; the logits are
/// `[T, B, K]`, and it is for a loss to reduce them over time.
/// It is a `ModuleT` of candle: `forward_t(&input, true)` trains (statistics of the batch, dropout, methods),
/// `forward_t(&input, false)` evaluates.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_nn::{AdamW, ModuleT, Optimizer, VarBuilder, VarMap, loss};
/// use candlewick_network::{Features, Network};
///
/// let variables = VarMap::new();
/// let builder = VarBuilder::from_varmap(&variables, DType::F32, &Device::Cpu);
/// let image = Features::Map { height: 8, width: 8, channels: 1 };
/// let network = Network::spec("16C3-AP2-FC10").time_steps(4).build(image, 10, builder)?;
///
/// let mut optimizer = AdamW::new_lr(variables.all_vars(), 0.005)?;
/// let images = Tensor::rand(0_f32, 1.0, (1, 2, 8, 8, 1), &Device::Cpu)?; // [1, B, H, W, C]
/// let logits = network.forward_t(&images, true)?; // [T, B, K]
/// let labels = Tensor::new(&[3_u32, 7], &Device::Cpu)?;
/// optimizer.backward_step(&loss::cross_entropy(&logits.mean(0)?, &labels)?)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Network {
    parameters: Parameters,
    input: Features,
    classes: usize,
    /// Time steps of an input that is given once.
    time_steps: usize,
    layers: Vec<Box<dyn Layer>>,
    classifier: Linear,
    side_heads: Vec<SideHead>,
    /// The buffers of all passes.
    pool: Arc<Pool>,
    /// Operations since they were last taken.
    operations: Mutex<Operations>,
    /// Training passes through [`ModuleT`], each with random numbers of its own.
    calls: AtomicU64,
}

/// What happened in a spiking layer since the last observation.
#[derive(Clone, Debug)]
pub struct LayerObservation {
    /// Path of the layer.
    pub name: String,
    /// Number of neurons H·W·C.
    pub neurons: usize,
    /// Spikes, zero derivatives, potentials.
    pub counts: candlewick_neuron::Counts,
    /// The spikes of every neuron, if they were counted.
    pub census: Option<Census>,
}

impl Network {
    /// Builds `architecture` for samples of the shape `input`, with `methods` acting inside; its
    /// parameters are created at `scope`, which a `VarBuilder` converts into.
    ///
    /// # Errors
    /// If the architecture does not fit the input or the number of classes, or if the settings of a
    /// method are out of range or do not fit the neuron, the surrogate or another method.
    pub fn new<'a>(
        architecture: &dyn Architecture,
        parts: &Parts,
        methods: &Methods,
        input: Features,
        classes: usize,
        scope: impl Into<Scope<'a>>,
    ) -> Result<Self> {
        if let Some((field, expected)) = methods.problem(&*parts.surrogate, &*parts.neuron) {
            let name = field.split('.').next();
            let method = methods.iter().find(|method| Some(method.name()) == name);
            let got = method.map_or_else(String::new, |method| format!("{method:?}"));
            return Err(Error::Setting { field: format!("methods.{field}"), expected, got });
        }
        let scope = scope.into();
        let mut builder = NetworkBuilder::new(&scope, parts, methods, classes);
        architecture.build(&mut builder, input, classes)?;
        let Built { layers, classifier, side_heads } = builder.finish(architecture)?;
        Ok(Self {
            parameters: scope.parameters(),
            input,
            classes,
            time_steps: parts.time_steps,
            layers,
            classifier,
            side_heads,
            pool: Arc::default(),
            operations: Mutex::default(),
            calls: AtomicU64::new(0),
        })
    }

    /// Runs the network on `[T, B, H, W, C]`, or on `[1, B, H, W, C]` for an input that is the same
    /// at every step: logits `[T, B, K]`, in training also those of the side heads.
    ///
    /// If the context asks for gradients, `backward` of a loss of the result runs the
    /// backward pass of the network; otherwise it fails.
    ///
    /// # Errors
    /// If the input does not have the shape that the network was built for.
    pub fn forward(&self, x: &Tensor, context: &Context) -> Result<Outputs> {
        self.run(x, &Pass::new(*context, self.pool.clone(), x.device()))
    }

    pub(crate) fn run(&self, x: &Tensor, pass: &Pass) -> Result<Outputs> {
        if pass.context.time_steps == 0 {
            return Err(Error::Setting {
                field: "time_steps".into(),
                expected: "at least 1".into(),
                got: "0".into(),
            });
        }
        self.pool.start_pass();
        let signal = Signal::input(x, self.input, pass)?;
        let (outputs, backward) = self.run_layers(signal, pass)?;
        if pass.context.census {
            let counted = *lock(&pass.operations);
            let mut sum = lock(&self.operations);
            sum.additions += counted.additions;
            sum.multiply_adds += counted.multiply_adds;
        }
        let logits =
            outputs.iter().map(|logits| logits.tensor(pass)).collect::<Result<Vec<_>>>()?;
        // One result for all heads: [T, B, K], or [heads, T, B, K].
        let result = match &logits[..] {
            [logits] => logits.clone(),
            several => Tensor::stack(several, 0)?,
        };
        let learned = pass.learned();
        let result = match backward {
            Some(backward) if x.track_op() || !learned.is_empty() => {
                let of_result = of_result(backward, logits.len(), x.dims().to_vec(), pass);
                connect(&result, x, &learned, of_result)?
            }
            _ => refuse(&result)?,
        };
        if logits.len() == 1 {
            return Ok(Outputs { logits: result, side: Vec::new() });
        }
        let side = (1..logits.len()).map(|head| result.get(head));
        let side = side.collect::<candle_core::Result<_>>()?;
        Ok(Outputs { logits: result.get(0)?, side })
    }

    /// The logits, those of the side heads, and the backward pass from all of them.
    fn run_layers(
        &self,
        mut signal: Signal,
        pass: &Pass,
    ) -> Result<(Vec<Signal>, Option<BackwardOfHeads>)> {
        let mut steps = Vec::with_capacity(self.layers.len());
        let (mut outputs, mut heads) = (Vec::new(), Vec::new());
        let side_heads = self.side_heads.iter().filter(|_| pass.context.training);
        let mut side_heads = side_heads.peekable();
        for (number, layer) in self.layers.iter().enumerate() {
            let (out, backward) = pass.through(layer.kind(), &**layer, signal)?;
            signal = out;
            steps.push(backward);
            while let Some(head) = side_heads.next_if(|head| head.after == number + 1) {
                let (logits, backward) = head.through(&signal, pass)?;
                outputs.push(logits);
                heads.push((number, backward));
            }
        }
        let (logits, classifier) = pass.through("classifier", &self.classifier, signal)?;
        outputs.insert(0, logits);
        if !pass.is_kept() {
            return Ok((outputs, None));
        }
        let parameters = pass.learned();
        let backward: BackwardOfHeads = Box::new(move |mut gradients, found| {
            found.set_parameters(&parameters);
            let of_sides = gradients.split_off(1);
            let back = |gradient: Option<Array>,
                        backward: Option<Backward>,
                        found: &mut ParameterGradients| {
                let (Some(gradient), Some(backward)) = (gradient, backward) else {
                    return Ok(None);
                };
                backward(gradient, found)
            };
            let mut gradient = back(gradients.pop(), classifier, found)?;
            let mut at_layers = Vec::with_capacity(heads.len());
            for ((number, backward), of_side) in heads.into_iter().zip(of_sides) {
                let of_layer = back(Some(of_side), backward, found)?;
                at_layers.extend(of_layer.map(|of_layer| (number, of_layer)));
            }
            for (number, backward) in steps.into_iter().enumerate().rev() {
                while let Some((_, of_side)) = at_layers.pop_if(|(after, _)| *after == number) {
                    gradient = Array::sum(gradient, Some(of_side))?;
                }
                gradient = back(gradient, backward, found)?;
            }
            Ok(gradient)
        });
        Ok((outputs, Some(backward)))
    }

    /// All parameters and buffers.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// The shape of a sample at one time step.
    pub fn input(&self) -> Features {
        self.input
    }

    /// Number of classes K.
    pub fn classes(&self) -> usize {
        self.classes
    }

    pub(crate) fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    /// The most memory that the buffers of a pass have held at once since the network was built, in
    /// bytes: activations and gradients with respect to them, without bits of spikes and without
    /// parameters.
    pub fn most_buffered(&self) -> usize {
        self.pool.most_lent() * size_of::<f32>()
    }

    /// What passes have launched on a device that has kernels, since the network was built.
    pub fn device_counts(&self) -> Counts {
        self.pool.arena.counts()
    }

    /// How each synaptic layer was last computed, from input to output; the classifier and side
    /// heads are left out.
    pub fn synapses(&self) -> Vec<SynapseObservation> {
        self.layers.iter().flat_map(|layer| layer.synapses()).collect()
    }

    /// The spiking layers, from input to output.
    pub fn spiking(&self) -> Vec<&Spiking> {
        self.layers.iter().flat_map(|layer| layer.spiking()).collect()
    }

    /// What the network computes in evaluation, from the input to the logits.
    pub fn elements(&self) -> Vec<Element> {
        let mut elements: Vec<_> = self.layers.iter().flat_map(|layer| layer.elements()).collect();
        elements.push(self.classifier.0.element("classifier"));
        elements
    }

    /// Paths of the spiking layers, from input to output.
    pub fn layer_names(&self) -> Vec<String> {
        self.spiking().iter().map(|layer| layer.name().to_owned()).collect()
    }

    /// Operations of all synapses, side heads left out, in the passes with a census since the last
    /// call; `None` if there was none.
    pub fn take_operations(&self) -> Option<Operations> {
        let sum = std::mem::take(&mut *lock(&self.operations));
        Some(sum).filter(|sum| *sum != Operations::default())
    }

    /// Reads what a device has counted, of all layers at once.
    fn read_counts(&self) {
        let layers = self.spiking();
        let unread = layers.iter().filter_map(|layer| Some((layer, layer.unread()?)));
        let unread: Vec<_> = unread.collect();
        let Some((_, Unread { queue, .. })) = unread.first() else { return };
        let counters: Vec<_> = unread
            .iter()
            .flat_map(|(_, unread)| [&unread.spikes, &unread.zero_derivatives])
            .collect();
        match queue.take(&counters) {
            Ok(counts) => {
                for ((layer, _), counts) in unread.iter().zip(counts.chunks(2)) {
                    layer.was_read(counts[0], counts[1]);
                }
            }
            Err(error) => tracing::warn!(%error, "the counts of a device cannot be read"),
        }
    }

    /// What happened in each spiking layer since the last call.
    pub fn take_observations(&self) -> Vec<LayerObservation> {
        self.read_counts();
        self.spiking()
            .iter()
            .map(|layer| {
                let (counts, census) = layer.take_counts();
                let name = layer.name().to_owned();
                LayerObservation { name, neurons: layer.output().count(), counts, census }
            })
            .collect()
    }
}

/// Takes the gradients with respect to the logits and to those of the side heads; gives that with
/// respect to the input.
type BackwardOfHeads =
    Box<dyn FnOnce(Vec<Array>, &mut ParameterGradients) -> Result<Option<Array>> + Send>;

/// The backward pass of the one result for `heads` heads, from an input of the shape `dims`.
fn of_result(
    backward: BackwardOfHeads,
    heads: usize,
    dims: Vec<usize>,
    pass: &Pass,
) -> BackwardOfResult {
    let pass = pass.clone();
    Box::new(move |gradient, found| {
        let gradients = if heads == 1 {
            vec![Array::of(gradient, &pass)?]
        } else {
            (0..heads).map(|head| Array::of(&gradient.get(head)?, &pass)).collect::<Result<_>>()?
        };
        let of_input = backward(gradients, found)?;
        of_input.map(|of_input| of_input.tensor(&dims, pass.device())).transpose()
    })
}

/// Logits `[T, B, K]` of `[T, B, …]`; an input `[1, B, …]` runs for the time steps that the network
/// was built with. Only a training pass can be differentiated.
impl ModuleT for Network {
    fn forward_t(&self, x: &Tensor, train: bool) -> candle_core::Result<Tensor> {
        let time_steps = if x.dim(0)? == 1 { self.time_steps } else { x.dim(0)? };
        if !train {
            return Ok(self.forward(x, &Context::evaluation(time_steps))?.logits);
        }
        if !self.side_heads.is_empty() {
            candle_core::bail!(
                "the network has side heads, whose logits `forward_t` cannot return: use \
                 `Network::forward`"
            );
        }
        let key = Key::new(0).named("forward_t").at(self.calls.fetch_add(1, Ordering::Relaxed));
        Ok(self.forward(x, &Context::training(time_steps, key))?.logits)
    }
}
