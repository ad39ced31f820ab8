//! The networks by name.

use candlewick_core::{Result, registry};
use serde::{Deserialize, Serialize};

use crate::{Features, NetworkBuilder, ResNet19, Spec};

/// A plan that a network is built from.
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

/// VGGSNN of TET (code, `models/VGG_models.py`), for event frames of 48×48: eight convolutions with
/// bias, average pooling, one linear layer; 9.27 M parameters.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct VggSnn {}

impl Architecture for VggSnn {
    fn build(
        &self,
        builder: &mut NetworkBuilder<'_>,
        input: Features,
        classes: usize,
    ) -> Result<()> {
        let layers =
            format!("64C3-128C3-AP2-256C3-256C3-AP2-512C3-512C3-AP2-512C3-512C3-AP2-FC{classes}");
        Spec { layers, bias: true }.build(builder, input, classes)
    }
}

registry! {
    /// A network by name, as recipes hold it: `[network.spec]`.
    pub enum AnyNetwork: dyn Architecture, kind "network" {
        /// ResNet-19 of tdBN and TET
        ResNet19 = "resnet-19" | "resnet19",
        /// any plain network by its spec string, such as 64C3-AP2-FC10
        Spec = "spec",
        /// VGGSNN of TET, for event frames
        VggSnn = "vggsnn" | "vgg9",
    }
}
