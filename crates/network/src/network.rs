//! A whole network: its layers, its parameters, its side heads.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use candle_core::backprop::GradStore;
use candle_core::{Device, Tensor, Var};
use candlewick_core::parameters::{Parameters, Role};
use candlewick_core::weight_rule::WeightGradientRule;
use candlewick_core::{Key, Result, host};
use candlewick_neuron::{ActivityPenalty, Counts, Model};
use candlewick_surrogate::{Surrogate, SurrogateRule};

use crate::block::{Currents, Synapse};
use crate::buffer::{Buffer, Pool, add};
use crate::signal::{Filed, Pass, Signal};
use crate::spiking::LearnedRule;
use crate::{
    Architecture, Block, Census, Context, Convolution, ConvolutionSettings, Element, Features,
    GlobalAveragePool, Layer, Linear, LinearSettings, Normalization, Operations, Spiking,
    SynapseObservation, ThresholdBatchNorm,
};

/// What a network is made of besides its architecture, and which methods act inside of it.
#[derive(Clone, Debug)]
pub struct Parts {
    /// The neuron of all spiking layers.
    pub neuron: Arc<dyn Model>,
    /// The surrogate of all spiking layers.
    pub surrogate: Arc<dyn Surrogate>,
    /// The normalization behind every convolution, and behind the linear layers that ask for it;
    /// `None` for none.
    pub normalization: Option<ThresholdBatchNorm>,
    /// Methods that act on the surrogate, in the order in which they are applied.
    pub surrogate_rules: Vec<Arc<dyn SurrogateRule>>,
    /// Terms of the loss on the activity of every spiking layer, as means over the layers.
    pub penalties: Vec<Arc<dyn ActivityPenalty>>,
    /// A method that computes the weight gradient of the synapses between spiking layers.
    pub weight_rule: Option<Arc<dyn WeightGradientRule>>,
    /// Whether every stage but the last gets a side head for training.
    pub side_heads: bool,
}

impl Parts {
    /// `neuron` and `surrogate` with batch normalization, and no method.
    pub fn new(neuron: Arc<dyn Model>, surrogate: Arc<dyn Surrogate>) -> Self {
        Self {
            neuron,
            surrogate,
            normalization: Some(ThresholdBatchNorm::default()),
            surrogate_rules: Vec::new(),
            penalties: Vec::new(),
            weight_rule: None,
            side_heads: false,
        }
    }
}

/// The result of a forward pass.
#[derive(Debug)]
pub struct Outputs {
    /// Logits at every time step `[T, B, K]`.
    pub logits: Tensor,
    /// Logits of the side heads `[T, B, K]`, from the first stage on; none outside of training.
    pub side: Vec<Tensor>,
    /// The backward pass from the logits on, if candle does not know it.
    backward: Option<Backward>,
}

/// Takes the gradients by the logits and by those of the side heads.
struct Backward(Box<dyn FromOutputs>);

/// A backward pass of a whole network.
trait FromOutputs: FnOnce(Vec<Option<Tensor>>, &mut Filed) -> Result<()> + Send {}

impl<F: FnOnce(Vec<Option<Tensor>>, &mut Filed) -> Result<()> + Send> FromOutputs for F {}

impl fmt::Debug for Backward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Backward")
    }
}

impl Outputs {
    /// Outputs whose graph candle knows.
    pub fn new(logits: Tensor, side: Vec<Tensor>) -> Self {
        Self { logits, side, backward: None }
    }

    /// The gradients of `loss`, a scalar made of these outputs, by all parameters of the network.
    ///
    /// On the CPU the layers run outside of candle's graph, which ends at the logits: call this
    /// instead of [`Tensor::backward`], which would give the gradients by the logits alone.
    ///
    /// # Errors
    /// If `loss` is not a scalar, or candle fails.
    pub fn backward(self, loss: &Tensor) -> Result<GradStore> {
        let mut store = loss.backward()?;
        if let Some(Backward(backward)) = self.backward {
            let outputs = std::iter::once(&self.logits).chain(&self.side);
            let gradients = outputs.map(|output| store.remove(output)).collect();
            let mut filed = Filed::default();
            backward(gradients, &mut filed)?;
            filed.merge(&mut store)?;
        }
        Ok(store)
    }
}

