//! Loss, firing rates and gradients of the networks that peers are compared by, and of a small ResNet-18
//! and SEW-ResNet-18, against PyTorch: golden values of `golden/nets.py`, which computes the same weights
//! and the same batch by the same formula.

use std::collections::BTreeMap;
use std::error::Error;

use candle_core::{Device, Tensor};
use candlewick_core::Key;
use candlewick_core::parameters::seeded;
use candlewick_device::{Counts, pretend};
use candlewick_experiment::{RawRecipe, Recipe, parts};
use candlewick_methods::Moment;
use candlewick_network::{Context, Features, Network};
use serde::Deserialize;

type Checked = Result<(), Box<dyn Error>>;

const GOLDEN: &str = include_str!("../golden/nets.json");

/// What the script wrote.
#[derive(Deserialize)]
struct Golden {
    cases: Vec<Case>,
}

/// A network on a batch.
#[derive(Deserialize)]
struct Case {
    name: String,
    net: String,
    seed: u64,
    time_steps: usize,
    samples: usize,
    side: usize,
    loss: f64,
    firing_rates: BTreeMap<String, f64>,
    gradients: BTreeMap<String, Gradient>,
}

/// A gradient, as its norm and its products with vectors of signs.
#[derive(Deserialize)]
struct Gradient {
    norm: f64,
    products: Vec<f64>,
}

fn recipe(net: &str) -> Result<Recipe, Box<dyn Error>> {
    let resnet_19 = include_str!("../steps/resnet-19.toml");
    let with = |network: &str| resnet_19.replace("[network.resnet-19]", network);
    let text = match net {
        "convnet" => include_str!("../steps/convnet.toml").to_owned(),
        "resnet-18" => with("[network.resnet]\nstem = \"imagenet\"\nwidth = 0.125"),
        "resnet-19" => resnet_19.to_owned(),
        "sew-resnet-18" => with("[network.sew-resnet]\nwidth = 0.125"),
        "vggsnn" => include_str!("../steps/vggsnn.toml").to_owned(),
        _ => return Err(format!("no recipe for {net}").into()),
    };
    Ok(RawRecipe::parse(&text, net)?.resolve(net)?)
}

