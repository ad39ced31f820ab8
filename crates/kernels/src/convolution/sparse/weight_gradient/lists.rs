//! The active pixels of each input channel, as rows of the table of output gradients.

use super::plan::Plan;
use crate::simd::Kernel;
use crate::spikes::for_each_pattern;

/// For each class of positions modulo the stride, plane and channel: the rows of the table, as seen
/// from the least tap, of the pixels where it is active.
pub(super) struct Lists {
    pub(super) rows: Vec<u32>,
    pub(super) starts: Vec<u32>,
}

pub(super) struct Gather<'a> {
    pub(super) plan: &'a Plan<'a>,
    pub(super) unit: usize,
}

impl Kernel for Gather<'_> {
    type Output = Lists;

    #[inline(always)]
    fn call(self) -> Lists {
        let Self { plan, unit } = self;
        let Plan { shape, input, .. } = *plan;
        let (planes, channels) = (input.planes(), input.channels());
        let patterns = plan.patterns(unit);
        let width = plan.table_width();
        // Each pixel: the first key of its class, its number, and its place in the table.
        let mut pixels = Vec::new();
        for block in plan.blocks(unit) {
            for a in block.lines.clone() {
                for residue in 0..plan.vertical.stride {
                    let y = a * plan.vertical.stride + residue;
                    if y >= shape.height || plan.vertical.taps[residue].is_empty() {
                        continue;
                    }
                    for x in 0..shape.width {
                        let (place, column) =
                            (x / plan.horizontal.stride, x % plan.horizontal.stride);
                        if plan.horizontal.taps[column].is_empty() {
                            continue;
                        }
                        let class = residue * plan.horizontal.stride + column;
                        let pixel = (block.image * shape.height + y) * shape.width + x;
                        let place = block.start + (a - block.lines.start) * width + place;
                        pixels.push((class * planes * channels, pixel, place * patterns));
                    }
                }
            }
        }
        let keys = plan.classes() * planes * channels;
        let mut starts = vec![0_u32; keys + 1];
        for &(first, pixel, _) in &pixels {
            for plane in 0..planes {
                let counts = &mut starts[first + plane * channels + 1..][..channels];
                for_each_pattern(plan.words(unit, pixel, plane), |channel, _| {
                    counts[channel] += 1;
                });
            }
        }
        let mut end = 0;
        for start in &mut starts {
            end += *start;
            *start = end;
        }
        let mut rows = vec![0_u32; end as usize];
        let mut next = starts.clone();
        for &(first, pixel, place) in &pixels {
            for plane in 0..planes {
                let next = &mut next[first + plane * channels..][..channels];
                for_each_pattern(plan.words(unit, pixel, plane), |channel, pattern| {
                    rows[next[channel] as usize] = (place + pattern - 1) as u32;
                    next[channel] += 1;
                });
            }
        }
        Lists { rows, starts }
    }
}
