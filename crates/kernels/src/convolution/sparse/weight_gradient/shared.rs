//! The gradient of a convolution of spikes to its weight, in which each step counts by its shares.
//!
//! Each step has its own lists, and its table is the output gradient itself.
//! A panel has so few columns that the table of a strip fits the level-1 cache, or almost does, while all lists
//! are summed; a task copies the tables of several panels at a time, so that the gradient is read line by
//! line.
//! The sums of a step are multiplied by their shares when the step is done.

use super::lists::{Lists, Steps};
use super::plan::Plan;
use super::{SUMS, TASKS, add_parts};
use crate::convolution::{Conv2d, Shares};
use crate::scratch::with_floats;
use crate::simd::dispatch;
use crate::simd::vector::{Panels, add_row, rows, rows_mut, with_count, with_vectors};
use crate::spikes::Spikes;
use pulp::{Simd, WithSimd};
use rayon::prelude::*;
use std::ops::Range;

/// Input pixels per strip, about: enough that a list is longer than the work around it.
const PIXELS: usize = 256;
/// Vectors per row of a table: with more of them, the sums of all taps do not fit 16 registers.
const VECTORS: usize = 2;
/// Taps at a time, for which a list is read once.
const TAPS: usize = 3;

impl Conv2d {
    /// As [`Self::sparse_weight_gradient`], where each step counts by its own share:
    /// `Σ_t (dL/dW)[t] ⊙ share[t]`.
    ///
    /// # Panics
    /// As [`Self::sparse_weight_gradient`]; if there is not a share for each weight and step.
    pub fn shared_weight_gradient(
        &self,
        input: &Spikes,
        grad_output: &[f32],
        shares: Shares<'_>,
        grad_weight: &mut [f32],
    ) {
        let time_steps = input.shape()[0];
        self.check_spikes(input);
        self.check(input.len(), grad_weight.len(), grad_output.len());
        assert_eq!(shares.scales.len(), time_steps, "steps that have shares");
        assert_eq!(shares.values.len(), time_steps * self.weight_len(), "shares");
        if grad_weight.is_empty() {
            return;
        }
        if grad_output.is_empty() || input.is_empty() {
            grad_weight.fill(0.0);
            return;
        }
        let plan = Plan::new(self, input, PIXELS);
        let lists: Vec<Lists> = (0..plan.strips)
            .into_par_iter()
            .map(|strip| dispatch(Steps { plan: &plan, strip }))
            .collect();
        let panels = Panels::new(self.out_channels, VECTORS);
        let size = self.patch_len() * panels.width;
        let units = time_steps * plan.strips;
        let parts = (SUMS / (panels.count * size)).clamp(1, TASKS).min(units);
        let per_task = panels.count / TASKS.div_ceil(parts).min(panels.count);
        let place = |panel: usize, part: usize| {
            (panel / per_task * parts + part) * per_task * size + panel % per_task * size
        };
        let groups = panels.count.div_ceil(per_task);
        with_floats(groups * parts * per_task * size, |partial| {
            partial.par_chunks_mut(per_task * size).enumerate().for_each(|(task, sums)| {
                let (group, part) = (task / parts, task % parts);
                let first = group * per_task;
                let count = per_task.min(panels.count - first);
                let table = plan.table_pixels() * panels.width;
                with_floats(count * (table + size), |room| {
                    let (table, of_step) = room.split_at_mut(count * table);
                    let sums = &mut sums[..count * size];
                    with_vectors(Part {
                        plan: &plan,
                        lists: &lists,
                        grad_output,
                        shares,
                        panels,
                        first,
                        count,
                        units: part * units / parts..(part + 1) * units / parts,
                        sums,
                        of_step,
                        table,
                    });
                });
            });
            add_parts(partial, panels, parts, place, grad_weight);
        });
    }
}

/// The share of some units in the gradient of some panels. A unit is a strip in a step; those of a step
/// follow each other.
struct Part<'a> {
    plan: &'a Plan<'a>,
    lists: &'a [Lists],
    grad_output: &'a [f32],
    shares: Shares<'a>,
    panels: Panels,
    /// The first panel.
    first: usize,
    count: usize,
    units: Range<usize>,
    /// `[panels, taps, in, width]`.
    sums: &'a mut [f32],
    /// The same of a single step.
    of_step: &'a mut [f32],
    /// Room for `[panels, pixels, width]`.
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
fn part<S: Simd, const N: usize>(simd: S, mut part: Part<'_>) {
    let strips = part.plan.strips;
    part.sums.fill(0.0);
    let Range { start, end } = part.units;
    for t in start / strips..end.div_ceil(strips) {
        part.of_step.fill(0.0);
        for unit in start.max(t * strips)..end.min((t + 1) * strips) {
            let strip = unit % strips;
            if part.lists[strip].rows.is_empty() {
                continue;
            }
            part.fill_table::<S, N>(simd, t, strip);
            for panel in 0..part.count {
                add_rows::<S, N>(simd, &mut part, t, strip, panel);
            }
        }
        part.add_step::<S, N>(simd, t);
    }
}

