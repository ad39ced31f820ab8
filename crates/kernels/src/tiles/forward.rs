//! The forward pass: spikes as bytes, the weight as digits.

use super::digits::{Scales, sixteen, total};
use super::plane::Plane;
use super::unit::{BLOCK, DIGITS, Line, ROWS, Rows, Sums, Tile, Unit};
use super::{FLOATS, part_of};
use crate::convolution::Conv2d;
use crate::scratch::with_floats;
use crate::shared::Shared;
use crate::simd::{Kernel, dispatch};
use crate::spikes::{PER_WORD, STEPS, Spikes};
use pulp::bytemuck::{cast_slice, cast_slice_mut};
use rayon::prelude::*;

/// Input channels of a line.
const CHANNELS: usize = size_of::<Line>();
/// Blocks of results per task.
const BLOCKS: usize = 8;
/// Tasks into which the work is cut, at least, where the columns allow it.
const TASKS: usize = 16;

impl Conv2d {
    /// `output = input ⋆ weight + bias` for an input of spikes; `self.images` counts time steps
    /// times batch, and the spikes are those of all of them.
    ///
    /// Equal to [`Self::forward`] up to 2⁻²⁴ of the largest weight of an output channel, per weight.
    ///
    /// # Panics
    /// If the spikes or a slice do not have the number of elements of their shape, or a stride is 0,
    /// or [this machine has no matrix unit](crate::simd::has_matrix_unit).
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
        if output.is_empty() {
            return;
        }
        let chunks = self.in_channels.div_ceil(CHANNELS);
        let columns = self.out_channels.div_ceil(ROWS);
        let map = SpikeMap::new(self);
        let depths = map.depths(chunks);
        let part = part_of(self.taps(), depths.len());
        let strip = BLOCKS * BLOCK;
        let strips = map.plane.results_len().div_ceil(strip);
        let parts = TASKS.div_ceil(strips).min(columns);
        let output = Shared::new(output);
        with_floats(chunks * map.phases.len() * map.plane.len() * FLOATS, |lines| {
            map.expand(self, input, lines);
            let bytes: &[u8] = cast_slice(lines);
            with_floats(columns * depths.len() * DIGITS * ROWS * FLOATS, |registers| {
                let mut scales = self.weight_digits(weight, chunks, registers);
                scales.as_flattened_mut().iter_mut().for_each(|scale| *scale *= input.weight_of(0));
                let registers: &[[Tile; DIGITS]] = cast_slice(registers);
                (0..strips * parts).into_par_iter().for_each(|task| {
                    let first = task % strips * strip;
                    let count = strip.min(map.plane.results_len() - first);
                    let columns = task / strips * columns / parts..(task / strips + 1) * columns / parts;
                    Unit::with(|unit| {
                        let mut sums = [[[[[0; ROWS]; ROWS]; DIGITS]; 2]; BLOCKS];
                        for column in columns {
                            let right = &registers[column * depths.len()..][..depths.len()];
                            // A part of the registers stays in the level-1 cache for all blocks.
                            for start in (0..depths.len()).step_by(part) {
                                let end = depths.len().min(start + part);
                                for (block, sums) in (0..count).step_by(BLOCK).zip(&mut sums) {
                                    let rows = Rows {
                                        bytes: &bytes[(first + block) * size_of::<Line>()..],
                                        row: size_of::<Line>(),
                                        depths: &depths[start..end],
                                    };
                                    unit.digits(rows, &right[start..end], start > 0, sums);
                                }
                            }
                            for (block, sums) in (0..count).step_by(BLOCK).zip(&sums) {
                                dispatch(Store {
                                    sums,
                                    scale: scales[column],
                                    bias,
                                    column: column * ROWS,
                                    channels: self.out_channels,
                                    plane: &map.plane,
                                    first: first + block,
                                    output,
                                });
                            }
                        }
                    });
                });
            });
        });
    }

    /// Writes the weight as registers `[columns, chunks, taps, DIGITS]`; returns the scales of the
    /// columns.
    fn weight_digits(
        &self,
        weight: &[f32],
        chunks: usize,
        registers: &mut [f32],
    ) -> Vec<[f32; ROWS]> {
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

/// Where the bytes of spikes lie: in a plane for each position modulo the stride that a tap meets,
/// `[chunks, phases, places]`.
struct SpikeMap {
    plane: Plane,
    stride: [usize; 2],
    phases: Vec<[usize; 2]>,
    /// The phase of each tap, and where it lies there.
    taps: Vec<(usize, [i32; 2])>,
}

impl SpikeMap {
    fn new(shape: &Conv2d) -> Self {
        let stride = shape.stride;
        let mut phases = Vec::new();
        let mut taps = Vec::new();
        for tap in 0..shape.taps() {
            let tap = [tap / shape.kernel[1], tap % shape.kernel[1]];
            let from = [0, 1].map(|axis| tap[axis] as i32 - shape.padding[axis] as i32);
            let phase = [0, 1].map(|axis| from[axis].rem_euclid(stride[axis] as i32) as usize);
            let index = phases.iter().position(|found| *found == phase).unwrap_or_else(|| {
                phases.push(phase);
                phases.len() - 1
            });
            taps.push((index, [0, 1].map(|axis| from[axis].div_euclid(stride[axis] as i32))));
        }
        let size = [shape.height.div_ceil(stride[0]), shape.width.div_ceil(stride[1])];
        let places: Vec<[i32; 2]> = taps.iter().map(|(_, tap)| *tap).collect();
        let plane = Plane::new(shape.images, size, shape.output_size(), &places);
        Self { plane, stride, phases, taps }
    }

    /// Where the first row of a product lies, in bytes: `[chunks, taps]`.
    fn depths(&self, chunks: usize) -> Vec<usize> {
        let places = (0..chunks).flat_map(|chunk| {
            self.taps.iter().map(move |(phase, tap)| {
                (chunk * self.phases.len() + phase) * self.plane.len() + self.plane.offset(*tap)
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
        let batch = shape.images / input.shape()[0];
        let lines = Shared::new(lines);
        (0..batch * plane.rows).into_par_iter().for_each(|task| {
            let (image, row) = (task / plane.rows, task % plane.rows);
            for (phase, offset) in self.phases.iter().enumerate() {
                let y = row * self.stride[0] + offset[0];
                dispatch(Expand { map: self, shape, input, image, row, y, phase, lines });
            }
        });
    }
}

/// One row of one phase of one image, at all steps.
struct Expand<'a> {
    map: &'a SpikeMap,
    shape: &'a Conv2d,
    input: &'a Spikes,
    image: usize,
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
        let Self { map, shape, input, image, row, y, phase, lines } = self;
        let plane = &map.plane;
        let batch = shape.images / input.shape()[0];
        let chunks = shape.in_channels.div_ceil(CHANNELS);
        for group in 0..input.groups() {
            let steps = input.steps(group);
            for chunk in 0..chunks {
                let start = (chunk * map.phases.len() + phase) * plane.len();
                for place in 0..plane.pitch {
                    let x = place * map.stride[1] + map.phases[phase][1];
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
                        let line = start + plane.row(t * batch + image, row) + place;
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
    type Output = [f32; ROWS];

    #[inline(always)]
    fn call(self) -> [f32; ROWS] {
        let Self { shape, weight, column, registers } = self;
        let (inputs, outputs) = (shape.in_channels, shape.out_channels);
        let first = column * ROWS;
        let count = ROWS.min(outputs - first);
        let rows = (0..shape.patch_len()).map(|row| sixteen(weight, row * outputs + first, count));
        let scales = Scales::of(rows);
        for (index, registers) in registers.iter_mut().enumerate() {
            let (chunk, tap) = (index / shape.taps(), index % shape.taps());
            for line in 0..ROWS {
                let mut rows = [[0.0; ROWS]; 4];
                for (place, row) in rows.iter_mut().enumerate() {
                    let channel = chunk * CHANNELS + 4 * line + place;
                    if channel < inputs {
                        *row = sixteen(weight, (tap * inputs + channel) * outputs + first, count);
                    }
                }
                scales.write(&rows, line, registers);
            }
        }
        scales.scale
    }
}

/// Writes the sums of a block of results to sixteen columns of the output.
struct Store<'a> {
    sums: &'a [[Sums<i32>; DIGITS]; 2],
    scale: [f32; ROWS],
    bias: Option<&'a [f32]>,
    column: usize,
    channels: usize,
    plane: &'a Plane,
    first: usize,
    output: Shared<'a>,
}

impl Kernel for Store<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { sums, scale, bias, column, channels, plane, first, output } = self;
        let count = ROWS.min(channels - column);
        let bias = bias.map_or([0.0; ROWS], |bias| sixteen(bias, column, count));
        let [height, width] = plane.results;
        for run in plane.runs(first, BLOCK) {
            let pixel = (run.image * height + run.y) * width + run.x;
            for place in 0..run.count {
                let index = run.index + place;
                let mut values = total(&sums[index / ROWS], index % ROWS);
                for ((value, scale), bias) in values.iter_mut().zip(&scale).zip(&bias) {
                    *value = *value * scale + bias;
                }
                let start = (pixel + place) * channels + column;
                // SAFETY: each task has its own results and columns, and visits each once.
                let output = unsafe { output.part(start..start + count) };
                if let Ok(output) = <&mut [f32; ROWS]>::try_from(&mut *output) {
                    *output = values;
                } else {
                    output.copy_from_slice(&values[..count]);
                }
            }
        }
    }
}
