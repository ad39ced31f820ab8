//! The gradient of the input: output gradients and weights as halves.
//!
//! Input pixels fall into classes by their position modulo the stride; each class sees its own taps.

use super::halves::halves;
use super::unit::{BLOCK, HALVES, Line, ROWS, Rows, Sums, Tile, Unit};
use super::windows::{Grid, Windows};
use super::FLOATS;
use crate::convolution::Conv2d;
use crate::scratch::with_floats;
use crate::shared::Shared;
use crate::simd::{Kernel, dispatch};
use pulp::bytemuck::{cast_slice, cast_slice_mut};
use rayon::prelude::*;
use std::ops::Range;

/// Output channels of a line.
const CHANNELS: usize = size_of::<Line>() / 2;
/// Input channels of a product: two registers of columns.
const COLUMNS: usize = 2 * ROWS;
/// Blocks of pixels per task, at most.
const BLOCKS: usize = 8;
/// Depths at a time.
const DEPTH: usize = 4;
/// Bytes of the windows of a task, about.
const WINDOW_BYTES: usize = 5 << 18;
/// Tasks into which a class is cut, at least, where the columns allow it.
const TASKS: usize = 16;

/// Both halves for two registers of columns.
type Pair = [[Tile; 2]; HALVES];

/// The input pixels of one position modulo the stride.
struct Class {
    offset: [usize; 2],
    size: [usize; 2],
    /// Kernel rows and columns that meet them.
    kernel: Vec<[usize; 2]>,
    /// Where the outputs lie that they meet them with.
    taps: Vec<[i32; 2]>,
}

impl Class {
    fn new(shape: &Conv2d, offset: [usize; 2]) -> Self {
        let meets = |axis: usize| {
            let (stride, from) = (shape.stride[axis], offset[axis] + shape.padding[axis]);
            (0..shape.kernel[axis]).filter(move |k| from % stride == k % stride).map(move |k| {
                (k, (from as i32 - k as i32) / stride as i32)
            })
        };
        let (mut kernel, mut taps) = (Vec::new(), Vec::new());
        for (ky, down) in meets(0) {
            for (kx, right) in meets(1) {
                kernel.push([ky, kx]);
                taps.push([down, right]);
            }
        }
        let side = |axis: usize, size: usize| {
            size.saturating_sub(offset[axis]).div_ceil(shape.stride[axis])
        };
        Self { offset, size: [side(0, shape.height), side(1, shape.width)], kernel, taps }
    }
}

impl Conv2d {
    /// `grad_input[images, height, width, in]`: the gradient of the input.
    ///
    /// Equal to [`Self::input_gradient`] up to a relative error of 2⁻¹⁷ of each product.
    ///
    /// # Panics
    /// If a slice does not have the number of elements of its shape, or a stride is 0, or
    /// [this machine has no matrix unit](crate::simd::has_matrix_unit).
    pub fn tile_input_gradient(&self, grad_output: &[f32], weight: &[f32], grad_input: &mut [f32]) {
        self.check(grad_input.len(), weight.len(), grad_output.len());
        if grad_input.is_empty() {
            return;
        }
        if grad_output.is_empty() {
            grad_input.fill(0.0);
            return;
        }
        let chunks = self.out_channels.div_ceil(CHANNELS);
        let columns = self.in_channels.div_ceil(COLUMNS);
        let pixels = grad_output.len() / self.out_channels;
        let grad_input = Shared::new(grad_input);
        // One more pixel, of zeros.
        with_floats((pixels + 1) * chunks * HALVES * FLOATS, |lines| {
            self.gradient_halves(grad_output, lines);
            let lines: &[Line] = cast_slice(lines);
            let size = columns * self.taps() * chunks * size_of::<Pair>() / size_of::<f32>();
            with_floats(size, |registers| {
                for y in 0..self.stride[0] {
                    for x in 0..self.stride[1] {
                        let class = Class::new(self, [y, x]);
                        let depth = class.taps.len() * chunks;
                        let registers: &mut [Pair] = cast_slice_mut(registers);
                        let registers = &mut registers[..columns * depth];
                        self.weight_halves(weight, &class, registers);
                        self.class_gradient(&class, lines, registers, grad_input);
                    }
                }
            });
        });
    }

