//! The networks by name.

use candlewick_core::{Result, registry};

use crate::{
    CifarNet, Features, NetworkBuilder, ResNet, ResNet19, SewResNet, Spec, Vgg, VggSnn, WideResNet,
};

/// The plan of a network: which layers it has, for a given input and number of classes.
///
/// ```
/// use candle_core::Device;
/// use candlewick_core::{Key, Result, parameters::seeded};
/// use candlewick_network::{
///     Architecture, ConvolutionSettings, Features, GlobalAveragePool, Network, NetworkBuilder,
/// };
///
/// /// A convolution with its neurons, the mean over the map, a classifier.
/// #[derive(Debug)]
/// struct Small;
///
/// impl Architecture for Small {
///     fn build(&self, to: &mut NetworkBuilder<'_>, input: Features, classes: usize) -> Result<()> {
///         let settings = ConvolutionSettings::same(16, 3);
///         let features = to.add(|b| b.convolution_block("first", input, settings))?;
///         let features = to.add(|_| GlobalAveragePool::new(features))?;
///         to.classifier(features, classes)
///     }
/// }
///
/// let image = Features::Map { height: 8, width: 8, channels: 1 };
/// let network = Network::of(Small).build(image, 10, seeded(&Device::Cpu, Key::new(1)))?;
/// assert_eq!(network.layer_names(), ["first"]);
/// # Ok::<(), candlewick_core::Error>(())
/// ```
pub trait Architecture: std::fmt::Debug + Send + Sync {
    /// Builds the layers, for samples of the shape `input`.
    ///
    /// # Errors
    /// If the plan does not fit the input or the number of classes.
    fn build(
        &self,
        builder: &mut NetworkBuilder<'_>,
        input: Features,
        classes: usize,
    ) -> Result<()>;
}

registry! {
    /// A network by name, as recipes hold it: `[network.spec]`.
    pub enum AnyNetwork: dyn Architecture, kind "network" {
        /// CIFARNet of MSG
        CifarNet = "cifarnet",
        /// ResNet-18 and -34 with neurons after the sums
        ResNet = "resnet",
        /// ResNet-19 of tdBN and TET
        ResNet19 = "resnet-19" | "resnet19",
        /// SEW-ResNet-18 and -34, whose blocks join spikes
        SewResNet = "sew-resnet",
        /// any plain network by its spec string, such as 64C3-AP2-FC10
        Spec = "spec",
        /// VGG-11 and -16 for images of 32×32
        Vgg = "vgg",
        /// VGGSNN of TET, for event frames
        VggSnn = "vggsnn" | "vgg9",
        /// wide ResNet-20 and -32 of gradient scaling
        WideResNet = "wide-resnet",
    }
}