/// Adds the rows of a unit to the sums of its step.
#[inline(always)]
fn add_rows<S: Simd, const N: usize>(
    simd: S,
    part: &mut Part<'_>,
    t: usize,
    strip: usize,
    panel: usize,
) {
    let Part { plan, .. } = *part;
    let (planes, channels) = (plan.input.planes(), plan.input.channels());
    let table = &rows::<S, N>(part.table)[panel * plan.table_pixels()..][..plan.table_pixels()];
    let size = plan.shape.patch_len();
    let sums = &mut rows_mut::<S, N>(part.of_step)[panel * size..][..size];
    for class in 0..plan.classes() {
        let down = &plan.vertical.taps[class / plan.horizontal.stride];
        let right = &plan.horizontal.taps[class % plan.horizontal.stride];
        for plane in 0..planes {
            let scale = simd.splat_f32s(plan.input.weight_of(plane));
            for channel in 0..channels {
                let key = ((t * plan.classes() + class) * planes + plane) * channels + channel;
                let list = part.lists[strip].of(key);
                if list.is_empty() {
                    continue;
                }
                for &(ky, down) in down {
                    let table = &table[down * plan.table_width()..];
                    let row = |kx| (ky * plan.shape.kernel[1] + kx) * channels + channel;
                    let mut left = &right[..];
                    while let Some((taps, rest)) = left.split_first_chunk::<TAPS>() {
                        add_taps(simd, table, list, taps, scale, row, sums);
                        left = rest;
                    }
                    match left {
                        [a, b] => add_taps(simd, table, list, &[*a, *b], scale, row, sums),
                        [a] => add_taps(simd, table, list, &[*a], scale, row, sums),
                        _ => {}
                    }
                }
            }
        }
    }
}

/// Adds the rows of a list, as seen from some taps of a line, to the sums of these taps.
#[inline(always)]
fn add_taps<S: Simd, const N: usize, const TAPS: usize>(
    simd: S,
    table: &[[S::f32s; N]],
    list: &[u32],
    taps: &[(usize, usize); TAPS],
    scale: S::f32s,
    row: impl Fn(usize) -> usize,
    sums: &mut [[S::f32s; N]],
) {
    let most = taps.iter().fold(0, |most, (_, shift)| most.max(*shift));
    let length = table.len() - most;
    let mut tables = [&table[..0]; TAPS];
    for (seen, (_, shift)) in tables.iter_mut().zip(taps) {
        *seen = &table[*shift..*shift + length];
    }
    let zero = [[simd.splat_f32s(0.0); N]; TAPS];
    let (mut even, mut odd) = (zero, zero);
    let (pairs, rest) = list.as_chunks::<2>();
    for [first, second] in pairs {
        for (sum, table) in even.iter_mut().zip(&tables) {
            add_row(simd, sum, &table[*first as usize]);
        }
        for (sum, table) in odd.iter_mut().zip(&tables) {
            add_row(simd, sum, &table[*second as usize]);
        }
    }
    for index in rest {
        for (sum, table) in even.iter_mut().zip(&tables) {
            add_row(simd, sum, &table[*index as usize]);
        }
    }
    for (((kx, _), sum), other) in taps.iter().zip(&mut even).zip(&odd) {
        add_row(simd, sum, other);
        for (total, sum) in sums[row(*kx)].iter_mut().zip(sum) {
            *total = simd.add_f32s(*total, simd.mul_f32s(*sum, scale));
        }
    }
}

impl Part<'_> {
    /// Copies the output gradient of a unit, with zeros around it.
    #[inline(always)]
    fn fill_table<S: Simd, const N: usize>(&mut self, simd: S, t: usize, strip: usize) {
        let Self { plan, grad_output, panels, first, count, .. } = *self;
        let (shape, pixels) = (plan.shape, plan.table_pixels());
        let batch = shape.images / plan.input.shape()[0];
        let table = rows_mut::<S, N>(self.table);
        for block in plan.blocks(strip) {
            let image = t * batch + block.image;
            for line in 0..block.lines.len() + plan.vertical.reach {
                let y = plan.vertical.output_of(block.lines.start, line);
                for place in 0..plan.table_width() {
                    let x = plan.horizontal.output_of(0, place);
                    let at = block.start + line * plan.table_width() + place;
                    let (Some(y), Some(x)) = (y, x) else {
                        for panel in 0..count {
                            table[panel * pixels + at] = [simd.splat_f32s(0.0); N];
                        }
                        continue;
                    };
                    let line = image * plan.vertical.outputs + y;
                    let pixel = line * plan.horizontal.outputs + x;
                    let grads = &grad_output[pixel * shape.out_channels..][..shape.out_channels];
                    for panel in 0..count {
                        let (column, columns) = panels.columns_of(first + panel);
                        let grads = &grads[column..column + columns];
                        table[panel * pixels + at] = super::padded::<S, N>(grads);
                    }
                }
            }
        }
    }

    /// Adds the sums of a step, times its shares, to those of all steps.
    #[inline(always)]
    fn add_step<S: Simd, const N: usize>(&mut self, simd: S, t: usize) {
        let Self { plan, shares, panels, first, count, .. } = *self;
        let outputs = plan.shape.out_channels;
        let steps = shares.scales.len();
        let [offset, factor] = shares.scales[t].map(|scale| simd.splat_f32s(scale));
        let size = plan.shape.patch_len();
        let sums = rows_mut::<S, N>(self.sums);
        let of_step = rows::<S, N>(self.of_step);
        for row in 0..size {
            let values = &shares.values[(row * steps + t) * outputs..][..outputs];
            for panel in 0..count {
                let (column, columns) = panels.columns_of(first + panel);
                let values = super::padded::<S, N>(&values[column..column + columns]);
                let of_step = &of_step[panel * size + row];
                for ((sum, of_step), value) in
                    sums[panel * size + row].iter_mut().zip(of_step).zip(values)
                {
                    let share = simd.add_f32s(offset, simd.mul_f32s(factor, value));
                    *sum = simd.add_f32s(*sum, simd.mul_f32s(*of_step, share));
                }
            }
        }
    }
}
