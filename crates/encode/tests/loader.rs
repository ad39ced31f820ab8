//! The loader: fixed order and bits, resume, shards, and ends that come early.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::sync::Arc;

use candlewick_core::Key;
use candlewick_datasets::{Dataset, Error as DataError, Info, Sample, Split, open};
use candlewick_encode::augment::{Crop, Flip};
use candlewick_encode::encoder::Poisson;
use candlewick_encode::{Batch, Device, Error, Loader, Settings};
use candlewick_ranks::{Shards, ThreadRank};

fn digits() -> Arc<dyn Dataset> {
    Arc::from(open("digits", Split::Test, None).unwrap())
}

fn settings() -> Settings {
    let crop = Crop { padding: 2, size: None };
    Settings {
        batch_size: 64,
        time_steps: 3,
        shuffle: true,
        encoder: Poisson::default().into(),
        augmentation: [crop.into(), Flip::default().into()].into_iter().collect(),
        ..Settings::new(Key::new(5))
    }
}

/// Numbers, labels and bits of a batch.
type Content = (Vec<usize>, Vec<u32>, Vec<u32>);

fn content(batch: &Batch) -> Content {
    let values = batch.input.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    let labels = batch.labels.to_vec1().unwrap();
    let bits = values.into_iter().map(f32::to_bits).collect();
    (batch.indices.clone(), labels, bits)
}

fn epoch(settings: Settings, epoch: u64, first: usize) -> Vec<Content> {
    let loader = Loader::new(digits(), settings, Device::Cpu).unwrap();
    let batches = loader.epoch(epoch, first).unwrap();
    let announced = batches.len();
    let batches: Vec<_> = batches.map(|batch| content(&batch.unwrap())).collect();
    assert_eq!(batches.len(), announced);
    batches
}

#[test]
fn any_number_of_workers_gives_the_same_bits() {
    let expected = epoch(settings(), 1, 0);
    assert_eq!(expected.len(), 8); // 500 = 7 · 64 + 52
    let mut counts = 0;
    for (workers, prefetch) in [(0, 1), (2, 1), (3, 4), (20, 1)] {
        let settings = Settings { workers, prefetch, ..settings() };
        assert_eq!(epoch(settings, 1, 0), expected, "{workers} workers");
        counts += 1;
    }
    assert_eq!(counts, 4);
}

#[test]
fn an_epoch_holds_each_sample_once_with_its_label() {
    let set = digits();
    let batches = epoch(settings(), 0, 0);
    let mut seen = vec![false; set.len()];
    for (indices, labels, bits) in &batches {
        assert_eq!(bits.len(), 3 * indices.len() * 64);
        for (&index, &label) in indices.iter().zip(labels) {
            assert!(!std::mem::replace(&mut seen[index], true));
            assert_eq!(label, set.label(index));
        }
    }
    assert!(seen.iter().all(|&seen| seen));
    assert_ne!(batches[0].0, (0..64).collect::<Vec<_>>());
    assert_ne!(batches[0].0, epoch(settings(), 1, 0)[0].0);
}

#[test]
fn an_epoch_starts_at_any_batch() {
    let expected = epoch(settings(), 4, 0);
    let mut starts = 0;
    for first in [1, 5, 7, 8, 9] {
        let rest = epoch(settings(), 4, first);
        assert_eq!(rest, expected[first.min(8)..]);
        starts += 1;
    }
    assert_eq!(starts, 5);
}

/// What is drawn for a sample depends on seed, epoch and sample, not on its place in the batch.
#[test]
fn a_sample_is_the_same_in_batches_of_any_size() {
    let by_sample = |batch_size: usize, number: u64| {
        let settings = Settings { batch_size, ..settings() };
        let mut samples = vec![Vec::new(); 500];
        for (indices, _, bits) in epoch(settings, number, 0) {
            for (place, &index) in indices.iter().enumerate() {
                for t in 0..3 {
                    let start = (t * indices.len() + place) * 64;
                    samples[index].extend_from_slice(&bits[start..start + 64]);
                }
            }
        }
        samples
    };
    let expected = by_sample(64, 0);
    assert_eq!(by_sample(500, 0), expected);
    assert_eq!(by_sample(7, 0), expected);
    let other = by_sample(64, 1);
    let equal = expected.iter().zip(&other).filter(|(a, b)| a == b).count();
    assert_eq!(equal, 0, "another epoch draws anew");
}

