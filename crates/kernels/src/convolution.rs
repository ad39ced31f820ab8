//! 2-D convolution on channels-last slices, and its gradients.
//!
//! Activations are `[images, height, width, channels]`, weights `[kernel_h, kernel_w, in, out]`.
//! The work is cut by the shapes alone, so the bits do not depend on the number of threads.
//!
//! [`Conv2d`] is the shape; each pass is one of its methods, by one of these algorithms:
//!
//! | [`Algorithm`] | forward | gradient of the weight | gradient of the input |
//! |---|---|---|---|
//! | dense: `dense/` | [`forward`](Conv2d::forward) | [`weight_gradient`](Conv2d::weight_gradient) | [`input_gradient`](Conv2d::input_gradient) |
//! | sparse: `sparse/` | [`sparse_forward`](Conv2d::sparse_forward) | [`sparse_weight_gradient`](Conv2d::sparse_weight_gradient) | [`masked_input_gradient`](Conv2d::masked_input_gradient) |
//! | Winograd: `winograd.rs` | [`winograd_forward`](Conv2d::winograd_forward) | [`winograd_weight_gradient`](Conv2d::winograd_weight_gradient) | [`winograd_input_gradient`](Conv2d::winograd_input_gradient) |
//! | matrix unit: `tiles/` | [`tile_forward`](Conv2d::tile_forward) | [`tile_weight_gradient`](Conv2d::tile_weight_gradient) | [`tile_input_gradient`](Conv2d::tile_input_gradient) |
//! | the fastest: `algorithm.rs` | [`forward_algorithm`](Conv2d::forward_algorithm) | [`weight_gradient_algorithm`](Conv2d::weight_gradient_algorithm) | [`input_gradient_algorithm`](Conv2d::input_gradient_algorithm) |
//!
//! In `dense/`, `sparse/` and `tiles/` there is a file for each pass. [`Conv2d::bias_gradient`] stands
//! here, and [`Conv2d::coincidences`], which counts where inputs and outputs spike together, in
//! `coincidences.rs`. [`Conv2d::shared_weight_gradient`] is the sparse gradient of the weight in which
//! each step counts by [`Shares`].

mod algorithm;
mod axis;
mod coincidences;
mod dense;
mod shares;
mod sparse;
mod tiles;
mod winograd;

pub use algorithm::{Activity, Algorithm};
pub use shares::Shares;

use crate::reduce::column_sums;
use crate::spikes::Spikes;

/// The shape of a convolution: a correlation with zero padding, as deep learning means it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv2d {
    /// Number of images: time steps times batch.
    pub images: usize,
    /// Height of the input, in pixels.
    pub height: usize,
    /// Width of the input, in pixels.
    pub width: usize,
    /// Channels of the input.
    pub in_channels: usize,
    /// Channels of the output.
    pub out_channels: usize,
    /// Height and width of the kernel.
    pub kernel: [usize; 2],
    /// Step between outputs, down and right; at least 1.
    pub stride: [usize; 2],
    /// Zeros added on each side, above and below, left and right.
    pub padding: [usize; 2],
}

impl Conv2d {
    /// A linear layer, as a convolution of images of one pixel; `rows` is time steps times batch.
    pub fn linear(rows: usize, inputs: usize, outputs: usize) -> Self {
        Self {
            images: rows,
            height: 1,
            width: 1,
            in_channels: inputs,
            out_channels: outputs,
            kernel: [1, 1],
            stride: [1, 1],
            padding: [0, 0],
        }
    }

    /// Height and width of the output; 0 where the kernel is larger than the padded input.
    pub fn output_size(&self) -> [usize; 2] {
        let side = |size: usize, axis: usize| match (size + 2 * self.padding[axis])
            .checked_sub(self.kernel[axis])
        {
            Some(room) => room / self.stride[axis] + 1,
            None => 0,
        };
        [side(self.height, 0), side(self.width, 1)]
    }

    /// Elements of the input, `[images, height, width, in]`.
    pub fn input_len(&self) -> usize {
        self.images * self.height * self.width * self.in_channels
    }

    /// Elements of the weight, `[kernel_h, kernel_w, in, out]`.
    pub fn weight_len(&self) -> usize {
        self.patch_len() * self.out_channels
    }

    /// Elements of the output, `[images, output_h, output_w, out]`.
    pub fn output_len(&self) -> usize {
        self.output_pixels() * self.out_channels
    }

    /// Inputs of one output pixel.
    pub fn patch_len(&self) -> usize {
        self.kernel[0] * self.kernel[1] * self.in_channels
    }

    /// Multiply-adds of a forward pass, without those of the zeros around the images.
    pub fn multiplications(&self) -> usize {
        let outputs = self.output_size();
        let inside = |axis: usize| {
            let size = [self.height, self.width][axis];
            let first = |output: usize| output * self.stride[axis];
            let taps = |output: usize| {
                let taps = first(output)..first(output) + self.kernel[axis];
                taps.filter(|tap| (self.padding[axis]..size + self.padding[axis]).contains(tap))
            };
            (0..outputs[axis]).map(|output| taps(output).count()).sum::<usize>()
        };
        self.images * inside(0) * inside(1) * self.in_channels * self.out_channels
    }

    fn output_pixels(&self) -> usize {
        let [height, width] = self.output_size();
        self.images * height * width
    }

    /// `grad_bias[out] = Σ grad_output`.
    ///
    /// # Panics
    /// If a slice does not have the number of elements of its shape.
    pub fn bias_gradient(&self, grad_output: &[f32], grad_bias: &mut [f32]) {
        assert_eq!(grad_output.len(), self.output_len(), "elements of the output gradient");
        assert_eq!(grad_bias.len(), self.out_channels, "elements of the bias gradient");
        column_sums(grad_output, grad_bias);
    }

    /// Pixels of the kernel.
    fn taps(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }

    fn check(&self, input: usize, weight: usize, output: usize) {
        assert!(self.stride[0] > 0 && self.stride[1] > 0, "the stride of a convolution is 0");
        assert_eq!(input, self.input_len(), "elements of the input");
        assert_eq!(weight, self.weight_len(), "elements of the weight");
        assert_eq!(output, self.output_len(), "elements of the output");
    }

    fn check_spikes(&self, spikes: &Spikes) {
        let [time_steps, pixels, channels] = spikes.shape();
        assert_eq!(channels, self.in_channels, "channels of the spikes");
        let expected = self.images * self.height * self.width;
        assert_eq!(time_steps * pixels, expected, "time steps times pixels of the spikes");
    }
}