/// What happened in a spiking layer since it was last asked.
#[derive(Clone, Debug)]
pub struct LayerObservation {
    /// Path of the layer.
    pub name: String,
    /// Number of neurons H·W·C.
    pub neurons: usize,
    /// Spikes, zero derivatives, potentials.
    pub counts: Counts,
    /// Dead and saturated neurons, if every neuron was counted.
    pub census: Option<Census>,
}

/// A spiking network.
#[derive(Debug)]
pub struct Network {
    parameters: Parameters,
    input: Features,
    classes: usize,
    layers: Vec<Box<dyn Layer>>,
    classifier: Linear,
    side_heads: Vec<SideHead>,
    /// The buffers of all passes.
    pool: Arc<Pool>,
    /// What was counted since it was last taken.
    operations: Mutex<Operations>,
}

/// Global average pooling and a linear layer at the end of a stage: the branch of shortcut
/// back-propagation (Guo et al., `NeurIPS` 2024, arXiv:2401.04486, sec. 4).
#[derive(Debug)]
struct SideHead {
    /// The head sees the output of layer number `after - 1`.
    after: usize,
    pool: Option<GlobalAveragePool>,
    linear: Linear,
}

impl Network {
    /// Builds `architecture` for samples of the shape `input`.
    ///
    /// # Errors
    /// If the architecture does not fit the input or the number of classes.
    pub fn new(
        architecture: &dyn Architecture,
        parts: &Parts,
        input: Features,
        classes: usize,
        device: &Device,
        key: Key,
    ) -> Result<Self> {
        let mut parameters = Parameters::new(device, key);
        let mut builder = NetworkBuilder {
            store: &mut parameters,
            parts,
            layers: Vec::new(),
            stage_ends: Vec::new(),
            classifier: None,
            global_scalars: Vec::new(),
            synapses: 0,
            spiking_layers: Arc::default(),
            classes,
        };
        architecture.build(&mut builder, input, classes)?;
        let side_heads = builder.side_heads()?;
        let NetworkBuilder { layers, classifier, .. } = builder;
        let classifier = classifier.ok_or_else(|| candlewick_core::Error::Setting {
            field: "network".into(),
            expected: "an architecture that ends in a classifier".into(),
            got: format!("{architecture:?}"),
        })?;
        let pool = Arc::default();
        let operations = Mutex::default();
        Ok(Self { parameters, input, classes, layers, classifier, side_heads, pool, operations })
    }

    /// Runs the network on `[T, B, H, W, C]`, or on `[1, B, H, W, C]` for an input that is the same
    /// at every step.
    ///
    /// # Errors
    /// If the input does not have the shape that the network was built for.
    pub fn forward(&self, x: &Tensor, context: &Context) -> Result<Outputs> {
        if x.device().is_cpu() { self.run(x, context) } else { self.composed(x, context) }
    }

    /// The network as candle operations: for devices, and the reference of the run on the CPU.
    pub(crate) fn composed(&self, x: &Tensor, context: &Context) -> Result<Outputs> {
        if context.recompute && context.gradients {
            return Err(candlewick_core::Error::Setting {
                field: "recompute".into(),
                expected: "tensors on the CPU, whose backward pass is not candle's".into(),
                got: format!("{:?}", x.device().location()),
            });
        }
        let mut x = x.clone();
        let mut side = Vec::new();
        let mut heads = self.side_heads.iter().filter(|_| context.training).peekable();
        for (number, layer) in self.layers.iter().enumerate() {
            x = layer.forward(&x, context)?;
            while let Some(head) = heads.next_if(|head| head.after == number + 1) {
                let pooled = match &head.pool {
                    Some(pool) => pool.forward(&x, context)?,
                    None => x.clone(),
                };
                side.push(head.linear.forward(&pooled, context)?);
            }
        }
        Ok(Outputs::new(self.classifier.forward(&x, context)?, side))
    }

