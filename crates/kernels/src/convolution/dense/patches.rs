//! Copying patches to the rows of a matrix (`im2col`).

use crate::convolution::Conv2d;
use std::ops::Range;

impl Conv2d {
    /// Copies the patches of the output pixels from `first` on, `[pixels, taps, in]`.
    pub(super) fn patches(
        &self,
        input: &[f32],
        first: usize,
        taps: Range<usize>,
        patches: &mut [f32],
    ) {
        let channels = self.in_channels;
        if patches.is_empty() {
            return;
        }
        let [output_height, output_width] = self.output_size();
        let (mut x, mut y) = (first % output_width, first / output_width % output_height);
        let mut image = first / (output_width * output_height);
        for patch in patches.chunks_exact_mut(taps.len() * channels) {
            let mut patch = patch;
            let mut tap = taps.clone();
            // Taps of one kernel row are neighbors in the input as well.
            while !tap.is_empty() {
                let (ky, kx) = (tap.start / self.kernel[1], tap.start % self.kernel[1]);
                let run = (self.kernel[1] - kx).min(tap.len());
                let (part, rest) = patch.split_at_mut(run * channels);
                patch = rest;
                tap.start += run;
                let row = (y * self.stride[0] + ky).wrapping_sub(self.padding[0]);
                if row >= self.height {
                    part.fill(0.0);
                    continue;
                }
                let base = (image * self.height + row) * self.width;
                // Columns start..start + run of the padded row; the inner ones exist.
                let start = x * self.stride[1] + kx;
                let left = self.padding[1].saturating_sub(start).min(run);
                let right =
                    (start + run).saturating_sub(self.padding[1] + self.width).min(run - left);
                let inner = run - left - right;
                part[..left * channels].fill(0.0);
                if inner > 0 {
                    let from = (base + start + left - self.padding[1]) * channels;
                    part[left * channels..(left + inner) * channels]
                        .copy_from_slice(&input[from..from + inner * channels]);
                }
                part[(left + inner) * channels..].fill(0.0);
            }
            x += 1;
            if x == output_width {
                x = 0;
                y += 1;
                if y == output_height {
                    y = 0;
                    image += 1;
                }
            }
        }
    }
}
