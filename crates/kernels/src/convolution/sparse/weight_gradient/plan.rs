//! How the weight gradient of spikes is cut into units of work, and where inputs and outputs meet.

use crate::convolution::Conv2d;
use crate::spikes::Spikes;
use std::ops::Range;

/// Input pixels per strip, about: enough that a list is longer than the work around it.
const PIXELS: usize = 128;

/// One axis of the geometry: input coordinate `stride · a + residue` meets output `a + shift`.
pub(super) struct Axis {
    pub(super) stride: usize,
    /// Number of values of `a`.
    pub(super) size: usize,
    /// Number of outputs.
    pub(super) outputs: usize,
    /// For each residue, the taps with their shifts, counted from the least one.
    pub(super) taps: Vec<Vec<(usize, usize)>>,
    /// The least shift.
    pub(super) least: isize,
    /// Largest minus least shift.
    pub(super) reach: usize,
}

impl Axis {
    pub(super) fn new(shape: &Conv2d, axis: usize) -> Self {
        let (stride, kernel) = (shape.stride[axis] as isize, shape.kernel[axis] as isize);
        let padding = shape.padding[axis] as isize;
        let meets = |residue: isize| {
            (0..kernel).filter_map(move |k| {
                let distance = residue + padding - k;
                (distance % stride == 0).then_some((k as usize, distance / stride))
            })
        };
        let all = || (0..stride).flat_map(meets).map(|(_, shift)| shift);
        let (least, most) = (all().min().unwrap_or(0), all().max().unwrap_or(0));
        let from_least = |(k, shift): (usize, isize)| (k, (shift - least) as usize);
        Self {
            stride: shape.stride[axis],
            size: [shape.height, shape.width][axis].div_ceil(shape.stride[axis]),
            outputs: shape.output_size()[axis],
            taps: (0..stride).map(|residue| meets(residue).map(from_least).collect()).collect(),
            least,
            reach: (most - least) as usize,
        }
    }

    /// The output coordinate of line `line` of a table whose first input line is `a`.
    #[inline]
    pub(super) fn output_of(&self, a: usize, line: usize) -> Option<usize> {
        let output = (a + line).checked_add_signed(self.least)?;
        (output < self.outputs).then_some(output)
    }
}

/// How the work is cut: units of some lines of some images, for one group of steps.
pub(super) struct Plan<'a> {
    pub(super) shape: &'a Conv2d,
    pub(super) input: &'a Spikes,
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
    pub(super) fn new(shape: &'a Conv2d, input: &'a Spikes) -> Self {
        let (vertical, horizontal) = (Axis::new(shape, 0), Axis::new(shape, 1));
        let area = vertical.stride * horizontal.size * horizontal.stride;
        let lines = PIXELS.div_ceil(area.max(1)).clamp(1, vertical.size.max(1));
        let blocks = vertical.size.div_ceil(lines);
        let per_unit = (PIXELS / (lines * area).max(1)).max(1);
        let batch = shape.images / input.shape()[0].max(1);
        let units = (batch * blocks).div_ceil(per_unit) * input.groups();
        Self { shape, input, vertical, horizontal, lines, blocks, per_unit, units }
    }

    /// Pixels per line of a table.
    #[inline]
    pub(super) fn table_width(&self) -> usize {
        self.horizontal.size + self.horizontal.reach
    }

    /// The group of steps of a unit.
    #[inline]
    pub(super) fn group(&self, unit: usize) -> usize {
        unit % self.input.groups()
    }

    /// Patterns that are not empty.
    #[inline]
    pub(super) fn patterns(&self, unit: usize) -> usize {
        (1 << self.input.steps(self.group(unit)).len()) - 1
    }

    /// The blocks of a unit, and behind the last one an empty one.
    pub(super) fn blocks(&self, unit: usize) -> Vec<Block> {
        let batch = self.shape.images / self.input.shape()[0];
        let first = unit / self.input.groups() * self.per_unit;
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
