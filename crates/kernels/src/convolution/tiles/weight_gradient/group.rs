//! A group of samples: its spikes as bytes by channel, and its output gradients as digits.

use crate::convolution::Conv2d;
use crate::convolution::tiles::digits::{Row, Scales, copy_row};
use crate::convolution::tiles::plane::{Phases, Plane};
use crate::shared::Shared;
use crate::simd::matrix_unit::{DIGITS, Line, ROWS, Tile};
use crate::simd::{Kernel, dispatch};
use crate::spikes::{PER_WORD, STEPS, Spikes};
use pulp::bytemuck::cast_slice_mut;
use rayon::prelude::*;
use std::ops::Range;

/// Places of a register: sixteen lines of four.
pub(super) const PLACES: usize = size_of::<Line>();
/// Registers of a chunk.
pub(super) const DEPTH: usize = 6;
/// Places of a chunk.
pub(in crate::convolution) const CHUNK: usize = DEPTH * PLACES;

/// A group of samples.
pub(super) struct Group<'a> {
    pub(super) shape: &'a Conv2d,
    pub(super) input: &'a Spikes,
    pub(super) phases: &'a Phases,
    /// Of all steps of all samples of the group, step by step for each sample.
    pub(super) plane: Plane,
    pub(super) samples: Range<usize>,
    /// Input channels, in whole blocks.
    pub(super) channels: usize,
    /// The least and the largest offset of a tap.
    pub(super) reach: [usize; 2],
    /// Bytes of a channel of a chunk.
    pub(super) row: usize,
}

impl Group<'_> {
    /// Writes the spikes as bytes, `[phases, chunks, channels, row]`, and zeros everywhere else.
    pub(super) fn transpose(&self, chunks: usize, bytes: &mut [u8]) {
        bytes.par_chunks_mut(1 << 16).for_each(|bytes| bytes.fill(0));
        let bytes = Shared::new(bytes);
        let words = self.input.words_per_row();
        (0..self.phases.offsets.len() * words).into_par_iter().for_each(|task| {
            let (phase, word) = (task / words, task % words);
            dispatch(Transpose { group: self, chunks, phase, word, bytes });
        });
    }

    /// Writes output gradients as registers `[chunks, columns, DEPTH, DIGITS]`; returns their scales.
    pub(super) fn digits(&self, grad_output: &[f32], registers: &mut [f32]) -> Vec<Row> {
        let columns = self.shape.out_channels.div_ceil(ROWS);
        let registers: &mut [[Tile; DIGITS]] = cast_slice_mut(registers);
        let unit = self.input.weight_of(0);
        let scales: Vec<Vec<Row>> = registers
            .par_chunks_mut(columns * DEPTH)
            .enumerate()
            .map(|(chunk, registers)| {
                let mut scales = vec![[0.0; ROWS]; columns];
                dispatch(Digits {
                    group: self,
                    first: chunk * CHUNK,
                    grad_output,
                    registers,
                    scales: &mut scales,
                });
                scales.as_flattened_mut().iter_mut().for_each(|scale| *scale *= unit);
                scales
            })
            .collect();
        scales.concat()
    }
}

/// The spikes of sixteen channels.
struct Transpose<'a> {
    group: &'a Group<'a>,
    chunks: usize,
    phase: usize,
    word: usize,
    bytes: Shared<'a, u8>,
}