    fn run(&self, x: &Tensor, context: &Context) -> Result<Outputs> {
        self.pool.start_pass();
        let pass = Pass::new(*context, self.pool.clone());
        let mut signal = Signal::input(x, self.input, &pass)?;
        let mut pulls = Vec::with_capacity(self.layers.len());
        let mut side = Vec::new();
        let mut head_pulls = Vec::new();
        let mut heads = self.side_heads.iter().filter(|_| context.training).peekable();
        for (number, layer) in self.layers.iter().enumerate() {
            let (out, pull) = layer.run(signal, &pass)?;
            signal = out;
            pulls.push(pull);
            while let Some(head) = heads.next_if(|head| head.after == number + 1) {
                let (pooled, pool) = match &head.pool {
                    Some(pool) => pool.run(signal.clone(), &pass)?,
                    None => (signal.clone(), None),
                };
                let (logits, linear) = head.linear.run(pooled, &pass)?;
                side.push(output(&logits, &pass)?);
                head_pulls.push((number, pool, linear));
            }
        }
        let (logits, classifier) = self.classifier.run(signal, &pass)?;
        let logits = output(&logits, &pass)?;
        if context.census {
            let counted = *pass.operations.lock().unwrap_or_else(PoisonError::into_inner);
            let mut sum = self.operations.lock().unwrap_or_else(PoisonError::into_inner);
            sum.additions += counted.additions;
            sum.multiply_adds += counted.multiply_adds;
        }
        if !context.gradients {
            return Ok(Outputs::new(logits, side));
        }
        let pool = self.pool.clone();
        let backward = move |gradients: Vec<Option<Tensor>>, filed: &mut Filed| {
            let mut gradients = gradients
                .into_iter()
                .map(|gradient| gradient.map(|gradient| buffer_of(&gradient, &pool)).transpose());
            let mut next = || gradients.next().transpose().map(Option::flatten);
            let mut by_output = match (next()?, classifier) {
                (Some(gradient), Some(classifier)) => classifier(gradient, filed)?,
                _ => None,
            };
            let mut by_sides = Vec::with_capacity(head_pulls.len());
            for (number, pool, linear) in head_pulls {
                let (Some(gradient), Some(linear)) = (next()?, linear) else { continue };
                let mut by_side = linear(gradient, filed)?;
                if let (Some(gradient), Some(pool)) = (by_side.take(), pool) {
                    by_side = pool(gradient, filed)?;
                }
                by_sides.extend(by_side.map(|by_side| (number, by_side)));
            }
            for (number, pull) in pulls.into_iter().enumerate().rev() {
                while let Some((_, by_side)) = by_sides.pop_if(|(after, _)| *after == number) {
                    by_output = match by_output {
                        None => Some(by_side),
                        Some(mut sum) => {
                            add(&mut sum, &by_side);
                            Some(sum)
                        }
                    };
                }
                by_output = match (by_output, pull) {
                    (Some(gradient), Some(pull)) => pull(gradient, filed)?,
                    _ => None,
                };
            }
            Ok(())
        };
        Ok(Outputs { logits, side, backward: Some(Backward(Box::new(backward))) })
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

    /// The most memory that the buffers of a pass have held at once since the network was built, in
    /// bytes: activations and gradients by them, without bits of spikes and without parameters.
    pub fn most_buffered(&self) -> usize {
        self.pool.most_lent() * size_of::<f32>()
    }

    /// How each synaptic layer ran when it last ran, from input to output; the classifier and side
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
        elements.push(self.classifier.element("classifier"));
        elements
    }

    /// Paths of the spiking layers, from input to output.
    pub fn layer_names(&self) -> Vec<String> {
        self.spiking().iter().map(|layer| layer.name().to_owned()).collect()
    }

    /// Operations of all synapses, side heads left out, in the passes with a census since the last
    /// call; `None` if there was none, or not on the CPU.
    pub fn take_operations(&self) -> Option<Operations> {
        let mut sum = self.operations.lock().unwrap_or_else(PoisonError::into_inner);
        Some(std::mem::take(&mut *sum)).filter(|sum| *sum != Operations::default())
    }

