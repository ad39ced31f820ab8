//! The bits of the outputs, laid out so that counts of them come out in the order of the channels.

use super::lists::Places;
use crate::scratch::with_floats;
use crate::simd::vector::lanes;
use crate::simd::{Kernel, dispatch};
use crate::spikes::{PER_WORD, Spikes};
use pulp::bytemuck::cast_slice_mut;
use rayon::prelude::*;

/// The bits of the outputs at all places.
pub(super) struct Table<'a> {
    places: usize,
    /// Vectors that hold all channels.
    pub(super) panels: usize,
    /// Lanes of 32 bits of a place: one vector.
    pub(super) lanes: usize,
    /// `[groups, planes, panels, places, lanes]`.
    bits: &'a [u32],
}

/// Channels that have their bits in a lane.
const PER_LANE: usize = PER_WORD / 2;
const MOST_LANES: usize = 16;

impl Table<'_> {
    /// Calls `body` with the table of the outputs.
    pub(super) fn with(places: &Places, post: &Spikes, body: impl FnOnce(&Table<'_>)) {
        let lanes = lanes();
        let panels = post.channels().div_ceil(lanes * PER_LANE);
        let image = places.per_image();
        let count = places.count() + places.spare();
        let size = count * lanes;
        let length = post.rows_per_pixel() * panels * size;
        with_floats(length, |bits| {
            let bits: &mut [u32] = cast_slice_mut(bits);
            bits.par_chunks_mut(size).enumerate().for_each(|(index, bits)| {
                let (row, panel) = (index / panels, index % panels);
                bits.par_chunks_mut(image * lanes).enumerate().for_each(|(image, bits)| {
                    dispatch(Fill { places, post, row, panel, lanes, image, bits });
                });
            });
            body(&Table { places: count, panels, lanes, bits });
        });
    }

    /// The vectors of a plane of a group of steps, of the channels of a panel.
    pub(super) fn of(&self, row: usize, panel: usize) -> &[u32] {
        let size = self.places * self.lanes;
        &self.bits[(row * self.panels + panel) * size..][..size]
    }

    /// Channels of a panel, with those that fill the last one.
    pub(super) fn channels(&self) -> usize {
        self.lanes * PER_LANE
    }
}

/// Writes the bits of the outputs of an image: channel `row · lanes + lane` of a panel becomes nibble `row`
/// of lane `lane`.
struct Fill<'a> {
    places: &'a Places,
    post: &'a Spikes,
    row: usize,
    panel: usize,
    lanes: usize,
    image: usize,
    bits: &'a mut [u32],
}

impl Kernel for Fill<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { places, post, row, panel, lanes, image, bits } = self;
        bits.fill(0);
        if image >= places.images() {
            return;
        }
        let first = panel * lanes * PER_LANE / PER_WORD;
        let end = (panel + 1) * lanes * PER_LANE / PER_WORD;
        let words = first..end.min(post.words_per_row());
        let mut nibbles = [0; PER_LANE * MOST_LANES];
        for (place, pixel) in places.outputs(image) {
            for (word, nibbles) in words.clone().zip(nibbles.chunks_exact_mut(PER_WORD)) {
                let bytes = post.word(row, pixel, word).to_le_bytes();
                for (nibbles, byte) in nibbles.as_chunks_mut::<2>().0.iter_mut().zip(bytes) {
                    *nibbles = [byte & 15, byte >> 4];
                }
            }
            let bits = &mut bits[place * lanes..][..lanes];
            for (row, nibbles) in nibbles.chunks_exact(lanes).enumerate().take(PER_LANE) {
                for (bits, nibble) in bits.iter_mut().zip(nibbles) {
                    *bits |= u32::from(*nibble) << (4 * row);
                }
            }
        }
    }
}
