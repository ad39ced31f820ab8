//! The gradient of the weight: spikes as bytes by channel, output gradients as digits.
//!
//! The sums run over the places of a plane. The samples are taken in groups, whose digits stay in the
//! cache that all cores share, and their places in chunks with scales of their own.
mod group;

pub(in crate::convolution) use group::CHUNK;

use super::digits::{Row, total};
use super::plane::Phases;
use super::{FLOATS, GROUP_BYTES};
use crate::convolution::Conv2d;
use crate::reduce::add_parts;
use crate::scratch::with_floats;
use crate::shared::Shared;
use crate::simd::matrix_unit::{BLOCK, DIGITS, Line, ROWS, Rows, Sums, Tile, Unit};
use crate::simd::{Kernel, dispatch};
use crate::spikes::Spikes;
use group::{DEPTH, Group, PLACES};
use pulp::bytemuck::{cast_slice, cast_slice_mut};
use rayon::prelude::*;
use std::ops::Range;

/// Tasks into which a group is cut, about.
const TASKS: usize = 8;
/// Most floats of the sums of all parts, if the gradient is not alone larger.
const SUMS: usize = 2 << 20;

/// The sums of a block of channels in sixteen columns.
type BlockSums = [[Sums<i32>; DIGITS]; 2];

impl Conv2d {
    /// `grad_weight[kernel_h, kernel_w, in, out]` for an input of spikes; `self.images` counts time
    /// steps times batch, and the spikes are those of all of them.
    ///
    /// Equal to [`Self::weight_gradient`] up to rounding, and up to 2⁻²³ of the largest output gradient
    /// of an output channel in 384 places, per output gradient.
    ///
    /// # Panics
    /// If the spikes or a slice do not have the number of elements of their shape, or a stride is 0,
    /// or [this machine has no matrix unit](crate::simd::has_matrix_unit).
    pub fn tile_weight_gradient(
        &self,
        input: &Spikes,
        grad_output: &[f32],
        grad_weight: &mut [f32],
    ) {
        self.check_spikes(input);
        self.check(input.len(), grad_weight.len(), grad_output.len());
        if grad_weight.is_empty() || grad_output.is_empty() {
            grad_weight.fill(0.0);
            return;
        }
        let phases = Phases::new(self);
        let [time_steps, ..] = input.shape();
        let batch = self.images / time_steps;
        let channels = self.in_channels.next_multiple_of(BLOCK);
        let of_sample = phases.plane(self, time_steps).results_len()
            * (self.out_channels * DIGITS + phases.offsets.len() * channels);
        let groups = batch.div_ceil((GROUP_BYTES / of_sample).max(1));
        // Small gradients are summed in parts, one for each share of the places.
        let parts = (SUMS / grad_weight.len()).clamp(1, TASKS);
        with_floats(parts * grad_weight.len(), |sums| {
            sums.par_chunks_mut(1 << 16).for_each(|sums| sums.fill(0.0));
            for group in 0..groups {
                let samples = group * batch / groups..(group + 1) * batch / groups;
                let plane = phases.plane(self, time_steps * samples.len());
                let offsets = || phases.taps.iter().map(|(_, tap)| plane.offset(*tap));
                let reach = [offsets().min().unwrap_or(0), offsets().max().unwrap_or(0)];
                // Rows an odd number of lines apart do not fight for one place in the cache.
                let row = ((CHUNK + reach[1] - reach[0]).div_ceil(PLACES) | 1) * PLACES;
                let (shape, phases) = (self, &phases);
                let group = Group { shape, input, phases, plane, samples, channels, reach, row };
                group.add(grad_output, parts, sums);
            }
            add_parts(sums, grad_weight);
        });
    }
}

