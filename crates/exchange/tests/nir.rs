//! Graphs of NIR: ours as the Python package `nir` reads and runs it, and those of SpikingJelly and snnTorch
//! as candlewick reads and runs them. Golden values of `golden/nir_graphs.py`.
#![cfg(feature = "hdf5")]

use std::error::Error;
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use candlewick_core::Key;
use candlewick_core::parameters::{Role, seeded};
use candlewick_exchange::nir::{Array, Entry, Graph, Node};
use candlewick_exchange::{NameMap, import};
use candlewick_methods::Methods;
use candlewick_network::{
    AnyNetwork, Architecture, Context, Features, Network, Parts, ResNet19, Spec, ThresholdBatchNorm,
};
use candlewick_neuron::{
    AnyNeuron, Firing, FiringRule, IntegrateAndFire, Leak, Lif, ParametricLif, Reset, SynapticLif,
};
use candlewick_surrogate::AnySurrogate;
use serde::Deserialize;

type Checked = Result<(), Box<dyn Error>>;
/// Damage to a graph.
type Change = fn(&mut Graph);

/// What the script wrote.
#[derive(Deserialize)]
struct Golden {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    /// Channels first.
    input_dims: Vec<usize>,
    input: Vec<f32>,
    output_dims: Vec<usize>,
    output: Vec<f32>,
    /// Per layer of neurons.
    spikes: Vec<u64>,
}

fn golden(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/exchange").join(file)
}

fn case(name: &str) -> Result<Case, Box<dyn Error>> {
    let golden: Golden = serde_json::from_str(&std::fs::read_to_string(golden("nir.json"))?)?;
    Ok(golden.cases.into_iter().find(|case| case.name == name).ok_or("no such case")?)
}

fn network(
    architecture: &dyn Architecture,
    neuron: &AnyNeuron,
    normalization: Option<ThresholdBatchNorm>,
    input: Features,
    classes: usize,
) -> candlewick_core::Result<Network> {
    let surrogate = AnySurrogate::named("triangle")?;
    let parts = Parts { normalization, ..Parts::new(neuron.model(), surrogate.shared()) };
    let (methods, builder) = (Methods::new(), seeded(&Device::Cpu, Key::new(1)));
    Network::new(architecture, &parts, &methods, input, classes, builder)
}

/// Largest difference of the outputs, and the spikes of every layer.
fn run(case: &Case, network: &Network) -> Result<(f32, Vec<u64>), Box<dyn Error>> {
    let input = Tensor::from_vec(case.input.clone(), case.input_dims.clone(), &Device::Cpu)?;
    let input =
        if input.rank() == 5 { input.permute((0, 1, 3, 4, 2))?.contiguous()? } else { input };
    network.take_observations();
    let outputs = network.forward(&input, &Context::evaluation(case.input_dims[0]))?;
    assert_eq!(outputs.logits.dims(), case.output_dims);
    let output: Vec<f32> = outputs.logits.flatten_all()?.to_vec1()?;
    let off = output.iter().zip(&case.output).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    let layers = network.take_observations();
    Ok((off, layers.iter().map(|layer| layer.counts.spikes).collect()))
}

/// The network of a graph, with its weights.
fn loaded(graph: &Graph, firing: &Firing) -> Result<(Network, AnyNeuron), Box<dyn Error>> {
    let model = graph.model(firing, Path::new("graph"))?;
    let net = network(&model.network, &model.neuron, None, model.input, model.classes)?;
    import(net.parameters(), &model.weights, &NameMap::default())?;
    Ok((net, model.neuron))
}

/// A network with weights of its own everywhere: the formula of `crates/bench/golden/nets.py`.
fn ours(neuron: &AnyNeuron) -> Result<Network, Box<dyn Error>> {
    let spec = Spec { layers: "4C3-AP2-6C3S2-DP0.2-FC12-FC5".into(), bias: true };
    let settings = ThresholdBatchNorm { factor: 1.25, ..ThresholdBatchNorm::default() };
    let input = Features::Map { height: 8, width: 8, channels: 2 };
    let net = network(&spec, neuron, Some(settings), input, 5)?;
    for entry in net.parameters().iter() {
        let dims = entry.variable.dims();
        let fan_in: usize = dims[..dims.len() - 1].iter().product();
        let (low, high) = match (entry.role, entry.name.rsplit('.').next()) {
            (Role::Weight, _) => (-2.5 / (fan_in as f64).sqrt(), 2.5 / (fan_in as f64).sqrt()),
            (_, Some("running_variance")) => (0.5, 1.5),
            (_, Some("gamma")) => (0.75, 1.25),
            (_, Some("beta")) => (0.0, 0.5),
            _ => (-0.1, 0.1),
        };
        let values: Vec<f32> = uniform(1, &entry.name)
            .take(dims.iter().product())
            .map(|u| (low + (high - low) * u) as f32)
            .collect();
        entry.variable.set(&Tensor::from_vec(values, dims, &Device::Cpu)?)?;
    }
    Ok(net)
}

