//! Laws of blocks: every registered neuron and every method on bits, in whole networks, is what the
//! composition of candle operations is.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use candle_core::{DType, Device, Tensor, Var};
use candlewick_core::initializer::Initializer;
use candlewick_core::parameters::Parameters;
use candlewick_core::weight_rule::WeightGradientRule;
use candlewick_core::{Key, Result};
use candlewick_methods::{
    GradientScaling, MaskSite, MaskedSurrogate, Methods, PostSource, TraceTime,
};
use candlewick_neuron::AnyNeuron;
use candlewick_surrogate::AnySurrogate;

use crate::block::{Currents, Synapse};
use crate::buffer::Pool;
use crate::laws::{assert_same, assert_within, normal};
use crate::network_laws::{assert_recomputed_is_kept, build};
use crate::signal::Values;
use crate::{
    Architecture, Block, Connect, Context, Convolution, ConvolutionSettings, Features, Filed,
    Layer, Linear, LinearSettings, Normalization, Parts, Pass, ResNet19, Signal, Spec, Spiking,
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

/// Runs a network of `parts` both ways and compares logits, gradients and running statistics; gives
/// the number of spikes in the first layer.
fn compare(
    (architecture, layers): &(Box<dyn Architecture>, usize),
    parts: &Parts,
    x: &Tensor,
    context: &Context,
    name: &str,
) -> Result<u64> {
    let mut results = Vec::new();
    let mut spikes = 0;
    for composed in [false, true] {
        let network = build(&**architecture, parts, [6, 6, 3])?;
        let out =
            if composed { network.composed(x, context)? } else { network.forward(x, context)? };
        let mut all = vec![out.logits.clone()];
        all.extend(out.side.iter().cloned());
        let mut loss = (&out.logits * normal("weights", out.logits.dims())?)?.sum_all()?;
        for side in &out.side {
            loss = (loss + side.sqr()?.sum_all()?)?;
        }
        let gradients = out.backward(&loss)?;
        for parameter in network.parameters().learned() {
            let gradient = gradients.get(&parameter.variable);
            all.push(gradient.expect("a gradient for each parameter").clone());
        }
        let entries = network.parameters().iter();
        all.extend(entries.map(|entry| entry.variable.as_tensor().clone()));
        let observations = network.take_observations();
        assert_eq!(observations.len(), *layers, "{name}");
        spikes = observations[0].counts.spikes;
        results.push(all);
    }
    assert_eq!(results[0].len(), results[1].len(), "{name}");
    // The quadratic neuron enlarges rounding from layer to layer.
    let tolerance = if *layers > 3 { 1e-3 } else { 1e-4 };
    assert_within(tolerance, &results[0], &results[1], name)?;
    Ok(spikes)
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
                    let spikes = compare(network, &parts, &x, &context, &name)?;
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
            let parts = parts_with(&Methods::default())?;
            let context = Context::training(5, Key::new(1));
            let name = format!("{network:?}, {given} of 5 steps");
            assert!(compare(&network, &parts, &x, &context, &name)? > 0, "{name}");
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
                assert_recomputed_is_kept(&**network, &parts, &x, &context, &name)?;
                visited += 1;
            }
        }
    }
    assert_eq!(visited, AnyNeuron::NAMES.len() * architectures.len() * 2);
    Ok(())
}

/// The parts of a network that `methods` act in.
fn parts_with(methods: &Methods) -> Result<Parts> {
    let neuron = AnyNeuron::named("lif")?.model();
    Ok(Parts {
        surrogate_rules: methods.surrogate_rules(),
        penalties: methods.penalties(1.0),
        weight_rule: methods.weight_rule(),
        side_heads: methods.shortcut.is_some(),
        ..Parts::new(neuron, AnySurrogate::named("triangle")?.shared())
    })
}