    /// What happened in each spiking layer since the last call.
    pub fn take_observations(&self) -> Vec<LayerObservation> {
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

/// Logits as a tensor; where gradients will be asked for, as one that candle asks them for.
fn output(logits: &Signal, pass: &Pass) -> Result<Tensor> {
    let logits = logits.tensor(&pass.pool)?;
    if !pass.is_kept() {
        return Ok(logits);
    }
    Ok(Var::from_tensor(&logits)?.into_inner())
}

/// The values of a gradient of candle's.
fn buffer_of(gradient: &Tensor, pool: &Arc<Pool>) -> Result<Buffer> {
    let gradient = gradient.contiguous()?;
    let values = host::values(&gradient)?;
    let mut buffer = pool.take(values.len());
    buffer.copy_from_slice(&values);
    Ok(buffer)
}

/// Collects the layers of a network while an architecture is built.
#[derive(Debug)]
pub struct NetworkBuilder<'a> {
    store: &'a mut Parameters,
    parts: &'a Parts,
    layers: Vec<Box<dyn Layer>>,
    /// Number of layers, and features, at the end of each stage but the last.
    stage_ends: Vec<(usize, Features)>,
    classifier: Option<Linear>,
    /// The scalars of rules that share one over all layers.
    global_scalars: Vec<Option<Var>>,
    /// Synaptic layers so far.
    synapses: usize,
    /// Spiking layers of the whole network.
    spiking_layers: Arc<AtomicUsize>,
    classes: usize,
}

impl NetworkBuilder<'_> {
    /// Appends a layer.
    pub fn push(&mut self, layer: impl Layer + 'static) {
        self.layers.push(Box::new(layer));
    }

