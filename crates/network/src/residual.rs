//! The residual block whose shortcut carries currents, with neurons after the sum.

use candlewick_core::Result;
use candlewick_core::initializer::Initializer;

use crate::block::Currents;
use crate::layer::Backward;
use crate::spiking::Summand;
use crate::{
    Array, ConvolutionSettings, Features, Layer, NetworkBuilder, Pass, Signal, Spiking,
    SynapseObservation,
};

/// Settings of a residual block.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ResidualSettings {
    /// Output channels.
    pub channels: usize,
    /// Stride of the first convolution and of the shortcut.
    pub stride: usize,
    /// Whether the shortcut is a convolution even where the shape stays.
    pub project: bool,
    /// How the weights start.
    pub initializer: Initializer,
}

impl ResidualSettings {
    /// A block whose shortcut is a convolution only where the shape changes, starting as the
    /// networks of TET do.
    pub fn new(channels: usize, stride: usize) -> Self {
        let initializer = ConvolutionSettings::same(channels, 3).initializer;
        Self { channels, stride, project: false, initializer }
    }

    /// The first convolution.
    pub(crate) fn first(&self) -> ConvolutionSettings {
        ConvolutionSettings { stride: self.stride, ..self.second() }
    }

    /// The second convolution.
    pub(crate) fn second(&self) -> ConvolutionSettings {
        let initializer = self.initializer;
        ConvolutionSettings { initializer, ..ConvolutionSettings::same(self.channels, 3) }
    }

    /// The convolution of the shortcut, 1×1; `None` where the input is added as it is.
    pub(crate) fn shortcut(&self, in_channels: usize) -> Option<ConvolutionSettings> {
        let Self { channels, stride, project, initializer } = *self;
        let needed = project || stride != 1 || in_channels != channels;
        let settings = ConvolutionSettings::same(channels, 1);
        needed.then_some(ConvolutionSettings { stride, initializer, ..settings })
    }
}

/// The residual block whose shortcut carries currents (tdBN: Zheng et al., AAAI 2021, fig. 3):
///
/// ```text
/// y = SN(BN(conv(SN(BN(conv(x))))) + shortcut(x)),   shortcut(x) = x, or BN(conv1×1(x)) where the shape changes
/// ```
///
/// with 3×3 convolutions and neurons SN: `[T, B, H, W, C]` to spikes `[T, B, H', W', C']`.
/// [`ResNet`](crate::ResNet) and [`ResNet19`](crate::ResNet19) are made of it.
#[derive(Debug)]
pub struct BasicBlock {
    first: crate::Block,
    second: Currents,
    shortcut: Option<Currents>,
    spiking: Spiking,
}

impl BasicBlock {
    /// A block at `path`; the shortcut is a 1×1 convolution with its own normalization wherever the
    /// shape changes.
    ///
    /// # Errors
    /// If `input` is not a map.
    pub fn new(
        builder: &mut NetworkBuilder<'_>,
        path: &str,
        input: Features,
        settings: ResidualSettings,
    ) -> Result<Self> {
        let (_, _, in_channels) = input.map(path)?;
        let first = builder.convolution_block(&format!("{path}.first"), input, settings.first())?;
        let second =
            builder.branch(&format!("{path}.second"), first.output(), settings.second())?;
        let shortcut = settings
            .shortcut(in_channels)
            .map(|settings| builder.branch(&format!("{path}.shortcut"), input, settings))
            .transpose()?;
        let meeting = [Some(&second), shortcut.as_ref()];
        let gammas: Vec<_> = meeting.into_iter().flatten().filter_map(Currents::gamma).collect();
        let spiking = builder.spiking(path, second.output(), &gammas)?;
        Ok(Self { first, second, shortcut, spiking })
    }
}

impl Layer for BasicBlock {
    fn run(&self, x: Signal, pass: &Pass) -> Result<(Signal, Option<Backward>)> {
        // The sum needs both branches at every step.
        let (x, repeated) = x.at_every_step(pass)?;
        let (inner, first) = self.first.run(x.clone(), pass)?;
        let (second, second_backward) = self.second.run(&inner, pass)?;
        let (around, shortcut) = match &self.shortcut {
            None => (Summand::as_it_is(&x, pass), None),
            Some(shortcut) => shortcut.run(&x, pass)?,
        };
        let (spikes, neurons) = self.spiking.drive(vec![second, around], pass)?;
        let (Some(first), Some(second), Some(neurons)) = (first, second_backward, neurons) else {
            return Ok((spikes, None));
        };
        let post = self.second.rule.is_some().then(|| spikes.clone());
        let (needed, steps) = (x.gradient, pass.context.time_steps);
        let backward: Backward = Box::new(move |gradient, found| {
            let of_sum = neurons(gradient, found)?;
            let copy = of_sum.copy();
            let around = match shortcut {
                None => Some(of_sum).filter(|_| needed),
                Some(shortcut) => shortcut(of_sum, post.as_ref(), found)?,
            };
            let through = match second(copy, post.as_ref(), found)? {
                Some(of_inner) => first(of_inner, found)?,
                None => None,
            };
            let sum = Array::sum(through, around)?;
            sum.map(|sum| if repeated { sum.over_time(steps) } else { Ok(sum) }).transpose()
        });
        Ok((spikes, Some(backward)))
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