/// Each method by itself, and all that have a composition together. Rules for weight gradients need
/// the time steps apart, which the composition refuses; they have a law of their own below.
#[test]
fn every_method_on_bits_is_its_composition() -> Result<()> {
    let mut cases: Vec<(String, String)> = Methods::SUMMARIES
        .iter()
        .map(|(name, _)| ((*name).to_owned(), format!("[{name}]\n")))
        .collect();
    // Methods of several forms, in those that are not the default.
    let forms = [
        ("parametric_surrogate", "update = \"statistics\""),
        ("parametric_surrogate", "update.search.period = 1"),
        ("potential_distribution", "objective = \"currents\""),
        ("potential_distribution", "objective = \"spikes\""),
    ];
    cases.extend(
        forms.map(|(name, form)| (format!("{name}, {form}"), format!("[{name}]\n{form}\n"))),
    );
    let alone = &cases[..Methods::SUMMARIES.len()];
    let composed = alone.iter().filter(|(name, _)| name != "gradient_scaling");
    let together = composed.map(|(_, table)| table.as_str()).collect();
    cases.push(("all together".into(), together));
    let architectures = architectures();
    let (mut visited, mut refused) = (0, 0);
    for (method, table) in &cases {
        let methods: Methods = toml::from_str(table).expect("a table of the recipe");
        let parts = parts_with(&methods)?;
        for network in &architectures {
            for time_steps in TIME_STEPS {
                let x = normal("x", &[time_steps, 2, 6, 6, 3])?;
                let context = Context::training(time_steps, Key::new(1));
                if parts.weight_rule.is_some() {
                    let network = build(&*network.0, &parts, [6, 6, 3])?;
                    let error = network.composed(&x, &context).unwrap_err().to_string();
                    assert!(error.contains("rule for the weight gradient"), "{error}");
                    refused += 1;
                    continue;
                }
                let name = format!("{method}, {network:?}, {time_steps} steps");
                assert!(compare(network, &parts, &x, &context, &name)? > 0, "{name}");
                visited += 1;
            }
        }
    }
    assert_eq!(refused, architectures.len() * TIME_STEPS.len());
    assert_eq!(visited + refused, cases.len() * architectures.len() * TIME_STEPS.len());
    Ok(())
}

/// A method sees recomputed currents as it sees those that were kept; rules for weight gradients, which
/// have no composition, are among them.
#[test]
fn recomputed_currents_under_every_method_are_those_kept() -> Result<()> {
    let mut tables: Vec<String> =
        Methods::SUMMARIES.iter().map(|(name, _)| format!("[{name}]\n")).collect();
    tables.push(tables.concat());
    let architectures = architectures();
    let (mut visited, mut rules) = (0, 0);
    for table in &tables {
        let parts = parts_with(&toml::from_str(table).expect("a table of the recipe"))?;
        for (network, _) in &architectures {
            let x = normal("x", &[5, 2, 6, 6, 3])?;
            let context = Context::training(5, Key::new(1));
            let name = format!("{table}, {network:?}");
            assert_recomputed_is_kept(&**network, &parts, &x, &context, &name)?;
            visited += 1;
            rules += usize::from(parts.weight_rule.is_some());
        }
    }
    assert_eq!(visited, tables.len() * architectures.len());
    // Gradient scaling alone, and all methods together.
    assert_eq!(rules, 2 * architectures.len());
    Ok(())
}

/// The decay is 0.5 and the threshold 1: √1.25 · γ, and √1.25 · √(γ² + γ²) where two branches meet.
#[test]
fn the_weights_of_normalizations_reach_the_surrogates() -> Result<()> {
    let methods = "[parametric_surrogate]\nupdate = \"statistics\"\nrange = 100.0";
    let parts = parts_with(&toml::from_str(methods).expect("a table of the recipe"))?;
    let network = build(&ResNet19 { width: 0.04, ..ResNet19::default() }, &parts, [6, 6, 3])?;
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
    store: Parameters,
    synapse: Synapse,
    normalization: Option<Normalization>,
    input: Features,
}

impl Driven {
    fn convolution(inputs: usize, outputs: usize) -> Result<Self> {
        let input = Features::Map { height: 5, width: 4, channels: inputs };
        let mut store = Parameters::new(&Device::Cpu, Key::new(3));
        let settings = ConvolutionSettings::same(outputs, 3);
        let layer = Convolution::new(&mut store.root().child("synapse"), input, settings)?;
        let normalization = ThresholdBatchNorm::default();
        let mut root = store.root();
        let mut scope = root.child("normalization");
        let normalization = Normalization::new(&mut scope, layer.output(), normalization, false)?;
        let synapse = Synapse::Convolution(layer);
        Ok(Self { store, synapse, normalization: Some(normalization), input })
    }

    fn linear(inputs: usize, outputs: usize) -> Result<Self> {
        let input = Features::Vector { size: inputs };
        let mut store = Parameters::new(&Device::Cpu, Key::new(3));
        // Without a normalization, weights must be large for neurons to fire at once.
        let settings = LinearSettings {
            initializer: Initializer::Uniform(0.5),
            ..LinearSettings::new(outputs)
        };
        let layer = Linear::new(&mut store.root().child("synapse"), input, settings)?;
        Ok(Self { store, synapse: Synapse::Linear(layer), normalization: None, input })
    }

