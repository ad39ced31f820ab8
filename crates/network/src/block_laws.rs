//! Laws of blocks: every registered neuron and every method on bits, in whole networks, is what the
//! composition of candle operations is.

use std::sync::Arc;

use candle_core::{DType, Device, Tensor, Var};
use candlewick_core::initializer::Initializer;
use candlewick_core::parameters::{Parameters, Scope, seeded};
use candlewick_core::weight_rule::WeightGradientRule;
use candlewick_core::{Key, Result, host};
use candlewick_device::pretend;
use candlewick_methods::{
    AnyLoss, AnyMethod, GradientScaling, MaskSite, MaskedSurrogate, MethodSettings, Methods,
    PostSource, TraceTime,
};
use candlewick_neuron::AnyNeuron;
use candlewick_surrogate::AnySurrogate;

use crate::block::Currents;
use crate::laws::{assert_same, normal};
use crate::module::apply;
use crate::network_laws::{
    assert_composed, assert_recomputed_is_kept, assert_streams, build, parts,
};
use crate::signal::Values;
use crate::synapse::Synapse;
use crate::{
    Architecture, Block, Connect, Context, Convolution, ConvolutionSettings, Features, Linear,
    LinearSettings, Normalization, Parts, Pass, ResNet19, Signal, Spec, Spiking,
    ThresholdBatchNorm,
};

/// Channels that fill words of bits, and channels that do not.
const SPECS: [&str; 2] = ["16C3-AP2-32C3-AP2-FC16-FC10", "5C3-AP2-20C3-AP2-FC7-FC10"];
/// One step, and more steps than the kernels take at once, but no multiple of that.
const TIME_STEPS: [usize; 3] = [1, 5, 9];

/// A network that is no component.
mod residual {
    use candlewick_core::Result;

    use crate::{
        Architecture, BasicBlock, Connect, ConvolutionSettings, Features, GlobalAveragePool,
        NetworkBuilder, ResidualSettings, SewBlock,
    };

    /// A stem and two residual blocks: one whose shortcut is the input, one with a convolution around it.
    #[derive(Debug)]
    pub(super) struct Residual {
        pub(super) channels: usize,
        /// Whether a convolution comes before the blocks.
        pub(super) stem: bool,
        /// How spikes are joined; `None` for neurons behind the sum of currents.
        pub(super) connect: Option<Connect>,
    }

    impl Architecture for Residual {
        fn build(
            &self,
            builder: &mut NetworkBuilder<'_>,
            input: Features,
            classes: usize,
        ) -> Result<()> {
            let mut features = input;
            if self.stem {
                let stem = ConvolutionSettings::same(self.channels, 3);
                features = builder.add(|builder| builder.convolution_block("stem", input, stem))?;
            }
            for (path, stride) in [("same", 1), ("halved", 2)] {
                builder.end_stage(features);
                let settings = ResidualSettings::new(self.channels * stride, stride);
                features = match self.connect {
                    None => {
                        builder.add(|builder| BasicBlock::new(builder, path, features, settings))?
                    }
                    Some(connect) => builder
                        .add(|builder| SewBlock::new(builder, path, features, settings, connect))?,
                };
            }
            features = builder.add(|_| GlobalAveragePool::new(features))?;
            builder.classifier(features, classes)
        }
    }
}

/// Plain networks and residual ones, with their number of spiking layers.
fn architectures() -> Vec<(Box<dyn Architecture>, usize)> {
    let mut all: Vec<(Box<dyn Architecture>, usize)> = Vec::new();
    for layers in SPECS {
        all.push((Box::new(Spec { layers: layers.into(), bias: true }), 3));
    }
    for channels in [16, 5] {
        all.push((Box::new(residual::Residual { channels, stem: true, connect: None }), 5));
        all.push((
            Box::new(residual::Residual { channels, stem: true, connect: Some(Connect::Add) }),
            6,
        ));
    }
    all.push((
        Box::new(residual::Residual { channels: 16, stem: true, connect: Some(Connect::Iand) }),
        6,
    ));
    all
}

