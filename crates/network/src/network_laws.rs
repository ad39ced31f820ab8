//! Laws of whole networks: of every registered one, at reduced width.

use candle_core::{Device, Tensor};
use candlewick_core::parameters::seeded;
use candlewick_core::{Key, Result, host};
use candlewick_device::{backwards, pretend};
use candlewick_methods::{Methods, Shortcut};
use candlewick_neuron::AnyNeuron;
use candlewick_surrogate::AnySurrogate;

use crate::laws::{assert_same, assert_within, largest, normal};
use crate::{
    AnyNetwork, Architecture, Backward, CifarNet, Connect, Context, Features, Layer, Network,
    Parts, Pass, Pooling, ResNet, ResNet19, SewResNet, Signal, Spec, Stem, Vgg, VggSnn, WideResNet,
};

pub(crate) fn parts() -> Result<Parts> {
    Ok(Parts::new(AnyNeuron::named("lif")?.model(), AnySurrogate::named("triangle")?.shared()))
}

pub(crate) fn build(
    architecture: &dyn Architecture,
    parts: &Parts,
    methods: &Methods,
    input: [usize; 3],
) -> Result<Network> {
    let [height, width, channels] = input;
    let input = Features::Map { height, width, channels };
    Network::new(architecture, parts, methods, input, 10, seeded(&Device::Cpu, Key::new(1)))
}

/// Networks of each registered kind, small, with every choice that they offer, and the samples that
/// they take. Widths of 1/8 and 1/16 give channels of which some fill words of bits, others do not.
#[expect(
    clippy::match_wildcard_for_single_variants,
    reason = "a network that is new is one of the others"
)]
fn reduced(network: &AnyNetwork) -> (Vec<AnyNetwork>, [usize; 3]) {
    let spec = |layers: &str| Spec { layers: layers.into(), bias: true }.into();
    match network {
        AnyNetwork::ResNet(_) => {
            let cifar = ResNet { width: 0.125, ..ResNet::default() };
            let imagenet = ResNet { stem: Stem::Imagenet, width: 0.1, ..ResNet::default() };
            let max = ResNet { stem_pool: Some(Pooling::Max), ..imagenet.clone() };
            let deep = ResNet { depth: 34, ..imagenet.clone() };
            (vec![cifar.into(), imagenet.into(), max.into(), deep.into()], [8, 8, 3])
        }
        AnyNetwork::ResNet19(_) => {
            let plain = ResNet19 { width: 0.125, ..ResNet19::default() };
            let other = ResNet19 { width: 0.1, hidden: 0, stem: 128 };
            (vec![plain.into(), other.into()], [8, 8, 3])
        }
        AnyNetwork::SewResNet(_) => {
            let add = SewResNet { width: 0.125, ..SewResNet::default() };
            let average = SewResNet { stem_pool: Some(Pooling::Average), ..add.clone() };
            let cifar = SewResNet { stem: Stem::Cifar, ..add.clone() };
            let deep = SewResNet { depth: 34, width: 0.1, ..cifar.clone() };
            let and = SewResNet { connect: Connect::And, width: 0.1, ..cifar.clone() };
            let iand = SewResNet { connect: Connect::Iand, ..cifar.clone() };
            let all = [add, average, cifar, deep, and, iand];
            (all.into_iter().map(AnyNetwork::from).collect(), [8, 8, 3])
        }
        AnyNetwork::Spec(_) => (
            vec![
                spec("16C3-AP2-32C3-16C3-AP2-FC10"),
                spec("16C3-AP2-AP2-FC32-DP0.3-FC10"),
                spec("6C3-MP2-5C3S2-GAP-FC10"),
                spec("32C3S2-16C3-MP2-GAP-FC10"),
            ],
            [8, 8, 3],
        ),
        AnyNetwork::Vgg(_) => {
            let max = Vgg { width: 0.0625, ..Vgg::default() };
            let average = Vgg { depth: 11, pool: Pooling::Average, width: 0.0625 };
            (vec![max.into(), average.into()], [32, 32, 3])
        }
        AnyNetwork::VggSnn(_) => {
            let pooled = VggSnn { width: 0.125, ..VggSnn::default() };
            let strided = VggSnn { pooling: false, bias: false, width: 0.1 };
            (vec![pooled.into(), strided.into()], [16, 16, 2])
        }
        AnyNetwork::WideResNet(_) => {
            let small = WideResNet { width: 0.125, ..WideResNet::default() };
            let deep = WideResNet { depth: 32, width: 0.1 };
            (vec![small.into(), deep.into()], [8, 8, 3])
        }
        other => (vec![narrow(other)], [8, 8, 3]),
    }
}

/// The network with a twentieth of its width.
fn narrow(network: &AnyNetwork) -> AnyNetwork {
    let mut table = toml::Table::try_from(network).expect("a network is a table");
    let settings = table[network.name()].as_table_mut().expect("settings are a table");
    settings.insert("width".into(), toml::Value::Float(0.05));
    table.try_into().expect("the same network")
}

