//! The forward pass: spikes as bytes, the weight as digits.

use super::digits::{Row, Scales, copy_row, total};
use super::plane::{Phases, Plane};
use super::{FLOATS, GROUP_BYTES, MOST_INPUTS};
use crate::convolution::Conv2d;
use crate::scratch::with_floats;
use crate::shared::Shared;
use crate::simd::matrix_unit::{BLOCK, DIGITS, Line, ROWS, Rows, Sums, Tile, Unit};
use crate::simd::{Kernel, dispatch};
use crate::spikes::{PER_WORD, STEPS, Spikes};
use pulp::bytemuck::{cast_slice, cast_slice_mut};
use rayon::prelude::*;
use std::ops::Range;

/// Input channels of a line.
const CHANNELS: usize = size_of::<Line>();
/// Depths at a time.
const DEPTH: usize = 12;
/// Blocks of results per task.
const BLOCKS: usize = 8;
/// Tasks into which the work is cut, at least, where the columns allow it.
const TASKS: usize = 16;

/// The sums of a block of results in sixteen columns.
type BlockSums = [[Sums<i32>; DIGITS]; 2];

impl Conv2d {
    /// `output = input ⋆ weight + bias` for an input of spikes; `self.images` counts time steps
    /// times batch, and the spikes are those of all of them.
    ///
    /// Equal to [`Self::forward`] up to rounding, and up to 2⁻²³ of the largest weight of an output
    /// channel, per weight.
    ///
    /// # Panics
    /// If the spikes or a slice do not have the number of elements of their shape, or a stride is 0,
    /// or an output has more than 2²⁰ inputs, or
    /// [this machine has no matrix unit](crate::simd::has_matrix_unit).
    pub fn tile_forward(
        &self,
        input: &Spikes,
        weight: &[f32],
        bias: Option<&[f32]>,
        output: &mut [f32],
    ) {
        self.check_spikes(input);
        self.check(input.len(), weight.len(), output.len());
        if let Some(bias) = bias {
            assert_eq!(bias.len(), self.out_channels, "elements of the bias");
        }
        assert!(self.patch_len() <= MOST_INPUTS, "inputs of an output");
        if output.is_empty() {
            return;
        }
        let chunks = self.in_channels.div_ceil(CHANNELS);
        let columns = self.out_channels.div_ceil(ROWS);
        let depth = chunks * self.taps();
        let [time_steps, ..] = input.shape();
        let batch = self.images / time_steps;
        let phases = Phases::new(self);
        let places = phases.plane(self, time_steps).results_len();
        let of_sample = places * phases.offsets.len() * chunks * size_of::<Line>();
        let groups = batch.div_ceil((GROUP_BYTES / of_sample).max(1));
        let output = Shared::new(output);
        with_floats(columns * depth * DIGITS * ROWS * FLOATS, |registers| {
            let mut scales = self.weight_digits(weight, chunks, registers);
            scales.as_flattened_mut().iter_mut().for_each(|scale| *scale *= input.weight_of(0));
            let registers: &[[Tile; DIGITS]] = cast_slice(registers);
            for group in 0..groups {
                let samples = group * batch / groups..(group + 1) * batch / groups;
                let plane = phases.plane(self, time_steps * samples.len());
                let map = SpikeMap { phases: &phases, plane, samples };
                self.forward_of_group(input, &map, (registers, &scales), bias, output);
            }
        });
    }