/// Runs a network both ways and compares; gives the number of spikes in the first layer.
fn compare(
    (architecture, layers): &(Box<dyn Architecture>, usize),
    parts: &Parts,
    methods: &Methods,
    x: &Tensor,
    context: &Context,
    name: &str,
) -> Result<u64> {
    // The quadratic neuron enlarges rounding from layer to layer.
    let tolerance = if *layers > 3 { 1e-3 } else { 1e-4 };
    assert_composed(&**architecture, parts, methods, x, context, tolerance, name)
}

#[test]
fn every_neuron_on_bits_is_its_composition() -> Result<()> {
    let architectures = architectures();
    let mut visited = 0;
    for neuron in AnyNeuron::all() {
        for network in &architectures {
            for time_steps in TIME_STEPS {
                let surrogate = AnySurrogate::named("triangle")?.shared();
                let parts = Parts::new(neuron.model(), surrogate);
                let context = Context::training(time_steps, Key::new(1));
                for given in [1, time_steps] {
                    let x = normal("x", &[given, 2, 6, 6, 3])?;
                    let name = format!("{neuron:?}, {network:?}, {given} of {time_steps} steps");
                    let spikes = compare(network, &parts, &Methods::new(), &x, &context, &name)?;
                    assert_eq!(spikes > 0, neuron.model().fires(), "{name}");
                }
                visited += 1;
            }
        }
    }
    assert_eq!(visited, AnyNeuron::NAMES.len() * architectures.len() * TIME_STEPS.len());
    Ok(())
}

/// A block may see the input itself, once for all steps or at each, through a shortcut without a
/// convolution.
#[test]
fn a_residual_block_may_come_first() -> Result<()> {
    let mut visited = 0;
    for connect in [None, Some(Connect::Add), Some(Connect::And), Some(Connect::Iand)] {
        let network = residual::Residual { channels: 3, stem: false, connect };
        let layers = if connect.is_some() { 5 } else { 4 };
        let network: (Box<dyn Architecture>, usize) = (Box::new(network), layers);
        for given in [1, 5] {
            let x = normal("x", &[given, 2, 6, 6, 3])?;
            let (parts, methods) = (parts()?, Methods::new());
            let context = Context::training(5, Key::new(1));
            let name = format!("{network:?}, {given} of 5 steps");
            assert!(compare(&network, &parts, &methods, &x, &context, &name)? > 0, "{name}");
            visited += 1;
        }
    }
    assert_eq!(visited, 8);
    Ok(())
}

/// Currents computed once more are those that were kept, to the bit, for every neuron.
#[test]
fn recomputed_currents_of_every_neuron_are_those_kept() -> Result<()> {
    let architectures = architectures();
    let mut visited = 0;
    for neuron in AnyNeuron::all() {
        for (network, _) in &architectures {
            let surrogate = AnySurrogate::named("triangle")?.shared();
            let parts = Parts::new(neuron.model(), surrogate);
            let context = Context::training(5, Key::new(1));
            for given in [1, 5] {
                let x = normal("x", &[given, 2, 6, 6, 3])?;
                let name = format!("{neuron:?}, {network:?}, {given} of 5 steps");
                assert_recomputed_is_kept(
                    &**network,
                    &parts,
                    &Methods::new(),
                    &x,
                    &context,
                    &name,
                )?;
                visited += 1;
            }
        }
    }
    assert_eq!(visited, AnyNeuron::NAMES.len() * architectures.len() * 2);
    Ok(())
}

/// The methods of a recipe's table.
fn methods(table: &str) -> Methods {
    let settings: MethodSettings = toml::from_str(table).expect("a table of the recipe");
    settings.methods(&AnyLoss::named("cross_entropy").expect("registered"))
}

/// Tables of each method by itself in all its forms, and of all together.
fn tables() -> Vec<String> {
    let mut tables: Vec<String> =
        AnyMethod::NAMES.iter().map(|name| format!("[{name}]\n")).collect();
    tables.push(tables.concat());
    // Methods of several forms, in those that are not the default.
    for (name, form) in [
        ("gradient_scaling", "trace_time = \"final\""),
        ("masked_surrogate", "site = \"weight\""),
        ("parametric_surrogate", "global = true"),
        ("parametric_surrogate", "update = \"statistics\""),
        ("parametric_surrogate", "update.search.period = 1"),
        ("potential_distribution", "objective = \"currents\""),
        ("potential_distribution", "objective = \"spikes\""),
    ] {
        tables.push(format!("[{name}]\n{form}\n"));
    }
    tables
}

