//! Networks of PyTorch and SpikingJelly come in with their logits, and leave as they came: golden values of
//! `golden/exchange.py`.

use std::error::Error;
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use candlewick_core::Key;
use candlewick_core::parameters::seeded;
use candlewick_exchange::{NameMap, StateDict, import, pytorch, template};
use candlewick_methods::Methods;
use candlewick_network::{AnyNetwork, Context, Features, Network, Parts, ResNet19, Spec};
use candlewick_neuron::{AnyNeuron, Firing, FiringRule, Lif};
use candlewick_surrogate::AnySurrogate;
use serde::Deserialize;

type Checked = Result<(), Box<dyn Error>>;

/// What the script wrote.
#[derive(Deserialize)]
struct Golden {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    time_steps: usize,
    input_dims: Vec<usize>,
    input: Vec<f32>,
    logits_dims: Vec<usize>,
    logits: Vec<f32>,
}

fn golden(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/exchange").join(file)
}

fn case(name: &str) -> Result<Case, Box<dyn Error>> {
    let text = std::fs::read_to_string(golden("exchange.json"))?;
    let golden: Golden = serde_json::from_str(&text)?;
    Ok(golden.cases.into_iter().find(|case| case.name == name).ok_or("no such case")?)
}

fn resnet_19() -> AnyNetwork {
    ResNet19 { width: 1.0 / 16.0, ..ResNet19::default() }.into()
}

/// VGGSNN at a sixteenth of its width.
fn vggsnn() -> AnyNetwork {
    let layers = "4C3-8C3-AP2-16C3-16C3-AP2-32C3-32C3-AP2-32C3-32C3-AP2-FC10".into();
    Spec { layers, bias: true }.into()
}

fn network(case: &Case, architecture: &AnyNetwork) -> Result<Network, Box<dyn Error>> {
    let firing = Firing { rule: FiringRule::AtOrAbove, ..Firing::default() };
    let neuron: AnyNeuron = Lif { firing, ..Lif::default() }.into();
    let surrogate = AnySurrogate::named("triangle")?;
    let parts = Parts::new(neuron.model(), surrogate.shared());
    let [_, _, height, width, channels] = case.input_dims[..] else {
        return Err("not maps".into());
    };
    let features = Features::Map { height, width, channels };
    let (methods, builder) = (Methods::new(), seeded(&Device::Cpu, Key::new(1)));
    Ok(Network::new(&**architecture, &parts, &methods, features, 10, builder)?)
}

/// Largest difference of the logits to those of the script.
fn difference(case: &Case, network: &Network) -> Result<f32, Box<dyn Error>> {
    let input = Tensor::from_vec(case.input.clone(), case.input_dims.clone(), &Device::Cpu)?;
    let outputs = network.forward(&input, &Context::evaluation(case.time_steps))?;
    assert_eq!(outputs.logits.dims(), case.logits_dims);
    let logits: Vec<f32> = outputs.logits.flatten_all()?.to_vec1()?;
    let differences = logits.iter().zip(&case.logits).map(|(a, b)| (a - b).abs());
    Ok(differences.fold(0.0, f32::max))
}

const MAP: &str = r#"
[names]
"convolution1" = "features.0.fwd.module.0"
"convolution1.normalization" = "features.0.fwd.module.1"
"convolution2" = "features.1.fwd.module.0"
"convolution2.normalization" = "features.1.fwd.module.1"
"convolution3" = "features.3.fwd.module.0"
"convolution3.normalization" = "features.3.fwd.module.1"
"convolution4" = "features.4.fwd.module.0"
"convolution4.normalization" = "features.4.fwd.module.1"
"convolution5" = "features.6.fwd.module.0"
"convolution5.normalization" = "features.6.fwd.module.1"
"convolution6" = "features.7.fwd.module.0"
"convolution6.normalization" = "features.7.fwd.module.1"
"convolution7" = "features.9.fwd.module.0"
"convolution7.normalization" = "features.9.fwd.module.1"
"convolution8" = "features.10.fwd.module.0"
"convolution8.normalization.gamma" = "features.10.fwd.module.1.weight"
"convolution8.normalization.beta" = "features.10.fwd.module.1.bias"
"convolution8.normalization.running_mean" = "features.10.fwd.module.1.running_mean"
"convolution8.normalization.running_variance" = "features.10.fwd.module.1.running_var"
"#;

