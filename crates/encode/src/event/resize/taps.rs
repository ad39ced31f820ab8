//! Which old pixels make up a new one along one axis, and with which weights.

use super::Way;

/// For each new pixel its old pixels, which are neighbors.
#[derive(Clone, Debug)]
pub(super) struct Taps {
    /// The first old pixel of each new one, and where its weights end.
    starts: Vec<(usize, usize)>,
    weights: Vec<f64>,
}

impl Taps {
    /// The weights that make `new` pixels of `old`.
    pub(super) fn new(way: Way, old: usize, new: usize) -> Self {
        let mut taps = Self { starts: Vec::with_capacity(new), weights: Vec::new() };
        let scale = old as f64 / new as f64;
        for pixel in 0..new {
            match way {
                Way::PilLaCompat | Way::BilinearAntialias => taps.push_covered(pixel, scale, old),
                Way::Bilinear => {
                    let place = (pixel as f64 + 0.5) * scale - 0.5;
                    taps.push_between(place.max(0.0), old);
                }
                Way::BilinearAlignCorners => {
                    let step = (old - 1) as f64 / (new - 1).max(1) as f64;
                    taps.push_between(pixel as f64 * step, old);
                }
                Way::Nearest => taps.push(pixel * old / new, [1.0]),
                Way::Area => {
                    let start = pixel * old / new;
                    let count = ((pixel + 1) * old).div_ceil(new) - start;
                    taps.push(start, vec![1.0 / count as f64; count]);
                }
            }
        }
        taps
    }

    fn push(&mut self, start: usize, weights: impl IntoIterator<Item = f64>) {
        self.weights.extend(weights);
        self.starts.push((start, self.weights.len()));
    }

    /// The two old pixels around `place`.
    fn push_between(&mut self, place: f64, old: usize) {
        let start = (place as usize).min(old - 1);
        let right = place - start as f64;
        if start + 1 < old {
            self.push(start, [1.0 - right, right]);
        } else {
            self.push(start, [1.0]);
        }
    }

    /// A triangle as wide as two new pixels, or as two old ones where those are wider.
    fn push_covered(&mut self, pixel: usize, scale: f64, old: usize) {
        let support = scale.max(1.0);
        let middle = (pixel as f64 + 0.5) * scale;
        let start = (middle - support + 0.5).max(0.0) as usize;
        let end = ((middle + support + 0.5) as usize).min(old);
        let weight = |at: usize| {
            let distance = (at as f64 - middle + 0.5) / support;
            (1.0 - distance.abs()).max(0.0)
        };
        let sum: f64 = (start..end).map(weight).sum();
        self.push(start, (start..end).map(|at| weight(at) / sum));
    }

    /// For each new pixel the first old one, and the weights.
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, &[f64])> {
        let mut from = 0;
        self.starts.iter().map(move |&(start, end)| {
            let weights = &self.weights[from..end];
            from = end;
            (start, weights)
        })
    }

    /// Writes weighted sums of the groups of `size` values of `old` to those of `new`.
    pub(super) fn weigh(&self, old: &[f32], new: &mut [f32], size: usize) {
        new.fill(0.0);
        for ((start, weights), target) in self.iter().zip(new.chunks_exact_mut(size)) {
            let mut at = start * size;
            for &weight in weights {
                let weight = weight as f32;
                for (target, &source) in target.iter_mut().zip(&old[at..at + size]) {
                    *target += weight * source;
                }
                at += size;
            }
        }
    }
}
