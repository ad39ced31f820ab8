//! The residual networks of the papers.

use candlewick_core::initializer::Initializer;
use candlewick_core::{Error, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::width::scaling;
use crate::{
    Architecture, AveragePool, BasicBlock, Connect, ConvolutionSettings, Features,
    GlobalAveragePool, Layer, LinearSettings, MaxPool, NetworkBuilder, Pooling, ResidualSettings,
    SewBlock,
};

/// ResNet-19: stem, stages of 3, 3 and 2 basic blocks with 128, 256 and 512 channels, hidden linear
/// layer (tdBN, sec. 4; code of TET, `models/resnet_models.py`).
///
/// ```
/// use candlewick_core::parameters::counting;
/// use candlewick_network::{Features, Network, ResNet19};
///
/// let (builder, _) = counting(); // shapes without parameters
/// let image = Features::Map { height: 32, width: 32, channels: 3 };
/// let network = Network::of(ResNet19::default()).build(image, 10, builder)?;
/// assert_eq!(network.spiking().len(), 18); // stem, two per block, hidden layer
/// # Ok::<(), candlewick_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ResNet19 {
    /// Channels of the stem. Default 64 (code of TET: 12,630,858 parameters for 10 classes); 128 in
    /// the code of MPBN (`models/resnet.py`).
    pub stem: usize,
    /// Size of the spiking linear layer before the classifier; 0 leaves it out, as MPBN does.
    /// Default 256.
    pub hidden: usize,
    /// Multiplies all widths, for tests and small machines. Default 1.
    pub width: f32,
}

impl Default for ResNet19 {
    fn default() -> Self {
        Self { stem: 64, hidden: 256, width: 1.0 }
    }
}

impl Architecture for ResNet19 {
    fn build(
        &self,
        builder: &mut NetworkBuilder<'_>,
        input: Features,
        classes: usize,
    ) -> Result<()> {
        let scaled = scaling("resnet-19", self.width)?;
        let stem = ConvolutionSettings::same(scaled(self.stem), 3);
        let features = builder.add(|builder| builder.convolution_block("stem", input, stem))?;
        let plan = [(3, scaled(128)), (3, scaled(256)), (2, scaled(512))];
        let features = stages(builder, features, &plan, |builder, path, features, settings, _| {
            BasicBlock::new(builder, path, features, settings)
        })?;
        let mut features = builder.add(|_| GlobalAveragePool::new(features))?;
        if self.hidden > 0 {
            let hidden = LinearSettings::new(scaled(self.hidden));
            features = builder.add(|builder| builder.linear_block("hidden", features, hidden))?;
        }
        builder.classifier(features, classes)
    }
}

/// What comes before the first stage of a residual network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Stem {
    /// A 3×3 convolution of stride 1.
    Cifar,
    /// A 7×7 convolution of stride 2, and pooling of 3×3 with stride 2 and padding 1.
    Imagenet,
}

impl Stem {
    /// Adds the stem with its normalization, neurons and pooling.
    fn build(
        self,
        builder: &mut NetworkBuilder<'_>,
        input: Features,
        channels: usize,
        pooling: Pooling,
    ) -> Result<Features> {
        let settings = match self {
            Self::Cifar => ConvolutionSettings::same(channels, 3),
            Self::Imagenet => {
                ConvolutionSettings { stride: 2, ..ConvolutionSettings::same(channels, 7) }
            }
        };
        let features = builder.add(|builder| builder.convolution_block("stem", input, settings))?;
        match (self, pooling) {
            (Self::Cifar, _) => Ok(features),
            (Self::Imagenet, Pooling::Average) => {
                builder.add(|_| AveragePool::strided(features, 3, 2, 1))
            }
            (Self::Imagenet, Pooling::Max) => builder.add(|_| MaxPool::strided(features, 3, 2, 1)),
        }
    }
}

