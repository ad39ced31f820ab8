//! Images one after the other in lines, with zeros between rows and between images.
//!
//! What a result needs for a tap then lies at a fixed distance from the result's own place, and
//! sixteen results in a row need sixteen lines in a row: no window is ever copied.
//! A gap serves the row before it and the row after it. Places in gaps get results too, which nobody
//! reads.

use crate::convolution::Conv2d;
use crate::simd::matrix_unit::BLOCK;

/// Where the pixels of a map lie, and the results that are made of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plane {
    pub(super) images: usize,
    /// Height and width of the map.
    pub(super) map: [usize; 2],
    /// Height and width of the results.
    pub(super) results: [usize; 2],
    /// Places from a row to the next.
    pub(super) pitch: usize,
    /// Rows from an image to the next.
    pub(super) rows: usize,
    /// Places before the first pixel.
    lead: usize,
    /// Places behind the last row.
    tail: usize,
}

impl Plane {
    /// Room for results that need pixels at `taps`, down and right of their own place.
    pub(super) fn new(
        images: usize,
        map: [usize; 2],
        results: [usize; 2],
        taps: &[[i32; 2]],
    ) -> Self {
        let reach = |axis: usize| {
            let before = taps.iter().map(|tap| -tap[axis]).max().unwrap_or(0).max(0);
            let last = taps.iter().map(|tap| tap[axis]).max().unwrap_or(0);
            let behind = results[axis] as i32 + last - map[axis] as i32;
            (before as usize, last.max(0) as usize, behind.max(before).max(0) as usize)
        };
        let ((up, down, gap_rows), (left, right, gap)) = (reach(0), reach(1));
        let pitch = (map[1] + gap).max(results[1]);
        let rows = (map[0] + gap_rows).max(results[0]);
        let lead = up * pitch + left;
        Self { images, map, results, pitch, rows, lead, tail: down * pitch + right + BLOCK }
    }

    /// All places, from the lead to the tail.
    pub(super) fn len(&self) -> usize {
        self.lead + self.results_len() + self.tail
    }

    /// The results of all images, with those in gaps.
    pub(super) fn results_len(&self) -> usize {
        self.images * self.rows * self.pitch
    }

    /// The place of the first pixel of a row, the lead included.
    pub(super) fn row(&self, image: usize, y: usize) -> usize {
        self.lead + (image * self.rows + y) * self.pitch
    }

    /// The place that the first result needs for a tap.
    pub(super) fn offset(&self, tap: [i32; 2]) -> usize {
        let distance = tap[0] as isize * self.pitch as isize + tap[1] as isize;
        self.lead.wrapping_add_signed(distance)
    }

    /// The results from `first` on that are not in gaps, row by row.
    #[inline(always)]
    pub(super) fn runs(&self, first: usize, count: usize) -> Runs<'_> {
        let row = first / self.pitch;
        let (image, y) = (row / self.rows, row % self.rows);
        Runs { plane: self, index: 0, count, image, y, x: first % self.pitch }
    }
}

/// Results beside each other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    /// Number of the first one.
    pub(super) index: usize,
    pub(super) image: usize,
    pub(super) y: usize,
    pub(super) x: usize,
    pub(super) count: usize,
}

/// See [`Plane::runs`].
pub(super) struct Runs<'a> {
    plane: &'a Plane,
    index: usize,
    count: usize,
    image: usize,
    y: usize,
    x: usize,
}

impl Iterator for Runs<'_> {
    type Item = Run;

    #[inline(always)]
    fn next(&mut self) -> Option<Run> {
        let plane = self.plane;
        while self.index < self.count && self.image < plane.images {
            let Self { index, image, y, x, .. } = *self;
            let places = (plane.pitch - x).min(self.count - index);
            self.index += places;
            self.x = 0;
            (self.image, self.y) =
                if y + 1 == plane.rows { (image + 1, 0) } else { (image, y + 1) };
            let count = places.min(plane.results[1].saturating_sub(x));
            if y < plane.results[0] && count > 0 {
                return Some(Run { index, image, y, x, count });
            }
        }
        None
    }
}