/// What the recipe of the network says of its width, or 1.
fn width(network: &AnyNetwork) -> f32 {
    let table = toml::Table::try_from(network).expect("a network is a table");
    let width = table[network.name()].get("width").and_then(toml::Value::as_float);
    width.map_or(1.0, |width| width as f32)
}

/// Those of all registered networks: how many, and each with the samples that it takes.
pub(crate) fn all_reduced() -> Vec<(AnyNetwork, [usize; 3])> {
    let mut all = Vec::new();
    for network in AnyNetwork::all() {
        let (cases, input) = reduced(&network);
        assert!(!cases.is_empty() && cases.iter().all(|case| case.name() == network.name()));
        all.extend(cases.into_iter().map(|case| (case, input)));
    }
    assert!(all.len() > AnyNetwork::NAMES.len(), "{}", all.len());
    all
}

/// Whether the network may have side heads: whether it has more than one stage.
fn has_stages(network: &AnyNetwork) -> bool {
    !matches!(network, AnyNetwork::Spec(_))
}

/// Side heads, where there may be some.
pub(crate) fn side_heads(network: &AnyNetwork) -> Methods {
    let methods = Methods::new();
    if has_stages(network) { methods.with(Shortcut::default()) } else { methods }
}

/// With c(k, i, o) = k² i o + 2 o of a k×k convolution without bias and its normalization,
/// b(i, o) = c(3, i, o) + c(3, o, o) of a basic block, s(i, o) = b(i, o) + c(1, i, o) of one with a
/// convolution around it, and f(i, o) = i o + o of a linear layer.
#[test]
fn parameter_counts_are_those_of_the_papers() -> Result<()> {
    let resnet_19 = ResNet19::default();
    let (wide, vgg, vggsnn) = (WideResNet::default(), Vgg::default(), VggSnn::default());
    let resnet = ResNet { stem: Stem::Imagenet, ..ResNet::default() };
    let sew = SewResNet::default();
    let cases: Vec<(AnyNetwork, [usize; 3], usize, usize)> = vec![
        // c(3, 3, 64) + s(64, 128) + 2 b(128, 128) + s(128, 256) + 2 b(256, 256) + s(256, 512)
        // + b(512, 512) + f(512, 256) + f(256, 10): that of TET's code, 12.63 M.
        (resnet_19.clone().into(), [32, 32, 3], 10, 12_630_858),
        // c(3, 3, 128) + 3 b(128, 128) + the rest: 12.70 M.
        (ResNet19 { stem: 128, ..resnet_19.clone() }.into(), [32, 32, 3], 10, 12_697_994),
        // ... + f(512, 10) instead of the two linear layers: MPBN's 12.57 M.
        (ResNet19 { stem: 128, hidden: 0, ..resnet_19 }.into(), [32, 32, 3], 10, 12_569_226),
        // c(7, 3, 64) + 2 b(64, 64) + s(64, 128) + b(128, 128) + s(128, 256) + b(256, 256)
        // + s(256, 512) + b(512, 512) + f(512, 1000): torchvision's resnet18.
        (resnet.clone().into(), [64, 64, 3], 1000, 11_689_512),
        (sew.clone().into(), [64, 64, 3], 1000, 11_689_512),
        // c(7, 3, 64) + 3 b(64, 64) + s(64, 128) + 3 b(128, 128) + s(128, 256) + 5 b(256, 256)
        // + s(256, 512) + 2 b(512, 512) + f(512, 1000): torchvision's resnet34.
        (ResNet { depth: 34, ..resnet }.into(), [64, 64, 3], 1000, 21_797_672),
        (SewResNet { depth: 34, ..sew }.into(), [64, 64, 3], 1000, 21_797_672),
        // c(3, 3, 64) and f(512, 10) instead of c(7, 3, 64) and f(512, 1000).
        (ResNet::default().into(), [32, 32, 3], 10, 11_173_962),
        // c(3, 3, 64) + s(64, 64) + 2 b(64, 64) + s(64, 128) + 2 b(128, 128) + s(128, 256)
        // + 2 b(256, 256) + f(256, 10); with 4 for each 2 in ResNet-32.
        (wide.clone().into(), [32, 32, 3], 10, 4_331_978),
        (WideResNet { depth: 32, ..wide }.into(), [32, 32, 3], 10, 7_432_138),
        // c(3, 2, 64) + c(3, 64, 128) + c(3, 128, 256) + c(3, 256, 256) + c(3, 256, 512)
        // + 3 c(3, 512, 512) + 2752 biases + f(512 · 3 · 3, 10): that of TET's code.
        (vggsnn.clone().into(), [48, 48, 2], 10, 9_271_498),
        (VggSnn { pooling: false, ..vggsnn.clone() }.into(), [48, 48, 2], 10, 9_271_498),
        (VggSnn { bias: false, ..vggsnn }.into(), [48, 48, 2], 10, 9_268_746),
        // c(3, 3, 256) + 3 c(3, 256, 256) + c(3, 256, 512) + c(3, 512, 512) + c(3, 512, 1024)
        // + c(3, 1024, 1024) + f(1024, 10).
        (CifarNet::default().into(), [32, 32, 3], 10, 19_489_546),
        // c(3, 3, 64) + c(3, 64, 64) + c(3, 64, 128) + c(3, 128, 128) + c(3, 128, 256)
        // + 2 c(3, 256, 256) + c(3, 256, 512) + 5 c(3, 512, 512) + 2 c(1, 512, 512) + f(512, 10).
        (vgg.clone().into(), [32, 32, 3], 10, 15_250_378),
        // c(3, 3, 64) + c(3, 64, 128) + c(3, 128, 256) + c(3, 256, 256) + c(3, 256, 512)
        // + 3 c(3, 512, 512) + 2 c(1, 512, 512) + f(512, 10).
        (Vgg { depth: 11, pool: Pooling::Average, ..vgg }.into(), [32, 32, 3], 10, 9_754_698),
        // c(3, 3, 64) + c(3, 64, 128) + c(3, 128, 256) + c(3, 256, 256) + f(256, 10).
        (Spec::default().into(), [32, 32, 3], 10, 964_170),
    ];
    let mut visited = Vec::new();
    for (network, [height, width, channels], classes, count) in cases {
        let input = Features::Map { height, width, channels };
        let builder = seeded(&Device::Cpu, Key::new(1));
        let methods = Methods::new();
        let built = Network::new(&*network, &parts()?, &methods, input, classes, builder)?;
        assert_eq!(built.parameters().count(), count, "{network:?}");
        visited.push(network.name());
    }
    let missing: Vec<_> =
        AnyNetwork::NAMES.iter().filter(|name| !visited.contains(*name)).collect();
    assert!(missing.is_empty() && !visited.is_empty(), "write the numbers of {missing:?}");
    Ok(())
}

