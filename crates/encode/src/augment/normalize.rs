//! Mean and deviation brought to 0 and 1.

use candlewick_core::random::Stream;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Augment;
use crate::{Error, FrameShape, Frames, Result};

/// A data set whose mean and deviation are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Statistics {
    /// Mean 0.1307, deviation 0.3081.
    Mnist,
    /// Mean 0.2860, deviation 0.3530.
    FashionMnist,
    /// Mean (0.4914, 0.4822, 0.4465), deviation (0.2023, 0.1994, 0.2010).
    ///
    /// The deviations are the customary ones, means over images of the deviation within an image;
    /// over all pixels they are (0.2470, 0.2435, 0.2616).
    Cifar10,
    /// Mean (0.5071, 0.4867, 0.4408), deviation (0.2675, 0.2565, 0.2761).
    Cifar100,
}

impl Statistics {
    /// All, in the order of their definition.
    pub const ALL: [Self; 4] = [Self::Mnist, Self::FashionMnist, Self::Cifar10, Self::Cifar100];

    /// Mean and deviation of each channel, on the scale of [0, 1].
    pub fn moments(self) -> (&'static [f32], &'static [f32]) {
        match self {
            Self::Mnist => (&[0.1307], &[0.3081]),
            Self::FashionMnist => (&[0.2860], &[0.3530]),
            Self::Cifar10 => (&[0.4914, 0.4822, 0.4465], &[0.2023, 0.1994, 0.2010]),
            Self::Cifar100 => (&[0.5071, 0.4867, 0.4408], &[0.2675, 0.2565, 0.2761]),
        }
    }
}

/// Normalization of the channels: `x ← (x - mean) / std`.
///
/// The named numbers are those of the training sets with bytes scaled to [0, 1], as the papers
/// print and use them (TET, arXiv:2202.11946, official code `data_loaders.py`, for CIFAR).
///
/// `{ by = "cifar10" }` or `{ mean = [0.5], std = [0.25] }`; one number stands for all channels.
/// With neither, mean and deviation are 0.5, so that [0, 1] becomes [-1, 1].
///
/// ```
/// use candlewick_core::Key;
/// use candlewick_encode::augment::{Normalize};
/// use candlewick_encode::{Augment, FrameShape, Frames};
///
/// let normalize = Normalize { mean: Some(vec![0.5]), std: Some(vec![0.25]), ..Normalize::default() };
/// let mut image = Frames::new(FrameShape { time: 1, height: 1, width: 3, channels: 1 });
/// image.values_mut().copy_from_slice(&[0.0, 0.5, 1.0]);
/// normalize.apply(&mut image, &mut Key::new(1).stream());
/// assert_eq!(image.values(), [-2.0, 0.0, 2.0]);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Normalize {
    /// A data set whose numbers are taken; excludes `mean` and `std`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<Statistics>,
    /// Mean of each channel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mean: Option<Vec<f32>>,
    /// Standard deviation of each channel, > 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub std: Option<Vec<f32>>,
}

impl Normalize {
    /// The numbers of a data set.
    pub fn by(statistics: Statistics) -> Self {
        Self { by: Some(statistics), ..Self::default() }
    }

    fn moments(&self) -> (&[f32], &[f32]) {
        const HALF: &[f32] = &[0.5];
        match self.by {
            Some(statistics) => statistics.moments(),
            None => (self.mean.as_deref().unwrap_or(HALF), self.std.as_deref().unwrap_or(HALF)),
        }
    }
}

impl Augment for Normalize {
    fn check(&self, shape: FrameShape) -> Result<FrameShape> {
        if self.by.is_some() && (self.mean.is_some() || self.std.is_some()) {
            let expected = "either `by` or `mean` and `std`";
            return Err(Error::setting("normalize", expected, "both"));
        }
        let (mean, std) = self.moments();
        for (field, numbers) in [("normalize.mean", mean), ("normalize.std", std)] {
            if numbers.len() != 1 && numbers.len() != shape.channels {
                let expected = format!("1 number or one for each of {} channels", shape.channels);
                return Err(Error::setting(field, expected, numbers.len()));
            }
        }
        if let Some(bad) = mean.iter().find(|mean| !mean.is_finite()) {
            return Err(Error::setting("normalize.mean", "finite numbers", bad));
        }
        if let Some(bad) = std.iter().find(|&&std| std <= 0.0 || !std.is_finite()) {
            return Err(Error::setting("normalize.std", "positive numbers", bad));
        }
        Ok(shape)
    }

    fn apply(&self, frames: &mut Frames, _stream: &mut Stream) {
        let channels = frames.shape().channels;
        let (mean, std) = self.moments();
        for channel in 0..channels {
            let mean = mean[channel % mean.len()];
            let std = std[channel % std.len()];
            for value in frames.values_mut()[channel..].iter_mut().step_by(channels) {
                *value = (*value - mean) / std;
            }
        }
    }

    fn is_random(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use candlewick_core::Key;

    use super::*;

    /// CIFAR-10: (1 - 0.4914)/0.2023 = 2.51409, (0 - 0.4822)/0.1994 = -2.41825,
    /// (0.4465 - 0.4465)/0.2010 = 0.
    #[test]
    fn values_of_cifar10() {
        let shape = FrameShape { time: 1, height: 1, width: 1, channels: 3 };
        let mut frames = Frames::new(shape);
        frames.values_mut().copy_from_slice(&[1.0, 0.0, 0.4465]);
        Normalize::by(Statistics::Cifar10).apply(&mut frames, &mut Key::new(0).stream());
        let expected = [2.51409, -2.41825, 0.0];
        for (value, expected) in frames.values().iter().zip(expected) {
            assert!((value - expected).abs() < 1e-5, "{:?}", frames.values());
        }
    }

    #[test]
    fn wrong_numbers_are_refused() {
        let shape = FrameShape { time: 1, height: 2, width: 2, channels: 3 };
        let with = |mean: &[f32], std: &[f32]| Normalize {
            by: None,
            mean: Some(mean.to_vec()),
            std: Some(std.to_vec()),
        };
        let both = Normalize { by: Some(Statistics::Mnist), ..with(&[0.0], &[1.0]) };
        let cases = [
            (with(&[0.0; 2], &[1.0]), "normalize.mean: expected 1 number or one for each of 3"),
            (with(&[0.0], &[1.0, 0.0, 1.0]), "normalize.std: expected positive numbers, got 0"),
            (with(&[f32::NAN], &[1.0]), "normalize.mean: expected finite numbers, got NaN"),
            (both, "normalize: expected either `by` or `mean` and `std`, got both"),
        ];
        let mut refused = 0;
        for (normalize, expected) in cases {
            let error = normalize.check(shape).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
            refused += 1;
        }
        assert_eq!(refused, 4);
        for statistics in Statistics::ALL {
            let (mean, std) = statistics.moments();
            assert_eq!(mean.len(), std.len());
        }
    }
}
