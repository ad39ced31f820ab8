//! The gradient of the input: output gradients and weights as halves.
//!
//! Input pixels fall into classes by their position modulo the stride; each class sees its own taps.

use super::halves::halves;
use super::plane::Plane;
use super::{FLOATS, GROUP_BYTES};
use crate::convolution::Conv2d;
use crate::scratch::with_floats;
use crate::shared::Shared;
use crate::simd::matrix_unit::{BLOCK, HALVES, Line, ROWS, Rows, Sums, Tile, Unit};
use crate::simd::{Kernel, dispatch};
use pulp::bytemuck::{cast_slice, cast_slice_mut};
use rayon::prelude::*;

/// Output channels of a line.
const CHANNELS: usize = size_of::<Line>() / 2;
/// Input channels of a product: two registers of columns.
const COLUMNS: usize = 2 * ROWS;
/// Depths at a time.
const DEPTH: usize = 36;
/// Blocks of results per task.
const BLOCKS: usize = 8;
/// Tasks into which a class is cut, at least, where the columns allow it.
const TASKS: usize = 16;

/// Both halves for two registers of columns.
type Pair = [[Tile; 2]; HALVES];

/// The sums of a block of results in two registers of columns.
type BlockSums = [[Sums<f32>; 2]; 2];

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
            (0..shape.kernel[axis])
                .filter(move |k| from % stride == k % stride)
                .map(move |k| (k, (from as i32 - k as i32) / stride as i32))
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
    /// Equal to [`Self::input_gradient`] up to rounding, and up to 2⁻¹⁵ of each product: 2⁻¹⁶ for the
    /// product of the second halves, which is left out, and 2⁻¹⁷ for each number as halves.
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
        let offsets = (0..self.stride[0]).flat_map(|y| (0..self.stride[1]).map(move |x| [y, x]));
        let classes: Vec<Class> = offsets.map(|offset| Class::new(self, offset)).collect();
        let size = columns * self.taps() * chunks * size_of::<Pair>() / size_of::<f32>();
        with_floats(size, |registers| {
            let registers: &mut [Pair] = cast_slice_mut(registers);
            let mut rest = &mut *registers;
            for class in &classes {
                let (own, others) = rest.split_at_mut(columns * chunks * class.taps.len());
                self.weight_halves(weight, class, own);
                rest = others;
            }
            let of_image = chunks * HALVES * size_of::<Line>() * self.output_len()
                / (self.images * self.out_channels);
            let images = (GROUP_BYTES / of_image.max(1)).max(1);
            let group = Self { images, ..*self };
            let inputs = grad_input.chunks_mut(group.input_len());
            for (grad_output, grad_input) in grad_output.chunks(group.output_len()).zip(inputs) {
                let images = grad_output.len() / (group.output_len() / images);
                let group = Self { images, ..*self };
                group.gradient_of_group(&classes, grad_output, registers, grad_input);
            }
        });
    }

    /// Writes the gradients of some images, with the registers of all classes.
    fn gradient_of_group(
        &self,
        classes: &[Class],
        grad_output: &[f32],
        registers: &[Pair],
        grad_input: &mut [f32],
    ) {
        let chunks = self.out_channels.div_ceil(CHANNELS);
        let columns = self.in_channels.div_ceil(COLUMNS);
        let taps: Vec<[i32; 2]> = classes.iter().flat_map(|class| class.taps.clone()).collect();
        let plane = Plane::new(self.images, self.output_size(), classes[0].size, &taps);
        let grad_input = Shared::new(grad_input);
        with_floats(chunks * HALVES * plane.len() * FLOATS, |lines| {
            self.gradient_halves(&plane, grad_output, lines);
            let mut registers = registers;
            for class in classes {
                let (own, others) = registers.split_at(columns * chunks * class.taps.len());
                self.class_gradient(class, &plane, cast_slice(lines), own, grad_input);
                registers = others;
            }
        });
    }

    /// Writes the gradients of one class of pixels.
    fn class_gradient(
        &self,
        class: &Class,
        plane: &Plane,
        bytes: &[u8],
        registers: &[Pair],
        grad_input: Shared<'_>,
    ) {
        let chunks = self.out_channels.div_ceil(CHANNELS);
        let columns = self.in_channels.div_ceil(COLUMNS);
        let distance = plane.len() * size_of::<Line>();
        let depths: Vec<usize> = (0..chunks)
            .flat_map(|chunk| {
                let offsets = class.taps.iter().map(|tap| plane.offset(*tap) * size_of::<Line>());
                offsets.map(move |offset| chunk * HALVES * distance + offset)
            })
            .collect();
        let strip = BLOCKS * BLOCK;
        let strips = plane.results_len().div_ceil(strip);
        let parts = TASKS.div_ceil(strips).min(columns);
        (0..strips * parts).into_par_iter().for_each(|task| {
            let first = task % strips * strip;
            let blocks = BLOCKS.min((plane.results_len() - first).div_ceil(BLOCK));
            let columns = task / strips * columns / parts..(task / strips + 1) * columns / parts;
            let room = BLOCKS * size_of::<BlockSums>() / size_of::<f32>();
            let multiply = |unit: &mut Unit, sums: &mut [BlockSums]| {
                if depths.is_empty() {
                    sums.as_flattened_mut().fill([[[0.0; ROWS]; ROWS]; 2]);
                }
                for column in columns {
                    let right = &registers[column * depths.len()..][..depths.len()];
                    let store = |block: usize, sums: &BlockSums| {
                        let (first, column) = (first + block * BLOCK, column * COLUMNS);
                        dispatch(Store {
                            shape: self,
                            class,
                            plane,
                            sums,
                            first,
                            column,
                            grad_input,
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
                            let right = &right[start..end];
                            unit.halves(rows, distance, right, start > 0, &mut sums[block]);
                            // The unit works on while the vectors store what it is done with.
                            if end == depths.len() && block > 0 {
                                store(block - 1, &sums[block - 1]);
                            }
                        }
                    }
                    if depths.is_empty() {
                        // Pixels that no output sees.
                        (0..blocks - 1).for_each(|block| store(block, &sums[block]));
                    }
                    store(blocks - 1, &sums[blocks - 1]);
                }
            };
            with_floats(room, |sums| Unit::with(|unit| multiply(unit, cast_slice_mut(sums))));
        });
    }

    /// Writes output gradients as halves, `[chunks, HALVES, places]` lines, and zeros everywhere else.
    fn gradient_halves(&self, plane: &Plane, grad_output: &[f32], lines: &mut [f32]) {
        for part in lines.chunks_exact_mut(plane.len() * FLOATS) {
            part[..plane.row(0, 0) * FLOATS].fill(0.0);
            part[plane.row(plane.images, 0) * FLOATS..].fill(0.0);
        }
        let lines = Shared::new(lines);
        (0..plane.images * plane.rows).into_par_iter().for_each(|task| {
            let (image, y) = (task / plane.rows, task % plane.rows);
            dispatch(GradientHalves { shape: self, plane, grad_output, image, y, lines });
        });
    }

    /// Writes the weight of a class as registers `[columns, chunks, taps]`.
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

/// One row of output gradients of one image.
struct GradientHalves<'a> {
    shape: &'a Conv2d,
    plane: &'a Plane,
    grad_output: &'a [f32],
    image: usize,
    y: usize,
    lines: Shared<'a>,
}