    fn block(&self, rule: Option<Arc<dyn WeightGradientRule>>) -> Result<Block> {
        let synapse = match &self.synapse {
            Synapse::Convolution(layer) => Synapse::Convolution(layer.clone()),
            Synapse::Linear(layer) => Synapse::Linear(layer.clone()),
        };
        let currents = Currents::new("block", synapse, self.normalization.clone(), rule);
        let spiking = Spiking::new(
            "block".into(),
            currents.output(),
            AnyNeuron::named("if")?.model(),
            AnySurrogate::named("triangle")?.shared(),
            Vec::new(),
            None,
            Vec::new(),
            Arc::new(AtomicUsize::new(1)),
        );
        Ok(Block { currents, spiking })
    }

    /// The currents before their normalization, by candle.
    fn currents(&self, x: &Tensor, context: &Context) -> Result<Tensor> {
        match &self.synapse {
            Synapse::Convolution(layer) => layer.forward(x, context),
            Synapse::Linear(layer) => layer.forward(x, context),
        }
    }

    /// What follows the currents, by candle.
    fn neurons(&self, currents: &Tensor, context: &Context) -> Result<Tensor> {
        let spiking = self.block(None)?.spiking;
        match &self.normalization {
            Some(layer) => spiking.forward(&layer.forward(currents, context)?, context),
            None => spiking.forward(currents, context),
        }
    }

    /// The gradient by the weight of `sum(currents · weights)`, by candle.
    fn correlate(&self, x: &Tensor, weights: &Tensor, context: &Context) -> Result<Tensor> {
        let gradients = (self.currents(x, context)? * weights)?.sum_all()?.backward()?;
        Ok(gradients.get(self.weight()).expect("a gradient").clone())
    }

    /// The gradient by the weight of `sum(spikes · weights)`, by the kernels and `rule`.
    fn weight_gradient(
        &self,
        rule: Option<Arc<dyn WeightGradientRule>>,
        x: &Tensor,
        weights: &Tensor,
        context: &Context,
    ) -> Result<Tensor> {
        let pool = Arc::<Pool>::default();
        let pass = Pass::new(*context, pool.clone());
        let signal = Signal::input(x, self.input, &pass)?;
        assert!(matches!(signal.values, Values::Spikes(_)), "the input is made of bits");
        let (_, pull) = self.block(rule)?.run(signal, &pass)?;
        let mut gradient = pool.take(weights.elem_count());
        gradient.copy_from_slice(&weights.flatten_all()?.to_vec1::<f32>()?);
        let mut filed = Filed::default();
        pull.expect("a backward pass")(gradient, &mut filed)?;
        let mut found = Tensor::zeros(1, DType::F32, &Device::Cpu)?.backward()?;
        filed.merge(&mut found)?;
        Ok(found.get(self.weight()).expect("a gradient").clone())
    }

    fn weight(&self) -> &Var {
        &self.store.get("synapse.weight").expect("a weight").variable
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
            let currents = Var::from_tensor(&layer.currents(&pre, &context)?.detach())?;
            let post = layer.neurons(&currents, &context)?;
            let weighting = normal("weights", post.dims())?;
            let gradients = (&post * &weighting)?.sum_all()?.backward()?;
            let gradient = gradients.get(&currents).expect("a gradient").clone();
            let post = post.detach();
            assert!(post.sum_all()?.to_scalar::<f32>()? > 0.0, "{name}: no neuron fires");
            let correlate = |x: &Tensor, weights: &Tensor| layer.correlate(x, weights, &context);
            let plain = correlate(&pre, &gradient)?;
            let by = |rule| layer.weight_gradient(rule, &pre, &weighting, &context);
            assert_same(&[by(None)?], std::slice::from_ref(&plain), &name)?;
            for rule in &scalings {
                let expected = scaled(rule, &pre, &post, &gradient, correlate)?;
                let found = by(Some(Arc::new(rule.clone())))?;
                assert_same(&[found], &[expected], &format!("{name}, {rule:?}"))?;
                visited += 1;
            }
            // What a mask leaves is the plain gradient times 1 / (1 - p).
            let found = by(Some(Arc::new(mask.clone())))?.flatten_all()?;
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