    /// Writes the gradients of one class of pixels.
    fn class_gradient(
        &self,
        class: &Class,
        lines: &[Line],
        registers: &[Pair],
        grad_input: Shared<'_>,
    ) {
        let chunks = self.out_channels.div_ceil(CHANNELS);
        let columns = self.in_channels.div_ceil(COLUMNS);
        let depth = class.taps.len() * chunks;
        let results = self.images * class.size[0] * class.size[1];
        if results == 0 {
            return;
        }
        let blocks = WINDOW_BYTES / (depth * HALVES * BLOCK * size_of::<Line>()).max(1);
        let strip = blocks.clamp(1, BLOCKS) * BLOCK;
        let strips = results.div_ceil(strip);
        let parts = TASKS.div_ceil(strips).min(columns);
        (0..strips * parts).into_par_iter().for_each(|task| {
            let (first, part) = (task % strips * strip, task / strips);
            let count = strip.min(results - first);
            let of_block = depth * HALVES * BLOCK;
            with_floats(count.div_ceil(BLOCK) * of_block * FLOATS, |packed| {
                let packed: &mut [Line] = cast_slice_mut(packed);
                self.pack_outputs(class, lines, first..first + count, packed);
                let columns = part * columns / parts..(part + 1) * columns / parts;
                Unit::with(|unit| {
                    let mut sums = [[[[[0.0; ROWS]; ROWS]; 2]; 2]; BLOCKS];
                    for column in columns {
                        let right = &registers[column * depth..][..depth];
                        if depth == 0 {
                            sums = [[[[[0.0; ROWS]; ROWS]; 2]; 2]; BLOCKS];
                        }
                        // The registers of a few depths stay in the level-1 cache for all blocks.
                        for start in (0..depth).step_by(DEPTH) {
                            let right = &right[start..depth.min(start + DEPTH)];
                            for (packed, sums) in packed.chunks_exact(of_block).zip(&mut sums) {
                                let rows = Rows::halves(&packed[start * HALVES * BLOCK..]);
                                unit.halves(rows, right, start > 0, sums);
                            }
                        }
                        for (start, sums) in (0..count).step_by(BLOCK).zip(&sums) {
                            let results = first + start..first + count.min(start + BLOCK);
                            let column = column * COLUMNS;
                            dispatch(Store { shape: self, class, sums, results, column, grad_input });
                        }
                    }
                });
            });
        });
    }

    /// Copies the halves that results of a class are made of to `[blocks, taps, chunks, HALVES, BLOCK]`.
    fn pack_outputs(
        &self,
        class: &Class,
        lines: &[Line],
        results: Range<usize>,
        packed: &mut [Line],
    ) {
        let [height, width] = self.output_size();
        let depth = self.out_channels.div_ceil(CHANNELS) * HALVES;
        let of_block = class.taps.len() * depth * BLOCK;
        if of_block == 0 {
            return;
        }
        let blocks = results.clone().step_by(BLOCK).zip(packed.chunks_exact_mut(of_block));
        for (first, packed) in blocks {
            dispatch(Windows {
                grid: Grid {
                    size: class.size,
                    stride: [1, 1],
                    taps: &class.taps,
                    map: [height, width],
                },
                results: first..results.end.min(first + BLOCK),
                image: &|image| image * height * width,
                step: 1,
                none: self.images * height * width,
                lines,
                depth,
                packed,
            });
        }
    }

    /// Writes output gradients as halves, `[pixels, chunks, HALVES]` lines, and zeros for a last pixel.
    fn gradient_halves(&self, grad_output: &[f32], lines: &mut [f32]) {
        const PIXELS: usize = 64;
        let outputs = self.out_channels;
        let of_pixel = outputs.div_ceil(CHANNELS) * HALVES * FLOATS;
        let (lines, zeros) = lines.split_at_mut(grad_output.len() / outputs * of_pixel);
        zeros.fill(0.0);
        let tasks = lines.par_chunks_mut(PIXELS * of_pixel);
        tasks.zip(grad_output.par_chunks(PIXELS * outputs)).for_each(|(lines, values)| {
            dispatch(GradientHalves { outputs, values, lines: cast_slice_mut(lines) });
        });
    }

    /// Writes the weight of a class as registers `[columns, taps, chunks]`.
    fn weight_halves(&self, weight: &[f32], class: &Class, registers: &mut [Pair]) {
        let depth = class.taps.len() * self.out_channels.div_ceil(CHANNELS);
        if depth == 0 {
            return;
        }
        registers.par_chunks_exact_mut(depth).enumerate().for_each(|(column, registers)| {
            dispatch(WeightHalves { shape: self, weight, class, column, registers });
        });
    }
}