/// 64 bits for each index: of FNV-1a of seed and name, and of the index by splitmix64; in [0, 1).
fn uniform(seed: u64, name: &str) -> impl Iterator<Item = f64> {
    let start = format!("{seed}/{name}").bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    (1_u64..).map(move |index| {
        let mut x = start.wrapping_add(index.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((x ^ (x >> 31)) >> 11) as f64 * 2.0_f64.powi(-53)
    })
}

fn lif(leak: Leak) -> AnyNeuron {
    Lif { leak, firing: Firing::default() }.into()
}

/// `CANDLEWICK_GOLDEN=write` writes the file anew, for the script to run.
#[test]
fn our_graph_is_the_file_that_python_ran_to_the_same_spikes() -> Checked {
    let neuron = lif(Leak::Decay(0.6));
    let net = ours(&neuron)?;
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("ours.nir");
    let graph = Graph::of(&net, &neuron, &path)?;
    graph.write(&path)?;
    assert_eq!(Graph::read(&path)?, rounded(&graph), "reading is the inverse of writing");
    if std::env::var_os("CANDLEWICK_GOLDEN").is_some_and(|value| value == "write") {
        std::fs::copy(&path, golden("ours.nir"))?;
    }
    assert_eq!(Graph::read(&golden("ours.nir"))?, rounded(&graph), "the graph has changed");
    let case = case("ours")?;
    let (off, spikes) = run(&case, &net)?;
    assert!(off < 1e-4, "outputs differ by {off}");
    assert_eq!(spikes, case.spikes);
    assert!(spikes.iter().all(|&spikes| spikes > 5), "{spikes:?}");

    // The way back: the same neuron, the same spikes.
    let (again, read) = loaded(&Graph::read(&path)?, &Firing::default())?;
    assert_eq!(read, neuron);
    let (off, spikes) = run(&case, &again)?;
    assert!(off < 1e-4, "outputs of the network that was read back differ by {off}");
    assert_eq!(spikes, case.spikes);
    Ok(())
}

/// Weights are kept as `f32`.
fn rounded(graph: &Graph) -> Graph {
    let round = |array: &mut Array| {
        array.values.iter_mut().for_each(|value| *value = f64::from(*value as f32));
    };
    let mut graph = graph.clone();
    for node in graph.nodes.values_mut() {
        match node {
            Node::Conv2d { weight, bias, .. } | Node::Affine { weight, bias: Some(bias) } => {
                round(weight);
                round(bias);
            }
            _ => (),
        }
    }
    graph
}

#[test]
fn graphs_of_other_libraries_give_their_outputs() -> Checked {
    let at_or_above = Firing { rule: FiringRule::AtOrAbove, ..Firing::default() };
    let spikingjelly: AnyNeuron =
        Lif { leak: Leak::Tau(2.0), firing: Firing { v_threshold: 0.5, ..at_or_above } }.into();
    let cases = [
        ("spikingjelly", at_or_above, spikingjelly, "4C3-AP2-6C3S2-FC12-FC5", false),
        ("snntorch", Firing::default(), lif(Leak::Decay(0.8)), "FC16-FC6-FC6", true),
    ];
    let mut visited = 0;
    for (name, firing, neuron, layers, ends_in_neurons) in cases {
        let case = case(name)?;
        let graph = Graph::read(&golden(&format!("{name}.nir")))?;
        let model = graph.model(&firing, Path::new(name))?;
        assert_eq!(model.network.layers, layers);
        assert_eq!((&model.neuron, model.ends_in_neurons), (&neuron, ends_in_neurons));
        let (off, spikes) = run(&case, &loaded(&graph, &firing)?.0)?;
        // Where the graph ends in neurons, outputs are spikes.
        let least = if ends_in_neurons { 0.0 } else { 1e-4 };
        assert!(off <= least, "{name}: outputs differ by {off}");
        assert_eq!(spikes, case.spikes, "{name}");
        visited += 1;
    }
    assert_eq!(visited, 2);
    Ok(())
}

#[test]
fn every_neuron_that_has_a_node_comes_back_as_it_left() -> Checked {
    let firing = Firing { v_threshold: 0.7, v_reset: -0.25, ..Firing::default() };
    let at = Firing { rule: FiringRule::AtOrAbove, ..firing };
    let cases: [(AnyNeuron, AnyNeuron); 5] = [
        (
            Lif { leak: Leak::Decay(0.9), firing }.into(),
            Lif { leak: Leak::Decay(0.9), firing }.into(),
        ),
        (
            Lif { leak: Leak::Tau(3.0), firing: at }.into(),
            Lif { leak: Leak::Tau(3.0), firing: at }.into(),
        ),
        (IntegrateAndFire { firing }.into(), IntegrateAndFire { firing }.into()),
        (Lif { leak: Leak::Decay(1.0), firing }.into(), IntegrateAndFire { firing }.into()),
        (
            ParametricLif { initial_tau: 2.0, firing }.into(),
            // The script of the test sets w, a number like a bias.
            Lif { leak: Leak::Tau(2.0), firing }.into(),
        ),
    ];
    let mut visited = 0;
    for (neuron, expected) in cases {
        let net = ours(&neuron)?;
        for entry in net.parameters().iter().filter(|entry| entry.role == Role::Neuron) {
            entry.variable.set(&entry.variable.affine(0.0, 0.0)?)?;
        }
        let graph = Graph::of(&net, &neuron, Path::new("graph"))?;
        let (_, read) = loaded(&graph, &Firing::default())?;
        assert_eq!(read, expected);
        visited += 1;
    }
    assert_eq!(visited, 5);
    Ok(())
}

#[test]
fn what_has_no_node_is_refused_with_its_name() -> Checked {
    let plain = lif(Leak::Decay(0.5));
    let subtract: AnyNeuron =
        Lif { firing: Firing { reset: Reset::Subtract, ..Firing::default() }, ..Lif::default() }
            .into();
    let spec = |layers: &str| -> AnyNetwork { Spec { layers: layers.into(), bias: false }.into() };
    let cases: [(AnyNetwork, AnyNeuron, &str); 4] = [
        (
            ResNet19 { width: 0.05, ..ResNet19::default() }.into(),
            plain.clone(),
            "NIR has no node for `stage1.0` (BasicBlock)",
        ),
        (spec("4C3-MP2-FC5"), plain.clone(), "NIR has no node for maximum pooling of 2×2"),
        (
            spec("4C3-FC5"),
            SynapticLif::default().into(),
            "`convolution1`: NIR has no node for the neuron `synaptic_lif`",
        ),
        (spec("4C3-FC5"), subtract, "`convolution1`: neurons of NIR are set to a potential"),
    ];
    let input = Features::Map { height: 8, width: 8, channels: 2 };
    let mut visited = 0;
    for (architecture, neuron, words) in cases {
        let normalization = Some(ThresholdBatchNorm::default());
        let net = network(&*architecture, &neuron, normalization, input, 5)?;
        let error =
            Graph::of(&net, &neuron, Path::new("x.nir")).err().ok_or("accepted")?.to_string();
        assert!(error.starts_with("x.nir: ") && error.contains(words), "{error}");
        visited += 1;
    }
    assert_eq!(visited, 4);
    Ok(())
}

#[test]
fn graphs_that_are_no_networks_are_refused_with_the_node() -> Checked {
    let neuron = lif(Leak::Decay(0.5));
    let graph = Graph::of(&ours(&neuron)?, &neuron, Path::new("graph"))?;
    let cases: [(Change, &str); 10] = [
        (
            |graph| graph.edges.push(("input".into(), "classifier".into())),
            "`input` has 0 nodes before it and 2 after it",
        ),
        (|graph| graph.edges[3].1 = "nowhere".into(), "an edge leads to `nowhere`"),
        // A name from the file does not reach the terminal as it is.
        (|graph| graph.edges[3].1 = "\u{1b}[2J".into(), "an edge leads to `\\u{1b}[2J`"),
        (
            |graph| drop(graph.metadata.insert("dt".into(), Entry::Number(0.0))),
            "dt: expected a time in seconds, found 0",
        ),
        (
            |graph| {
                drop(graph.nodes.insert("pool".into(), Node::Other { kind: "SumPool2d".into() }));
            },
            "`pool`: there is no layer for a SumPool2d",
        ),
        (
            |graph| {
                if let Some(Node::Lif { tau, .. }) = graph.nodes.get_mut("linear1_neuron") {
                    tau.values[3] *= 2.0;
                }
            },
            "`linear1_neuron`: expected the same tau for all neurons",
        ),
        (
            |graph| {
                if let Some(Node::Lif { v_threshold, .. }) = graph.nodes.get_mut("linear1_neuron") {
                    v_threshold.values.fill(0.5);
                }
            },
            "one neuron for all layers; `convolution1_neuron` is Lif",
        ),
        (
            |graph| {
                if let Some(Node::Conv2d { padding, .. }) = graph.nodes.get_mut("convolution2") {
                    *padding = [0, 0];
                }
            },
            "`convolution2`: a network has square kernels",
        ),
        (
            |graph| drop(graph.nodes.insert("other".into(), Node::Output { shape: vec![5] })),
            "`other` does not follow from the input",
        ),
        (|graph| drop(graph.nodes.remove("output")), "an edge leads to `output`"),
    ];
    let mut visited = 0;
    for (change, words) in cases {
        let mut changed = graph.clone();
        change(&mut changed);
        let result = changed.model(&Firing::default(), Path::new("x.nir"));
        let error = result.err().ok_or("accepted")?.to_string();
        assert!(error.starts_with("x.nir: ") && error.contains(words), "{error}");
        visited += 1;
    }
    assert_eq!(visited, 10);
    let error = Graph::read(&golden("resnet-19.pth")).err().ok_or("accepted")?.to_string();
    assert!(error.contains("not a readable HDF5 file"), "{error}");
    Ok(())
}

#[test]
fn damaged_graphs_are_refused_by_the_field() -> Checked {
    let neuron = lif(Leak::Decay(0.5));
    let graph = Graph::of(&ours(&neuron)?, &neuron, Path::new("graph"))?;
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("x.nir");
    let cases: [(Change, &str); 2] = [
        (
            |graph| {
                if let Some(Node::Conv2d { weight, .. }) = graph.nodes.get_mut("convolution1") {
                    weight.values[5] = f64::NAN;
                }
            },
            "node/nodes/convolution1/weight: expected finite numbers, found NaN",
        ),
        (
            |graph| {
                if let Some(Node::Lif { tau, .. }) = graph.nodes.get_mut("linear1_neuron") {
                    tau.values[0] = f64::INFINITY;
                }
            },
            "node/nodes/linear1_neuron/tau: expected finite numbers, found inf",
        ),
    ];
    let mut visited = 0;
    for (change, words) in cases {
        let mut changed = graph.clone();
        change(&mut changed);
        changed.write(&path)?;
        let error = Graph::read(&path).err().ok_or("accepted")?.to_string();
        assert!(error.contains(words), "{error}");
        visited += 1;
    }
    assert_eq!(visited, 2);

    // The header says where the file ends.
    graph.write(&path)?;
    let bytes = std::fs::read(&path)?;
    std::fs::write(&path, &bytes[..bytes.len() - 1])?;
    let error = Graph::read(&path).err().ok_or("accepted")?.to_string();
    let words =
        format!("ends at byte {}, where its header says byte {}", bytes.len() - 1, bytes.len());
    assert!(error.contains(&words), "{error}");

    // A classifier is added behind neurons at the end, but not one of gigabytes.
    let weight = Array { dims: vec![5_000, 1], values: vec![0.5; 5_000] };
    let mut wide = graph.clone();
    wide.nodes.insert("linear1".into(), Node::Affine { weight, bias: None });
    wide.nodes.remove("classifier");
    wide.edges.retain(|(from, _)| from != "classifier");
    wide.edges
        .iter_mut()
        .filter(|(_, to)| to == "classifier")
        .for_each(|(_, to)| *to = "output".into());
    let error = wide.model(&Firing::default(), &path).err().ok_or("accepted")?.to_string();
    assert!(error.contains("expected at most 4096 neurons at the end, found 5000"), "{error}");
    Ok(())
}
