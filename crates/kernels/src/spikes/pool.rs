//! Pooling of spikes as bits, without a float in between.
//!
//! The mean of four spikes is a number of quarters: a sum of bits, word by word, for sixteen
//! channels and all steps of a group at a time.

use crate::spikes::Spikes;
use rayon::prelude::*;

/// Words per task, about.
const WORDS: usize = 4096;

impl Spikes {
    /// The mean of windows of 2×2 pixels that touch but do not overlap, of maps of
    /// `height`×`width`: quarters, from 0 to 4. `None` if the activations are not binary spikes.
    ///
    /// An odd last row or column is left out.
    ///
    /// # Panics
    /// If the pixels are not whole maps.
    pub fn average_of_four(&self, height: usize, width: usize) -> Option<Self> {
        if !self.is_binary() {
            return None;
        }
        let mut pooled = self.windows(height, width, 3, 0.25 * self.weight_of(0));
        for group in 0..self.groups() {
            pooled.fill_windows(self, [height, width], group, |[a, b, c, d]| {
                let (ab, cd) = (a ^ b, c ^ d);
                let (both_ab, both_cd) = (a & b, c & d);
                // At most one of the three carries is set, or both of the first two.
                [ab ^ cd, both_ab ^ both_cd ^ (ab & cd), both_ab & both_cd]
            });
        }
        pooled.count();
        Some(pooled)
    }

    /// Marks the windows of 2×2 pixels in which anything is marked.
    ///
    /// # Panics
    /// If the pixels are not whole maps, or the marks have more than one plane.
    pub fn any_of_four(&self, height: usize, width: usize) -> Self {
        assert!(self.is_binary(), "marks have one plane");
        let mut pooled = self.windows(height, width, 1, 1.0);
        for group in 0..self.groups() {
            pooled.fill_windows(self, [height, width], group, |[a, b, c, d]| [a | b | c | d]);
        }
        pooled.count();
        pooled
    }

    /// Room for windows of 2×2 pixels.
    fn windows(&self, height: usize, width: usize, planes: usize, unit: f32) -> Self {
        let area = (height * width).max(1);
        assert!(self.pixels().is_multiple_of(area), "whole maps");
        let pixels = self.pixels() / area * (height / 2) * (width / 2);
        Self::silent([self.shape()[0], pixels, self.channels()], planes, unit)
    }

    /// Writes the planes of a group from the four words of each window.
    fn fill_windows<const PLANES: usize>(
        &mut self,
        from: &Self,
        [height, width]: [usize; 2],
        group: usize,
        combine: impl Fn([u64; 4]) -> [u64; PLANES] + Sync,
    ) {
        let row = self.words_per_row();
        let size = self.pixels() * row;
        if size == 0 {
            return;
        }
        let line = width / 2 * row;
        let lines = (WORDS / line).max(1);
        let source = from.plane(group, 0);
        let mut planes = self.group_mut(group).chunks_exact_mut(size);
        let planes: [&mut [u64]; PLANES] =
            std::array::from_fn(|_| planes.next().expect("as many planes as were made"));
        // The same lines of all planes are one task.
        let mut tasks: Vec<[&mut [u64]; PLANES]> = Vec::new();
        let mut parts = planes.map(|plane| plane.chunks_mut(lines * line));
        loop {
            let task = parts.each_mut().map(Iterator::next);
            if task.iter().any(Option::is_none) {
                break;
            }
            tasks.push(task.map(|part| part.expect("checked above")));
        }
        tasks.into_par_iter().enumerate().for_each(|(task, mut parts)| {
            for index in 0..parts[0].len() / line {
                let y = task * lines + index;
                let (image, y) = (y / (height / 2), y % (height / 2));
                let above = ((image * height + 2 * y) * width) * row;
                let below = above + width * row;
                for x in 0..width / 2 {
                    for word in 0..row {
                        let left = 2 * x * row + word;
                        let words =
                            [above + left, above + left + row, below + left, below + left + row]
                                .map(|at| source[at]);
                        for (part, value) in parts.iter_mut().zip(combine(words)) {
                            part[index * line + x * row + word] = value;
                        }
                    }
                }
            }
        });
    }
}
