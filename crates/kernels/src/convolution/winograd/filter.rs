//! Which values each tile of results depends on.

use crate::simd::vector::lanes;
use pulp::Simd;

/// Side of a tile of results.
pub(super) const TILE: usize = 4;
/// Side of the tile of values that it depends on.
pub(super) const REACH: usize = TILE + 2;
/// Products per tile and pair of channels.
pub(in crate::convolution) const PRODUCTS: usize = REACH * REACH;
/// Floats of a cache line.
pub(super) const LINE: usize = 16;

/// A map of values, channels last.
#[derive(Clone, Copy)]
pub(super) struct Map {
    pub(super) height: usize,
    pub(super) width: usize,
    pub(super) channels: usize,
}

impl Map {
    /// Floats per row of transformed values: an odd number of cache lines, so that the rows of a column
    /// lie in all sets of a cache, and room for whole blocks of rows and for whole vectors.
    pub(super) fn row(&self) -> usize {
        let channels =
            self.channels.next_multiple_of(super::product::ROWS).next_multiple_of(lanes());
        (channels.div_ceil(LINE) | 1) * LINE
    }

    /// The channels of the pixels of a tile whose first pixel lies at `place` (image, row, column; before
    /// the map, they wrap); `zeros` for pixels outside of the map.
    #[inline(always)]
    pub(super) fn tile<'a, const SIDE: usize>(
        &self,
        values: &'a [f32],
        zeros: &'a [f32],
        [image, y, x]: [usize; 3],
    ) -> [[&'a [f32]; SIDE]; SIDE] {
        let mut tile = [[&zeros[..self.channels]; SIDE]; SIDE];
        for (row, tile) in tile.iter_mut().enumerate() {
            let row = y.wrapping_add(row);
            for (column, pixel) in tile.iter_mut().enumerate() {
                let column = x.wrapping_add(column);
                if row < self.height && column < self.width {
                    let first = ((image * self.height + row) * self.width + column) * self.channels;
                    *pixel = &values[first..first + self.channels];
                }
            }
        }
        tile
    }
}

/// A convolution or its gradient: from one map to another.
#[derive(Clone, Copy)]
pub(super) struct Filter {
    pub(super) images: usize,
    pub(super) from: Map,
    pub(super) to: Map,
    /// How far above and left of a result its first value lies.
    pub(super) before: [usize; 2],
}

impl Filter {
    /// Tiles of an image, down and across.
    fn tiles_of_image(&self) -> [usize; 2] {
        [self.to.height.div_ceil(TILE), self.to.width.div_ceil(TILE)]
    }

    /// Tiles of all images.
    pub(super) fn tiles(&self) -> usize {
        self.images * self.tiles_of_image().iter().product::<usize>()
    }

    /// Image, first row and first column of a tile of results.
    pub(super) fn place(&self, tile: usize) -> [usize; 3] {
        let [down, across] = self.tiles_of_image();
        let (image, tile) = (tile / (down * across), tile % (down * across));
        [image, tile / across * TILE, tile % across * TILE]
    }

    /// The same of the values that it depends on; it wraps before the first one.
    pub(super) fn place_of_values(&self, tile: usize) -> [usize; 3] {
        let [image, y, x] = self.place(tile);
        [image, y.wrapping_sub(self.before[0]), x.wrapping_sub(self.before[1])]
    }
}

/// Vector number `index` of some channels, with zeros behind the last one.
#[inline(always)]
pub(super) fn load<S: Simd>(simd: S, channels: &[f32], index: usize) -> S::f32s {
    let (whole, rest) = S::as_simd_f32s(channels);
    match whole.get(index) {
        Some(vector) => *vector,
        None => simd.partial_load_f32s(rest),
    }
}

/// Writes a vector to as many floats as there are, at most a whole one.
#[inline(always)]
pub(super) fn store<S: Simd>(simd: S, value: S::f32s, to: &mut [f32]) {
    match S::as_mut_simd_f32s(to) {
        ([whole], []) => *whole = value,
        (_, part) => simd.partial_store_f32s(part, value),
    }
}
