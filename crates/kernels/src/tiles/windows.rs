//! Which pixels of a map a result is made of, and their lines side by side.

use super::unit::{BLOCK, Line};
use crate::simd::Kernel;
use std::ops::Range;

/// A grid of results, each made of some pixels of a map around a first one.
#[derive(Clone, Copy)]
pub(super) struct Grid<'a> {
    /// Height and width.
    pub(super) size: [usize; 2],
    /// Pixels of the map from a result to the next, down and right.
    pub(super) stride: [usize; 2],
    /// Where the pixels lie, down and right of the first one.
    pub(super) taps: &'a [[i32; 2]],
    /// Height and width of the map.
    pub(super) map: [usize; 2],
}

/// Copies the lines that some results are made of.
pub(super) struct Windows<'a> {
    pub(super) grid: Grid<'a>,
    /// The results, at most `BLOCK`, counted over all images.
    pub(super) results: Range<usize>,
    /// The place of the first pixel of an image.
    pub(super) image: &'a (dyn Fn(usize) -> usize + Sync),
    /// The distance of places of neighbors in a row.
    pub(super) step: usize,
    /// The place of zeros, for what lies outside the map.
    pub(super) none: usize,
    /// `[places, depth]`.
    pub(super) lines: &'a [Line],
    pub(super) depth: usize,
    /// `[taps, depth, BLOCK]`.
    pub(super) packed: &'a mut [Line],
}

impl Kernel for Windows<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { grid, results, image: place, step, none, lines, depth, packed } = self;
        let [height, width] = grid.size;
        let [map_height, map_width] = grid.map;
        let (mut places, mut rows, mut columns) = ([0_i32; BLOCK], [0_i32; BLOCK], [0_i32; BLOCK]);
        let first = results.start;
        let (mut x, mut y) = (first % width, first / width % height);
        let mut image = first / width / height;
        for index in 0..BLOCK {
            if index >= results.len() {
                // Outside, whatever is added.
                rows[index] = i32::MIN / 2;
                continue;
            }
            rows[index] = (y * grid.stride[0]) as i32;
            columns[index] = (x * grid.stride[1]) as i32;
            let pixel = rows[index] * map_width as i32 + columns[index];
            places[index] = place(image) as i32 + pixel * step as i32;
            x += 1;
            if x == width {
                (x, y) = (0, y + 1);
                if y == height {
                    (y, image) = (0, image + 1);
                }
            }
        }
        for ([down, right], packed) in grid.taps.iter().zip(packed.chunks_exact_mut(depth * BLOCK)) {
            let offset = (down * map_width as i32 + right) * step as i32;
            let mut sources = [0_u32; BLOCK];
            for index in 0..BLOCK {
                let row = rows[index].wrapping_add(*down).cast_unsigned();
                let column = columns[index].wrapping_add(*right).cast_unsigned();
                let inside = (row < map_height as u32) & (column < map_width as u32);
                let source = places[index].wrapping_add(offset).cast_unsigned();
                sources[index] = if inside { source } else { none as u32 };
            }
            if depth == 1 {
                for (target, source) in packed.iter_mut().zip(sources) {
                    *target = lines[source as usize];
                }
                continue;
            }
            for (row, source) in sources.into_iter().enumerate() {
                let lines = &lines[source as usize * depth..][..depth];
                let targets = packed[row..].iter_mut().step_by(BLOCK);
                targets.zip(lines).for_each(|(target, line)| *target = *line);
            }
        }
    }
}