impl Group<'_> {
    /// Adds the share of the group to the sums, `[parts, kernel_h, kernel_w, in, out]`.
    fn add(&self, grad_output: &[f32], parts: usize, sums: &mut [f32]) {
        let columns = self.shape.out_channels.div_ceil(ROWS);
        let chunks = self.plane.results_len().div_ceil(CHUNK);
        let rows = self.phases.offsets.len() * chunks * self.channels;
        with_floats(rows * self.row / size_of::<f32>(), |spikes| {
            self.transpose(chunks, cast_slice_mut(spikes));
            let spikes: &[u8] = cast_slice(spikes);
            with_floats(chunks * columns * DEPTH * DIGITS * ROWS * FLOATS, |registers| {
                let scales = self.digits(grad_output, registers);
                let registers: &[[Tile; DIGITS]] = cast_slice(registers);
                let registers = registers.as_chunks::<DEPTH>().0;
                // Each task has its own part, blocks of channels and taps.
                let products = self.channels / BLOCK * self.phases.taps.len();
                let shares = TASKS.div_ceil(parts).min(products);
                let sums = Shared::new(sums);
                (0..parts * shares).into_par_iter().for_each(|task| {
                    let (part, share) = (task / shares, task % shares);
                    for chunk in part * chunks / parts..(part + 1) * chunks / parts {
                        self.add_chunk(&Chunk {
                            index: chunk,
                            chunks,
                            spikes,
                            registers: &registers[chunk * columns..][..columns],
                            scales: &scales[chunk * columns..][..columns],
                            products: share * products / shares..(share + 1) * products / shares,
                            part,
                            sums,
                        });
                    }
                });
            });
        });
    }

    /// Adds the products of a chunk.
    fn add_chunk(&self, chunk: &Chunk<'_>) {
        const PACKED: usize = DEPTH * BLOCK * FLOATS;
        const SUMS: usize = 2 * size_of::<BlockSums>() / size_of::<f32>();
        with_floats(PACKED + SUMS, |room| {
            let (packed, sums) = room.split_at_mut(PACKED);
            let packed: &mut [[Line; BLOCK]] = cast_slice_mut(packed);
            let sums: &mut [BlockSums] = cast_slice_mut(sums);
            Unit::with(|unit| self.multiply_chunk(unit, chunk, packed, sums));
        });
    }

    /// The same, with room for the spikes of a product and for the sums of two.
    fn multiply_chunk(
        &self,
        unit: &mut Unit,
        chunk: &Chunk<'_>,
        packed: &mut [[Line; BLOCK]],
        sums: &mut [BlockSums],
    ) {
        let taps = &self.phases.taps;
        let depths: [usize; DEPTH] =
            std::array::from_fn(|depth| depth * size_of::<[Line; BLOCK]>());
        let mut before: Option<Sum> = None;
        let mut turn = 0;
        for product in chunk.products.clone() {
            let (block, tap) = (product / taps.len(), product % taps.len());
            let (phase, place) = taps[tap];
            let row = (phase * chunk.chunks + chunk.index) * self.channels + block * BLOCK;
            let first = row * self.row + self.plane.offset(place) - self.reach[0];
            dispatch(Pack { from: &chunk.spikes[first..], row: self.row, packed });
            for (column, right) in chunk.registers.iter().enumerate() {
                let bytes = packed.as_flattened().as_flattened();
                let rows = Rows { bytes, row: size_of::<Line>(), depths: &depths };
                unit.digits(rows, right, false, &mut sums[turn % 2]);
                // The unit works on while the vectors add what it is done with.
                if let Some(sum) = before.replace(Sum { block, tap, column }) {
                    let sums = &sums[(turn + 1) % 2];
                    dispatch(Add { shape: self.shape, chunk, sums, sum });
                }
                turn += 1;
            }
        }
        if let Some(sum) = before {
            let sums = &sums[(turn + 1) % 2];
            dispatch(Add { shape: self.shape, chunk, sums, sum });
        }
    }
}

/// The products of a chunk of places, of some blocks of channels and taps.
struct Chunk<'a> {
    index: usize,
    chunks: usize,
    spikes: &'a [u8],
    /// `[columns]`.
    registers: &'a [[[Tile; DIGITS]; DEPTH]],
    scales: &'a [Row],
    /// Numbers of `[blocks, taps]`.
    products: Range<usize>,
    part: usize,
    sums: Shared<'a>,
}

/// Copies the bytes of a block of channels to lines of the cache: they are read for every column.
struct Pack<'a> {
    from: &'a [u8],
    row: usize,
    packed: &'a mut [[Line; BLOCK]],
}

impl Kernel for Pack<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { from, row, packed } = self;
        for channel in 0..BLOCK {
            let lines = from[channel * row..].as_chunks::<{ size_of::<Line>() }>().0;
            for (packed, line) in packed.iter_mut().zip(lines) {
                packed[channel] = *line;
            }
        }
    }
}

/// What a product is a part of: sixteen columns of a block of channels of a tap.
#[derive(Clone, Copy)]
struct Sum {
    block: usize,
    tap: usize,
    column: usize,
}

/// Adds a product to the gradient.
struct Add<'a> {
    shape: &'a Conv2d,
    chunk: &'a Chunk<'a>,
    sums: &'a BlockSums,
    sum: Sum,
}

impl Kernel for Add<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { shape, chunk, sums, sum: Sum { block, tap, column } } = self;
        let (inputs, outputs) = (shape.in_channels, shape.out_channels);
        let first = column * ROWS;
        let count = ROWS.min(outputs - first);
        let scale = &chunk.scales[column];
        let channels = block * BLOCK..inputs.min((block + 1) * BLOCK);
        for (index, channel) in channels.enumerate() {
            let row = (chunk.part * shape.taps() + tap) * inputs + channel;
            let start = row * outputs + first;
            // SAFETY: each task has its own part, blocks of channels and taps.
            let target = unsafe { chunk.sums.part(start..start + count) };
            let sums = &sums[index / ROWS];
            if let Ok(target) = <&mut Row>::try_from(&mut *target) {
                *target = total(sums, index % ROWS, scale, target);
            } else {
                let totals = total(sums, index % ROWS, scale, &[0.0; ROWS]);
                target.iter_mut().zip(&totals).for_each(|(sum, total)| *sum += total);
            }
        }
    }
}
