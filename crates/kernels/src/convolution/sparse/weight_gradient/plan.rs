//! How the weight gradient of spikes is cut into units of work, and where inputs and outputs meet.

use crate::convolution::Conv2d;
use crate::convolution::axis::Axis;
use crate::spikes::Spikes;
use std::ops::Range;

/// How the work is cut: strips of some lines of some images.
pub(super) struct Plan<'a> {
    pub(super) shape: &'a Conv2d,
    pub(super) input: &'a Spikes,
    pub(super) vertical: Axis,
    pub(super) horizontal: Axis,
    /// Lines of `a` per block.
    lines: usize,
    /// Blocks per image.
    blocks: usize,
    /// Blocks per strip.
    per_strip: usize,
    pub(super) strips: usize,
}

/// Some lines of one image.
pub(super) struct Block {
    pub(super) image: usize,
    /// Lines of `a`.
    pub(super) lines: Range<usize>,
    /// First pixel of its table.
    pub(super) start: usize,
}

/// An input pixel of a strip.
pub(super) struct Pixel {
    /// The class of its position modulo the stride.
    pub(super) class: usize,
    /// Its number among the pixels of a step.
    pub(super) number: usize,
    /// Its place in the table, as seen from the least tap.
    pub(super) place: usize,
}

impl<'a> Plan<'a> {
    /// Strips of about so many input pixels.
    pub(super) fn new(shape: &'a Conv2d, input: &'a Spikes, pixels: usize) -> Self {
        let (vertical, horizontal) = (Axis::new(shape, 0), Axis::new(shape, 1));
        let area = vertical.stride * horizontal.size * horizontal.stride;
        let lines = pixels.div_ceil(area.max(1)).clamp(1, vertical.size.max(1));
        let blocks = vertical.size.div_ceil(lines);
        let per_strip = (pixels / (lines * area).max(1)).max(1);
        let batch = shape.images / input.shape()[0].max(1);
        let strips = (batch * blocks).div_ceil(per_strip);
        Self { shape, input, vertical, horizontal, lines, blocks, per_strip, strips }
    }

    /// Pixels per line of a table.
    #[inline]
    pub(super) fn table_width(&self) -> usize {
        self.horizontal.size + self.horizontal.reach
    }

    /// The blocks of a strip.
    pub(super) fn blocks(&self, strip: usize) -> Vec<Block> {
        let batch = self.shape.images / self.input.shape()[0];
        let first = strip * self.per_strip;
        let last = (batch * self.blocks).min(first + self.per_strip);
        let mut start = 0;
        let mut blocks = Vec::with_capacity(last - first);
        for index in first..last {
            let line = index % self.blocks * self.lines;
            let lines = line..self.vertical.size.min(line + self.lines);
            let table = (lines.len() + self.vertical.reach) * self.table_width();
            blocks.push(Block { image: index / self.blocks, lines, start });
            start += table;
        }
        blocks
    }

    /// The input pixels of a strip that meet an output.
    pub(super) fn pixels(&self, strip: usize) -> Vec<Pixel> {
        let Self { shape, vertical, horizontal, .. } = self;
        let mut pixels = Vec::new();
        for block in self.blocks(strip) {
            for a in block.lines.clone() {
                for residue in 0..vertical.stride {
                    let y = a * vertical.stride + residue;
                    if y >= shape.height || vertical.taps[residue].is_empty() {
                        continue;
                    }
                    for x in 0..shape.width {
                        let (place, column) = (x / horizontal.stride, x % horizontal.stride);
                        if horizontal.taps[column].is_empty() {
                            continue;
                        }
                        let class = residue * horizontal.stride + column;
                        let number = (block.image * shape.height + y) * shape.width + x;
                        let line = (a - block.lines.start) * self.table_width();
                        pixels.push(Pixel { class, number, place: block.start + line + place });
                    }
                }
            }
        }
        pixels
    }

    /// Pixels of the largest table.
    pub(super) fn table_pixels(&self) -> usize {
        self.per_strip * (self.lines + self.vertical.reach) * self.table_width()
    }

    #[inline]
    pub(super) fn classes(&self) -> usize {
        self.vertical.stride * self.horizontal.stride
    }
}
