//! The gradient of a convolution of spikes to its weight, grouped by the pattern over time.
//!
//! For each output pixel the output gradient is summed over every subset of a group of steps: a
//! *table* of 15 rows for four steps, made with 11 additions.
//! For each input channel and tap the rows of all active pixels of a strip are summed in registers:
//! an active pixel adds one row, whatever the number of steps in which it fires.
//! The same list of pixels serves all taps, which differ by a shift in the table only; zeros around
//! the image make up for pixels without a partner.

use crate::convolution::Conv2d;
use crate::scratch::with_floats;
use crate::simd::vector::{Panels, add_row, lanes, rows, rows_mut, with_count, with_vectors};
use crate::simd::{Kernel, dispatch};
use crate::spikes::{STEPS, Spikes, for_each_pattern};
use pulp::{Simd, WithSimd};
use rayon::prelude::*;
use std::ops::Range;

/// Floats per row of the table, so that the table of a strip stays in cache.
const COLUMNS: usize = 64;
/// Input pixels per strip, about: enough that a list is longer than the work around it.
const PIXELS: usize = 128;
/// Tasks into which the gradient is cut, about.
const TASKS: usize = 16;
/// Most floats of the partial sums of all tasks, if a panel is not alone larger.
const SUMS: usize = 3 << 20;

/// One axis of the geometry: input coordinate `stride · a + residue` meets output `a + shift`.
struct Axis {
    stride: usize,
    /// Number of values of `a`.
    size: usize,
    /// Number of outputs.
    outputs: usize,
    /// For each residue, the taps with their shifts, counted from the least one.
    taps: Vec<Vec<(usize, usize)>>,
    /// The least shift.
    least: isize,
    /// Largest minus least shift.
    reach: usize,
}

impl Axis {
    fn new(shape: &Conv2d, axis: usize) -> Self {
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
    fn output_of(&self, a: usize, line: usize) -> Option<usize> {
        let output = (a + line).checked_add_signed(self.least)?;
        (output < self.outputs).then_some(output)
    }
}

/// How the work is cut: units of some lines of some images, for one group of steps.
struct Plan<'a> {
    shape: &'a Conv2d,
    input: &'a Spikes,
    vertical: Axis,
    horizontal: Axis,
    /// Lines of `a` per block.
    lines: usize,
    /// Blocks per image.
    blocks: usize,
    /// Blocks per unit.
    per_unit: usize,
    units: usize,
}

/// Some lines of one image.
struct Block {
    image: usize,
    /// Lines of `a`.
    lines: Range<usize>,
    /// First pixel of its table.
    start: usize,
}

impl<'a> Plan<'a> {
    fn new(shape: &'a Conv2d, input: &'a Spikes) -> Self {
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
    fn table_width(&self) -> usize {
        self.horizontal.size + self.horizontal.reach
    }

    /// The group of steps of a unit.
    fn group(&self, unit: usize) -> usize {
        unit % self.input.groups()
    }

    /// Patterns that are not empty.
    fn patterns(&self, unit: usize) -> usize {
        (1 << self.input.steps(self.group(unit)).len()) - 1
    }

    /// The blocks of a unit, and behind the last one an empty one.
    fn blocks(&self, unit: usize) -> Vec<Block> {
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
    fn table_pixels(&self) -> usize {
        self.per_unit * (self.lines + self.vertical.reach) * self.table_width()
    }

    fn classes(&self) -> usize {
        self.vertical.stride * self.horizontal.stride
    }
}

/// For each class of positions modulo the stride, plane and channel: the rows of the table, as seen
/// from the least tap, of the pixels where it is active.
struct Lists {
    rows: Vec<u32>,
    starts: Vec<u32>,
}

struct Gather<'a> {
    plan: &'a Plan<'a>,
    unit: usize,
}

impl Kernel for Gather<'_> {
    type Output = Lists;