/// Logits, side logits, and gradients with respect to all parameters, of a training pass.
pub(crate) fn trained(network: &Network, x: &Tensor, context: &Context) -> Result<Vec<Tensor>> {
    let out = network.forward(x, context)?;
    let mut all = vec![out.logits.clone()];
    all.extend(out.side.iter().cloned());
    let mut loss = (&out.logits * normal("weights", out.logits.dims())?)?.sum_all()?;
    for side in &out.side {
        loss = (loss + side.sqr()?.sum_all()?)?;
    }
    let gradients = loss.backward()?;
    for parameter in network.parameters().learned() {
        let gradient = gradients.get(&parameter.variable);
        // Side heads do not run in evaluation.
        let absent = !context.training && parameter.name.starts_with("side");
        assert_eq!(gradient.is_none(), absent, "{}, {:?}", parameter.name, network.input());
        all.extend(gradient.cloned());
    }
    Ok(all)
}

/// Makes a training step of `architecture` with its currents kept and with its currents computed once
/// more, and asserts that both leave the same, to the bit: logits, gradients, parameters, running
/// statistics, counts, chosen kernels; gives the bytes that the buffers held at most.
pub(crate) fn assert_recomputed_is_kept(
    architecture: &dyn Architecture,
    parts: &Parts,
    methods: &Methods,
    x: &Tensor,
    context: &Context,
    name: &str,
) -> Result<[usize; 2]> {
    let (_, _, height, width, channels) = x.dims5()?;
    let step = |recompute: bool| -> Result<(Vec<Vec<u32>>, String, usize)> {
        let network = build(architecture, parts, methods, [height, width, channels])?;
        let context = Context { census: true, recompute, ..*context };
        let mut all = trained(&network, x, &context)?;
        all.extend(network.parameters().iter().map(|entry| entry.variable.as_tensor().clone()));
        let bits = |tensor: &Tensor| -> Result<Vec<u32>> {
            Ok(tensor.flatten_all()?.to_vec1::<f32>()?.into_iter().map(f32::to_bits).collect())
        };
        let bits = all.iter().map(bits).collect::<Result<_>>()?;
        let counts = (network.take_observations(), network.take_operations());
        let algorithms: Vec<_> =
            network.synapses().into_iter().map(|synapse| synapse.algorithms).collect();
        Ok((bits, format!("{counts:?}, {algorithms:?}"), network.most_buffered()))
    };
    let [kept, again] = [step(false)?, step(true)?];
    assert!(kept.0.len() > 5, "{name}");
    assert_eq!(kept.1, again.1, "{name}");
    assert!(kept.0 == again.0, "{name}: the bits of a recomputed step differ");
    Ok([kept.2, again.2])
}

