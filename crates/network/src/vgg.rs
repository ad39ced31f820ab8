//! The plain convolutional networks of the papers.

use candlewick_core::initializer::Initializer;
use candlewick_core::{Error, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::spec::Chain;
use crate::{Architecture, Features, NetworkBuilder, Pooling};

/// VGGSNN of TET (code, `models/VGG_models.py`), for event frames of 48×48: eight convolutions,
/// average pooling, one linear layer; 9,271,498 parameters for 2 input channels and 10 classes.
///
/// ```
/// use candlewick_core::parameters::counting;
/// use candlewick_network::{Features, Network, VggSnn};
///
/// let (builder, _) = counting(); // shapes without parameters
/// let frames = Features::Map { height: 48, width: 48, channels: 2 };
/// let network = Network::of(VggSnn::default()).build(frames, 10, builder)?;
/// assert_eq!(network.spiking().len(), 8); // one per convolution
/// # Ok::<(), candlewick_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct VggSnn {
    /// Whether maps are halved by average pooling; without, by a stride of 2 of the convolution that
    /// would stand before it (`VGGSNNwoAP` of TET). Default true.
    pub pooling: bool,
    /// Whether convolutions have a bias. Default true (TET); MSG has none.
    pub bias: bool,
    /// Multiplies all widths, for tests and small machines. Default 1.
    pub width: f32,
}

impl Default for VggSnn {
    fn default() -> Self {
        Self { pooling: true, bias: true, width: 1.0 }
    }
}

impl Architecture for VggSnn {
    fn build(
        &self,
        builder: &mut NetworkBuilder<'_>,
        input: Features,
        classes: usize,
    ) -> Result<()> {
        let halved = if self.pooling { "-AP2" } else { "S2" };
        let layers = format!(
            "64C3-128C3{halved}-256C3-256C3{halved}-512C3-512C3{halved}-512C3-512C3{halved}\
             -FC{classes}"
        );
        let chain = Chain { bias: self.bias, width: self.width, ..Chain::new("vggsnn", &layers) };
        chain.build(builder, input, classes)
    }
}

/// `CIFARNet` of MSG (code, `model/convnet.py`, `CIFARConvNet`): eight convolutions without bias,
/// average pooling, one linear layer. Weights start as PyTorch's.
///
/// ```
/// use candlewick_core::parameters::counting;
/// use candlewick_network::{CifarNet, Features, Network};
///
/// let (builder, _) = counting(); // shapes without parameters
/// let image = Features::Map { height: 32, width: 32, channels: 3 };
/// let network = Network::of(CifarNet::default()).build(image, 10, builder)?;
/// assert_eq!(network.spiking().len(), 8); // one per convolution
/// # Ok::<(), candlewick_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CifarNet {
    /// Multiplies all widths, for tests and small machines. Default 1.
    pub width: f32,
}

impl Default for CifarNet {
    fn default() -> Self {
        Self { width: 1.0 }
    }
}

impl Architecture for CifarNet {
    fn build(
        &self,
        builder: &mut NetworkBuilder<'_>,
        input: Features,
        classes: usize,
    ) -> Result<()> {
        let layers = format!(
            "256C3-256C3-AP2-256C3-256C3-AP2-512C3-512C3-AP2-1024C3-1024C3-GAP-FC{classes}"
        );
        let initializer = Initializer::FanInUniform;
        let chain = Chain { initializer, width: self.width, ..Chain::new("cifarnet", &layers) };
        chain.build(builder, input, classes)
    }
}

/// VGG-11 or VGG-16 as gradient scaling has it for CIFAR (code of its first author,
/// `TensorFlow-SNNs`, `models/vgg16_func.py`): convolutions without bias, pooling after each of five
/// groups, two spiking linear layers of 512 with normalization (Simonyan and Zisserman,
/// arXiv:1409.1556, table 1, have larger ones, and none). Weights start as
/// U(±√(6 / (`fan_in` + `fan_out`))).
///
/// ```
/// use candlewick_core::parameters::counting;
/// use candlewick_network::{Features, Network, Vgg};
///
/// let (builder, _) = counting(); // shapes without parameters
/// let image = Features::Map { height: 32, width: 32, channels: 3 };
/// let network = Network::of(Vgg { depth: 11, ..Vgg::default() }).build(image, 10, builder)?;
/// assert_eq!(network.spiking().len(), 10); // eight convolutions, two linear layers
/// # Ok::<(), candlewick_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Vgg {
    /// 11 or 16. Default 16.
    pub depth: usize,
    /// How windows of 2×2 are pooled. Default `max`.
    pub pool: Pooling,
    /// Multiplies all widths, for tests and small machines. Default 1.
    pub width: f32,
}

impl Default for Vgg {
    fn default() -> Self {
        Self { depth: 16, pool: Pooling::Max, width: 1.0 }
    }
}

impl Architecture for Vgg {
    fn build(
        &self,
        builder: &mut NetworkBuilder<'_>,
        input: Features,
        classes: usize,
    ) -> Result<()> {
        let groups: &[&[usize]] = match self.depth {
            11 => &[&[64], &[128], &[256; 2], &[512; 2], &[512; 2]],
            16 => &[&[64; 2], &[128; 2], &[256; 3], &[512; 3], &[512; 3]],
            depth => {
                return Err(Error::Setting {
                    field: "network.vgg.depth".into(),
                    expected: "11 or 16".into(),
                    got: depth.to_string(),
                });
            }
        };
        let pool = match self.pool {
            Pooling::Average => "AP2",
            Pooling::Max => "MP2",
        };
        let mut tokens = Vec::new();
        for group in groups {
            tokens.extend(group.iter().map(|channels| format!("{channels}C3")));
            tokens.push(pool.into());
        }
        tokens.extend(["FC512".into(), "FC512".into(), format!("FC{classes}")]);
        let layers = tokens.join("-");
        let chain = Chain {
            initializer: Initializer::XavierUniform,
            normalize_linear: true,
            width: self.width,
            ..Chain::new("vgg", &layers)
        };
        chain.build(builder, input, classes)
    }
}
