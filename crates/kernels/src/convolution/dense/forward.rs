//! The forward pass of a dense convolution, by tiles of patches that are multiplied by the weight.
//!
//! A tile copies the patches of some pixels to one matrix; kernels of one pixel and stride 1 need no
//! copy.

use crate::convolution::Conv2d;
use crate::matrix::{Matrix, multiply};
use crate::scratch::with_floats;
use rayon::prelude::*;

/// Bytes of patches per tile: most of a level-2 cache.
const TILE_BYTES: usize = 1 << 20;

impl Conv2d {
    /// `output = input ⋆ weight + bias`.
    ///
    /// # Panics
    /// If a slice does not have the number of elements of its shape, or a stride is 0.
    pub fn forward(&self, input: &[f32], weight: &[f32], bias: Option<&[f32]>, output: &mut [f32]) {
        self.check(input.len(), weight.len(), output.len());
        if let Some(bias) = bias {
            assert_eq!(bias.len(), self.out_channels, "elements of the bias");
        }
        if let Some(linear) = self.as_linear() {
            linear.forward(input, weight, bias, output);
            return;
        }
        if output.is_empty() {
            return;
        }
        let (patch, out) = (self.patch_len(), self.out_channels);
        let weight = Matrix::new(weight, [patch, out]);
        let tile = (TILE_BYTES / (4 * patch.max(1))).clamp(64, 256);
        output.par_chunks_mut(tile * out).enumerate().for_each(|(index, output)| {
            let first = index * tile;
            let pixels = output.len() / out;
            if let Some(bias) = bias {
                output.chunks_exact_mut(out).for_each(|row| row.copy_from_slice(bias));
            }
            with_floats(pixels * patch, |patches| {
                self.patches(input, first, 0..self.taps(), patches);
                multiply(Matrix::new(patches, [pixels, patch]), weight, bias.is_some(), output);
            });
        });
    }
}
