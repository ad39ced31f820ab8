//! The forward pass: spikes as bytes, the weight as digits.

use super::digits::{Scales, sixteen, total};
use super::unit::{BLOCK, DIGITS, Line, ROWS, Rows, Sums, Tile, Unit};
use super::windows::{Grid, Windows};
use super::FLOATS;
use crate::convolution::Conv2d;
use crate::scratch::with_floats;
use crate::shared::Shared;
use crate::simd::{Kernel, dispatch};
use crate::spikes::{PER_WORD, STEPS, Spikes};
use pulp::bytemuck::{cast_slice, cast_slice_mut};
use rayon::prelude::*;
use std::ops::Range;

/// Input channels of a line.
const CHANNELS: usize = size_of::<Line>();
/// Blocks of pixels per task, at most.
const BLOCKS: usize = 8;
/// Depths at a time, unless there are few.
const DEPTH: usize = 6;
const FEW: usize = 10;
/// Bytes of the windows of a task, about.
const WINDOW_BYTES: usize = 5 << 18;
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
        let depth = self.taps() * chunks;
        let columns = self.out_channels.div_ceil(ROWS);
        let pixels = output.len() / self.out_channels;
        let blocks = (WINDOW_BYTES / (depth * BLOCK * CHANNELS).max(1)).clamp(1, BLOCKS);
        let strip = blocks * BLOCK;
        let strips = pixels.div_ceil(strip);
        let parts = TASKS.div_ceil(strips).min(columns);
        let output = Shared::new(output);
        let [time_steps, of_step, _] = input.shape();
        // One more pixel, of zeros.
        with_floats((of_step + 1) * time_steps * chunks * FLOATS, |bytes| {
            expand(input, bytes);
            let bytes: &[Line] = cast_slice(bytes);
            with_floats(columns * depth * DIGITS * ROWS * FLOATS, |registers| {
                let mut scales = self.weight_digits(weight, chunks, registers);
            scales.as_flattened_mut().iter_mut().for_each(|scale| *scale *= input.weight_of(0));
                let registers: &[[Tile; DIGITS]] = cast_slice(registers);
                (0..strips * parts).into_par_iter().for_each(|task| {
                    let (first, part) = (task % strips * strip, task / strips);
                    with_floats(blocks * depth * BLOCK * FLOATS, |packed| {
                        let packed: &mut [Line] = cast_slice_mut(packed);
                        let count = strip.min(pixels - first);
                        self.pack_windows(input, bytes, first..first + count, packed);
                        let filled = count.div_ceil(BLOCK);
                        let columns = part * columns / parts..(part + 1) * columns / parts;
                        Unit::with(|unit| {
                            let mut sums = [[[[[0; ROWS]; ROWS]; DIGITS]; 2]; BLOCKS];
                            let part = if depth > FEW { DEPTH } else { depth };
                            for column in columns {
                                let right = &registers[column * depth..][..depth];
                                // The registers of a few depths stay in the level-1 cache for all
                                // blocks.
                                for start in (0..depth).step_by(part) {
                                    let right = &right[start..depth.min(start + part)];
                                    let blocks = packed.chunks_exact(depth * BLOCK);
                                    for (packed, sums) in blocks.zip(&mut sums).take(filled) {
                                        let rows = Rows::packed(&packed[start * BLOCK..]);
                                        unit.digits(rows, right, start > 0, sums);
                                    }
                                }
                                for (block, sums) in sums.iter().enumerate().take(filled) {
                                    let start = block * BLOCK;
                                    dispatch(Store {
                                        sums,
                                        scale: scales[column],
                                        bias,
                                        column: column * ROWS,
                                        channels: self.out_channels,
                                        first: first + start,
                                        pixels: BLOCK.min(count - start),
                                        output,
                                    });
                                }
                            }
                        });
                    });
                });
            });
        });
    }

    /// Copies the bytes that the output pixels see to `[blocks, taps, chunks, BLOCK]`.
    fn pack_windows(
        &self,
        input: &Spikes,
        lines: &[Line],
        pixels: Range<usize>,
        packed: &mut [Line],
    ) {
        let [time_steps, of_step, _] = input.shape();
        let batch = self.images / time_steps;
        let depth = self.in_channels.div_ceil(CHANNELS);
        let taps: Vec<[i32; 2]> = (0..self.taps())
            .map(|tap| {
                let tap = [tap / self.kernel[1], tap % self.kernel[1]];
                [0, 1].map(|axis| tap[axis] as i32 - self.padding[axis] as i32)
            })
            .collect();
        let blocks = packed.chunks_exact_mut(self.taps() * depth * BLOCK);
        for (first, packed) in pixels.clone().step_by(BLOCK).zip(blocks) {
            dispatch(Windows {
                grid: Grid {
                    size: self.output_size(),
                    stride: self.stride,
                    taps: &taps,
                    map: [self.height, self.width],
                },
                results: first..pixels.end.min(first + BLOCK),
                image: &|image| {
                    image % batch * self.height * self.width * time_steps + image / batch
                },
                step: time_steps,
                none: of_step * time_steps,
                lines,
                depth,
                packed,
            });
        }
    }

    /// Writes the weight as registers `[columns, taps, chunks, DIGITS]`; returns the scales of the
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
                dispatch(WeightDigits { shape: self, weight, chunks, column, registers })
            })
            .collect()
    }
}