    /// Makes and appends a layer, and returns the shape of its output.
    pub fn add<L: Layer + 'static>(
        &mut self,
        make: impl FnOnce(&mut Self) -> Result<L>,
    ) -> Result<Features> {
        let layer = make(self)?;
        let features = layer.output();
        self.push(layer);
        Ok(features)
    }

    /// Marks the end of a stage that another stage follows; its output has the shape `features`.
    pub fn end_stage(&mut self, features: Features) {
        self.stage_ends.push((self.layers.len(), features));
    }

    /// A convolution with its normalization and neurons.
    pub fn convolution_block(
        &mut self,
        path: &str,
        input: Features,
        settings: ConvolutionSettings,
    ) -> Result<Block> {
        let currents = self.currents(path, input, settings, false)?;
        let spiking = self.spiking(path, currents.output())?.behind(&currents.normalization);
        Ok(Block { currents, spiking })
    }

    /// A linear layer with its neurons, and its normalization if it has one.
    pub fn linear_block(
        &mut self,
        path: &str,
        input: Features,
        settings: LinearSettings,
    ) -> Result<Block> {
        let rule = self.weight_rule();
        let mut root = self.store.root();
        let mut scope = root.child(path);
        let linear = Linear::new(&mut scope, input, settings)?;
        let normalization = self
            .parts
            .normalization
            .filter(|_| settings.normalize)
            .map(|settings| {
                Normalization::new(
                    &mut scope.child("normalization"),
                    linear.output(),
                    settings,
                    false,
                )
            })
            .transpose()?;
        let synapse = Synapse::Linear(linear);
        let currents = Currents::new(path, synapse, normalization, rule);
        let spiking = self.spiking(path, currents.output())?.behind(&currents.normalization);
        Ok(Block { currents, spiking })
    }

    /// A convolution with its normalization, as one of two branches that meet before a neuron.
    pub(crate) fn branch(
        &mut self,
        path: &str,
        input: Features,
        settings: ConvolutionSettings,
    ) -> Result<Currents> {
        self.currents(path, input, settings, true)
    }

    fn currents(
        &mut self,
        path: &str,
        input: Features,
        settings: ConvolutionSettings,
        in_branch: bool,
    ) -> Result<Currents> {
        let rule = self.weight_rule();
        let mut root = self.store.root();
        let mut scope = root.child(path);
        let convolution = Convolution::new(&mut scope, input, settings)?;
        let normalization = self
            .parts
            .normalization
            .map(|settings| {
                let mut scope = scope.child("normalization");
                Normalization::new(&mut scope, convolution.output(), settings, in_branch)
            })
            .transpose()?;
        let synapse = Synapse::Convolution(convolution);
        Ok(Currents::new(path, synapse, normalization, rule))
    }

    /// Neurons, with the scalars that they and the methods learn.
    pub fn spiking(&mut self, path: &str, features: Features) -> Result<Spiking> {
        let parts = self.parts;
        let mut root = self.store.root();
        let mut scope = root.child(format!("{path}.neuron"));
        let initial = parts.neuron.initial_parameters();
        let parameters = if initial.is_empty() {
            None
        } else {
            let names = parts.neuron.parameter_names().join("_");
            let dims = [initial.len()];
            Some(scope.create_with(&names, Role::Neuron, &dims, initial)?.as_tensor().clone())
        };
        self.spiking_layers.fetch_add(1, Ordering::Relaxed);
        let mut rules = Vec::with_capacity(parts.surrogate_rules.len());
        for (number, rule) in parts.surrogate_rules.iter().enumerate() {
            let shared = self.global_scalars.get(number).cloned().flatten();
            let learned = match (rule.initial(&*parts.surrogate), shared) {
                (None, _) => None,
                (Some(_), Some(shared)) => Some(shared),
                (Some(value), None) => {
                    let name = if rule.is_global() { "shared_surrogate" } else { "surrogate" };
                    let learned = rule.is_learned();
                    let role = if learned { Role::Surrogate } else { Role::SurrogateBuffer };
                    let variable = scope.create_with(name, role, &[1], vec![value])?;
                    if rule.is_global() {
                        self.global_scalars.resize(number + 1, None);
                        self.global_scalars[number] = Some(variable.clone());
                    }
                    Some(variable)
                }
            };
            rules.push(LearnedRule { rule: rule.clone(), learned });
        }
        Ok(Spiking::new(
            path.to_owned(),
            features,
            parts.neuron.clone(),
            parts.surrogate.clone(),
            rules,
            parameters,
            parts.penalties.clone(),
            self.spiking_layers.clone(),
        ))
    }

    /// The linear layer that gives the logits.
    pub fn classifier(&mut self, input: Features, classes: usize) -> Result<()> {
        let mut root = self.store.root();
        let mut scope = root.child("classifier");
        self.classifier = Some(Linear::new(&mut scope, input, LinearSettings::new(classes))?);
        Ok(())
    }

    /// The rule of the next synaptic layer: the first one sees the input, not spikes, and has none.
    fn weight_rule(&mut self) -> Option<Arc<dyn WeightGradientRule>> {
        self.synapses += 1;
        self.parts.weight_rule.clone().filter(|rule| self.synapses > 1 && !rule.is_identity())
    }

    fn side_heads(&mut self) -> Result<Vec<SideHead>> {
        let mut heads = Vec::new();
        if !self.parts.side_heads {
            return Ok(heads);
        }
        for (number, (after, features)) in
            std::mem::take(&mut self.stage_ends).into_iter().enumerate()
        {
            let pool = match features {
                Features::Map { .. } => Some(GlobalAveragePool::new(features)?),
                Features::Vector { .. } => None,
            };
            let input = pool.as_ref().map_or(features, Layer::output);
            let mut root = self.store.root();
            let mut scope = root.child(format!("side{}", number + 1));
            let linear = Linear::new(&mut scope, input, LinearSettings::new(self.classes))?;
            heads.push(SideHead { after, pool, linear });
        }
        if heads.is_empty() {
            return Err(candlewick_core::Error::Setting {
                field: "side heads".into(),
                expected: "a network of at least two stages".into(),
                got: "one stage".into(),
            });
        }
        Ok(heads)
    }
}