/// Every registered network, for inputs given once and given at every step, with side heads where
/// there may be some.
#[test]
fn recomputed_currents_change_no_bit() -> Result<()> {
    const TIME_STEPS: usize = 6;
    let all = all_reduced();
    let (mut visited, mut bytes) = (0, [0; 2]);
    for (architecture, input) in &all {
        let (parts, methods) = (parts()?, side_heads(architecture));
        let context = Context::training(TIME_STEPS, Key::new(1));
        for given in [1, TIME_STEPS] {
            let x = normal("x", &[&[given, 2], &input[..]].concat())?;
            let name = format!("{architecture:?}, {given} of {TIME_STEPS} steps");
            let held =
                assert_recomputed_is_kept(&**architecture, &parts, &methods, &x, &context, &name)?;
            bytes = [bytes[0] + held[0], bytes[1] + held[1]];
            visited += 1;
        }
    }
    assert_eq!(visited, 2 * all.len());
    // A network with most of its currents in one layer needs as much as before.
    assert!(5 * bytes[1] < 3 * bytes[0], "bytes of all networks, kept and recomputed: {bytes:?}");
    Ok(())
}

/// Six more layers of one size need as much more as their currents are, or nothing.
#[test]
fn recomputed_currents_take_the_memory_of_one_layer() -> Result<()> {
    let (time_steps, batch, side, channels) = (5, 2, 8, 16);
    let layer = size_of::<f32>() * time_steps * batch * side * side * channels;
    let x = normal("x", &[time_steps, batch, side, side, channels])?;
    let context = Context::training(time_steps, Key::new(1));
    let mut bytes = Vec::new();
    for depth in [3, 9] {
        let layers = "16C3-".repeat(depth) + "GAP-FC10";
        let spec = Spec { layers, bias: false };
        let name = format!("{depth} layers");
        let (parts, methods) = (parts()?, Methods::new());
        bytes.push(assert_recomputed_is_kept(&spec, &parts, &methods, &x, &context, &name)?);
    }
    assert_eq!(bytes[1][0] - bytes[0][0], 6 * layer, "kept");
    assert_eq!(bytes[1][1], bytes[0][1], "recomputed");
    Ok(())
}

/// An input given once equals the same input given at every step, forward and backward.
#[test]
fn a_constant_input_runs_once_and_means_the_same() -> Result<()> {
    let all = all_reduced();
    let mut visited = 0;
    for (architecture, input) in &all {
        let mut results = Vec::new();
        for repeats in [1, 4] {
            let network = build(&**architecture, &parts()?, &Methods::new(), *input)?;
            let x = normal("x", &[&[1, 3], &input[..]].concat())?.repeat((repeats, 1, 1, 1, 1))?;
            let mut all = trained(&network, &x, &Context::training(4, Key::new(1)))?;
            let entries = network.parameters().iter();
            all.extend(entries.map(|entry| entry.variable.as_tensor().clone()));
            results.push(all);
        }
        assert!(results[0].len() > 10);
        assert_same(&results[0], &results[1], &format!("{architecture:?}: once, four times"))?;
        visited += 1;
    }
    assert_eq!(visited, all.len());
    Ok(())
}

/// Whole networks by the kernels, bits and sparse kernels and all, are those of candle operations where
/// no kernel may read a tensor's memory: logits, side logits, gradients, running statistics, firing
/// rates, operations; widths that fill words and that do not.
#[test]
fn networks_are_their_composition() -> Result<()> {
    let all = all_reduced();
    let mut visited = 0;
    for (architecture, input) in &all {
        for (time, surrogate, training) in [
            (1, "rectangle", true),
            (4, "triangle", true),
            (4, "atan", true),
            (1, "triangle", false),
        ] {
            let parts = Parts::new(
                AnyNeuron::named("lif")?.model(),
                AnySurrogate::named(surrogate)?.shared(),
            );
            let methods = side_heads(architecture);
            let x = normal("x", &[&[time, 2], &input[..]].concat())?;
            let context = Context { training, census: true, ..Context::training(4, Key::new(1)) };
            let name = format!("{architecture:?}, {time} steps given, {surrogate}, {training}");
            assert_composed(&**architecture, &parts, &methods, &x, &context, 1e-4, &name)?;
            visited += 1;
        }
    }
    assert_eq!(visited, 4 * all.len());
    Ok(())
}