/// Each method by itself, and all together.
#[test]
fn every_method_on_bits_is_its_composition() -> Result<()> {
    let (tables, architectures) = (tables(), architectures());
    let mut visited = 0;
    for table in &tables {
        let methods = methods(table);
        for network in &architectures {
            for time_steps in TIME_STEPS {
                let x = normal("x", &[time_steps, 2, 6, 6, 3])?;
                let context = Context::training(time_steps, Key::new(1));
                let name = format!("{table}, {network:?}, {time_steps} steps");
                let spikes = compare(network, &parts()?, &methods, &x, &context, &name)?;
                assert!(spikes > 0, "{name}");
                visited += 1;
            }
        }
    }
    assert_eq!(visited, tables.len() * architectures.len() * TIME_STEPS.len());
    Ok(())
}

/// A method sees recomputed currents as it sees those that were kept.
#[test]
fn recomputed_currents_under_every_method_are_those_kept() -> Result<()> {
    let (tables, architectures) = (tables(), architectures());
    let (mut visited, mut rules) = (0, 0);
    for table in &tables {
        let methods = methods(table);
        for (network, _) in &architectures {
            let x = normal("x", &[5, 2, 6, 6, 3])?;
            let context = Context::training(5, Key::new(1));
            let name = format!("{table}, {network:?}");
            assert_recomputed_is_kept(&**network, &parts()?, &methods, &x, &context, &name)?;
            visited += 1;
            rules += usize::from(methods.weight_rule().is_some());
        }
    }
    assert_eq!(visited, tables.len() * architectures.len());
    // Gradient scaling in two forms, masked weights, and all methods together.
    assert_eq!(rules, 4 * architectures.len());
    Ok(())
}

/// Every neuron in plain and residual networks.
#[test]
fn a_stream_of_every_neuron_is_the_whole_pass_to_the_bit() -> Result<()> {
    let architectures = architectures();
    let mut cuts = Key::new(3).stream();
    let mut visited = 0;
    for neuron in AnyNeuron::all() {
        for (network, _) in &architectures {
            let surrogate = AnySurrogate::named("triangle")?.shared();
            let parts = Parts::new(neuron.model(), surrogate);
            assert_streams(&**network, &parts, [6, 6, 3], &mut cuts)?;
            visited += 1;
        }
    }
    assert_eq!(visited, AnyNeuron::NAMES.len() * architectures.len());
    Ok(())
}

/// The decay is 0.5 and the threshold 1: √1.25 · γ, and √1.25 · √(γ² + γ²) where two branches meet.
#[test]
fn the_weights_of_normalizations_reach_the_surrogates() -> Result<()> {
    let methods = "[parametric_surrogate]\nupdate = \"statistics\"\nrange = 100.0";
    let network = ResNet19 { width: 0.04, ..ResNet19::default() };
    let network = build(&network, &parts()?, &self::methods(methods), [6, 6, 3])?;
    let x = normal("x", &[2, 2, 6, 6, 3])?;
    let (mut alone, mut meeting) = (0, 0);
    for gamma in [1.0, 3.0] {
        for entry in network.parameters().iter().filter(|entry| entry.name.ends_with("gamma")) {
            entry.variable.set(&entry.variable.ones_like()?.affine(gamma, 0.0)?)?;
        }
        network.forward(&x, &Context::training(2, Key::new(1)))?;
        for layer in network.layer_names().iter().filter(|name| !name.starts_with("hidden")) {
            let entry = |path: &str| network.parameters().get(&format!("{layer}.{path}"));
            let branches = match entry("shortcut.normalization.gamma") {
                Some(_) => 2.0_f32,
                None => 1.0,
            };
            let stored = entry("neuron.surrogate").expect("a width").variable.to_vec1::<f32>()?;
            let expected = (1.25 * branches).sqrt() * gamma as f32;
            assert!((stored[0].exp() - expected).abs() < 1e-4, "{layer}: {}", stored[0].exp());
            *(if branches > 1.0 { &mut meeting } else { &mut alone }) += 1;
        }
    }
    // The stem and eight blocks of two layers each; every stage begins with a projection.
    assert_eq!((alone, meeting), (2 * 14, 2 * 3));
    Ok(())
}

