//! Reads every sample of a data set once, and says what is there.

use crate::{Dataset, Error, Sample, Shape};

/// What a data set holds, sample by sample.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Census {
    /// The number of samples of each class.
    pub per_class: Vec<usize>,
    /// The samples that cannot be read, with the reason.
    pub broken: Vec<(usize, Error)>,
    /// Per channel, mean and standard deviation of the pixels in 0..=1, or of the numbers of arrays, where a
    /// vector is one channel; empty for events.
    pub channels: Vec<(f64, f64)>,
    /// Smallest and largest number of arrays; `None` for others.
    pub numbers: Option<(f32, f32)>,
    /// Smallest and largest value of a pixel; `None` for events.
    pub pixels: Option<(u8, u8)>,
    /// Largest column and row of an event; `None` for images and without events.
    pub extent: Option<(u16, u16)>,
    /// Smallest, mean and largest number of events of a sample; `None` for images.
    pub events: Option<(usize, f64, usize)>,
    /// Shortest and longest time from first to last event in µs; `None` for images.
    pub duration: Option<(i64, i64)>,
    /// Samples whose times are out of order.
    pub out_of_order: usize,
}

/// Takes the census of a data set.
pub fn census(set: &dyn Dataset) -> Census {
    let mut census = Census { per_class: vec![0; set.info().classes.len()], ..Census::default() };
    let (mut sums, mut pixels): (Vec<[u64; 2]>, u64) = (Vec::new(), 0);
    let (mut recordings, mut total) = (0, 0);
    let mut of_arrays: Vec<[f64; 3]> = Vec::new();
    for (index, &label) in set.labels().iter().enumerate() {
        census.per_class[label as usize] += 1;
        match set.read(index) {
            Err(error) => census.broken.push((index, error)),
            Ok(Sample::Image(image)) => {
                let size = image.height * image.width;
                sums.resize(image.channels, [0; 2]);
                pixels += size as u64;
                let least = image.pixels.iter().copied().fold(u8::MAX, u8::min);
                let most = image.pixels.iter().copied().fold(0, u8::max);
                let (low, high) = census.pixels.unwrap_or((least, most));
                census.pixels = Some((low.min(least), high.max(most)));
                for (sum, channel) in sums.iter_mut().zip(image.pixels.chunks_exact(size)) {
                    for &value in channel {
                        sum[0] += u64::from(value);
                        sum[1] += u64::from(value) * u64::from(value);
                    }
                }
            }
            Ok(Sample::Array(array)) => {
                let channels = match array.shape {
                    Shape::Array { channels, .. } => channels.max(1),
                    _ => 1,
                };
                of_arrays.resize(channels, [0.0; 3]);
                let size = (array.values.len() / channels).max(1);
                for (sum, channel) in of_arrays.iter_mut().zip(array.values.chunks_exact(size)) {
                    for &value in channel {
                        let (low, high) = census.numbers.unwrap_or((value, value));
                        census.numbers = Some((low.min(value), high.max(value)));
                        let value = f64::from(value);
                        *sum = [sum[0] + 1.0, sum[1] + value, sum[2] + value * value];
                    }
                }
            }
            Ok(Sample::Events(events)) => {
                let count = events.len();
                let right = events.x.iter().copied().fold(0, u16::max);
                let bottom = events.y.iter().copied().fold(0, u16::max);
                if count > 0 {
                    let (x, y) = census.extent.unwrap_or_default();
                    census.extent = Some((x.max(right), y.max(bottom)));
                }
                let (min, _, max) = census.events.unwrap_or((count, 0.0, count));
                census.events = Some((min.min(count), 0.0, max.max(count)));
                let span = match (events.t.iter().min(), events.t.iter().max()) {
                    (Some(first), Some(last)) => last - first,
                    _ => 0,
                };
                let (short, long) = census.duration.unwrap_or((span, span));
                census.duration = Some((short.min(span), long.max(span)));
                census.out_of_order += usize::from(!events.t.is_sorted());
                recordings += 1;
                total += count;
            }
        }
    }
    if let Some((_, mean, _)) = &mut census.events {
        *mean = total as f64 / f64::from(recordings);
    }
    let moments = |[sum, squares]: [u64; 2]| {
        let mean = sum as f64 / pixels as f64;
        let variance = squares as f64 / pixels as f64 - mean * mean;
        (mean / 255.0, variance.max(0.0).sqrt() / 255.0)
    };
    let of_array = |[count, sum, squares]: [f64; 3]| {
        let mean = sum / count.max(1.0);
        (mean, (squares / count.max(1.0) - mean * mean).max(0.0).sqrt())
    };
    let images = sums.into_iter().map(moments);
    census.channels = images.chain(of_arrays.into_iter().map(of_array)).collect();
    census
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Split, open};

    /// The numbers are those of NumPy on the official order of the embedded files.
    #[test]
    fn images_are_counted_and_averaged() {
        let census = census(&*open("fashion-mnist-small", Split::Test, None).unwrap());
        assert_eq!((census.per_class, census.broken.len()), (vec![100; 10], 0));
        let [(mean, deviation)] = census.channels[..] else { panic!("one channel") };
        assert!((mean - 0.284_983_9).abs() < 1e-6 && (deviation - 0.352_930_4).abs() < 1e-6);
        assert_eq!((census.events, census.duration, census.out_of_order), (None, None, 0));
        assert_eq!((census.pixels, census.extent), (Some((0, 255)), None));
    }

    #[test]
    fn recordings_are_counted_and_broken_ones_named() {
        let root = tempfile::tempdir().unwrap();
        let list = "#\n1 3\n2 4\n3 4\n";
        for name in ["train1K.txt", "test100.txt"] {
            std::fs::write(root.path().join(name), list).unwrap();
        }
        // Two events, 9 and 4 µs; one event; and a cut one.
        let recordings: [&[u8]; 3] =
            [&[1, 1, 0, 0, 9, 2, 2, 0, 0, 4], &[1, 1, 0, 0, 9], &[1, 1, 0]];
        for (number, bytes) in (1..).zip(recordings) {
            std::fs::write(root.path().join(format!("{number}.bs2")), bytes).unwrap();
        }
        let census = census(&*open("nmnist-small", Split::Test, Some(root.path())).unwrap());
        assert_eq!(census.per_class, [0, 0, 0, 1, 2, 0, 0, 0, 0, 0]);
        assert_eq!((census.broken.len(), census.broken[0].0), (1, 2));
        assert_eq!(census.events, Some((1, 1.5, 2)));
        assert_eq!((census.duration, census.out_of_order), (Some((0, 5)), 1));
        assert_eq!((census.pixels, census.extent), (None, Some((2, 2))));
    }
}
