//! The places where each input channel spikes, and how places of inputs and outputs are numbered.

use super::counts::{EIGHT, MOST};
use crate::convolution::Conv2d;
use crate::convolution::axis::Axis;
use crate::simd::{Kernel, dispatch};
use crate::spikes::{PER_WORD, STEPS, Spikes};
use rayon::prelude::*;
use std::ops::Range;
use std::slice::Chunks;

/// Places of a part, about: their bits of one vector stay in the level-2 cache.
const PLACES: usize = 8192;

/// The places of all images of a step: those of an image stand in lines, with zeros around the outputs.
pub(super) struct Places {
    shape: Conv2d,
    images: usize,
    vertical: Axis,
    horizontal: Axis,
}

impl Places {
    pub(super) fn new(shape: &Conv2d, images: usize) -> Self {
        let (vertical, horizontal) = (Axis::new(shape, 0), Axis::new(shape, 1));
        Self { shape: *shape, images, vertical, horizontal }
    }

    pub(super) fn count(&self) -> usize {
        self.images * self.per_image()
    }

    /// Places behind the last one that have no output from any tap.
    pub(super) fn spare(&self) -> usize {
        self.vertical.reach * self.width() + self.horizontal.reach + 1
    }

    pub(super) fn images(&self) -> usize {
        self.images
    }

    pub(super) fn per_image(&self) -> usize {
        self.lines() * self.width()
    }

    fn lines(&self) -> usize {
        self.vertical.size + self.vertical.reach
    }

    fn width(&self) -> usize {
        self.horizontal.size + self.horizontal.reach
    }

    /// The places of an image that have an output, counted from its first, with the output's pixel.
    pub(super) fn outputs(&self, image: usize) -> impl Iterator<Item = (usize, usize)> {
        let Axis { outputs: height, .. } = self.vertical;
        let Axis { outputs: width, .. } = self.horizontal;
        (0..self.lines()).flat_map(move |line| {
            let y = self.vertical.output_of(0, line);
            (0..self.width()).filter_map(move |place| {
                let x = self.horizontal.output_of(0, place)?;
                Some((line * self.width() + place, (image * height + y?) * width + x))
            })
        })
    }

    pub(super) fn of_tap(&self, tap: usize) -> Site {
        let along = |axis: &Axis, tap: usize| {
            let all = axis.taps.iter().enumerate();
            let mut found =
                all.flat_map(|(residue, taps)| taps.iter().map(move |of| (residue, of)));
            let found = found.find(|(_, (of, _))| *of == tap);
            found.map_or((0, 0), |(residue, (_, shift))| (residue, *shift))
        };
        let (down, right) = (tap / self.shape.kernel[1], tap % self.shape.kernel[1]);
        let ((row, down), (column, right)) =
            (along(&self.vertical, down), along(&self.horizontal, right));
        let class = row * self.horizontal.stride + column;
        Site { class, shift: down * self.width() + right }
    }
}

/// Where the inputs and outputs of a tap meet.
#[derive(Clone, Copy)]
pub(super) struct Site {
    /// The positions modulo the stride of the inputs.
    pub(super) class: usize,
    /// How far behind the place of an input its output lies.
    pub(super) shift: usize,
}

/// For each class, channel of a word, step and plane: the places of some lines where it spikes, ascending, made
/// a multiple of eight by the place behind the last one.
pub(super) struct Lists {
    time_steps: usize,
    planes: usize,
    starts: Vec<u32>,
    places: Vec<u32>,
}

impl Lists {
    /// Those of all spikes, `[parts, words]`.
    pub(super) fn of_all(places: &Places, pre: &Spikes) -> Vec<Self> {
        let words = pre.words_per_row();
        let lines = places.images * places.vertical.size;
        let per_part = (PLACES / places.width()).max(1);
        (0..lines.div_ceil(per_part) * words)
            .into_par_iter()
            .map(|index| {
                let (part, word) = (index / words, index % words);
                let lines = part * per_part..lines.min((part + 1) * per_part);
                dispatch(Gather { places, pre, lines, word })
            })
            .collect()
    }