/// 64 bits for each index: of FNV-1a of seed and name, and of the index by splitmix64.
fn hashes(seed: u64, name: &str) -> impl Iterator<Item = u64> {
    let start = format!("{seed}/{name}").bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    (1_u64..).map(move |index| {
        let mut x = start.wrapping_add(index.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    })
}

fn uniform(seed: u64, name: &str) -> impl Iterator<Item = f64> {
    hashes(seed, name).map(|hash| (hash >> 11) as f64 * 2.0_f64.powi(-53))
}

fn signs(number: u64, name: &str) -> impl Iterator<Item = f64> {
    hashes(number, name).map(|hash| if hash >> 63 == 1 { -1.0 } else { 1.0 })
}

/// The values of a parameter.
fn values(seed: u64, name: &str, dims: &[usize]) -> Result<Tensor, Box<dyn Error>> {
    let fan_in: usize = dims[..dims.len() - 1].iter().product();
    let gain = if name.starts_with("hidden") { 40.0 } else { 1.0 };
    let bound = gain * (fan_in as f64).powf(-0.5);
    let (low, high) = match name.rsplit('.').next() {
        Some("weight") => (-bound, bound),
        Some("bias") => (-0.1, 0.1),
        Some("gamma") => (0.75, 1.25),
        Some("beta") => (0.0, 0.5),
        _ => return Err(format!("no values for {name}").into()),
    };
    let values: Vec<f32> = uniform(seed, name)
        .take(dims.iter().product())
        .map(|u| (low + (high - low) * u) as f32)
        .collect();
    Ok(Tensor::from_vec(values, dims, &Device::Cpu)?)
}

/// Input and labels.
fn batch(case: &Case) -> Result<(Features, Tensor, Tensor), Box<dyn Error>> {
    let events = case.net == "vggsnn";
    let (time, channels) = if events { (case.time_steps, 2) } else { (1, 3) };
    let value = |u: f64| {
        if events {
            f32::from(u8::from(u >= 0.75) + u8::from(u >= 0.95))
        } else {
            (4.0 * u - 2.0) as f32
        }
    };
    let dims = (time, case.samples, case.side, case.side, channels);
    let count = time * case.samples * case.side * case.side * channels;
    let input: Vec<f32> = uniform(case.seed, "batch").take(count).map(value).collect();
    let labels: Vec<u32> = (0..case.samples as u32).map(|sample| (3 * sample + 1) % 10).collect();
    let features = Features::Map { height: case.side, width: case.side, channels };
    let labels = Tensor::from_vec(labels, case.samples, &Device::Cpu)?;
    Ok((features, Tensor::from_vec(input, dims, &Device::Cpu)?, labels))
}

/// Rounding makes differences of 1e-7 of the loss and 2e-5 of a gradient; a single spike that rounding
/// decides otherwise can change the loss of the deep networks by a hundredth.
fn check(case: &Case) -> Checked {
    let name = &case.name;
    let recipe = recipe(&case.net)?;
    let (features, input, labels) = batch(case)?;
    let methods = recipe.training_methods();
    let builder = seeded(&Device::Cpu, Key::new(1));
    let parts = parts(&recipe);
    let network = Network::new(&*recipe.network, &parts, &methods, features, 10, builder)?;
    for entry in network.parameters().learned() {
        entry.variable.set(&values(case.seed, &entry.name, entry.variable.dims())?)?;
    }
    let context = Context::training(case.time_steps, Key::new(1));
    let outputs = network.forward(&input, &context)?;
    let moment = Moment { epoch: 0, step: 0, progress: 0.0, training: true };
    let loss = methods.loss(&outputs, &labels, &moment)?;
    let value = f64::from(loss.to_scalar::<f32>()?);
    let difference = (value - case.loss).abs() / case.loss;
    assert!(difference <= 1e-5, "{name}: loss {value} instead of {}", case.loss);

    let store = loss.backward()?;
    let observations = network.take_observations();
    assert_eq!(observations.len(), case.firing_rates.len(), "{name}");
    for layer in observations {
        let rate = layer.counts.spikes as f64 / layer.counts.elements as f64;
        let expected = case.firing_rates[&layer.name];
        assert!((rate - expected).abs() <= 1e-3, "{name}, {}: {rate} of {expected}", layer.name);
        assert!(rate > 0.01, "{name}, {} is silent", layer.name);
    }

    let total: f64 = case.gradients.values().map(|gradient| gradient.norm.powi(2)).sum();
    let mut visited = 0;
    for entry in network.parameters().learned() {
        let expected = &case.gradients[&entry.name];
        let gradient = store.get(&entry.variable).ok_or("no gradient")?.flatten_all()?;
        let gradient: Vec<f32> = gradient.to_vec1()?;
        let norm = gradient.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt();
        // The mean square of the products of a vector with signs is its squared norm.
        let mut square = 0.0;
        for (number, expected) in expected.products.iter().enumerate() {
            let signs = signs(number as u64, &entry.name);
            let product: f64 =
                gradient.iter().zip(signs).map(|(&g, sign)| f64::from(g) * sign).sum();
            square += (product - expected).powi(2) / 8.0;
        }
        let difference = square.sqrt().max((norm - expected.norm).abs());
        // Normalization takes the bias of a convolution away: its gradient is rounding.
        let floor = 1e-7 * total.sqrt();
        assert!(
            difference <= 1e-3 * expected.norm + floor,
            "{name}, {}: {difference:e} of {:e}",
            entry.name,
            expected.norm,
        );
        assert_eq!(expected.products.len(), 8);
        visited += 1;
    }
    assert_eq!(visited, case.gradients.len(), "{name}");
    Ok(())
}

fn check_named(name: &str, parameters: usize) -> Checked {
    let golden: Golden = serde_json::from_str(GOLDEN)?;
    let case = golden.cases.iter().find(|case| case.name == name).ok_or("no such case")?;
    assert_eq!(case.gradients.len(), parameters);
    check(case)?;
    // The kernels for devices, which are compiled for the host.
    pretend(|| check(case))
}

/// Forward and backward pass of a network as on a device, without loss and update: what the second of two
/// passes launches.
fn launches(name: &str) -> Result<Counts, Box<dyn Error>> {
    let golden: Golden = serde_json::from_str(GOLDEN)?;
    let case = golden.cases.iter().find(|case| case.name == name).ok_or("no such case")?;
    let recipe = recipe(&case.net)?;
    let (features, input, _) = batch(case)?;
    let methods = recipe.training_methods();
    let builder = seeded(&Device::Cpu, Key::new(1));
    let network = Network::new(&*recipe.network, &parts(&recipe), &methods, features, 10, builder)?;
    let context = Context::training(case.time_steps, Key::new(1));
    let mut before = network.device_counts();
    for pass in 0..2 {
        before = network.device_counts();
        network.forward(&input, &context)?.logits.sum_all()?.backward()?;
        assert!(pass > 0 || network.device_counts().launches > 0);
    }
    Ok(network.device_counts() - before)
}

/// Number of learned parameters of a net.
fn parameters(name: &str) -> Result<u64, Box<dyn Error>> {
    let golden: Golden = serde_json::from_str(GOLDEN)?;
    let case = golden.cases.iter().find(|case| case.name == name).ok_or("no such case")?;
    Ok(case.gradients.len() as u64)
}

#[test]
fn a_pass_on_a_device_is_a_few_launches_and_never_waits() -> Checked {
    let mut visited = 0;
    for (name, most) in [("convnet", 60), ("resnet-19", 270), ("vggsnn", 140)] {
        let counts = pretend(|| launches(name))?;
        println!("{name}, forward and backward: {counts:?}");
        assert!(counts.launches + counts.products <= most, "{name}: {counts:?}");
        assert_eq!(counts.reads, 0, "{name}: {counts:?}");
        // What leaves to candle's graph: the gradient of each parameter, and the logits.
        assert!(counts.allocations <= parameters(name)? + 1, "{name}: {counts:?}");
        visited += 1;
    }
    assert_eq!(visited, 3);
    Ok(())
}

// Parameters: three per convolution, with bias four, and two per linear layer.

#[test]
fn the_convolutional_net_is_that_of_pytorch() -> Checked {
    check_named("convnet", 4 * 3 + 2)
}

#[test]
fn resnet_19_is_that_of_pytorch() -> Checked {
    check_named("resnet-19", (1 + 16 + 3) * 3 + 4)
}

#[test]
fn resnet_18_is_that_of_pytorch() -> Checked {
    check_named("resnet-18", (1 + 16 + 3) * 3 + 2)
}

#[test]
fn sew_resnet_18_is_that_of_pytorch() -> Checked {
    check_named("sew-resnet-18", (1 + 16 + 3) * 3 + 2)
}

#[test]
fn vggsnn_is_that_of_pytorch() -> Checked {
    check_named("vggsnn", 8 * 4 + 2)
}

#[test]
fn the_convolutional_net_is_that_of_pytorch_at_the_size_of_the_step() -> Checked {
    check_named("convnet of the step", 4 * 3 + 2)
}