/// A synaptic layer with normalization and neurons, on spikes.
struct Driven {
    parameters: Parameters,
    synapse: Synapse,
    normalization: Option<Normalization>,
    input: Features,
}

impl Driven {
    fn convolution(inputs: usize, outputs: usize) -> Result<Self> {
        let input = Features::Map { height: 5, width: 4, channels: inputs };
        let scope = Scope::from(seeded(&Device::Cpu, Key::new(3)));
        let settings = ConvolutionSettings::same(outputs, 3);
        let Convolution(synapse) = Convolution::new(input, settings, scope.pp("synapse"))?;
        let normalization = ThresholdBatchNorm::default();
        let place = scope.pp("normalization");
        let normalization = Normalization::new(synapse.output(), normalization, false, place)?;
        let (parameters, normalization) = (scope.parameters(), Some(normalization));
        Ok(Self { parameters, synapse, normalization, input })
    }

    fn linear(inputs: usize, outputs: usize) -> Result<Self> {
        let input = Features::Vector { size: inputs };
        let scope = Scope::from(seeded(&Device::Cpu, Key::new(3)));
        // Without a normalization, weights must be large for neurons to fire at once.
        let settings = LinearSettings {
            initializer: Initializer::Uniform(0.5),
            ..LinearSettings::new(outputs)
        };
        let Linear(synapse) = Linear::new(input, settings, scope.pp("synapse"))?;
        Ok(Self { parameters: scope.parameters(), synapse, normalization: None, input })
    }

    fn spiking(&self) -> Result<Spiking> {
        let (neuron, surrogate) = (AnyNeuron::named("if")?, AnySurrogate::named("triangle")?);
        let scope = seeded(&Device::Cpu, Key::new(3)).pp("block");
        Spiking::new(self.synapse.output(), neuron.model(), surrogate.shared(), scope)
    }

    /// What follows the currents.
    fn neurons(&self, currents: &Tensor, context: Context) -> Result<Tensor> {
        let normalized = match &self.normalization {
            Some(layer) => apply(layer, currents, context)?,
            None => currents.clone(),
        };
        Ok(apply(&self.spiking()?, &normalized, context)?)
    }

    /// The gradient with respect to the weight of `sum(spikes · weights)`, by the kernels and `rule`,
    /// and the same where no kernel may read a tensor's memory.
    fn weight_gradients(
        &self,
        rule: Option<Arc<dyn WeightGradientRule>>,
        x: &Tensor,
        weights: &Tensor,
        context: Context,
    ) -> Result<[Tensor; 2]> {
        let pass = Pass::new(context, Arc::default(), &Device::Cpu);
        let signal = Signal::input(x, self.input, &pass)?;
        assert!(matches!(signal.values, Values::Spikes(_)), "the input is made of bits");
        let (synapse, normalization) = (self.synapse.clone(), self.normalization.clone());
        let currents = Currents::new("block", synapse, normalization, rule);
        let block = Block { currents, spiking: self.spiking()? };
        let run = || -> Result<Tensor> {
            let loss = (apply(&block, x, context)? * weights)?.sum_all()?;
            let weight = &self.parameters.get("synapse.weight").expect("a weight").variable;
            Ok(loss.backward()?.get(weight).expect("a gradient").clone())
        };
        let [kernels, composed, on_device] = [run()?, host::forbid(run)?, pretend(run)?];
        assert_same(std::slice::from_ref(&kernels), &[on_device], "on a device")?;
        Ok([kernels, composed])
    }
}

/// The composition of gradient scaling: its equations, as candle operations.
fn scaled(
    rule: &GradientScaling,
    pre: &Tensor,
    post: &Tensor,
    gradient: &Tensor,
    correlate: impl Fn(&Tensor, &Tensor) -> Result<Tensor>,
) -> Result<Tensor> {
    let steps = pre.dim(0)?;
    let traces = |spikes: &Tensor| -> Result<Vec<Tensor>> {
        let mut all: Vec<Tensor> = Vec::new();
        for t in 0..steps {
            let spikes = spikes.narrow(0, t, 1)?;
            all.push(match all.last() {
                Some(before) => (spikes + (before * (-1.0_f64).exp())?)?,
                None => spikes,
            });
        }
        Ok(all)
    };
    let (pre_traces, post_traces) = (traces(pre)?, traces(post)?);
    let mut sum = None;
    for t in 0..steps {
        let part = correlate(&pre.narrow(0, t, 1)?, &gradient.narrow(0, t, 1)?)?;
        let at = if rule.trace_time == TraceTime::Final { steps - 1 } else { t };
        let coincidence = correlate(&pre_traces[at], &post_traces[at])?;
        let largest = coincidence.flatten_all()?.max(0)?.to_scalar::<f32>()?;
        let alpha = f64::from(rule.alpha);
        let part = if largest > 0.0 {
            let share = coincidence.affine(alpha / f64::from(largest), 1.0 - alpha)?;
            (part * share)?
        } else {
            part
        };
        sum = Some(match sum {
            Some(sum) => (part + sum)?,
            None => part,
        });
    }
    Ok(sum.expect("at least one step"))
}

