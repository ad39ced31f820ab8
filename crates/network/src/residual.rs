//! Residual networks whose shortcuts carry currents: ResNet-19 of tdBN and TET.

use candle_core::Tensor;
use candlewick_core::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::block::Currents;
use crate::{
    Architecture, Context, ConvolutionSettings, Features, GlobalAveragePool, Layer, LinearSettings,
    NetworkBuilder, Spiking,
};

/// Convolution, norm, neurons, convolution, norm; plus the shortcut; neurons
/// (tdBN: Zheng et al., AAAI 2021, fig. 3).
#[derive(Debug)]
pub struct BasicBlock {
    first: crate::Block,
    second: Currents,
    shortcut: Option<Currents>,
    spiking: Spiking,
}

impl BasicBlock {
    /// A block at `path` with `channels` outputs; the shortcut is a 1×1 convolution with its own
    /// normalization wherever the shape changes.
    pub fn new(
        builder: &mut NetworkBuilder<'_>,
        path: &str,
        input: Features,
        channels: usize,
        stride: usize,
    ) -> Result<Self> {
        let (_, _, in_channels) = input.map(path)?;
        let first = ConvolutionSettings { stride, ..ConvolutionSettings::same(channels, 3) };
        let first = builder.convolution_block(&format!("{path}.first"), input, first)?;
        let second = builder.branch(
            &format!("{path}.second"),
            first.output(),
            ConvolutionSettings::same(channels, 3),
        )?;
        let shortcut = if stride != 1 || in_channels != channels {
            let settings = ConvolutionSettings { stride, ..ConvolutionSettings::same(channels, 1) };
            Some(builder.branch(&format!("{path}.shortcut"), input, settings)?)
        } else {
            None
        };
        let spiking = builder.spiking(path, second.output())?;
        Ok(Self { first, second, shortcut, spiking })
    }
}

impl Layer for BasicBlock {
    fn forward(&self, x: &Tensor, context: &Context) -> Result<Tensor> {
        let inner = self.first.forward(x, context)?;
        let (mut currents, post) = self.second.forward(&inner, context)?;
        let mut shortcut_post = None;
        match &self.shortcut {
            None => currents = (currents + x)?,
            Some(shortcut) => {
                let (around, post) = shortcut.forward(x, context)?;
                currents = (currents + around)?;
                shortcut_post = post;
            }
        }
        let spikes = self.spiking.forward(&currents, context)?;
        for post in [post, shortcut_post].into_iter().flatten() {
            post.set(&spikes);
        }
        Ok(spikes)
    }

    fn output(&self) -> Features {
        self.spiking.output()
    }

    fn spiking(&self) -> Vec<&Spiking> {
        vec![&self.first.spiking, &self.spiking]
    }
}

/// ResNet-19: stem, stages of 3, 3 and 2 basic blocks with 128, 256 and 512 channels, hidden linear
/// layer (tdBN, sec. 4; code of TET, `models/resnet_models.py`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ResNet19 {
    /// Channels of the stem. Default 64 (code of TET: 12,630,858 parameters for 10 classes); the
    /// text of tdBN has 128.
    pub stem: usize,
    /// Size of the spiking linear layer before the classifier; 0 leaves it out. Default 256.
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
        if !(self.width.is_finite() && self.width > 0.0) {
            return Err(Error::Setting {
                field: "network.resnet-19.width".into(),
                expected: "a number above 0".into(),
                got: self.width.to_string(),
            });
        }
        let scaled = |channels: usize| ((channels as f32 * self.width).round() as usize).max(1);
        let stem = ConvolutionSettings::same(scaled(self.stem), 3);
        let stem = builder.convolution_block("stem", input, stem)?;
        let mut features = stem.output();
        builder.push(stem);
        for (stage, (blocks, channels)) in [(3, 128), (3, 256), (2, 512)].into_iter().enumerate() {
            for block in 0..blocks {
                let stride = if stage > 0 && block == 0 { 2 } else { 1 };
                let path = format!("stage{}.{block}", stage + 1);
                let block = BasicBlock::new(builder, &path, features, scaled(channels), stride)?;
                features = block.output();
                builder.push(block);
            }
            if stage < 2 {
                builder.end_stage(features);
            }
        }
        let pool = GlobalAveragePool::new(features)?;
        features = pool.output();
        builder.push(pool);
        if self.hidden > 0 {
            let hidden = LinearSettings::new(scaled(self.hidden));
            let block = builder.linear_block("hidden", features, hidden)?;
            features = block.output();
            builder.push(block);
        }
        builder.classifier(features, classes)
    }
}