impl Kernel for GradientHalves<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { shape, plane, grad_output, image, y, lines } = self;
        let outputs = shape.out_channels;
        let [height, width] = plane.map;
        for chunk in 0..outputs.div_ceil(CHANNELS) {
            let channel = chunk * CHANNELS;
            let count = CHANNELS.min(outputs - channel);
            let row = plane.row(image, y);
            let [first, second] = [0, 1].map(|half| {
                let start = ((chunk * HALVES + half) * plane.len() + row) * FLOATS;
                // SAFETY: each task has its own row.
                let lines = unsafe { lines.part(start..start + plane.pitch * FLOATS) };
                cast_slice_mut::<f32, [[u8; 2]; CHANNELS]>(lines)
            });
            for (x, (first, second)) in first.iter_mut().zip(second).enumerate() {
                let mut values = [0.0; CHANNELS];
                if y < height && x < width {
                    let start = ((image * height + y) * width + x) * outputs + channel;
                    let source = &grad_output[start..start + count];
                    if let Ok(source) = <&[f32; CHANNELS]>::try_from(source) {
                        values = *source;
                    } else {
                        values[..count].copy_from_slice(source);
                    }
                }
                for ((first, second), value) in first.iter_mut().zip(second).zip(values) {
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
        for (index, pair) in registers.iter_mut().enumerate() {
            let [ky, kx] = class.kernel[index % class.kernel.len()];
            let tap = ky * shape.kernel[1] + kx;
            let first = index / class.kernel.len() * CHANNELS;
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
    plane: &'a Plane,
    sums: &'a BlockSums,
    first: usize,
    column: usize,
    grad_input: Shared<'a>,
}

impl Kernel for Store<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { shape, class, plane, sums, first, column, grad_input } = self;
        let count = COLUMNS.min(shape.in_channels - column);
        for run in plane.runs(first, BLOCK) {
            if run.y >= class.size[0] {
                continue;
            }
            let row = run.y * shape.stride[0] + class.offset[0];
            let row = (run.image * shape.height + row) * shape.width + class.offset[1];
            for place in 0..run.count.min(class.size[1].saturating_sub(run.x)) {
                let index = run.index + place;
                let pixel = row + (run.x + place) * shape.stride[1];
                let start = pixel * shape.in_channels + column;
                // SAFETY: each task has its own pixels and columns, and visits each once.
                let target = unsafe { grad_input.part(start..start + count) };
                let [left, right] = &sums[index / ROWS];
                let sums = [&left[index % ROWS], &right[index % ROWS]];
                for (target, sums) in target.chunks_mut(ROWS).zip(sums) {
                    if let Ok(target) = <&mut [f32; ROWS]>::try_from(&mut *target) {
                        *target = *sums;
                    } else {
                        target.copy_from_slice(&sums[..target.len()]);
                    }
                }
            }
        }
    }
}
