//! The active pixels of each input channel, as rows of a table of output gradients.

use super::plan::{Pixel, Plan};
use crate::simd::Kernel;
use crate::spikes::{PER_WORD, STEPS, for_each_pattern};

/// The rows of the table, as seen from the least tap, of the pixels where a channel is active: a list for
/// each class of positions modulo the stride, plane and channel, and for each step if they are apart.
pub(super) struct Lists {
    pub(super) rows: Vec<u32>,
    starts: Vec<u32>,
}

impl Lists {
    #[inline(always)]
    pub(super) fn of(&self, key: usize) -> &[u32] {
        &self.rows[self.starts[key] as usize..self.starts[key + 1] as usize]
    }
}

/// The lists of a strip and a group of steps, `[classes, planes, channels]`: rows are numbered by place
/// and pattern.
pub(super) struct Patterns<'a> {
    pub(super) plan: &'a Plan<'a>,
    pub(super) strip: usize,
    pub(super) group: usize,
}

impl Kernel for Patterns<'_> {
    type Output = Lists;

    #[inline(always)]
    fn call(self) -> Lists {
        let Self { plan, strip, group } = self;
        let input = plan.input;
        let (planes, channels) = (input.planes(), input.channels());
        let patterns = (1 << input.steps(group).len()) - 1;
        let pixels = plan.pixels(strip);
        let words = |pixel: &Pixel, plane| input.patterns(pixel.number, group, plane).iter();
        let mut starts = vec![0_u32; plan.classes() * planes * channels + 1];
        for pixel in &pixels {
            for plane in 0..planes {
                let first = (pixel.class * planes + plane) * channels;
                let counts = &mut starts[first + 1..][..channels];
                for_each_pattern(words(pixel, plane).copied(), |channel, _| counts[channel] += 1);
            }
        }
        let (mut rows, mut next) = room(&mut starts);
        for pixel in &pixels {
            for plane in 0..planes {
                let first = (pixel.class * planes + plane) * channels;
                let next = &mut next[first..][..channels];
                for_each_pattern(words(pixel, plane).copied(), |channel, pattern| {
                    rows[next[channel] as usize] = (pixel.place * patterns + pattern - 1) as u32;
                    next[channel] += 1;
                });
            }
        }
        Lists { rows, starts }
    }
}

/// The lists of a strip, `[steps, classes, planes, channels]`: rows are numbered by place.
pub(super) struct Steps<'a> {
    pub(super) plan: &'a Plan<'a>,
    pub(super) strip: usize,
}

impl Kernel for Steps<'_> {
    type Output = Lists;

    #[inline(always)]
    fn call(self) -> Lists {
        let Self { plan, strip } = self;
        let input = plan.input;
        let (planes, channels) = (input.planes(), input.channels());
        let of_step = plan.classes() * planes * channels;
        let pixels = plan.pixels(strip);
        let mut starts = vec![0_u32; input.shape()[0] * of_step + 1];
        for pixel in &pixels {
            for group in 0..input.groups() {
                for plane in 0..planes {
                    let first = input.steps(group).start * of_step;
                    let first = first + (pixel.class * planes + plane) * channels;
                    let words = input.patterns(pixel.number, group, plane).iter();
                    for_each_bit(words.copied(), |channel, step| {
                        starts[first + step * of_step + channel + 1] += 1;
                    });
                }
            }
        }
        let (mut rows, mut next) = room(&mut starts);
        for pixel in &pixels {
            for group in 0..input.groups() {
                for plane in 0..planes {
                    let first = input.steps(group).start * of_step;
                    let first = first + (pixel.class * planes + plane) * channels;
                    let words = input.patterns(pixel.number, group, plane).iter();
                    for_each_bit(words.copied(), |channel, step| {
                        let next = &mut next[first + step * of_step + channel];
                        rows[*next as usize] = pixel.place as u32;
                        *next += 1;
                    });
                }
            }
        }
        Lists { rows, starts }
    }
}

/// Turns the counts of the keys, each one behind its own place, into where their lists start; returns
/// room for all rows, and where the next row of each key goes.
fn room(starts: &mut [u32]) -> (Vec<u32>, Vec<u32>) {
    let mut end = 0;
    for start in &mut *starts {
        end += *start;
        *start = end;
    }
    (vec![0; end as usize], starts.to_vec())
}

/// Calls `body(channel, step)` for each bit.
#[inline(always)]
fn for_each_bit(words: impl Iterator<Item = u64>, mut body: impl FnMut(usize, usize)) {
    for (index, mut left) in words.enumerate() {
        while left != 0 {
            let bit = left.trailing_zeros() as usize;
            body(index * PER_WORD + bit / STEPS, bit % STEPS);
            left &= left - 1;
        }
    }
}