struct GradientHalves<'a> {
    outputs: usize,
    values: &'a [f32],
    lines: &'a mut [Line],
}

impl Kernel for GradientHalves<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { outputs, values, lines } = self;
        let of_pixel = outputs.div_ceil(CHANNELS) * HALVES;
        for (values, lines) in values.chunks_exact(outputs).zip(lines.chunks_exact_mut(of_pixel)) {
            let pairs = lines.as_chunks_mut::<HALVES>().0;
            for (values, [first, second]) in values.chunks(CHANNELS).zip(pairs) {
                let mut row = [0.0; CHANNELS];
                if let Ok(values) = <&[f32; CHANNELS]>::try_from(values) {
                    row = *values;
                } else {
                    row[..values.len()].copy_from_slice(values);
                }
                let first = first.as_chunks_mut::<2>().0;
                let second = second.as_chunks_mut::<2>().0;
                for ((first, second), value) in first.iter_mut().zip(second).zip(row) {
                    let [high, low] = halves(value);
                    *first = (high as u16).to_le_bytes();
                    *second = (low as u16).to_le_bytes();
                }
            }
        }
    }
}

/// The halves of the weight for some columns.
struct WeightHalves<'a> {
    shape: &'a Conv2d,
    weight: &'a [f32],
    class: &'a Class,
    column: usize,
    registers: &'a mut [Pair],
}

impl Kernel for WeightHalves<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { shape, weight, class, column, registers } = self;
        let (inputs, outputs) = (shape.in_channels, shape.out_channels);
        let chunks = outputs.div_ceil(CHANNELS);
        for (index, pair) in registers.iter_mut().enumerate() {
            let [ky, kx] = class.kernel[index / chunks];
            let tap = ky * shape.kernel[1] + kx;
            let first = index % chunks * CHANNELS;
            let count = CHANNELS.min(outputs - first);
            for place in 0..COLUMNS {
                let channel = column * COLUMNS + place;
                let mut row = [0.0; CHANNELS];
                if channel < inputs {
                    let start = (tap * inputs + channel) * outputs + first;
                    row[..count].copy_from_slice(&weight[start..start + count]);
                }
                let (mut high, mut low) = ([0_u32; CHANNELS], [0_u32; CHANNELS]);
                for ((value, high), low) in row.into_iter().zip(&mut high).zip(&mut low) {
                    [*high, *low] = halves(value);
                }
                let (register, byte) = (place / ROWS, 4 * (place % ROWS));
                for (half, values) in pair.iter_mut().zip([&high, &low]) {
                    let lines = half[register].iter_mut();
                    for (line, [even, odd]) in lines.zip(values.as_chunks::<2>().0) {
                        let word = even | odd << 16;
                        line[byte..byte + 4].copy_from_slice(&word.to_le_bytes());
                    }
                }
            }
        }
    }
}

/// Writes the sums of a block of results to two registers of columns.
struct Store<'a> {
    shape: &'a Conv2d,
    class: &'a Class,
    sums: &'a [[Sums<f32>; 2]; 2],
    results: Range<usize>,
    column: usize,
    grad_input: Shared<'a>,
}

impl Kernel for Store<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { shape, class, sums, results, column, grad_input } = self;
        let count = COLUMNS.min(shape.in_channels - column);
        let [height, width] = class.size;
        let first = results.start;
        let (mut x, mut y) = (first % width, first / width % height);
        let mut image = first / width / height;
        for index in 0..results.len() {
            let row = y * shape.stride[0] + class.offset[0];
            let pixel = x * shape.stride[1] + class.offset[1];
            let pixel = (image * shape.height + row) * shape.width + pixel;
            let start = pixel * shape.in_channels + column;
            // SAFETY: each task has its own pixels and columns, and visits each once.
            let target = unsafe { grad_input.part(start..start + count) };
            let sums = [0, 1].map(|register| &sums[index / ROWS][register][index % ROWS]);
            for (target, sums) in target.chunks_mut(ROWS).zip(sums) {
                target.copy_from_slice(&sums[..target.len()]);
            }
            x += 1;
            if x == width {
                (x, y) = (0, y + 1);
                if y == height {
                    (y, image) = (0, image + 1);
                }
            }
        }
    }
}
