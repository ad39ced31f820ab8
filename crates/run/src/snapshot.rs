//! `snapshot.json`: what one batch looked like inside of a trained network, for figures.

use serde::{Deserialize, Serialize};

/// Potentials and spikes of every spiking layer in one training pass over a fixed batch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Version of the format, [`manifest::SCHEMA`](crate::manifest::SCHEMA).
    pub schema: u32,
    /// Samples in the batch.
    pub samples: usize,
    /// Time steps T.
    pub time_steps: usize,
    /// One entry per spiking layer, in the order of the network.
    pub layers: Vec<LayerSnapshot>,
}

/// Potentials and spikes of one layer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LayerSnapshot {
    /// Name of the layer, its path in the network.
    pub name: String,
    /// Left edge of the histogram: membrane potential minus threshold.
    pub low: f32,
    /// Right edge of the histogram.
    pub high: f32,
    /// Number of potentials in equal bins; what lies beyond the edges is in the outermost bins.
    pub counts: Vec<u64>,
    /// Where the surrogate gradient matters, as distances from the threshold.
    pub support: (f32, f32),
    /// Whether it is exactly 0 outside of `support`; otherwise below 1 % of its largest value.
    pub exact_support: bool,
    /// Neurons of which spikes are shown, a fixed random choice.
    pub neurons: usize,
    /// Step and neuron, both from 0, of each spike of these neurons for the first sample.
    pub spikes: Vec<(usize, usize)>,
}

impl LayerSnapshot {
    /// Share of the potentials inside the support of the surrogate; a bin that the edge of the support
    /// cuts counts in part.
    pub fn inside(&self) -> f64 {
        let (from, to) = self.support;
        let width = self.width();
        let inside: f64 = self
            .counts
            .iter()
            .enumerate()
            .map(|(bin, &count)| {
                let left = self.low + bin as f32 * width;
                let cut = (left + width).min(to) - left.max(from);
                count as f64 * f64::from((cut / width).clamp(0.0, 1.0))
            })
            .sum();
        inside / self.all()
    }

    /// Mean and variance of the potentials, of which each counts as the middle of its bin.
    pub fn mean_and_variance(&self) -> (f64, f64) {
        let middle = |bin: usize| f64::from(self.low + (bin as f32 + 0.5) * self.width());
        let mean_of = |value: &dyn Fn(f64) -> f64| {
            let counted = self.counts.iter().enumerate();
            counted.map(|(bin, &count)| count as f64 * value(middle(bin))).sum::<f64>() / self.all()
        };
        let mean = mean_of(&|x| x);
        (mean, mean_of(&|x| (x - mean).powi(2)))
    }

    fn width(&self) -> f32 {
        (self.high - self.low) / self.counts.len().max(1) as f32
    }

    fn all(&self) -> f64 {
        self.counts.iter().sum::<u64>().max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Four bins of width 1 from −2 to 2 that hold 1, 2, 3 and 4 potentials.
    #[test]
    fn a_histogram_by_hand() {
        let layer = LayerSnapshot {
            name: "layer".to_owned(),
            low: -2.0,
            high: 2.0,
            counts: vec![1, 2, 3, 4],
            support: (-1.0, 0.5),
            exact_support: true,
            neurons: 0,
            spikes: Vec::new(),
        };
        assert!((layer.inside() - 0.35).abs() < 1e-9);
        let (mean, variance) = layer.mean_and_variance();
        // (−1.5 − 1 + 1.5 + 6) / 10 = 0.5; (4 + 2 + 0 + 4) / 10 = 1.
        assert!((mean - 0.5).abs() < 1e-9 && (variance - 1.0).abs() < 1e-9, "{mean} {variance}");
    }
}