    #[inline(always)]
    fn call(self) -> Lists {
        let Self { plan, unit } = self;
        let Plan { shape, input, .. } = *plan;
        let (planes, channels) = (input.planes(), input.channels());
        let group = plan.group(unit);
        let patterns = plan.patterns(unit);
        let width = plan.table_width();
        // Each pixel: the first key of its class, its number, and its place in the table.
        let mut pixels = Vec::new();
        for block in plan.blocks(unit) {
            for a in block.lines.clone() {
                for residue in 0..plan.vertical.stride {
                    let y = a * plan.vertical.stride + residue;
                    if y >= shape.height || plan.vertical.taps[residue].is_empty() {
                        continue;
                    }
                    for x in 0..shape.width {
                        let (place, column) =
                            (x / plan.horizontal.stride, x % plan.horizontal.stride);
                        if plan.horizontal.taps[column].is_empty() {
                            continue;
                        }
                        let class = residue * plan.horizontal.stride + column;
                        let pixel = (block.image * shape.height + y) * shape.width + x;
                        let place = block.start + (a - block.lines.start) * width + place;
                        pixels.push((class * planes * channels, pixel, place * patterns));
                    }
                }
            }
        }
        let keys = plan.classes() * planes * channels;
        let mut starts = vec![0_u32; keys + 1];
        for &(first, pixel, _) in &pixels {
            for plane in 0..planes {
                let counts = &mut starts[first + plane * channels + 1..][..channels];
                for_each_pattern(input.patterns(pixel, group, plane), |channel, _| {
                    counts[channel] += 1;
                });
            }
        }
        let mut end = 0;
        for start in &mut starts {
            end += *start;
            *start = end;
        }
        let mut rows = vec![0_u32; end as usize];
        let mut next = starts.clone();
        for &(first, pixel, place) in &pixels {
            for plane in 0..planes {
                let next = &mut next[first + plane * channels..][..channels];
                for_each_pattern(input.patterns(pixel, group, plane), |channel, pattern| {
                    rows[next[channel] as usize] = (place + pattern - 1) as u32;
                    next[channel] += 1;
                });
            }
        }
        Lists { rows, starts }
    }
}

impl Conv2d {
    /// `grad_weight[kernel_h, kernel_w, in, out]` for an input of spikes; `self.images` counts time
    /// steps times batch, and the spikes are those of all of them.
    ///
    /// Equal to [`Self::weight_gradient`] up to rounding.
    ///
    /// # Panics
    /// If the spikes or a slice do not have the number of elements of their shape, or a stride is 0.
    pub fn sparse_weight_gradient(
        &self,
        input: &Spikes,
        grad_output: &[f32],
        grad_weight: &mut [f32],
    ) {
        self.check_spikes(input);
        self.check(input.len(), grad_weight.len(), grad_output.len());
        if grad_weight.is_empty() {
            return;
        }
        if grad_output.is_empty() || input.is_empty() {
            grad_weight.fill(0.0);
            return;
        }
        let plan = Plan::new(self, input);
        let lists: Vec<Lists> = (0..plan.units)
            .into_par_iter()
            .map(|unit| dispatch(Gather { plan: &plan, unit }))
            .collect();
        let panels = Panels::new(self.out_channels, (COLUMNS / lanes()).max(1));
        let size = self.patch_len() * panels.width;
        let most = (SUMS / (panels.count * size)).max(1);
        let parts = TASKS.div_ceil(panels.count).min(plan.units).min(most);
        with_floats(panels.count * parts * size, |partial| {
            partial.par_chunks_mut(size).enumerate().for_each(|(task, sums)| {
                let (panel, part) = (task / parts, task % parts);
                let units = part * plan.units / parts..(part + 1) * plan.units / parts;
                let rows = plan.table_pixels() * ((1 << STEPS) - 1);
                with_floats(rows * panels.width, |table| {
                    let (plan, lists) = (&plan, &lists[..]);
                    with_vectors(Part {
                        plan,
                        lists,
                        grad_output,
                        panels,
                        panel,
                        units,
                        sums,
                        table,
                    });
                });
            });
            let partial = &*partial;
            // Adds the parts in their order.
            grad_weight.par_chunks_mut(self.out_channels).with_min_len(16).enumerate().for_each(
                |(row, grad_weight)| {
                    for panel in 0..panels.count {
                        let (first, columns) = panels.columns_of(panel);
                        let target = &mut grad_weight[first..first + columns];
                        for part in 0..parts {
                            let from = (panel * parts + part) * size + row * panels.width;
                            let from = &partial[from..from + columns];
                            if part == 0 {
                                target.copy_from_slice(from);
                            } else {
                                target.iter_mut().zip(from).for_each(|(sum, part)| *sum += part);
                            }
                        }
                    }
                },
            );
        });
    }
}

/// The share of some units in the gradient of the columns of a panel.
struct Part<'a> {
    plan: &'a Plan<'a>,
    lists: &'a [Lists],
    grad_output: &'a [f32],
    panels: Panels,
    panel: usize,
    units: Range<usize>,
    /// `[taps, in, width]`.
    sums: &'a mut [f32],
    /// Room for the table of a unit.
    table: &'a mut [f32],
}