/// ResNet-18 or ResNet-34 of basic blocks, with neurons behind the sums: stages of 64, 128, 256 and
/// 512 channels (He et al., CVPR 2016, arXiv:1512.03385, table 1). With depth 34 and the `ImageNet`
/// stem it is the Spiking-ResNet-34 that TET and others train.
///
/// ```
/// use candlewick_core::parameters::counting;
/// use candlewick_network::{Features, Network, ResNet};
///
/// let (builder, _) = counting(); // shapes without parameters
/// let image = Features::Map { height: 32, width: 32, channels: 3 };
/// let network = Network::of(ResNet { depth: 34, ..ResNet::default() }).build(image, 10, builder)?;
/// assert_eq!(network.spiking().len(), 33); // stem, two per block
/// # Ok::<(), candlewick_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ResNet {
    /// 18 (2, 2, 2, 2 blocks) or 34 (3, 4, 6, 3 blocks). Default 18.
    pub depth: usize,
    /// What comes before the first stage. Default `cifar`; MSG has `imagenet` on all data.
    pub stem: Stem,
    /// Pooling of the stem `imagenet`, and of no other. Default `average` (code of MSG,
    /// `model/resnet.py`, and of MPBN).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stem_pool: Option<Pooling>,
    /// Multiplies all widths, for tests and small machines. Default 1.
    pub width: f32,
}

impl Default for ResNet {
    fn default() -> Self {
        Self { depth: 18, stem: Stem::Cifar, stem_pool: None, width: 1.0 }
    }
}

impl Architecture for ResNet {
    fn build(
        &self,
        builder: &mut NetworkBuilder<'_>,
        input: Features,
        classes: usize,
    ) -> Result<()> {
        let scaled = scaling("resnet", self.width)?;
        let blocks = blocks_of_four("resnet", self.depth)?;
        let pooling = stem_pool("resnet", self.stem, self.stem_pool, Pooling::Average)?;
        let features = self.stem.build(builder, input, scaled(64), pooling)?;
        let plan = [64, 128, 256, 512].map(scaled);
        let plan: Vec<_> = blocks.into_iter().zip(plan).collect();
        let features = stages(builder, features, &plan, |builder, path, features, settings, _| {
            BasicBlock::new(builder, path, features, settings)
        })?;
        head(builder, features, classes)
    }
}

/// SEW-ResNet-18 or SEW-ResNet-34: spike-element-wise blocks in stages of 64, 128, 256 and 512
/// channels (Fang et al., `NeurIPS` 2021, arXiv:2102.04159).
///
/// ```
/// use candlewick_core::parameters::counting;
/// use candlewick_network::{Connect, Features, Network, SewResNet};
///
/// let (builder, _) = counting(); // shapes without parameters
/// let image = Features::Map { height: 32, width: 32, channels: 3 };
/// let network = Network::of(SewResNet { connect: Connect::Iand, ..SewResNet::default() }).build(image, 10, builder)?;
/// assert_eq!(network.spiking().len(), 20); // stem, two per block, three shortcuts
/// # Ok::<(), candlewick_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SewResNet {
    /// 18 (2, 2, 2, 2 blocks) or 34 (3, 4, 6, 3 blocks). Default 18.
    pub depth: usize,
    /// How the two branches of a block are joined. Default `add`, that of the paper's results.
    pub connect: Connect,
    /// What comes before the first stage. Default `imagenet`.
    pub stem: Stem,
    /// Pooling of the stem `imagenet`, and of no other. Default `max`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stem_pool: Option<Pooling>,
    /// Multiplies all widths, for tests and small machines. Default 1.
    pub width: f32,
}

impl Default for SewResNet {
    fn default() -> Self {
        let connect = Connect::default();
        Self { depth: 18, connect, stem: Stem::Imagenet, stem_pool: None, width: 1.0 }
    }
}

impl Architecture for SewResNet {
    fn build(
        &self,
        builder: &mut NetworkBuilder<'_>,
        input: Features,
        classes: usize,
    ) -> Result<()> {
        let scaled = scaling("sew-resnet", self.width)?;
        let blocks = blocks_of_four("sew-resnet", self.depth)?;
        let pooling = stem_pool("sew-resnet", self.stem, self.stem_pool, Pooling::Max)?;
        let features = self.stem.build(builder, input, scaled(64), pooling)?;
        let plan = [64, 128, 256, 512].map(scaled);
        let plan: Vec<_> = blocks.into_iter().zip(plan).collect();
        let features = stages(builder, features, &plan, |builder, path, features, settings, _| {
            SewBlock::new(builder, path, features, settings, self.connect)
        })?;
        head(builder, features, classes)
    }
}