#[test]
fn shards_together_are_the_whole_batch() {
    let whole = epoch(settings(), 2, 0);
    let parts: Vec<_> = ThreadRank::group(3)
        .into_iter()
        .map(|rank| {
            let shards = Shards::new(3, Arc::new(rank)).unwrap();
            epoch(Settings { shards, ..settings() }, 2, 0)
        })
        .collect();
    for (number, (indices, labels, _)) in whole.iter().enumerate() {
        let join = |get: fn(&Content) -> Vec<usize>| -> Vec<usize> {
            parts.iter().flat_map(|part| get(&part[number])).collect()
        };
        assert_eq!(&join(|content| content.0.clone()), indices);
        let joined = join(|content| content.1.iter().map(|&label| label as usize).collect());
        assert!(joined.iter().zip(labels).all(|(&a, &b)| a == b as usize));
        // 64 = 21 + 21 + 22.
        assert!(parts.iter().all(|part| part[number].0.len() >= indices.len() / 3));
    }
    assert_eq!(whole.len(), 8);
}

#[test]
fn direct_encoding_gives_the_image_once() {
    let settings = Settings {
        batch_size: 2,
        time_steps: 4,
        subset: Some(vec![7, 3, 9]),
        drop_last: true,
        ..Settings::new(Key::new(0))
    };
    let loader = Loader::new(digits(), settings, Device::Cpu).unwrap();
    assert_eq!((loader.batches(), loader.samples()), (1, 2));
    assert_eq!((loader.input_steps(), loader.input_dims()), (1, &[8, 8, 1][..]));
    let mut batches = loader.epoch(0, 0).unwrap();
    assert!(batches.waited().is_zero());
    let batch = batches.next().unwrap().unwrap();
    assert!(!batches.waited().is_zero());
    assert!(batches.next().is_none());
    assert_eq!(batch.indices, [7, 3]);
    assert_eq!(batch.input.dims(), [1, 2, 8, 8, 1]);
    let values = batch.input.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    let Sample::Image(image) = loader.dataset().read(3).unwrap() else {
        panic!("digits are images");
    };
    let expected: Vec<f32> = image.pixels.iter().map(|&p| f32::from(p) / 255.0).collect();
    assert_eq!(values[64..], expected);
    assert!(expected.iter().sum::<f32>() > 1.0);
}

/// Dropping must neither hang nor leave threads that use the data set.
#[test]
fn dropping_ends_the_workers() {
    let set = digits();
    let settings = Settings { workers: 3, batch_size: 4, ..settings() };
    let loader = Loader::new(Arc::clone(&set), settings, Device::Cpu).unwrap();
    let mut drops = 0;
    for taken in [0, 1, 5] {
        let mut batches = loader.epoch(0, 0).unwrap();
        assert_eq!(batches.by_ref().take(taken).flatten().count(), taken);
        assert_eq!(batches.position(), taken);
        drop(batches);
        drops += 1;
    }
    assert_eq!(drops, 3);
    drop(loader);
    assert_eq!(Arc::strong_count(&set), 1);
}

/// A data set with one sample that cannot be read, and one whose reader panics.
#[derive(Debug)]
struct Broken {
    digits: Arc<dyn Dataset>,
    unreadable: usize,
    panicking: usize,
}

impl Dataset for Broken {
    fn info(&self) -> &Info {
        self.digits.info()
    }

    fn labels(&self) -> &[u32] {
        self.digits.labels()
    }

    fn read(&self, index: usize) -> Result<Sample<'_>, DataError> {
        assert_ne!(index, self.panicking, "a reader with a mistake");
        if index == self.unreadable {
            return Err(DataError::Io {
                path: "train/17.png".into(),
                source: std::io::ErrorKind::UnexpectedEof.into(),
            });
        }
        self.digits.read(index)
    }
}

