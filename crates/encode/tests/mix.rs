//! Mixing: what a mixed batch holds is made of two samples in the share that it states.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::sync::Arc;

use candlewick_core::Key;
use candlewick_datasets::{Split, open};
use candlewick_encode::encoder::Poisson;
use candlewick_encode::mix::{CutMix, Mixup};
use candlewick_encode::{AnyMix, Batch, Device, Loader, Settings};

fn loader(mix: Option<AnyMix>, workers: usize) -> Loader {
    let digits = Arc::from(open("digits", Split::Test, None).unwrap());
    let settings =
        Settings { batch_size: 48, shuffle: true, mix, workers, ..Settings::new(Key::new(8)) };
    Loader::new(digits, settings, Device::Cpu).unwrap()
}

fn batches(mix: Option<AnyMix>, workers: usize) -> Vec<Batch> {
    loader(mix, workers).epoch(0, 0).unwrap().map(Result::unwrap).collect()
}

fn values(batch: &Batch) -> Vec<f32> {
    batch.input.flatten_all().unwrap().to_vec1().unwrap()
}

/// Every mix, set to mix every batch.
fn always() -> Vec<AnyMix> {
    let mut all = AnyMix::all();
    for mix in &mut all {
        match mix {
            AnyMix::CutMix(cut_mix) => cut_mix.probability = 1.0,
            AnyMix::EventMix(event_mix) => event_mix.probability = 1.0,
            AnyMix::Mixup(_) => {}
        }
    }
    all
}

#[test]
fn the_share_is_that_of_the_values() {
    let originals = batches(None, 1);
    let digits = open("digits", Split::Test, None).unwrap();
    let mut visited = 0;
    for mix in always() {
        let mut mixed_batches = 0;
        for (mixed, original) in batches(Some(mix.clone()), 1).iter().zip(&originals) {
            assert_eq!(mixed.indices, original.indices);
            let own: Vec<u32> = mixed.labels.to_vec1().unwrap();
            assert_eq!(own, original.labels.to_vec1::<u32>().unwrap());
            let Some(second) = &mixed.mixed else {
                continue;
            };
            let others: Vec<u32> = second.labels.to_vec1().unwrap();
            let (values, originals) = (values(mixed), values(original));
            let images: Vec<&[f32]> = originals.chunks_exact(64).collect();
            for ((image, own), label) in values.chunks_exact(64).zip(&images).zip(others) {
                // Some sample of the batch with that label explains the image.
                let explained = images.iter().zip(&mixed.indices).any(|(other, &index)| {
                    let fits = match mix {
                        AnyMix::Mixup(_) => {
                            image.iter().zip(*own).zip(*other).all(|((x, a), b)| {
                                (x - second.share * a - (1.0 - second.share) * b).abs() < 1e-6
                            })
                        }
                        AnyMix::CutMix(_) | AnyMix::EventMix(_) => {
                            let from_either = image
                                .iter()
                                .zip(*own)
                                .zip(*other)
                                .all(|((x, a), b)| x == a || x == b);
                            let replaced = image.iter().zip(*own).filter(|(x, a)| x != a).count();
                            from_either && replaced as f32 <= 64.0 * (1.0 - second.share) + 1e-3
                        }
                    };
                    fits && digits.label(index) == label
                });
                assert!(explained, "{mix:?}");
            }
            assert!((0.0..1.0).contains(&second.share));
            mixed_batches += 1;
        }
        assert!(mixed_batches > 5, "{mix:?}: {mixed_batches} of 11");
        visited += 1;
    }
    assert_eq!(visited, 3);
}

#[test]
fn mixing_does_not_depend_on_workers() {
    let mut visited = 0;
    for mix in AnyMix::all() {
        let expected = batches(Some(mix.clone()), 0);
        for (batch, expected) in batches(Some(mix.clone()), 3).iter().zip(&expected) {
            assert_eq!(values(batch), values(expected));
            let share = |batch: &Batch| batch.mixed.as_ref().map(|mixed| mixed.share);
            assert_eq!(share(batch), share(expected));
            visited += 1;
        }
        // From the middle of the epoch it is the same, too.
        let last = loader(Some(mix), 1).epoch(0, 10).unwrap().next().unwrap().unwrap();
        assert_eq!(values(&last), values(&expected[10]));
    }
    assert_eq!(visited, 3 * 11);
}

#[test]
fn settings_out_of_range_are_named() {
    let digits = || Arc::from(open("digits", Split::Test, None).unwrap());
    let mut refused = 0;
    for (mix, expected) in [
        (Mixup { alpha: 0.0 }.into(), "mix.mixup.alpha: expected above 0, at most 1000, got 0"),
        (
            AnyMix::from(CutMix { alpha: 1.0, probability: 1.5 }),
            "mix.cutmix.probability: expected 0 to 1, got 1.5",
        ),
    ] {
        let settings = Settings { mix: Some(mix), ..Settings::new(Key::new(0)) };
        let error = Loader::new(digits(), settings, Device::Cpu).unwrap_err();
        assert_eq!(error.to_string(), expected);
        refused += 1;
    }
    assert_eq!(refused, 2);
    let settings = Settings {
        mix: Some(Mixup::default().into()),
        encoder: Poisson::default().into(),
        ..Settings::new(Key::new(0))
    };
    let error = Loader::new(digits(), settings, Device::Cpu).unwrap_err();
    assert_eq!(error.to_string(), "mix.mixup: expected direct encoding, got poisson");
}