/// Runs a network by the kernels and as on a device, and compares logits, gradients, parameters and
/// running statistics within `tolerance`, and what was observed exactly, shares of zero derivatives
/// within it; gives the number of spikes in the first layer.
pub(crate) fn assert_composed(
    architecture: &dyn Architecture,
    parts: &Parts,
    methods: &Methods,
    x: &Tensor,
    context: &Context,
    tolerance: f32,
    name: &str,
) -> Result<u64> {
    let (_, _, height, width, channels) = x.dims5()?;
    let run = || -> Result<_> {
        let network = build(architecture, parts, methods, [height, width, channels])?;
        let mut all = trained(&network, x, context)?;
        all.extend(network.parameters().iter().map(|entry| entry.variable.as_tensor().clone()));
        Ok((all, network.take_observations(), network.take_operations()))
    };
    let kernels = run()?;
    for (path, composed) in [("composed", host::forbid(run)?), ("on a device", pretend(run)?)] {
        let name = &format!("{name}, {path}");
        assert_eq!(kernels.0.len(), composed.0.len(), "{name}");
        assert_within(tolerance, &kernels.0, &composed.0, name)?;
        for (a, b) in kernels.1.iter().zip(&composed.1) {
            let counted = |seen: &crate::LayerObservation| {
                (seen.name.clone(), seen.counts.spikes, seen.counts.elements, seen.census.clone())
            };
            assert_eq!(counted(a), counted(b), "{name}");
            let (a, b) = (a.counts, b.counts);
            assert_eq!(a.backward_elements, b.backward_elements, "{name}");
            let zeros = a.zero_derivatives.abs_diff(b.zero_derivatives) as f32;
            assert!(zeros <= 1e-3 * a.backward_elements as f32, "{name}: {a:?} {b:?}");
            assert!(
                (a.penalty - b.penalty).abs() <= 1e-4 * (1.0 + a.penalty),
                "{name}: {a:?} {b:?}"
            );
        }
        assert_eq!(kernels.1.len(), composed.1.len(), "{name}");
        if let (Some(a), Some(b)) = (&kernels.2, &composed.2) {
            assert!((a.additions - b.additions).abs() <= 1e-6 * a.additions, "{name}: {a:?} {b:?}");
            assert_eq!(a.multiply_adds, b.multiply_adds, "{name}");
        } else {
            assert_eq!(kernels.2, composed.2, "{name}");
        }
    }
    Ok(kernels.1[0].counts.spikes)
}

/// The gradient with respect to the image is that of its composition, for images given once and at
/// every step, and is there only where it is asked for.
#[test]
fn the_input_has_a_gradient_where_it_is_asked_for() -> Result<()> {
    let all = all_reduced();
    let (mut visited, mut reached) = (0, 0);
    for (architecture, input) in &all {
        for given in [1, 3] {
            let x = normal("x", &[&[given, 2], &input[..]].concat())?;
            let run = || -> Result<Vec<Tensor>> {
                let network = build(&**architecture, &parts()?, &Methods::new(), *input)?;
                let x = candle_core::Var::from_tensor(&x)?;
                // The input may be made of other tensors by candle operations.
                let made = (x.as_tensor() * 2.0)?;
                let out = network.forward(&made, &Context::training(3, Key::new(1)))?;
                let loss = (&out.logits * normal("weights", out.logits.dims())?)?.sum_all()?;
                let gradients = loss.backward()?;
                Ok(vec![gradients.get(&x).expect("a gradient").clone()])
            };
            let [kernels, composed, on_device] = [run()?, host::forbid(run)?, pretend(run)?];
            assert_same(&kernels, &on_device, &format!("{architecture:?} on a device"))?;
            assert_eq!(kernels[0].dims(), x.dims());
            reached += usize::from(kernels[0].abs()?.sum_all()?.to_scalar::<f32>()? > 0.0);
            assert_same(&kernels, &composed, &format!("{architecture:?}, {given} of 3 steps"))?;
            let network = build(&**architecture, &parts()?, &Methods::new(), *input)?;
            let out = network.forward(&x, &Context::training(3, Key::new(1)))?;
            assert!(out.logits.sum_all()?.backward()?.get(&x).is_none());
            visited += 1;
        }
    }
    assert_eq!(visited, 2 * all.len());
    // In a few of the narrow networks no neuron of a layer is near its threshold.
    assert!(10 * reached >= 9 * visited, "{reached} of {visited}");
    Ok(())
}

/// No thread of a kernel depends on what another does: in the other order they give the same bits.
#[test]
fn threads_of_a_device_may_run_in_any_order() -> Result<()> {
    let all = all_reduced();
    let mut visited = 0;
    for (architecture, input) in &all {
        let methods = side_heads(architecture);
        let x = normal("x", &[&[2, 2], &input[..]].concat())?;
        let run = || -> Result<Vec<Vec<f32>>> {
            let network = build(&**architecture, &parts()?, &methods, *input)?;
            let mut all = trained(&network, &x, &Context::training(2, Key::new(1)))?;
            all.extend(network.parameters().iter().map(|entry| entry.variable.as_tensor().clone()));
            all.iter().map(|tensor| Ok(tensor.flatten_all()?.to_vec1()?)).collect()
        };
        let (one, other) = (pretend(run)?, pretend(|| backwards(run))?);
        assert_eq!(one, other, "{architecture:?}");
        visited += 1;
    }
    assert_eq!(visited, all.len());
    Ok(())
}

/// A kernel that reads a tensor's memory on the path of devices is found.
#[test]
fn a_read_of_host_memory_fails_where_it_is_forbidden() -> Result<()> {
    #[derive(Debug)]
    struct Planted(Features);
    impl Layer for Planted {
        fn run(&self, x: Signal, pass: &Pass) -> Result<(Signal, Option<Backward>)> {
            pass.compose(&x, self.0, |x| {
                let values = host::values(x)?.to_vec();
                Ok(Tensor::from_vec(values, x.shape(), x.device())?)
            })
        }

        fn output(&self) -> Features {
            self.0
        }
    }
    let features = Features::Vector { size: 3 };
    let x = normal("x", &[2, 1, 3])?;
    let run = || crate::module::apply(&Planted(features), &x, Context::evaluation(2));
    assert_eq!(largest(&run()?, &x)?, 0.0);
    for error in [host::forbid(run).unwrap_err(), pretend(run).unwrap_err()] {
        let error = error.to_string();
        assert!(error.contains("read the memory of a tensor on a device"), "{error}");
    }
    Ok(())
}

