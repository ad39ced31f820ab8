//! A cloud of one recording in another.

use candlewick_core::random::Stream;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Mix;
use super::beta::beta;
use super::mixup::check_alpha;
use crate::{Error, FrameShape, Result};

/// `EventMix`: a cloud of space and time of one recording in another (Shen, Zhao, Zeng, Information
/// Sciences 2023, arXiv:2205.12054).
///
/// The cloud is where the density of a mixture of Gaussians over time, row and column is above a
/// threshold, so that the sample itself keeps a share of Beta(alpha, alpha) of all places.
/// Labels count by that share of places; the paper's other ways, by the number of events or by the
/// distance of features, need a share per sample and are not here.
/// Means are uniform in the volume and deviations in a quarter to a half of its sides: the paper
/// leaves them open.
///
/// ```
/// use candlewick_core::Key;
/// use candlewick_encode::mix::EventMix;
/// use candlewick_encode::{FrameShape, Mix};
///
/// let shape = FrameShape { time: 1, height: 4, width: 4, channels: 1 };
/// let originals = [vec![0.0; 16], vec![1.0; 16]].concat(); // [T, B, H, W, C] of a batch of two
/// let mut values = originals.clone();
/// let share = EventMix { probability: 1.0, ..EventMix::default() }.mix(&mut values, &originals, &[1, 0], shape, &mut Key::new(1).stream());
/// let kept = values[..16].iter().filter(|&&value| value == 0.0).count() as f32 / 16.0;
/// assert!((kept - share).abs() < 1e-6);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EventMix {
    /// Parameter of the beta distribution, in (0, 1000].
    pub alpha: f32,
    /// Share of the batches that are mixed, in [0, 1].
    pub probability: f32,
    /// Number of Gaussians in the mixture, 1 to 16.
    pub components: usize,
}

impl Default for EventMix {
    fn default() -> Self {
        Self { alpha: 1.0, probability: 0.5, components: 3 }
    }
}

impl EventMix {
    /// Which places of `sides` = time, rows, columns are inside of the cloud; `count` are.
    fn cloud(&self, sides: [usize; 3], count: usize, stream: &mut Stream) -> Vec<bool> {
        let mut draw = |low: f32, high: f32| (high - low).mul_add(stream.uniform(), low);
        let components: Vec<[(f32, f32); 3]> = (0..self.components)
            .map(|_| [0, 1, 2].map(|_| (draw(0.0, 1.0), draw(0.25, 0.5))))
            .collect();
        let mut densities = Vec::with_capacity(sides.iter().product());
        for t in 0..sides[0] {
            for y in 0..sides[1] {
                for x in 0..sides[2] {
                    let place = [(t, sides[0]), (y, sides[1]), (x, sides[2])]
                        .map(|(at, side)| (at as f32 + 0.5) / side as f32);
                    let density = |component: &[(f32, f32); 3]| {
                        let distance = |(place, (mean, deviation)): (&f32, &(f32, f32))| {
                            ((place - mean) / deviation).powi(2)
                        };
                        let squared: f32 = place.iter().zip(component).map(distance).sum();
                        let scale: f32 = component.iter().map(|(_, deviation)| deviation).product();
                        (-0.5 * squared).exp() / scale
                    };
                    densities.push(components.iter().map(density).sum::<f32>());
                }
            }
        }
        let mut order: Vec<usize> = (0..densities.len()).collect();
        // Equal densities are ordered by place, so that exactly `count` are inside.
        let denser =
            |a: &usize, b: &usize| densities[*b].total_cmp(&densities[*a]).then_with(|| a.cmp(b));
        let mut inside = vec![false; densities.len()];
        if count > 0 && count < order.len() {
            order.select_nth_unstable_by(count - 1, denser);
        }
        for &place in &order[..count] {
            inside[place] = true;
        }
        inside
    }
}

impl Mix for EventMix {
    fn check(&self, shape: FrameShape) -> Result<()> {
        check_alpha("eventmix.alpha", self.alpha)?;
        if !(0.0..=1.0).contains(&self.probability) {
            return Err(Error::setting("eventmix.probability", "0 to 1", self.probability));
        }
        if !(1..=16).contains(&self.components) {
            return Err(Error::setting("eventmix.components", "1 to 16", self.components));
        }
        if shape.height * shape.width < 2 {
            return Err(Error::setting("eventmix", "frames of several pixels", shape));
        }
        Ok(())
    }

    fn mix(
        &self,
        values: &mut [f32],
        originals: &[f32],
        partners: &[usize],
        shape: FrameShape,
        stream: &mut Stream,
    ) -> f32 {
        if !stream.bernoulli(self.probability) {
            return 1.0;
        }
        let (size, area) = (shape.frame(), shape.height * shape.width);
        let steps = values.len() / (partners.len() * size);
        let places = steps * area;
        let count = ((1.0 - beta(stream, self.alpha)) * places as f32).round() as usize;
        let count = count.min(places);
        let cloud = self.cloud([steps, shape.height, shape.width], count, stream);
        for (step, inside) in cloud.chunks_exact(area).enumerate() {
            for (place, &partner) in partners.iter().enumerate() {
                let [to, from] =
                    [place, partner].map(|sample| (step * partners.len() + sample) * size);
                for (pixel, _) in inside.iter().enumerate().filter(|(_, inside)| **inside) {
                    let at = pixel * shape.channels;
                    let range = from + at..from + at + shape.channels;
                    values[to + at..to + at + shape.channels].copy_from_slice(&originals[range]);
                }
            }
        }
        1.0 - count as f32 / places as f32
    }
}

#[cfg(test)]
mod tests {
    use candlewick_core::Key;

    use super::*;

    /// Zeros and ones exchange a cloud: the mean of what was ones over all steps is the share, and
    /// the cloud differs between the steps, unlike a rectangle.
    #[test]
    fn the_share_is_the_volume_that_is_left() {
        let shape = FrameShape { time: 3, height: 6, width: 5, channels: 2 };
        let size = shape.frame();
        let originals: Vec<f32> = (0..6 * size).map(|i| (i / size % 2) as f32).collect();
        let mix = EventMix { probability: 1.0, ..EventMix::default() };
        let (mut visited, mut moving) = (0, 0);
        for seed in 0..50 {
            let mut values = originals.clone();
            let mut stream = Key::new(seed).stream();
            let share = mix.mix(&mut values, &originals, &[1, 0], shape, &mut stream);
            for sample in 0..2 {
                let own: Vec<&[f32]> = values.chunks_exact(size).skip(sample).step_by(2).collect();
                let mean = own.concat().iter().sum::<f32>() / (3 * size) as f32;
                let expected = if sample == 1 { share } else { 1.0 - share };
                assert!((mean - expected).abs() < 1e-5, "{mean} and {expected}");
                moving += usize::from(own[0] != own[2]);
                visited += 1;
            }
            // Both channels of a pixel come from the same recording.
            assert!(values.as_chunks::<2>().0.iter().all(|[off, on]| off == on));
        }
        assert!(visited == 100 && moving > 50, "{moving}");
    }

    #[test]
    fn settings_out_of_range_are_named() {
        let shape = FrameShape { time: 1, height: 2, width: 2, channels: 1 };
        let wrong = EventMix { components: 0, ..EventMix::default() };
        assert!(wrong.check(shape).unwrap_err().to_string().contains("eventmix.components"));
        assert!(EventMix::default().check(shape).is_ok());
    }
}