/// Writes spikes as bytes, `[pixels, time, chunks]` lines, and zeros for a last pixel.
fn expand(input: &Spikes, bytes: &mut [f32]) {
    const PIXELS: usize = 64;
    let [time_steps, pixels, channels] = input.shape();
    let lines = time_steps * channels.div_ceil(CHANNELS);
    let (bytes, zeros) = bytes.split_at_mut(pixels * lines * FLOATS);
    zeros.fill(0.0);
    bytes.par_chunks_mut(PIXELS * lines * FLOATS).enumerate().for_each(|(index, bytes)| {
        dispatch(Expand { input, first: index * PIXELS, lines: cast_slice_mut(bytes) });
    });
}

struct Expand<'a> {
    input: &'a Spikes,
    first: usize,
    lines: &'a mut [Line],
}

impl Kernel for Expand<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        const WORDS: usize = CHANNELS / PER_WORD;
        const BIT: u64 = 0x0101_0101_0101_0101;
        let Self { input, first, lines } = self;
        let [time_steps, _, channels] = input.shape();
        let chunks = channels.div_ceil(CHANNELS);
        for (pixel, lines) in lines.chunks_exact_mut(time_steps * chunks).enumerate() {
            for group in 0..input.groups() {
                let steps = input.steps(group);
                for chunk in 0..chunks {
                    let mut values = [[0_u64; 2 * WORDS]; STEPS];
                    for plane in 0..input.planes() {
                        let words = &input.patterns(first + pixel, group, plane)[chunk * WORDS..];
                        let mut halves = [0_u64; 2 * WORDS];
                        for (halves, word) in halves.as_chunks_mut::<2>().0.iter_mut().zip(words) {
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
                                *value |= (half >> step & BIT) << plane;
                            }
                        }
                    }
                    for (t, values) in steps.clone().zip(&values) {
                        let line = &mut lines[t * chunks + chunk];
                        for (bytes, value) in line.as_chunks_mut::<8>().0.iter_mut().zip(values) {
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
    chunks: usize,
    column: usize,
    registers: &'a mut [[Tile; DIGITS]],
}

impl Kernel for WeightDigits<'_> {
    type Output = [f32; ROWS];

    #[inline(always)]
    fn call(self) -> [f32; ROWS] {
        let Self { shape, weight, chunks, column, registers } = self;
        let (inputs, outputs) = (shape.in_channels, shape.out_channels);
        let first = column * ROWS;
        let count = ROWS.min(outputs - first);
        let rows = (0..shape.patch_len()).map(|row| sixteen(weight, row * outputs + first, count));
        let scales = Scales::of(rows);
        for (index, registers) in registers.iter_mut().enumerate() {
            let (tap, chunk) = (index / chunks, index % chunks);
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

/// Writes the sums of a block of pixels to sixteen columns of the output.
struct Store<'a> {
    sums: &'a [[Sums<i32>; DIGITS]; 2],
    scale: [f32; ROWS],
    bias: Option<&'a [f32]>,
    column: usize,
    channels: usize,
    first: usize,
    pixels: usize,
    output: Shared<'a>,
}

impl Kernel for Store<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { sums, scale, bias, column, channels, first, pixels, output } = self;
        let count = ROWS.min(channels - column);
        let bias = bias.map_or([0.0; ROWS], |bias| sixteen(bias, column, count));
        for pixel in 0..pixels {
            let mut values = total(&sums[pixel / ROWS], pixel % ROWS);
            for ((value, scale), bias) in values.iter_mut().zip(&scale).zip(&bias) {
                *value = *value * scale + bias;
            }
            let start = (first + pixel) * channels + column;
            // SAFETY: each task has its own pixels and columns, and visits each once.
            let output = unsafe { output.part(start..start + count) };
            if let Ok(output) = <&mut [f32; ROWS]>::try_from(&mut *output) {
                *output = values;
            } else {
                output.copy_from_slice(&values[..count]);
            }
        }
    }
}
