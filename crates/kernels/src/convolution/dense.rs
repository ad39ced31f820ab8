//! Every product, by matrix multiplication: convolution as `im2col` and `gemm`, in all three passes.

mod forward;
mod input_gradient;
mod patches;
mod weight_gradient;

use crate::convolution::Conv2d;
use crate::linear::Linear;

impl Conv2d {
    /// Whether the patches are the input itself.
    fn is_pointwise(&self) -> bool {
        self.kernel == [1, 1] && self.stride == [1, 1] && self.padding == [0, 0]
    }

    /// The linear layer that this is, where each pixel is its own patch.
    fn as_linear(&self) -> Option<Linear> {
        self.is_pointwise().then(|| Linear {
            rows: self.output_pixels(),
            inputs: self.in_channels,
            outputs: self.out_channels,
        })
    }
}