/// Rules for weight gradients through a block on bits, against their equations on what candle gives
/// for each time step.
#[test]
fn weight_rules_on_bits_are_their_equations() -> Result<()> {
    let layers =
        [Driven::convolution(16, 32)?, Driven::convolution(5, 7)?, Driven::linear(48, 16)?];
    let scalings = [TraceTime::Step, TraceTime::Final].map(|trace_time| GradientScaling {
        alpha: 0.5,
        trace_time,
        post_source: PostSource::Post,
    });
    let mask = MaskedSurrogate { p: 0.25, rescale: true, site: MaskSite::Weight };
    let mut visited = 0;
    for layer in &layers {
        for time_steps in TIME_STEPS {
            let name = format!("{:?}, {time_steps} steps", layer.input);
            let context = Context::training(time_steps, Key::new(1));
            let mut dims = vec![time_steps, 2];
            dims.extend(layer.input.dims());
            // About a third of the inputs fire.
            let pre = normal("spikes", &dims)?.ge(0.4)?.to_dtype(DType::F32)?;
            // The composition, cut open between the synapses and the neurons.
            let currents = Var::from_tensor(&layer.synapse.composed(&pre)?.detach())?;
            let post = layer.neurons(&currents, context)?;
            let weighting = normal("weights", post.dims())?;
            let gradients = (&post * &weighting)?.sum_all()?.backward()?;
            let gradient = gradients.get(&currents).expect("a gradient").clone();
            let post = post.detach();
            assert!(post.sum_all()?.to_scalar::<f32>()? > 0.0, "{name}: no neuron fires");
            let pass = Pass::new(context, Arc::default(), &Device::Cpu);
            let correlate =
                |x: &Tensor, weights: &Tensor| Ok(layer.synapse.correlate(x, weights, &pass)?);
            let plain = correlate(&pre, &gradient)?;
            let by = |rule| layer.weight_gradients(rule, &pre, &weighting, context);
            assert_same(&by(None)?, &[plain.clone(), plain.clone()], &name)?;
            for rule in &scalings {
                let expected = scaled(rule, &pre, &post, &gradient, correlate)?;
                let found = by(Some(Arc::new(rule.clone())))?;
                let expected = [expected.clone(), expected];
                assert_same(&found, &expected, &format!("{name}, {rule:?}"))?;
                visited += 1;
            }
            // What a mask leaves is the plain gradient times 1 / (1 - p).
            let [found, composed] = by(Some(Arc::new(mask.clone())))?;
            assert_same(std::slice::from_ref(&found), &[composed], &name)?;
            let found = found.flatten_all()?;
            let kept = found.ne(0.0)?.to_dtype(DType::F32)?;
            let expected = ((plain.flatten_all()? * &kept)? / f64::from(1.0 - mask.p))?;
            assert_same(&[found], &[expected], &name)?;
            // Synapses of silent inputs have no gradient to mask.
            let n = plain.flatten_all()?.ne(0.0)?.to_dtype(DType::F32)?.sum_all()?;
            let (n, p) = (f64::from(n.to_scalar::<f32>()?), f64::from(mask.p));
            let share = 1.0 - f64::from(kept.sum_all()?.to_scalar::<f32>()?) / n;
            assert!((share - p).abs() <= 4.0 * (p * (1.0 - p) / n).sqrt(), "{name}: {share}");
            visited += 1;
        }
    }
    assert_eq!(visited, layers.len() * TIME_STEPS.len() * 3);
    Ok(())
}