/// Every registered network, on sequences that are cut at random: the bits are those of the whole
/// pass, and those of a pass by groups of steps up to rounding.
#[test]
fn a_stream_is_the_whole_pass_to_the_bit() -> Result<()> {
    let all = all_reduced();
    let mut stream_of_cuts = Key::new(9).stream();
    let mut visited = 0;
    for (architecture, input) in &all {
        assert_streams(&**architecture, &parts()?, *input, &mut stream_of_cuts)?;
        visited += 1;
    }
    assert_eq!(visited, all.len());
    Ok(())
}

pub(crate) fn assert_streams(
    architecture: &dyn Architecture,
    parts: &Parts,
    input: [usize; 3],
    cuts: &mut candlewick_core::random::Stream,
) -> Result<()> {
    const TIME_STEPS: usize = 7;
    let network = build(architecture, parts, &Methods::new(), input)?;
    // Events: small counts, mostly 0.
    let x = normal("x", &[&[TIME_STEPS, 2], &input[..]].concat())?.affine(1.0, -0.5)?;
    let x = x.relu()?.ceil()?;
    // Statistics of a training, so that neurons fire.
    network.forward(&x, &Context::training(TIME_STEPS, Key::new(1)))?;
    let context = Context { stepwise: true, ..Context::evaluation(TIME_STEPS) };
    let whole = network.forward(&x, &context)?.logits.detach();
    let bits = |logits: &Tensor| -> Result<Vec<u32>> {
        Ok(logits.flatten_all()?.to_vec1::<f32>()?.into_iter().map(f32::to_bits).collect())
    };
    let mut stream = network.stream(2);
    for by_steps in [true, false] {
        stream.reset();
        let (mut parts_of_it, mut at) = (Vec::new(), 0);
        while at < TIME_STEPS {
            let left = (TIME_STEPS - at) as u32;
            let count = if by_steps { 1 } else { 1 + cuts.below(left) as usize };
            parts_of_it.push(stream.run(&x.narrow(0, at, count)?)?.detach());
            at += count;
        }
        let cut = Tensor::cat(&parts_of_it, 0)?;
        assert!(bits(&cut)? == bits(&whole)?, "{architecture:?}, {:?}", parts.neuron);
    }
    let grouped = network.forward(&x, &Context::evaluation(TIME_STEPS))?.logits.detach();
    assert_within(1e-3, &[whole], &[grouped], &format!("{architecture:?}, {:?}", parts.neuron))
}

#[test]
fn bits_do_not_depend_on_the_number_of_threads() -> Result<()> {
    let all = all_reduced();
    let run = |threads: usize| -> Result<Vec<Vec<f32>>> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        pool.install(|| {
            let mut values = Vec::new();
            for (architecture, input) in &all {
                let methods = side_heads(architecture);
                let network = build(&**architecture, &parts()?, &methods, *input)?;
                let x = normal("x", &[&[1, 4], &input[..]].concat())?;
                for tensor in trained(&network, &x, &Context::training(3, Key::new(1)))? {
                    values.push(tensor.flatten_all()?.to_vec1()?);
                }
            }
            Ok(values)
        })
    };
    let one = run(1)?;
    assert!(one.len() > 20 * all.len());
    assert_eq!(run(2)?, one);
    assert_eq!(run(3)?, one);
    Ok(())
}

#[test]
fn evaluation_keeps_nothing_says_so_and_draws_no_random_number() -> Result<()> {
    let all = all_reduced();
    let mut visited = 0;
    for (architecture, input) in &all {
        let network = build(&**architecture, &parts()?, &Methods::new(), *input)?;
        let x = normal("x", &[&[1, 3], &input[..]].concat())?;
        let first = network.forward(&x, &Context::evaluation(4))?.logits;
        let error = first.sum_all()?.backward().unwrap_err().to_string();
        assert!(error.contains("ran without gradients"), "{architecture:?}: {error}");
        let again = network.forward(&x, &Context::evaluation(4))?.logits;
        assert_eq!(largest(&first, &again)?, 0.0, "{architecture:?}");
        visited += 1;
    }
    assert_eq!(visited, all.len());
    let spec = Spec { layers: "6C3-AP2-DP0.5-FC10".into(), bias: false };
    let network = build(&spec, &parts()?, &Methods::new(), [8, 8, 3])?;
    let x = normal("x", &[1, 3, 8, 8, 3])?;
    let training = |seed| network.forward(&x, &Context::training(4, Key::new(seed)));
    assert!(largest(&training(1)?.logits, &training(2)?.logits)? > 0.0);
    assert_eq!(largest(&training(1)?.logits, &training(1)?.logits)?, 0.0);
    Ok(())
}