    /// A list, in pieces that can be counted.
    #[inline(always)]
    pub(super) fn of(
        &self,
        class: usize,
        channel: usize,
        t: usize,
        plane: usize,
    ) -> Chunks<'_, u32> {
        let key = self.first_key(class, channel, t) + plane;
        self.places[self.starts[key] as usize..self.starts[key + 1] as usize].chunks(MOST)
    }

    fn first_key(&self, class: usize, channel: usize, t: usize) -> usize {
        ((class * PER_WORD + channel) * self.time_steps + t) * self.planes
    }
}

struct Gather<'a> {
    places: &'a Places,
    pre: &'a Spikes,
    lines: Range<usize>,
    word: usize,
}

impl Kernel for Gather<'_> {
    type Output = Lists;

    #[inline(always)]
    fn call(self) -> Lists {
        let Self { places: Places { vertical, horizontal, .. }, pre, .. } = self;
        let (time_steps, planes) = (pre.shape()[0], pre.planes());
        let keys = vertical.stride * horizontal.stride * PER_WORD * time_steps * planes;
        let mut starts = vec![0_u32; keys + 1];
        let mut spikes = Vec::with_capacity(self.spikes());
        self.for_each_spike(|key, place| {
            starts[key + 1] += 1;
            spikes.push((key as u32, place));
        });
        let mut end = 0;
        for start in &mut starts {
            end += start.next_multiple_of(EIGHT as u32);
            *start = end;
        }
        let mut next = starts.clone();
        let mut places = vec![self.places.count() as u32; end as usize];
        for (key, place) in spikes {
            let next = &mut next[key as usize];
            places[*next as usize] = place;
            *next += 1;
        }
        Lists { time_steps, planes, starts, places }
    }
}

impl Gather<'_> {
    /// How many spikes there are.
    #[inline(always)]
    fn spikes(&self) -> usize {
        let Places { shape, vertical, .. } = self.places;
        let mut count = 0;
        for line in self.lines.clone() {
            let (image, a) = (line / vertical.size, line % vertical.size);
            for y in a * vertical.stride..shape.height.min((a + 1) * vertical.stride) {
                let first = (image * shape.height + y) * shape.width;
                for row in 0..self.pre.rows_per_pixel() {
                    let words = (first..first + shape.width)
                        .map(|pixel| self.pre.word(row, pixel, self.word));
                    count += words.map(|word| word.count_ones() as usize).sum::<usize>();
                }
            }
        }
        count
    }

    /// Calls `body(key, place)` for each spike, places ascending.
    #[inline(always)]
    fn for_each_spike(&self, mut body: impl FnMut(usize, u32)) {
        let Self { places, pre, word, .. } = *self;
        let Places { shape, vertical, horizontal, .. } = places;
        let (time_steps, planes) = (pre.shape()[0], pre.planes());
        for line in self.lines.clone() {
            let (image, a) = (line / vertical.size, line % vertical.size);
            let first = (image * places.lines() + a) * places.width();
            for residue in 0..vertical.stride {
                let y = a * vertical.stride + residue;
                if y >= shape.height {
                    continue;
                }
                let classes = residue * horizontal.stride * PER_WORD;
                for row in 0..pre.rows_per_pixel() {
                    let (start, plane) = (pre.steps(row / planes).start, row % planes);
                    let (mut place, mut column) = (first, 0);
                    for x in 0..shape.width {
                        let pixel = (image * shape.height + y) * shape.width + x;
                        let channels = classes + column * PER_WORD;
                        let mut left = pre.word(row, pixel, word);
                        while left != 0 {
                            let bit = left.trailing_zeros() as usize;
                            let t = start + bit % STEPS;
                            let key = ((channels + bit / STEPS) * time_steps + t) * planes + plane;
                            body(key, place as u32);
                            left &= left - 1;
                        }
                        column += 1;
                        if column == horizontal.stride {
                            (place, column) = (place + 1, 0);
                        }
                    }
                }
            }
        }
    }
}
