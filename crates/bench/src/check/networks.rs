//! The networks of `candlewick bench step` on a device, whole or narrow.

use candle_core::Device;
use candlewick_core::Key;
use candlewick_core::parameters::seeded;
use candlewick_experiment::{Recipe, parts};
use candlewick_methods::MethodSettings;
use candlewick_network::{AnyNetwork, Network};
use candlewick_ranks::Shards;

use super::Result;
use super::trainee::Trainee;
use crate::StepBench;
use crate::step::{random_batch, recipe};

/// The networks.
pub(crate) const NETS: [&str; 3] = ["convnet", "resnet-19", "vggsnn"];

/// Factor on the widths of narrow networks.
const NARROW: f32 = 1.0 / 16.0;

/// How large a training step is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Size {
    /// Samples per batch; that of the recipe if absent.
    pub(crate) batch: Option<usize>,
    /// Number of time steps; that of the recipe if absent.
    pub(crate) time_steps: Option<usize>,
    /// Whether the network has a sixteenth of its channels.
    pub(crate) narrow: bool,
}

/// The smallest step that is still one.
pub(crate) const SMALL: Size = Size { batch: Some(2), time_steps: Some(2), narrow: true };

/// The recipe of a network's step.
pub(crate) fn recipe_of(net: &str, size: Size) -> Result<Recipe> {
    let mut recipe = recipe(&StepBench {
        net: net.to_owned(),
        batch: size.batch,
        time_steps: size.time_steps,
        steps: 1,
        infer: false,
        train: true,
        recompute: false,
        weights: None,
        data: None,
        shards: Shards::default(),
    })?;
    if size.narrow {
        match &mut recipe.network {
            AnyNetwork::ResNet19(net) => net.width = NARROW,
            AnyNetwork::VggSnn(net) => net.width = NARROW,
            AnyNetwork::Spec(net) => net.layers = "4C3-8C3-AP2-16C3-AP2-16C3-GAP-FC10".into(),
            _ => {}
        }
    }
    Ok(recipe)
}

/// What trains that network on a device.
pub(crate) fn trainee(
    net: &str,
    size: Size,
    methods: &MethodSettings,
    device: &Device,
) -> Result<Trainee> {
    let mut recipe = recipe_of(net, size)?;
    recipe.methods = methods.clone();
    let (features, batch) = random_batch(&recipe, net)?;
    let methods = recipe.training_methods();
    let builder = seeded(device, Key::new(recipe.seed));
    let network = Network::new(&*recipe.network, &parts(&recipe), &methods, features, 10, builder)?;
    Trainee::new(network, methods, batch, &recipe.train, device)
}