    /// Writes the output of a group of samples, with the digits of the weight.
    fn forward_of_group(
        &self,
        input: &Spikes,
        map: &SpikeMap<'_>,
        (registers, scales): (&[[Tile; DIGITS]], &[Row]),
        bias: Option<&[f32]>,
        output: Shared<'_>,
    ) {
        let chunks = self.in_channels.div_ceil(CHANNELS);
        let depths = map.depths(chunks);
        let strip = BLOCKS * BLOCK;
        let strips = map.plane.results_len().div_ceil(strip);
        let parts = TASKS.div_ceil(strips).min(scales.len());
        with_floats(chunks * map.phases.offsets.len() * map.plane.len() * FLOATS, |lines| {
            map.expand(self, input, lines);
            let bytes: &[u8] = cast_slice(lines);
            (0..strips * parts).into_par_iter().for_each(|task| {
                let (first, part) = (task % strips * strip, task / strips);
                let blocks = BLOCKS.min((map.plane.results_len() - first).div_ceil(BLOCK));
                let columns = part * scales.len() / parts..(part + 1) * scales.len() / parts;
                let room = BLOCKS * size_of::<BlockSums>() / size_of::<f32>();
                let multiply = |unit: &mut Unit, sums: &mut [BlockSums]| {
                    for column in columns {
                        let right = &registers[column * depths.len()..][..depths.len()];
                        let store = |block: usize, sums: &BlockSums| {
                            dispatch(Store {
                                shape: self,
                                map,
                                sums,
                                scale: &scales[column],
                                bias,
                                column: column * ROWS,
                                first: first + block * BLOCK,
                                output,
                            });
                        };
                        // A part of the registers stays in the level-1 cache for all blocks.
                        for start in (0..depths.len()).step_by(DEPTH) {
                            let end = depths.len().min(start + DEPTH);
                            for block in 0..blocks {
                                let rows = Rows {
                                    bytes: &bytes[(first + block * BLOCK) * size_of::<Line>()..],
                                    row: size_of::<Line>(),
                                    depths: &depths[start..end],
                                };
                                unit.digits(rows, &right[start..end], start > 0, &mut sums[block]);
                                // The unit works on while the vectors store what it is done with.
                                if end == depths.len() && block > 0 {
                                    store(block - 1, &sums[block - 1]);
                                }
                            }
                        }
                        store(blocks - 1, &sums[blocks - 1]);
                    }
                };
                with_floats(room, |sums| Unit::with(|unit| multiply(unit, cast_slice_mut(sums))));
            });
        });
    }

    /// Writes the weight as registers `[columns, chunks, taps, DIGITS]`; returns the scales of the
    /// columns.
    fn weight_digits(&self, weight: &[f32], chunks: usize, registers: &mut [f32]) -> Vec<Row> {
        let depth = self.taps() * chunks;
        let registers: &mut [[Tile; DIGITS]] = cast_slice_mut(registers);
        registers
            .par_chunks_exact_mut(depth)
            .enumerate()
            .map(|(column, registers)| {
                dispatch(WeightDigits { shape: self, weight, column, registers })
            })
            .collect()
    }
}

/// Where the bytes of a group of samples lie, all samples step by step: `[chunks, phases, places]`.
struct SpikeMap<'a> {
    phases: &'a Phases,
    plane: Plane,
    samples: Range<usize>,
}

impl SpikeMap<'_> {
    /// Where the first row of a product lies, in bytes: `[chunks, taps]`.
    fn depths(&self, chunks: usize) -> Vec<usize> {
        let places = (0..chunks).flat_map(|chunk| {
            self.phases.taps.iter().map(move |(phase, tap)| {
                (chunk * self.phases.offsets.len() + phase) * self.plane.len()
                    + self.plane.offset(*tap)
            })
        });
        places.map(|place| place * size_of::<Line>()).collect()
    }

    /// Writes the bytes, and zeros everywhere else.
    fn expand(&self, shape: &Conv2d, input: &Spikes, lines: &mut [f32]) {
        let plane = &self.plane;
        for part in lines.chunks_exact_mut(plane.len() * FLOATS) {
            part[..plane.row(0, 0) * FLOATS].fill(0.0);
            part[plane.row(plane.images, 0) * FLOATS..].fill(0.0);
        }
        let lines = Shared::new(lines);
        (0..self.samples.len() * plane.rows).into_par_iter().for_each(|task| {
            let (sample, row) = (task / plane.rows, task % plane.rows);
            for (phase, offset) in self.phases.offsets.iter().enumerate() {
                let y = row * shape.stride[0] + offset[0];
                dispatch(Expand { map: self, shape, input, sample, row, y, phase, lines });
            }
        });
    }
}

/// One row of one phase of one sample, at all steps.
struct Expand<'a> {
    map: &'a SpikeMap<'a>,
    shape: &'a Conv2d,
    input: &'a Spikes,
    /// Number in the group.
    sample: usize,
    row: usize,
    y: usize,
    phase: usize,
    lines: Shared<'a>,
}