#[test]
fn imported_networks_have_the_logits_of_their_libraries() -> Checked {
    let map = NameMap::parse(MAP, "map")?;
    let none = NameMap::default();
    // Tensors: five per convolution, six with a bias, two per linear layer; and a counter for each
    // normalization, or two, since the wrappers of the ResNet repeat it.
    let cases = [
        ("resnet-19", "resnet-19.pth", Some("state_dict"), &none, 20 * 5 + 4, 20 + 8),
        ("vggsnn", "vggsnn.pth", None, &none, 8 * 6 + 2, 8),
        ("vggsnn", "vggsnn.safetensors", None, &map, 8 * 6 + 2, 8),
    ];
    let mut visited = 0;
    for (name, file, key, map, tensors, counters) in cases {
        let case = case(name)?;
        let architecture = if name == "vggsnn" { vggsnn() } else { resnet_19() };
        let net = network(&case, &architecture)?;
        assert!(
            difference(&case, &net)? > 0.1,
            "{file}: the initial weights are those of the file"
        );
        let state = StateDict::read(&golden(file), key)?;
        let imported = import(net.parameters(), &state, map)?;
        assert_eq!((imported.pairs.len(), imported.left_out.len()), (tensors, counters), "{file}");
        let off = difference(&case, &net)?;
        assert!(off < 1e-4, "{file}: logits differ by {off}");

        // The way back and in again gives the same bits.
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("exported.safetensors");
        std::fs::write(&path, pytorch(net.parameters(), &path)?)?;
        let again = network(&case, &architecture)?;
        let state = StateDict::read(&path, None)?;
        let imported = import(again.parameters(), &state, &none)?;
        assert_eq!(imported.left_out.len(), 0);
        assert_eq!(again.parameters().to_safetensors()?, net.parameters().to_safetensors()?);
        visited += 1;
    }
    assert_eq!(visited, 3);
    Ok(())
}

#[test]
fn what_does_not_fit_is_refused_in_words_and_changes_nothing() -> Checked {
    let resnet = case("resnet-19")?;
    let vgg = case("vggsnn")?;
    let wide = Spec { layers: "4C3-8C3-AP2-16C3-24C3-AP2-FC10".into(), bias: true }.into();
    let short = Spec { layers: "4C3-8C3-AP2-16C3-16C3-AP2-FC10".into(), bias: true }.into();
    let swapped = MAP.replace("features.3.fwd.module.0", "features.6.fwd.module.0");
    let twice = MAP.replace("features.4.fwd", "features.1.fwd");
    let cases = [
        (&resnet, resnet_19(), "resnet-19.pth", "", "no tensors at the top"),
        (
            &vgg,
            vggsnn(),
            "vggsnn.safetensors",
            "",
            "(bias [16], running_mean [16], running_var [16], weight [16]) could be any of `features.3.fwd.module.1`, `features.4.fwd.module.1`",
        ),
        (
            &vgg,
            wide,
            "vggsnn.pth",
            "",
            "for `convolution4` expected bias [24], weight [24, 16, 3, 3], found `module.features.4.fwd.module.0` with bias [16], weight [16, 16, 3, 3]",
        ),
        (&vgg, short, "vggsnn.pth", "", "for `classifier` expected"),
        (
            &vgg,
            vggsnn(),
            "vggsnn.safetensors",
            &swapped,
            "`features.6.fwd.module.0.weight` for `convolution3.weight`: expected [16, 8, 3, 3], found [32, 16, 3, 3]",
        ),
        (
            &vgg,
            vggsnn(),
            "vggsnn.safetensors",
            &twice,
            "`features.1.fwd.module.0.weight` for `convolution4.weight`: expected [16, 16, 3, 3], found [8, 4, 3, 3]",
        ),
        (
            &vgg,
            vggsnn(),
            "vggsnn.pth",
            "ignore = [\"head\"]",
            "ignores `head`, which the file does not have",
        ),
        (
            &vgg,
            vggsnn(),
            "vggsnn.pth",
            "[names]\n\"convolution9\" = \"x\"",
            "`convolution9`, which is neither a layer nor a parameter",
        ),
        (
            &vgg,
            vggsnn(),
            "vggsnn.pth",
            "[names]\n\"convolution1\" = \"x\"",
            "`x.weight` for `convolution1`, which the file does not have",
        ),
        (
            &vgg,
            vggsnn(),
            "exchange.json",
            "",
            "neither a file of torch.save nor readable safetensors",
        ),
    ];
    let mut visited = 0;
    for (case, architecture, file, map, words) in cases {
        let net = network(case, &architecture)?;
        let before = net.parameters().to_safetensors()?;
        let map = NameMap::parse(map, "map")?;
        let error = match StateDict::read(&golden(file), None) {
            Ok(state) => import(net.parameters(), &state, &map).err(),
            Err(error) => Some(error),
        };
        let error = error.ok_or("accepted")?.to_string();
        assert!(error.contains(file) && error.contains(words), "{file}: {error}");
        assert_eq!(net.parameters().to_safetensors()?, before, "{file}");
        visited += 1;
    }
    assert_eq!(visited, 10);
    Ok(())
}

#[test]
fn a_template_is_a_map_that_imports() -> Checked {
    let case = case("vggsnn")?;
    let net = network(&case, &vggsnn())?;
    let ordered = StateDict::read(&golden("vggsnn.pth"), None)?;
    let text = template(net.parameters(), &ordered);
    import(net.parameters(), &ordered, &NameMap::parse(&text, "template")?)?;
    assert!(difference(&case, &net)? < 1e-4);
    // Without an order it proposes, and says what else fits.
    let text = template(net.parameters(), &StateDict::read(&golden("vggsnn.safetensors"), None)?);
    assert!(text.contains("\"convolution1\" = \"features.0.fwd.module.0\"\n"), "{text}");
    assert!(text.contains("# of features.10.fwd.module.0, features.7.fwd.module.0"), "{text}");
    Ok(())
}
