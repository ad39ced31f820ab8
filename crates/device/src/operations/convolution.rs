//! Convolutions as matrix products of patches: `convolution.cu`.
//!
//! Weights `[kernel_h, kernel_w, in, out]` are the matrix `[patch, out]` as they stand. Patches are made for
//! so many images at a time that they fit into a workspace.

use candle_core::{Result, Tensor};
use candlewick_kernels::convolution::Conv2d;

use crate::{Argument, Floats, Matrix, Queue};

/// Elements of the patches that are made at a time, unless one image has more.
const WORKSPACE: usize = 1 << 26;

fn geometry(shape: &Conv2d) -> Argument<'static> {
    let Conv2d { height, width, in_channels, kernel, stride, padding, .. } = *shape;
    let [output_height, output_width] = shape.output_size();
    let sizes = [
        height,
        width,
        in_channels,
        kernel[0],
        kernel[1],
        stride[0],
        stride[1],
        padding[0],
        padding[1],
        output_height,
        output_width,
    ];
    Argument::Structure(sizes.map(|size| size as u32).to_vec())
}

/// Whether the patches are the input itself.
fn is_pointwise(shape: &Conv2d) -> bool {
    shape.kernel == [1; 2] && shape.stride == [1; 2] && shape.padding == [0; 2]
}

/// Images of which the patches are made at a time.
fn images_at_once(shape: &Conv2d) -> usize {
    let of_image =
        shape.output_len() / shape.images.max(1) / shape.out_channels * shape.patch_len();
    (WORKSPACE / of_image.max(1)).clamp(1, shape.images.max(1))
}

impl Queue {
    /// Calls `f` with the patches of some images, the number of the first of these, and their number, until all
    /// images were visited.
    fn for_patches(
        &self,
        shape: &Conv2d,
        x: &Floats,
        mut f: impl FnMut(&Floats, usize, usize) -> Result<()>,
    ) -> Result<()> {
        if is_pointwise(shape) {
            return f(x, 0, shape.images);
        }
        let at_once = images_at_once(shape);
        let (of_input, of_patches) = per_image(shape);
        let mut patches = self.floats(at_once * of_patches)?;
        for first in (0..shape.images).step_by(at_once) {
            let images = at_once.min(shape.images - first);
            if images < at_once {
                patches = self.floats(images * of_patches)?;
            }
            let arguments = [
                Argument::In(x.flat(), first * of_input),
                geometry(shape),
                Argument::U32(images as u32),
                Argument::Out(patches.flat()),
            ];
            self.call("patches", images * of_patches, &arguments)?;
            f(&patches, first, images)?;
        }
        Ok(())
    }

    /// The outputs `[images, output_h, output_w, out]` of x `[images, height, width, in]`.
    ///
    /// # Errors
    /// If a launch fails.
    pub fn convolution(
        &self,
        shape: &Conv2d,
        x: &Floats,
        weight: &Tensor,
        bias: Option<&Tensor>,
    ) -> Result<Floats> {
        let (patch, channels) = (shape.patch_len(), shape.out_channels);
        let pixels = shape.output_len() / shape.images.max(1) / channels;
        let out = self.floats(shape.output_len())?;
        let weight = Matrix::new(weight, 0, [patch, channels]);
        self.for_patches(shape, x, |patches, first, images| {
            let patches = Matrix::new(patches.flat(), 0, [images * pixels, patch]);
            let rows =
                out.flat().narrow(0, first * pixels * channels, images * pixels * channels)?;
            self.product(patches, weight, false, &rows)
        })?;
        if let Some(bias) = bias {
            let arguments = [
                Argument::In(bias, 0),
                Argument::U64(out.len() as u64),
                Argument::U32(channels as u32),
                Argument::Out(out.flat()),
            ];
            self.call("add_bias", out.len(), &arguments)?;
        }
        Ok(out)
    }

    /// The gradient with respect to the weight, from that with respect to the outputs.
    ///
    /// # Errors
    /// If a launch fails.
    pub fn weight_gradient(&self, shape: &Conv2d, x: &Floats, gradient: &Floats) -> Result<Floats> {
        let (patch, channels) = (shape.patch_len(), shape.out_channels);
        let pixels = shape.output_len() / shape.images.max(1) / channels;
        let out = self.floats(shape.weight_len())?;
        self.for_patches(shape, x, |patches, first, images| {
            let rows = images * pixels;
            let patches = Matrix::new(patches.flat(), 0, [rows, patch]).transposed();
            let gradient =
                Matrix::new(gradient.flat(), first * pixels * channels, [rows, channels]);
            self.product(patches, gradient, first > 0, out.flat())
        })?;
        Ok(out)
    }

    /// The gradient with respect to x, from that with respect to the outputs.
    ///
    /// # Errors
    /// If a launch fails.
    pub fn input_gradient(
        &self,
        shape: &Conv2d,
        gradient: &Floats,
        weight: &Tensor,
    ) -> Result<Floats> {
        let (patch, channels) = (shape.patch_len(), shape.out_channels);
        let pixels = shape.output_len() / shape.images.max(1) / channels;
        let out = self.floats(shape.input_len())?;
        let weight = Matrix::new(weight, 0, [patch, channels]).transposed();
        if is_pointwise(shape) {
            let gradient = Matrix::new(gradient.flat(), 0, [shape.images * pixels, channels]);
            self.product(gradient, weight, false, out.flat())?;
            return Ok(out);
        }
        let at_once = images_at_once(shape);
        let (of_input, of_patches) = per_image(shape);
        for first in (0..shape.images).step_by(at_once) {
            let images = at_once.min(shape.images - first);
            let rows = images * pixels;
            let patches = self.floats(images * of_patches)?;
            let gradient =
                Matrix::new(gradient.flat(), first * pixels * channels, [rows, channels]);
            self.product(gradient, weight, false, patches.flat())?;
            let target = out.flat().narrow(0, first * of_input, images * of_input)?;
            let arguments = [
                Argument::In(patches.flat(), 0),
                geometry(shape),
                Argument::U32(images as u32),
                Argument::Out(&target),
            ];
            self.call("from_patches", images * of_input, &arguments)?;
        }
        Ok(out)
    }
}

/// Elements of one image and of its patches.
fn per_image(shape: &Conv2d) -> (usize, usize) {
    let images = shape.images.max(1);
    let pixels = shape.output_len() / images / shape.out_channels;
    (shape.input_len() / images, pixels * shape.patch_len())
}