impl Kernel for Expand<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        const WORDS: usize = CHANNELS / PER_WORD;
        const BIT: u64 = 0x0101_0101_0101_0101;
        let Self { map, shape, input, sample, row, y, phase, lines } = self;
        let plane = &map.plane;
        let image = map.samples.start + sample;
        let chunks = shape.in_channels.div_ceil(CHANNELS);
        for group in 0..input.groups() {
            let steps = input.steps(group);
            for chunk in 0..chunks {
                let start = (chunk * map.phases.offsets.len() + phase) * plane.len();
                for place in 0..plane.pitch {
                    let x = place * shape.stride[1] + map.phases.offsets[phase][1];
                    let mut values = [[0_u64; 2 * WORDS]; STEPS];
                    if y < shape.height && x < shape.width {
                        let pixel = (image * shape.height + y) * shape.width + x;
                        for number in 0..input.planes() {
                            let words = &input.patterns(pixel, group, number)[chunk * WORDS..];
                            let mut halves = [0_u64; 2 * WORDS];
                            let pairs = halves.as_chunks_mut::<2>().0;
                            for (halves, word) in pairs.iter_mut().zip(words) {
                                *halves = [word & 0xFFFF_FFFF, word >> 32];
                            }
                            // From four bits per channel to eight.
                            for half in &mut halves {
                                *half = (*half | *half << 16) & 0x0000_FFFF_0000_FFFF;
                                *half = (*half | *half << 8) & 0x00FF_00FF_00FF_00FF;
                                *half = (*half | *half << 4) & 0x0F0F_0F0F_0F0F_0F0F;
                            }
                            for (step, values) in values.iter_mut().enumerate() {
                                for (value, half) in values.iter_mut().zip(&halves) {
                                    *value |= (half >> step & BIT) << number;
                                }
                            }
                        }
                    }
                    for (t, values) in steps.clone().zip(&values) {
                        let line = start + plane.row(t * map.samples.len() + sample, row) + place;
                        // SAFETY: each task has its own rows, and visits each line once.
                        let line = unsafe { lines.part(line * FLOATS..(line + 1) * FLOATS) };
                        let bytes: &mut [[u8; 8]] = cast_slice_mut(line);
                        for (bytes, value) in bytes.iter_mut().zip(values) {
                            *bytes = value.to_le_bytes();
                        }
                    }
                }
            }
        }
    }
}

/// The digits of sixteen columns of the weight.
struct WeightDigits<'a> {
    shape: &'a Conv2d,
    weight: &'a [f32],
    column: usize,
    registers: &'a mut [[Tile; DIGITS]],
}

impl Kernel for WeightDigits<'_> {
    type Output = Row;

    #[inline(always)]
    fn call(self) -> Row {
        let Self { shape, weight, column, registers } = self;
        let (inputs, outputs) = (shape.in_channels, shape.out_channels);
        let first = column * ROWS;
        let end = outputs.min(first + ROWS);
        // Sixteen columns, side by side.
        let mut rows = vec![[0.0; ROWS]; shape.patch_len()];
        for (row, weight) in rows.iter_mut().zip(weight.chunks_exact(outputs)) {
            copy_row(&weight[first..end], row);
        }
        let scales = Scales::of(&rows);
        for (index, registers) in registers.iter_mut().enumerate() {
            let (chunk, tap) = (index / shape.taps(), index % shape.taps());
            let rows = &rows[tap * inputs..(tap + 1) * inputs];
            let rows = &rows[chunk * CHANNELS..inputs.min((chunk + 1) * CHANNELS)];
            let (fours, rest) = rows.as_chunks::<4>();
            for (line, rows) in fours.iter().enumerate() {
                scales.write(rows, line, registers);
            }
            let mut last = [[0.0; ROWS]; 4];
            last[..rest.len()].copy_from_slice(rest);
            for line in fours.len()..ROWS {
                scales.write(&last, line, registers);
                last = [[0.0; ROWS]; 4];
            }
        }
        scales.scale
    }
}

/// Writes the sums of a block of results to sixteen columns of the output.
struct Store<'a> {
    shape: &'a Conv2d,
    map: &'a SpikeMap<'a>,
    sums: &'a BlockSums,
    scale: &'a Row,
    bias: Option<&'a [f32]>,
    column: usize,
    first: usize,
    output: Shared<'a>,
}

impl Kernel for Store<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { shape, map, sums, scale, bias, column, first, output } = self;
        let channels = shape.out_channels;
        let count = ROWS.min(channels - column);
        let mut offset = [0.0; ROWS];
        if let Some(bias) = bias {
            copy_row(&bias[column..column + count], &mut offset);
        }
        let [height, width] = map.plane.results;
        let samples = map.samples.len();
        let batch = shape.images * samples / map.plane.images;
        for run in map.plane.runs(first, BLOCK) {
            let image = run.image / samples * batch + map.samples.start + run.image % samples;
            let pixel = (image * height + run.y) * width + run.x;
            for place in 0..run.count {
                let index = run.index + place;
                let values = total(&sums[index / ROWS], index % ROWS, scale, &offset);
                let start = (pixel + place) * channels + column;
                // SAFETY: each task has its own results and columns, and visits each once.
                let output = unsafe { output.part(start..start + count) };
                if let Ok(output) = <&mut Row>::try_from(&mut *output) {
                    *output = values;
                } else {
                    output.copy_from_slice(&values[..count]);
                }
            }
        }
    }
}