/// The wide ResNet-20 or ResNet-32 of gradient scaling: a stem of 64 channels, and basic blocks in
/// stages of 64, 128 and 256 channels (code of its first author, `TensorFlow-SNNs`,
/// `models/resnet.py`). The first block of each stage has a convolution as its shortcut, that of the
/// first stage too. Weights start as U(±√(6 / (`fan_in` + `fan_out`))).
///
/// ```
/// use candlewick_core::parameters::counting;
/// use candlewick_network::{Features, Network, WideResNet};
///
/// let (builder, _) = counting(); // shapes without parameters
/// let image = Features::Map { height: 32, width: 32, channels: 3 };
/// let network = Network::of(WideResNet::default()).build(image, 10, builder)?;
/// assert_eq!(network.spiking().len(), 19); // stem, two per block
/// # Ok::<(), candlewick_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WideResNet {
    /// 20 (3, 3, 3 blocks) or 32 (5, 5, 5 blocks). Default 20.
    pub depth: usize,
    /// Multiplies all widths, for tests and small machines. Default 1.
    pub width: f32,
}

impl Default for WideResNet {
    fn default() -> Self {
        Self { depth: 20, width: 1.0 }
    }
}

impl Architecture for WideResNet {
    fn build(
        &self,
        builder: &mut NetworkBuilder<'_>,
        input: Features,
        classes: usize,
    ) -> Result<()> {
        let scaled = scaling("wide-resnet", self.width)?;
        let blocks = match self.depth {
            20 => 3,
            32 => 5,
            depth => return Err(wrong_depth("wide-resnet", "20 or 32", depth)),
        };
        let initializer = Initializer::XavierUniform;
        let stem = ConvolutionSettings { initializer, ..ConvolutionSettings::same(scaled(64), 3) };
        let features = builder.add(|builder| builder.convolution_block("stem", input, stem))?;
        let plan = [64, 128, 256].map(|channels| (blocks, scaled(channels)));
        let features =
            stages(builder, features, &plan, |builder, path, features, settings, first| {
                let settings = ResidualSettings { project: first, initializer, ..settings };
                BasicBlock::new(builder, path, features, settings)
            })?;
        head(builder, features, classes)
    }
}

/// Adds stages of residual blocks, given by their number and channels; each but the first starts
/// with a stride of 2. `block` is told whether a block is the first of its stage.
fn stages<L: Layer + 'static>(
    builder: &mut NetworkBuilder<'_>,
    mut features: Features,
    plan: &[(usize, usize)],
    block: impl Fn(&mut NetworkBuilder<'_>, &str, Features, ResidualSettings, bool) -> Result<L>,
) -> Result<Features> {
    for (stage, &(blocks, channels)) in plan.iter().enumerate() {
        for number in 0..blocks {
            let first = number == 0;
            let stride = if stage > 0 && first { 2 } else { 1 };
            let settings = ResidualSettings::new(channels, stride);
            let path = format!("stage{}.{number}", stage + 1);
            features = builder.add(|builder| block(builder, &path, features, settings, first))?;
        }
        if stage + 1 < plan.len() {
            builder.end_stage(features);
        }
    }
    Ok(features)
}

/// Adds global average pooling and the classifier.
fn head(builder: &mut NetworkBuilder<'_>, features: Features, classes: usize) -> Result<()> {
    let features = builder.add(|_| GlobalAveragePool::new(features))?;
    builder.classifier(features, classes)
}

/// Blocks of the four stages.
fn blocks_of_four(network: &str, depth: usize) -> Result<[usize; 4]> {
    match depth {
        18 => Ok([2, 2, 2, 2]),
        34 => Ok([3, 4, 6, 3]),
        _ => Err(wrong_depth(network, "18 or 34", depth)),
    }
}

fn wrong_depth(network: &str, expected: &str, depth: usize) -> Error {
    Error::Setting {
        field: format!("network.{network}.depth"),
        expected: expected.into(),
        got: depth.to_string(),
    }
}

/// The pooling of a stem.
fn stem_pool(
    network: &str,
    stem: Stem,
    given: Option<Pooling>,
    default: Pooling,
) -> Result<Pooling> {
    match (stem, given) {
        (Stem::Cifar, Some(_)) => Err(Error::Setting {
            field: format!("network.{network}.stem_pool"),
            expected: "nothing, as the stem `cifar` has no pooling".into(),
            got: "a pooling".into(),
        }),
        _ => Ok(given.unwrap_or(default)),
    }
}