/// The positions modulo the stride that the taps of a convolution meet: each has a plane of its own, in
/// which neighbors are the stride apart.
pub(super) struct Phases {
    /// Down and right of the first pixel.
    pub(super) offsets: Vec<[usize; 2]>,
    /// The phase of each tap, and where its pixel lies there, seen from the result.
    pub(super) taps: Vec<(usize, [i32; 2])>,
}

impl Phases {
    pub(super) fn new(shape: &Conv2d) -> Self {
        let (mut offsets, mut taps) = (Vec::new(), Vec::new());
        for tap in 0..shape.taps() {
            let tap = [tap / shape.kernel[1], tap % shape.kernel[1]];
            let from = [0, 1].map(|axis| tap[axis] as i32 - shape.padding[axis] as i32);
            let stride = shape.stride.map(|stride| stride as i32);
            let offset = [0, 1].map(|axis| from[axis].rem_euclid(stride[axis]) as usize);
            let phase = offsets.iter().position(|found| *found == offset).unwrap_or_else(|| {
                offsets.push(offset);
                offsets.len() - 1
            });
            taps.push((phase, [0, 1].map(|axis| from[axis].div_euclid(stride[axis]))));
        }
        Self { offsets, taps }
    }

    /// The plane of a phase of so many images, with the outputs as results.
    pub(super) fn plane(&self, shape: &Conv2d, images: usize) -> Plane {
        let size =
            [0, 1].map(|axis| [shape.height, shape.width][axis].div_ceil(shape.stride[axis]));
        let taps: Vec<[i32; 2]> = self.taps.iter().map(|(_, tap)| *tap).collect();
        Plane::new(images, size, shape.output_size(), &taps)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against the definition: every tap of every result finds its pixel or a place without one.
    #[test]
    fn every_result_finds_its_pixels() {
        let mut visited = 0;
        for map in [[1_usize, 1], [3, 5], [4, 2], [8, 8]] {
            for (kernel, padding) in [(1, 0), (1, 1), (3, 0), (3, 1), (3, 2), (5, 2), (2, 1)] {
                let side = |axis: usize| (map[axis] + 2 * padding + 1).saturating_sub(kernel);
                let results = [side(0), side(1)];
                let tap = |k: usize| (k % kernel) as i32 - padding as i32;
                let taps: Vec<[i32; 2]> =
                    (0..kernel * kernel).map(|k| [tap(k / kernel), tap(k)]).collect();
                let plane = Plane::new(2, map, results, &taps);
                let mut pixels = vec![None; plane.len()];
                for image in 0..2 {
                    for y in 0..map[0] {
                        for x in 0..map[1] {
                            pixels[plane.row(image, y) + x] = Some((image, y as i32, x as i32));
                        }
                    }
                }
                let mut count = 0;
                let mut check = |index: usize, image: usize, y: usize, x: usize| {
                    for tap in &taps {
                        let (row, column) = (y as i32 + tap[0], x as i32 + tap[1]);
                        let inside = (0..map[0] as i32).contains(&row)
                            && (0..map[1] as i32).contains(&column);
                        let found = pixels[index + plane.offset(*tap)];
                        assert_eq!(found, inside.then_some((image, row, column)), "{plane:?}");
                    }
                    count += 1;
                };
                for first in (0..plane.results_len()).step_by(BLOCK) {
                    for run in plane.runs(first, BLOCK) {
                        for place in 0..run.count {
                            check(first + run.index + place, run.image, run.y, run.x + place);
                        }
                    }
                }
                assert_eq!(count, 2 * results[0] * results[1]);
                visited += 1;
            }
        }
        assert_eq!(visited, 28);
    }
}
