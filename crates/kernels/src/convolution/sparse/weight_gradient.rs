//! The gradient of a convolution of spikes to its weight, grouped by the pattern over time.
//!
//! For each output pixel the output gradient is summed over every subset of a group of steps: a
//! *table* of 15 rows for four steps, made with 11 additions.
//! For each input channel and tap the rows of all active pixels of a strip are summed in registers:
//! an active pixel adds one row, whatever the number of steps in which it fires.
//! The same list of pixels serves all taps, which differ by a shift in the table only; zeros around
//! the image make up for pixels without a partner.
mod lists;
mod plan;
mod shared;

use crate::convolution::Conv2d;
use crate::scratch::with_floats;
use crate::simd::dispatch;
use crate::simd::vector::{
    MOST_VECTORS, Panels, add_row, lanes, rows, rows_mut, with_count, with_vectors,
};
use crate::spikes::{STEPS, Spikes};
use lists::{Lists, Patterns};
use plan::Plan;
use pulp::{Simd, WithSimd};
use rayon::prelude::*;
use std::ops::Range;

/// Input pixels per strip, about: enough that a list is longer than the work around it.
const PIXELS: usize = 128;
/// Floats per row of the table, so that the table of a strip stays in cache.
const COLUMNS: usize = 64;
/// Tasks into which the gradient is cut, about.
const TASKS: usize = 16;
/// Most floats of the partial sums of all tasks, if a panel is not alone larger.
const SUMS: usize = 3 << 20;

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
        let plan = Plan::new(self, input, PIXELS);
        let units = plan.strips * input.groups();
        let lists: Vec<Lists> = (0..units)
            .into_par_iter()
            .map(|unit| {
                let (strip, group) = (unit / input.groups(), unit % input.groups());
                dispatch(Patterns { plan: &plan, strip, group })
            })
            .collect();
        let panels = Panels::new(self.out_channels, (COLUMNS / lanes()).min(MOST_VECTORS));
        let size = self.patch_len() * panels.width;
        let most = (SUMS / (panels.count * size)).max(1);
        let parts = TASKS.div_ceil(panels.count).min(units).min(most);
        with_floats(panels.count * parts * size, |partial| {
            partial.par_chunks_mut(size).enumerate().for_each(|(task, sums)| {
                let (panel, part) = (task / parts, task % parts);
                let units = part * units / parts..(part + 1) * units / parts;
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
            let place = |panel, part| (panel * parts + part) * size;
            add_parts(partial, panels, parts, place, grad_weight);
        });
    }
}

/// Adds the parts of the gradient in their order; `place` says where those of a panel and part start.
fn add_parts(
    partial: &[f32],
    panels: Panels,
    parts: usize,
    place: impl Fn(usize, usize) -> usize + Sync,
    grad_weight: &mut [f32],
) {
    let rows = grad_weight.par_chunks_mut(panels.columns).with_min_len(16).enumerate();
    rows.for_each(|(row, grad_weight)| {
        for panel in 0..panels.count {
            let (first, columns) = panels.columns_of(panel);
            let target = &mut grad_weight[first..first + columns];
            for part in 0..parts {
                let from = &partial[place(panel, part) + row * panels.width..][..columns];
                if part == 0 {
                    target.copy_from_slice(from);
                } else {
                    target.iter_mut().zip(from).for_each(|(sum, part)| *sum += part);
                }
            }
        }
    });
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
    let columns = part.panels.columns_of(part.panel);
    for unit in part.units.clone() {
        let lists = &part.lists[unit];
        if lists.rows.is_empty() {
            continue;
        }
        let patterns = fill_table::<S, N>(simd, plan, unit, part.grad_output, columns, table);
        let table = rows::<S, N>(table);
        for class in 0..plan.classes() {
            let down = &plan.vertical.taps[class / plan.horizontal.stride];
            let right = &plan.horizontal.taps[class % plan.horizontal.stride];
            for plane in 0..planes {
                let scale = simd.splat_f32s(plan.input.weight_of(plane));
                for channel in 0..channels {
                    let list = lists.of((class * planes + plane) * channels + channel);
                    if list.is_empty() {
                        continue;
                    }
                    for &(ky, down) in down {
                        for &(kx, right) in right {
                            let shift = (down * plan.table_width() + right) * patterns;
                            let sum = sum_of_rows(simd, &table[shift..], list);
                            let tap = ky * plan.shape.kernel[1] + kx;
                            let total = &mut sums[tap * channels + channel];
                            for (total, sum) in total.iter_mut().zip(sum) {
                                *total = simd.add_f32s(*total, simd.mul_f32s(sum, scale));
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Sums the output gradient of a unit over all subsets of its steps, `[pixels, patterns, N]`; returns
/// the number of patterns.
#[inline(always)]
fn fill_table<S: Simd, const N: usize>(
    simd: S,
    plan: &Plan<'_>,
    unit: usize,
    grad_output: &[f32],
    (column, columns): (usize, usize),
    table: &mut [f32],
) -> usize {
    let (shape, groups) = (plan.shape, plan.input.groups());
    let steps = plan.input.steps(unit % groups);
    let patterns = (1 << steps.len()) - 1;
    let batch = shape.images / plan.input.shape()[0];
    let width = plan.table_width();
    let zero = [simd.splat_f32s(0.0); N];
    for block in plan.blocks(unit / groups) {
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
                    let grad = padded::<S, N>(&grad_output[from..from + columns]);
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
    patterns
}

/// A row of columns, with zeros behind the last one.
#[inline(always)]
fn padded<S: Simd, const N: usize>(columns: &[f32]) -> [S::f32s; N] {
    if let [whole] = rows::<S, N>(columns) {
        return *whole;
    }
    let mut padded = [0.0; COLUMNS];
    padded[..columns.len()].copy_from_slice(columns);
    rows::<S, N>(&padded)[0]
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
