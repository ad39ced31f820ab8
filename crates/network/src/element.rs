//! What a network computes in evaluation, step by step, for exporters.

use candle_core::Tensor;
use candlewick_kernels::convolution::Conv2d;

use crate::Features;

/// A step from activation to activation. Tensors are the network's own, not copies.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Element {
    /// A convolution, `[kernel_h, kernel_w, in, out]`.
    Convolution {
        /// Path of the layer.
        name: String,
        /// Its shape, for one image.
        geometry: Conv2d,
        /// Its weights.
        weight: Tensor,
        /// A value per output channel.
        bias: Option<Tensor>,
    },
    /// A linear layer, `[in, out]`.
    Linear {
        /// Path of the layer.
        name: String,
        /// Its weights.
        weight: Tensor,
        /// A value per output.
        bias: Option<Tensor>,
    },
    /// `factor · gamma · (x - mean) / √(variance + epsilon) + beta` by channel.
    Normalization {
        /// Running mean.
        mean: Tensor,
        /// Running variance.
        variance: Tensor,
        /// Learned scale.
        gamma: Tensor,
        /// Learned shift.
        beta: Tensor,
        /// `alpha · v_threshold` of tdBN.
        factor: f32,
        /// Added to the variance.
        epsilon: f32,
    },
    /// Neurons, one per element.
    Neurons {
        /// Path of the layer.
        name: String,
        /// Their shape.
        features: Features,
    },
    /// The mean of windows, each of rows and columns.
    AveragePool {
        /// Size of a window.
        kernel: [usize; 2],
        /// From window to window.
        stride: [usize; 2],
        /// Zeros around, which count.
        padding: [usize; 2],
    },
    /// A map becomes a vector, C·H·W.
    Flatten(Features),
    /// Anything else, described in words with its path.
    Other(String),
}

/// The default of a layer.
pub(crate) fn other(kind: &str, name: Option<&str>) -> Vec<Element> {
    vec![Element::Other(match name {
        Some(name) => format!("`{name}` ({kind})"),
        None => kind.to_owned(),
    })]
}