impl Kernel for Transpose<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        /// Pixels at a time.
        const RUN: usize = 64;
        let Self { group, chunks, phase, word, bytes } = self;
        let Group { shape, input, phases, plane, samples, reach: [least, most], .. } = group;
        let of_chunk = group.channels * group.row;
        let [time_steps, ..] = input.shape();
        let [down, right] = phases.offsets[phase];
        let pixels_per_row = shape.width.saturating_sub(right).div_ceil(shape.stride[1]);
        for (index, sample) in samples.clone().enumerate() {
            for (row, y) in (down..shape.height).step_by(shape.stride[0]).enumerate() {
                let pixel = (sample * shape.height + y) * shape.width + right;
                for steps in 0..input.groups() {
                    for first in (0..pixels_per_row).step_by(RUN) {
                        let count = RUN.min(pixels_per_row - first);
                        // Two channels per byte; of one step at a time, all planes.
                        let mut values = [[[0_u8; RUN]; PER_WORD]; STEPS];
                        for number in 0..input.planes() {
                            let mut pairs = [[0_u8; RUN]; PER_WORD / 2];
                            for place in 0..count {
                                let pixel = pixel + (first + place) * shape.stride[1];
                                let word = input.patterns(pixel, steps, number)[word].to_le_bytes();
                                for (pairs, byte) in pairs.iter_mut().zip(word) {
                                    pairs[place] = byte;
                                }
                            }
                            for (step, values) in values.iter_mut().enumerate() {
                                for (channel, values) in values.iter_mut().enumerate() {
                                    let shift = channel % 2 * STEPS + step;
                                    let pairs = &pairs[channel / 2];
                                    for (value, pair) in values.iter_mut().zip(pairs) {
                                        *value |= (pair >> shift & 1) << number;
                                    }
                                }
                            }
                        }
                        for (t, values) in input.steps(steps).zip(&values) {
                            let place = plane.row(index * time_steps + t, row) + first;
                            // Chunks overlap by the reach of the taps.
                            let from = place.saturating_sub(most + CHUNK - 1).div_ceil(CHUNK);
                            let to = chunks.min((place + count - 1 - least) / CHUNK + 1);
                            for chunk in from..to {
                                let start = chunk * CHUNK + least;
                                let end = chunk * CHUNK + most + CHUNK;
                                let places = place.max(start)..(place + count).min(end);
                                if places.is_empty() {
                                    continue;
                                }
                                let at = (phase * chunks + chunk) * of_chunk
                                    + word * PER_WORD * group.row
                                    + (places.start - start);
                                let here = places.start - place..places.end - place;
                                for (channel, values) in values.iter().enumerate() {
                                    let at = at + channel * group.row;
                                    // SAFETY: each task has its own channels of its own phase.
                                    let target = unsafe { bytes.part(at..at + here.len()) };
                                    target.copy_from_slice(&values[here.clone()]);
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The output gradients of a chunk of places.
struct Digits<'a> {
    group: &'a Group<'a>,
    first: usize,
    grad_output: &'a [f32],
    /// `[columns, DEPTH]`.
    registers: &'a mut [[Tile; DIGITS]],
    scales: &'a mut [Row],
}

impl Kernel for Digits<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        /// The start of a place that is in a gap.
        const NONE: usize = usize::MAX;
        let Self { group, first, grad_output, registers, scales } = self;
        let [time_steps, ..] = group.input.shape();
        let batch = group.shape.images / time_steps;
        let outputs = group.shape.out_channels;
        let [height, width] = group.plane.results;
        let mut starts = [NONE; CHUNK];
        for run in group.plane.runs(first, CHUNK) {
            let (sample, t) = (run.image / time_steps, run.image % time_steps);
            let image = t * batch + group.samples.start + sample;
            let pixel = (image * height + run.y) * width + run.x;
            for (place, start) in starts[run.index..][..run.count].iter_mut().enumerate() {
                *start = (pixel + place) * outputs;
            }
        }
        let mut rows = vec![[0.0; ROWS]; CHUNK];
        let columns = registers.as_chunks_mut::<DEPTH>().0.iter_mut().zip(scales);
        for (column, (registers, scale)) in columns.enumerate() {
            let column = column * ROWS;
            let count = ROWS.min(outputs - column);
            for (row, start) in rows.iter_mut().zip(starts) {
                if start == NONE {
                    *row = [0.0; ROWS];
                } else {
                    copy_row(&grad_output[start + column..][..count], row);
                }
            }
            let scales = Scales::of(&rows);
            *scale = scales.scale;
            for (line, rows) in rows.as_chunks::<4>().0.iter().enumerate() {
                scales.write(rows, line % ROWS, &mut registers[line / ROWS]);
            }
        }
    }
}