impl WithSimd for Part<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        with_count!(self.panels.vectors, simd, part(simd, self));
    }
}

#[inline(always)]
fn part<S: Simd, const N: usize>(simd: S, part: Part<'_>) {
    let Part { plan, table, .. } = part;
    part.sums.fill(0.0);
    let sums = rows_mut::<S, N>(part.sums);
    let (planes, channels) = (plan.input.planes(), plan.input.channels());
    for unit in part.units.clone() {
        let lists = &part.lists[unit];
        if lists.rows.is_empty() {
            continue;
        }
        fill_table::<S, N>(
            simd,
            plan,
            unit,
            part.grad_output,
            part.panels.columns_of(part.panel),
            table,
        );
        let table = rows::<S, N>(table);
        let patterns = plan.patterns(unit);
        for class in 0..plan.classes() {
            let down = &plan.vertical.taps[class / plan.horizontal.stride];
            let right = &plan.horizontal.taps[class % plan.horizontal.stride];
            for plane in 0..planes {
                let scale = simd.splat_f32s(plan.input.weight_of(plane));
                let first = (class * planes + plane) * channels;
                for channel in 0..channels {
                    let range = lists.starts[first + channel] as usize
                        ..lists.starts[first + channel + 1] as usize;
                    let list = &lists.rows[range];
                    if list.is_empty() {
                        continue;
                    }
                    for &(ky, down) in down {
                        for &(kx, right) in right {
                            let shift = (down * plan.table_width() + right) * patterns;
                            let sum = sum_of_rows(simd, &table[shift..], list);
                            let tap = ky * plan.shape.kernel[1] + kx;
                            for (total, sum) in sums[tap * channels + channel].iter_mut().zip(sum) {
                                *total = simd.add_f32s(*total, simd.mul_f32s(sum, scale));
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Sums the output gradient of a unit over all subsets of its steps, `[pixels, patterns, N]`.
#[inline(always)]
fn fill_table<S: Simd, const N: usize>(
    simd: S,
    plan: &Plan<'_>,
    unit: usize,
    grad_output: &[f32],
    (column, columns): (usize, usize),
    table: &mut [f32],
) {
    let shape = plan.shape;
    let steps = plan.input.steps(plan.group(unit));
    let patterns = plan.patterns(unit);
    let batch = shape.images / plan.input.shape()[0];
    let width = plan.table_width();
    let zero = [simd.splat_f32s(0.0); N];
    let mut padded = [0.0; COLUMNS];
    for block in plan.blocks(unit) {
        for line in 0..block.lines.len() + plan.vertical.reach {
            let y = plan.vertical.output_of(block.lines.start, line);
            for place in 0..width {
                let first = (block.start + line * width + place) * patterns;
                let table = &mut rows_mut::<S, N>(table)[first..first + patterns];
                let (Some(y), Some(x)) = (y, plan.horizontal.output_of(0, place)) else {
                    table.fill(zero);
                    continue;
                };
                for (step, t) in steps.clone().enumerate() {
                    let image = t * batch + block.image;
                    let pixel = (image * plan.vertical.outputs + y) * plan.horizontal.outputs + x;
                    let from = pixel * shape.out_channels + column;
                    let grad = &grad_output[from..from + columns];
                    let grad = if let [whole] = rows::<S, N>(grad) {
                        *whole
                    } else {
                        padded[..columns].copy_from_slice(grad);
                        rows::<S, N>(&padded)[0]
                    };
                    // The patterns whose last step is this one: those before, with it added.
                    let bit = 1 << step;
                    table[bit - 1] = grad;
                    for pattern in 1..bit {
                        let mut sum = table[pattern - 1];
                        add_row(simd, &mut sum, &grad);
                        table[bit + pattern - 1] = sum;
                    }
                }
            }
        }
    }
}

/// The sum of the rows with these indices.
#[inline(always)]
fn sum_of_rows<S: Simd, const N: usize>(
    simd: S,
    rows: &[[S::f32s; N]],
    indices: &[u32],
) -> [S::f32s; N] {
    // Few sums wait for each other: twice as many do not.
    let zero = [simd.splat_f32s(0.0); N];
    let (mut sum, mut other) = (zero, zero);
    let (pairs, rest) = indices.as_chunks::<2>();
    for [first, second] in pairs {
        add_row(simd, &mut sum, &rows[*first as usize]);
        add_row(simd, &mut other, &rows[*second as usize]);
    }
    for index in rest {
        add_row(simd, &mut sum, &rows[*index as usize]);
    }
    add_row(simd, &mut sum, &other);
    sum
}
