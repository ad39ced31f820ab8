//! The active channels of each pixel, sorted by firing pattern.

use crate::simd::{Kernel, dispatch};
use crate::spikes::{STEPS, Spikes, for_each_pattern};
use rayon::prelude::*;

/// Patterns of a group of steps, the empty one included.
pub(crate) const PATTERNS: usize = 1 << STEPS;
/// Entries that may be read behind the end of a list.
pub(crate) const SLACK: usize = 8;
/// Pixels per part.
const PIXELS: usize = 64;

/// For each pixel and group of steps, the active channels by key, which is plane · 16 + pattern.
pub(crate) struct Lists {
    groups: usize,
    keys: usize,
    parts: Vec<Part>,
}

/// The lists of [`PIXELS`] pixels.
struct Part {
    channels: Vec<u16>,
    /// `[pixels, groups, keys]`: number of channels.
    counts: Vec<u16>,
    /// `[pixels, groups]`: where the channels start, and a bit for each key that has some.
    heads: Vec<(u32, u64)>,
}

/// The lists of one pixel and group.
#[derive(Clone, Copy)]
pub(crate) struct Sorted<'a> {
    /// Channels by key, at least [`SLACK`] entries longer than needed.
    pub(crate) channels: &'a [u16],
    /// Number of channels of each key.
    pub(crate) counts: &'a [u16],
    /// A bit for each key that has channels.
    pub(crate) mask: u64,
}

impl Lists {
    /// Sorts the spikes; they have at most 65,536 channels.
    pub(crate) fn new(spikes: &Spikes) -> Self {
        let parts = (0..spikes.pixels().div_ceil(PIXELS))
            .into_par_iter()
            .map(|part| dispatch(Sort { spikes, first: part * PIXELS }))
            .collect();
        Self { groups: spikes.groups(), keys: spikes.planes() * PATTERNS, parts }
    }

    #[inline(always)]
    pub(crate) fn of(&self, pixel: usize, group: usize) -> Sorted<'_> {
        let part = &self.parts[pixel / PIXELS];
        let index = pixel % PIXELS * self.groups + group;
        let (start, mask) = part.heads[index];
        Sorted {
            channels: &part.channels[start as usize..],
            counts: &part.counts[index * self.keys..][..self.keys],
            mask,
        }
    }
}

struct Sort<'a> {
    spikes: &'a Spikes,
    first: usize,
}

impl Kernel for Sort<'_> {
    type Output = Part;

    #[inline(always)]
    fn call(self) -> Part {
        let Self { spikes, first } = self;
        let (groups, planes) = (spikes.groups(), spikes.planes());
        let keys = planes * PATTERNS;
        let last = spikes.pixels().min(first + PIXELS);
        let mut counts = Vec::with_capacity((last - first) * groups * keys);
        let mut heads = Vec::with_capacity((last - first) * groups);
        let mut channels = Vec::new();
        let mut end = 0;
        for pixel in first..last {
            for group in 0..groups {
                let start = end;
                let mut mask = 0_u64;
                for plane in 0..planes {
                    let words = spikes.patterns(pixel, group, plane);
                    let mut next = [0_u32; PATTERNS];
                    for_each_pattern(words.iter().copied(), |_, pattern| next[pattern] += 1);
                    for (pattern, next) in next.iter_mut().enumerate() {
                        counts.push(*next as u16);
                        mask |= u64::from(*next > 0) << (plane * PATTERNS + pattern);
                        end += std::mem::replace(next, end);
                    }
                    channels.resize(end as usize, 0);
                    for_each_pattern(words.iter().copied(), |channel, pattern| {
                        channels[next[pattern] as usize] = channel as u16;
                        next[pattern] += 1;
                    });
                }
                heads.push((start, mask));
            }
        }
        channels.resize(end as usize + SLACK, 0);
        Part { channels, counts, heads }
    }
}
