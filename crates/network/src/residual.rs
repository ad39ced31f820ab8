//! Residual networks whose shortcuts carry currents: ResNet-19 of tdBN and TET.

use candle_core::Tensor;
use candlewick_core::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::block::Currents;
use crate::buffer::add;
use crate::signal::{Pass, Pull, Signal};
use crate::spiking::Part;
use crate::{
    Architecture, Context, ConvolutionSettings, Features, GlobalAveragePool, Layer, LinearSettings,
    NetworkBuilder, Spiking, SynapseObservation,
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
        let currents = self.second.forward(&inner, context)?;
        let currents = match &self.shortcut {
            None => (currents + x)?,
            Some(shortcut) => (currents + shortcut.forward(x, context)?)?,
        };
        self.spiking.forward(&currents, context)
    }

    fn run(&self, x: Signal, pass: &Pass) -> Result<(Signal, Option<Pull>)> {
        // The sum needs both branches at every step.
        let x = x.at_every_step(pass);
        let (inner, first) = self.first.run(x.clone(), pass)?;
        let (second, second_pull) = self.second.run(&inner, pass)?;
        let (around, shortcut) = match &self.shortcut {
            None => (Part::as_it_is(&x, pass), None),
            Some(shortcut) => {
                let (drive, pull) = shortcut.run(&x, pass)?;
                (Part::of(drive), pull)
            }
        };
        let (spikes, neurons) = self.spiking.drive(vec![Part::of(second), around], pass)?;
        let (Some(first), Some(second), Some(neurons)) = (first, second_pull, neurons) else {
            return Ok((spikes, None));
        };
        let post = self.second.rule.is_some().then(|| spikes.clone());
        let pool = pass.pool.clone();
        let needed = x.gradient;
        let pull: Pull = Box::new(move |gradient, filed| {
            let by_sum = neurons(gradient, filed)?;
            let mut copy = pool.take(by_sum.len());
            copy.copy_from_slice(&by_sum);
            let around = match shortcut {
                None => Some(by_sum).filter(|_| needed),
                Some(shortcut) => shortcut(by_sum, post.as_ref(), filed)?,
            };
            let Some(by_inner) = second(copy, post.as_ref(), filed)? else {
                return Ok(around);
            };
            let through = first(by_inner, filed)?;
            Ok(match (through, around) {
                (Some(mut sum), Some(other)) => {
                    add(&mut sum, &other);
                    Some(sum)
                }
                (one, other) => one.or(other),
            })
        });
        Ok((spikes, Some(pull)))
    }

    fn output(&self) -> Features {
        self.spiking.output()
    }

    fn synapses(&self) -> Vec<SynapseObservation> {
        let mut all = self.first.synapses();
        all.push(self.second.observe());
        all.extend(self.shortcut.as_ref().map(Currents::observe));
        all
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