#[test]
fn side_heads_stand_at_the_ends_of_stages_and_are_gone_in_evaluation() -> Result<()> {
    let (parts, methods) = (parts()?, Methods::new().with(Shortcut::default()));
    let spec = |layers: &str| Spec { layers: layers.into(), bias: false }.into();
    let specs = [
        (spec("6C3-AP2-5C3-AP2-4C3-GAP-FC10"), [8, 8, 3]),
        (spec("6C3S2-5C3-4C3S2-FC10"), [8, 8, 3]),
        (spec("6C3-AP2-5C3-AP2-FC10"), [8, 8, 3]),
    ];
    let others = all_reduced().into_iter().filter(|(network, _)| has_stages(network));
    let all: Vec<(AnyNetwork, [usize; 3])> = others.chain(specs).collect();
    let mut visited = 0;
    for (architecture, input) in &all {
        // Channels of the stages at full width.
        let channels: &[usize] = match architecture {
            network if network.name() == "cifarnet" => &[256, 256, 512],
            AnyNetwork::ResNet(_) | AnyNetwork::SewResNet(_) => &[64, 128, 256],
            AnyNetwork::ResNet19(_) => &[128, 256],
            AnyNetwork::Vgg(_) => &[64, 128, 256, 512],
            AnyNetwork::VggSnn(VggSnn { pooling: true, .. }) => &[128, 256, 512],
            AnyNetwork::VggSnn(VggSnn { pooling: false, .. }) => &[64, 256, 512, 512],
            AnyNetwork::WideResNet(_) => &[64, 128],
            AnyNetwork::Spec(Spec { layers, .. }) if layers.contains("GAP") => &[6, 5],
            AnyNetwork::Spec(Spec { layers, .. }) if layers.contains("S2") => &[5],
            AnyNetwork::Spec(_) => &[6],
            // Of others it is only known that there are some.
            _ => &[],
        };
        let width = width(architecture);
        let network = build(&**architecture, &parts, &methods, *input)?;
        for (number, &channels) in channels.iter().enumerate() {
            let name = format!("side{}.weight", number + 1);
            let entry = network.parameters().get(&name).expect("a side head");
            let scaled = (channels as f32 * width).round() as usize;
            assert_eq!(entry.variable.dims(), [scaled, 10], "{architecture:?}");
        }
        let x = normal("x", &[&[1, 2], &input[..]].concat())?;
        let out = network.forward(&x, &Context::training(2, Key::new(1)))?;
        let expected = if channels.is_empty() { out.side.len().max(1) } else { channels.len() };
        assert_eq!(out.side.len(), expected, "{architecture:?}");
        for side in &out.side {
            assert_eq!(side.dims(), [2, 2, 10]);
        }
        assert!(network.forward(&x, &Context::evaluation(2))?.side.is_empty());
        visited += 1;
    }
    assert_eq!(visited, all.len());
    let one_stage = Spec { layers: "6C3-FC10".into(), bias: false };
    let error = build(&one_stage, &parts, &methods, [8, 8, 3]).unwrap_err().to_string();
    assert!(error.contains("at least two stages"), "{error}");
    Ok(())
}

#[test]
fn observations_count_what_happened() -> Result<()> {
    let spec = Spec { layers: "6C3-AP2-FC7-FC10".into(), bias: false };
    let network = build(&spec, &parts()?, &Methods::new(), [8, 8, 3])?;
    assert_eq!(network.layer_names(), ["convolution1", "linear1"]);
    let x = normal("x", &[1, 3, 8, 8, 3])?;
    let context = Context { census: true, ..Context::training(4, Key::new(1)) };
    let out = network.forward(&x, &context)?;
    out.logits.sum_all()?.backward()?;
    let seen = network.take_observations();
    assert_eq!(seen[0].neurons, 384);
    assert_eq!(seen[0].counts.elements, 4 * 3 * 384);
    assert_eq!(seen[0].counts.backward_elements, 4 * 3 * 384);
    assert!(seen[0].counts.spikes > 0 && seen[0].counts.zero_derivatives > 0);
    assert!(seen[0].census.is_some());
    let again = network.take_observations();
    assert_eq!((again[0].counts.spikes, again[0].census.clone()), (0, None));
    Ok(())
}

