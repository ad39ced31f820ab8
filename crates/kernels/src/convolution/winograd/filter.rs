//! Which values each tile of results depends on.

/// Side of a tile of results.
pub(super) const TILE: usize = 4;
/// Side of the tile of values that it depends on.
pub(super) const REACH: usize = TILE + 2;
/// Products per tile and pair of channels.
pub(in crate::convolution) const PRODUCTS: usize = REACH * REACH;
/// Channels that are transformed at a time.
pub(super) const LANES: usize = 16;
pub(super) type Lane = [f32; LANES];

/// A map of values, channels last.
#[derive(Clone, Copy)]
pub(super) struct Map {
    pub(super) height: usize,
    pub(super) width: usize,
    pub(super) channels: usize,
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
    pub(super) fn tiles(&self) -> [usize; 2] {
        [self.to.height.div_ceil(TILE), self.to.width.div_ceil(TILE)]
    }

    /// Image, first row and first column of a tile.
    pub(super) fn place(&self, tile: usize) -> [usize; 3] {
        let [down, across] = self.tiles();
        let (image, tile) = (tile / (down * across), tile % (down * across));
        [image, tile / across * TILE, tile % across * TILE]
    }
}
