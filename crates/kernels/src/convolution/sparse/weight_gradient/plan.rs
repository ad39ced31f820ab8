//! How the weight gradient of spikes is cut into units of work, and where inputs and outputs meet.

use crate::convolution::Conv2d;
use crate::convolution::axis::Axis;
use crate::spikes::{LOWEST, STEPS, Spikes};
use std::ops::Range;

/// Input pixels per strip, about: enough that a list is longer than the work around it.
const PIXELS: usize = 128;
/// The same where each step is by itself: its table is small.
const PIXELS_OF_STEP: usize = 512;

/// How the work is cut: units of some lines of some images, for one group of steps or one step.
pub(super) struct Plan<'a> {
    pub(super) shape: &'a Conv2d,
    pub(super) input: &'a Spikes,
    /// Whether a unit has one step.
    apart: bool,
    pub(super) vertical: Axis,
    pub(super) horizontal: Axis,
    /// Lines of `a` per block.
    pub(super) lines: usize,
    /// Blocks per image.
    pub(super) blocks: usize,
    /// Blocks per unit.
    pub(super) per_unit: usize,
    pub(super) units: usize,
}

/// Some lines of one image.
pub(super) struct Block {
    pub(super) image: usize,
    /// Lines of `a`.
    pub(super) lines: Range<usize>,
    /// First pixel of its table.
    pub(super) start: usize,
}

impl<'a> Plan<'a> {
    pub(super) fn new(shape: &'a Conv2d, input: &'a Spikes, apart: bool) -> Self {
        let pixels = if apart { PIXELS_OF_STEP } else { PIXELS };
        let (vertical, horizontal) = (Axis::new(shape, 0), Axis::new(shape, 1));
        let area = vertical.stride * horizontal.size * horizontal.stride;
        let lines = pixels.div_ceil(area.max(1)).clamp(1, vertical.size.max(1));
        let blocks = vertical.size.div_ceil(lines);
        let per_unit = (pixels / (lines * area).max(1)).max(1);
        let batch = shape.images / input.shape()[0].max(1);
        let times = if apart { input.shape()[0] } else { input.groups() };
        let units = (batch * blocks).div_ceil(per_unit) * times;
        Self { shape, input, apart, vertical, horizontal, lines, blocks, per_unit, units }
    }

    /// Pixels per line of a table.
    #[inline]
    pub(super) fn table_width(&self) -> usize {
        self.horizontal.size + self.horizontal.reach
    }

    /// How often a strip is worked on: once for each group of steps, or for each step.
    #[inline]
    fn times(&self) -> usize {
        if self.apart { self.input.shape()[0] } else { self.input.groups() }
    }

    /// The steps of a unit.
    #[inline]
    pub(super) fn steps(&self, unit: usize) -> Range<usize> {
        let time = unit % self.times();
        if self.apart { time..time + 1 } else { self.input.steps(time) }
    }

    /// The patterns of one plane of a pixel in the steps of a unit.
    #[inline(always)]
    pub(super) fn words(
        &self,
        unit: usize,
        pixel: usize,
        plane: usize,
    ) -> impl Iterator<Item = u64> {
        let time = unit % self.times();
        let (group, step, bits) = if self.apart {
            let (group, step) = Spikes::group_of(self.input.shape()[0], time);
            (group, step, LOWEST)
        } else {
            (time, 0, u64::MAX)
        };
        let words = self.input.patterns(pixel, group, plane);
        words.iter().map(move |word| word >> step & bits)
    }

    /// Patterns that are not empty.
    #[inline]
    pub(super) fn patterns(&self, unit: usize) -> usize {
        (1 << self.steps(unit).len()) - 1
    }

    /// The most patterns of a unit.
    pub(super) fn most_patterns(&self) -> usize {
        if self.apart { 1 } else { (1 << STEPS) - 1 }
    }

    /// The blocks of a unit, and behind the last one an empty one.
    pub(super) fn blocks(&self, unit: usize) -> Vec<Block> {
        let batch = self.shape.images / self.input.shape()[0];
        let first = unit / self.times() * self.per_unit;
        let last = (batch * self.blocks).min(first + self.per_unit);
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

    /// Pixels of the largest table.
    pub(super) fn table_pixels(&self) -> usize {
        self.per_unit * (self.lines + self.vertical.reach) * self.table_width()
    }

    #[inline]
    pub(super) fn classes(&self) -> usize {
        self.vertical.stride * self.horizontal.stride
    }
}