#[test]
fn impossible_shapes_are_refused_in_words() -> Result<()> {
    let (parts, methods) = (parts()?, Methods::new());
    let cases = [
        ("6C3-AP9-FC10", "a side from 1 to 4"),
        ("6C3-FC9", "FC10 at the end"),
        ("FC8-6C3-FC10", "a map [H, W, C]"),
        ("GAP-GAP-FC10", "a map [H, W, C]"),
    ];
    let mut visited = 0;
    for (layers, words) in cases {
        let spec = Spec { layers: layers.into(), bias: false };
        let error = build(&spec, &parts, &methods, [4, 4, 3]).unwrap_err().to_string();
        assert!(error.contains(words), "{layers}: {error}");
        visited += 1;
    }
    assert_eq!(visited, 4);
    let all = all_reduced();
    let mut visited = 0;
    for (architecture, input) in &all {
        let network = build(&**architecture, &parts, &methods, *input)?;
        let [height, width, channels] = *input;
        let x = normal("x", &[1, 2, height + 1, width, channels])?;
        let error = network.forward(&x, &Context::evaluation(2)).unwrap_err().to_string();
        let shape = format!("{input:?}");
        assert!(error.contains("input of the network") && error.contains(&shape), "{error}");
        let vector = Features::Vector { size: 5 };
        let builder = seeded(&Device::Cpu, Key::new(1));
        let error = Network::new(&**architecture, &parts, &methods, vector, 10, builder);
        let error = error.unwrap_err().to_string();
        assert!(error.contains("a map [H, W, C]"), "{architecture:?}: {error}");
        visited += 1;
    }
    assert_eq!(visited, all.len());
    // Five poolings do not fit into 16×16.
    let error = build(&Vgg::default(), &parts, &methods, [16, 16, 3]).unwrap_err().to_string();
    assert!(error.contains("pooling window"), "{error}");
    Ok(())
}

/// A network as a recipe holds it.
fn parsed(table: &str) -> AnyNetwork {
    #[derive(serde::Deserialize)]
    struct Recipe {
        network: AnyNetwork,
    }
    toml::from_str::<Recipe>(table).expect("a table of the recipe").network
}

#[test]
fn recipes_name_networks_and_their_choices() {
    let imagenet = ResNet { depth: 34, stem: Stem::Imagenet, ..ResNet::default() };
    let max = ResNet { stem_pool: Some(Pooling::Max), ..imagenet.clone() };
    let and = SewResNet { connect: Connect::And, ..SewResNet::default() };
    let iand = SewResNet { connect: Connect::Iand, stem: Stem::Cifar, ..SewResNet::default() };
    let cases: [(&str, AnyNetwork); 10] = [
        ("[network.resnet-19]\nstem = 128\nhidden = 0", {
            ResNet19 { stem: 128, hidden: 0, width: 1.0 }.into()
        }),
        ("[network.resnet]", ResNet::default().into()),
        ("[network.resnet]\ndepth = 34\nstem = \"imagenet\"", imagenet.into()),
        ("[network.resnet]\ndepth = 34\nstem = \"imagenet\"\nstem_pool = \"max\"", max.into()),
        ("[network.sew-resnet]\nconnect = \"and\"", and.into()),
        ("[network.sew-resnet]\nconnect = \"iand\"\nstem = \"cifar\"", iand.into()),
        ("[network.wide-resnet]\ndepth = 32", WideResNet { depth: 32, width: 1.0 }.into()),
        ("[network.vgg]\ndepth = 11\npool = \"average\"", {
            Vgg { depth: 11, pool: Pooling::Average, width: 1.0 }.into()
        }),
        ("[network.vggsnn]\npooling = false\nbias = false", {
            VggSnn { pooling: false, bias: false, width: 1.0 }.into()
        }),
        ("[network.cifarnet]\nwidth = 0.5", CifarNet { width: 0.5 }.into()),
    ];
    let mut visited = 0;
    for (table, expected) in cases {
        assert_eq!(parsed(table), expected, "{table}");
        visited += 1;
    }
    assert_eq!(visited, 10);
}

#[test]
fn impossible_choices_are_refused_in_words() -> Result<()> {
    let mut visited = 0;
    let scaled = AnyNetwork::NAMES.iter().filter(|&&name| name != "spec");
    let widths = scaled.flat_map(|name| {
        ["0.0", "-1.0", "nan"].map(|width| (format!("[network.{name}]\nwidth = {width}"), "width"))
    });
    let others = [
        ("[network.resnet]\ndepth = 20", "network.resnet.depth: expected 18 or 34"),
        ("[network.sew-resnet]\ndepth = 50", "network.sew-resnet.depth: expected 18 or 34"),
        ("[network.wide-resnet]\ndepth = 18", "network.wide-resnet.depth: expected 20 or 32"),
        ("[network.vgg]\ndepth = 19", "network.vgg.depth: expected 11 or 16"),
        ("[network.resnet]\nstem_pool = \"max\"", "network.resnet.stem_pool"),
        ("[network.sew-resnet]\nstem = \"cifar\"\nstem_pool = \"max\"", "has no pooling"),
    ];
    let others = others.map(|(table, words)| (table.to_owned(), words));
    for (table, words) in widths.chain(others) {
        let network = build(&*parsed(&table), &parts()?, &Methods::new(), [32, 32, 3]);
        let error = network.unwrap_err().to_string();
        assert!(error.contains(words), "{table}: {error}");
        visited += 1;
    }
    assert_eq!(visited, 3 * (AnyNetwork::NAMES.len() - 1) + 6);
    Ok(())
}