#[test]
fn an_error_in_a_worker_reaches_the_consumer() {
    let mut runs = 0;
    for workers in [0, 1, 3] {
        let broken = Broken { digits: digits(), unreadable: 17, panicking: usize::MAX };
        let settings = Settings { workers, batch_size: 5, ..Settings::new(Key::new(0)) };
        let loader = Loader::new(Arc::new(broken), settings, Device::Cpu).unwrap();
        let mut batches = loader.epoch(0, 0).unwrap();
        assert_eq!(batches.by_ref().take(3).flatten().count(), 3);
        let error = batches.next().unwrap().unwrap_err().to_string();
        let expected = "data set `digits`, sample 17: train/17.png: unexpected end of file";
        assert_eq!(error, expected);
        assert!(batches.next().is_none(), "an error ends the epoch");
        runs += 1;
    }
    assert_eq!(runs, 3);
}

#[test]
fn a_panic_in_a_worker_is_an_error() {
    let broken = Broken { digits: digits(), unreadable: usize::MAX, panicking: 12 };
    let settings = Settings { workers: 2, batch_size: 5, ..Settings::new(Key::new(0)) };
    let loader = Loader::new(Arc::new(broken), settings, Device::Cpu).unwrap();
    let mut batches = loader.epoch(0, 0).unwrap();
    assert_eq!(batches.by_ref().take(2).flatten().count(), 2);
    let error = batches.next().unwrap().unwrap_err();
    assert!(matches!(error, Error::Worker { batch: 2 }), "{error}");
}

#[test]
fn settings_out_of_range_are_named() {
    let cases: [(Settings, &str); 5] = [
        (Settings { batch_size: 0, ..settings() }, "batch_size: expected at least 1, got 0"),
        (Settings { time_steps: 0, ..settings() }, "time_steps: expected at least 1, got 0"),
        (Settings { prefetch: 0, ..settings() }, "prefetch: expected at least 1, got 0"),
        (
            Settings { subset: Some(vec![1, 500]), ..settings() },
            "subset: expected below the 500 samples of the data set, got 500",
        ),
        (
            Settings { batch_size: 501, drop_last: true, ..settings() },
            "data set: expected at least one batch, got 500 samples",
        ),
    ];
    let mut refused = 0;
    for (settings, expected) in cases {
        let error = Loader::new(digits(), settings, Device::Cpu).unwrap_err();
        assert_eq!(error.to_string(), expected);
        refused += 1;
    }
    assert_eq!(refused, 5);
}

/// A folder of images of two sizes becomes batches of one size, the same for any number of workers.
#[test]
fn images_of_different_sizes_become_one_size() {
    use candlewick_datasets::Picture;
    use candlewick_encode::ImageInput;

    let root = tempfile::tempdir().unwrap();
    for (name, width, height) in
        [("train/a/1.png", 9, 7), ("train/b/2.png", 8, 20), ("test/a/3.png", 5, 5)]
    {
        let path = root.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, Picture::new(width, height, [255, 0, 51]).png().unwrap()).unwrap();
    }
    let mut results = Vec::new();
    for workers in [0, 2] {
        let set = Arc::from(open("image-folder", Split::Train, Some(root.path())).unwrap());
        let images: ImageInput = toml::from_str("random_resized_crop = { size = 6 }").unwrap();
        let settings =
            Settings { batch_size: 2, images: Some(images), workers, ..Settings::new(Key::new(3)) };
        let loader = Loader::new(set, settings, Device::Cpu).unwrap();
        let batch = loader.epoch(0, 0).unwrap().next().unwrap().unwrap();
        assert_eq!(batch.input.dims(), [1, 2, 6, 6, 3]);
        let values = batch.input.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        // Of one color, whatever the part.
        for pixel in values.as_chunks::<3>().0 {
            let expected = [1.0, 0.0, 0.2];
            assert!(
                pixel.iter().zip(expected).all(|(value, wanted)| (value - wanted).abs() < 1e-5)
            );
        }
        results.push(values);
    }
    assert_eq!(results[0], results[1]);
    let set = Arc::from(open("image-folder", Split::Test, Some(root.path())).unwrap());
    let text = Loader::new(set, Settings::new(Key::new(3)), Device::Cpu).unwrap_err().to_string();
    assert!(text.contains("images of different sizes"), "{text}");
}
