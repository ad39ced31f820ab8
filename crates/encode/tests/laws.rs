//! Laws that every registered encoder and augmentation obeys.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use candlewick_core::Key;
use candlewick_encode::augment::{AutoAugment, Crop, Flip, Normalize, OneOf, Reading, Statistics};
use candlewick_encode::{AnyAugment, AnyEncoder, Augmentation, FrameShape, Frames};

const SHAPE: FrameShape = FrameShape { time: 1, height: 12, width: 10, channels: 3 };

/// Frames of values in [0, 1] that are bytes over 255, all different in time if `moving`.
fn frames(shape: FrameShape, moving: bool) -> Frames {
    let mut frames = Frames::new(shape);
    let stream = &mut Key::new(11).stream();
    let size = shape.frame();
    for (number, value) in frames.values_mut().iter_mut().enumerate() {
        if moving || number < size {
            *value = stream.below(256) as f32 / 255.0;
        }
    }
    if !moving {
        let first = frames.frame(0).to_vec();
        for frame in frames.values_mut().chunks_exact_mut(size) {
            frame.copy_from_slice(&first);
        }
    }
    frames
}

/// What `encoder` writes into memory that held no number.
fn encoded(encoder: &AnyEncoder, frames: &Frames, key: Key, time_steps: usize) -> Vec<f32> {
    let steps = encoder.steps(frames.shape().time, time_steps);
    let size = frames.shape().frame();
    let mut values = vec![f32::NAN; steps * size];
    encoder.encode(frames, key, &mut values.chunks_exact_mut(size));
    values
}

#[test]
fn encoders_are_deterministic_and_write_every_value() {
    let mut random = Vec::new();
    let mut visited = 0;
    for encoder in AnyEncoder::all() {
        encoder.check().unwrap();
        let mut differs = false;
        for (moving, time, time_steps) in [(false, 1, 1), (false, 1, 9), (true, 6, 6)] {
            let frames = frames(FrameShape { time, ..SHAPE }, moving);
            let first = encoded(&encoder, &frames, Key::new(1), time_steps);
            assert_eq!(first, encoded(&encoder, &frames, Key::new(1), time_steps));
            assert!(first.iter().all(|value| (-1.0..=1.0).contains(value)), "{encoder:?}");
            assert!(first.iter().any(|&value| value > 0.0), "{encoder:?}");
            differs |= first != encoded(&encoder, &frames, Key::new(2), time_steps);
            let spikes = first.iter().all(|&value| value.abs() == 1.0 || value == 0.0);
            assert_eq!(spikes, encoder.name() != "direct");
            visited += 1;
        }
        if differs {
            random.push(encoder.name());
        }
    }
    assert_eq!(visited, 3 * AnyEncoder::NAMES.len());
    assert!(random.contains(&"poisson") && !random.contains(&"latency"), "{random:?}");
}

/// Zeros make no spikes, and a brighter image no fewer than a darker one.
#[test]
fn encoders_follow_the_value() {
    let mut visited = 0;
    for encoder in AnyEncoder::all() {
        let sum_at = |level: f32| {
            let mut frames = Frames::new(SHAPE);
            frames.values_mut().fill(level);
            encoded(&encoder, &frames, Key::new(4), 8).iter().sum::<f32>()
        };
        assert_eq!(sum_at(0.0), 0.0, "{encoder:?}");
        assert!(sum_at(0.3) > 0.0 && sum_at(0.9) >= sum_at(0.3), "{encoder:?}");
        visited += 1;
    }
    assert_eq!(visited, AnyEncoder::NAMES.len());
}

/// The frames that `step` makes of values in [0, 1], with the stream of `seed`.
fn augmented(step: &AnyAugment, mut frames: Frames, seed: u64) -> Frames {
    let after = step.check(frames.shape()).unwrap();
    step.apply(&mut frames, &mut Key::new(seed).stream());
    assert_eq!(frames.shape(), after, "{step:?}");
    assert_eq!(frames.values().len(), after.values(), "{step:?}");
    frames
}

#[test]
fn augmentations_are_deterministic_and_differ_by_seed_if_they_are_random() {
    let mut visited = 0;
    for step in AnyAugment::all() {
        let input = frames(FrameShape { time: 2, ..SHAPE }, true);
        let results: Vec<_> = (0..60)
            .map(|seed| {
                let result = augmented(&step, input.clone(), seed);
                assert_eq!(result.values(), augmented(&step, input.clone(), seed).values());
                result.values().to_vec()
            })
            .collect();
        let differ = results.iter().any(|values| values != &results[0]);
        assert_eq!(differ, step.is_random(), "{step:?}");
        let changed = results.iter().any(|values| values != input.values());
        assert!(changed, "{step:?}");
        visited += 1;
    }
    assert_eq!(visited, AnyAugment::NAMES.len());
}

/// What happens to a frame does not depend on its time, nor on the frames beside it.
#[test]
fn all_frames_are_transformed_alike() {
    let mut visited = 0;
    for step in AnyAugment::all() {
        for seed in 0..40 {
            let still = frames(FrameShape { time: 3, ..SHAPE }, false);
            let result = augmented(&step, still, seed);
            assert_eq!(result.frame(0), result.frame(2), "{step:?}");
            let moving = frames(FrameShape { time: 3, ..SHAPE }, true);
            let mut alone = Frames::new(SHAPE);
            alone.values_mut().copy_from_slice(moving.frame(1));
            let (moving, alone) = (augmented(&step, moving, seed), augmented(&step, alone, seed));
            assert_eq!(moving.frame(1), alone.frame(0), "{step:?}");
        }
        visited += 1;
    }
    assert_eq!(visited, AnyAugment::NAMES.len());
}

/// Values in [0, 1] stay there, except where the transform is to move them.
#[test]
fn augmentations_keep_the_range() {
    let mut outside = Vec::new();
    let msg = AutoAugment { reading: Reading::Msg, ..AutoAugment::default() };
    for step in AnyAugment::all().into_iter().chain([msg.into()]) {
        let inside = (0..60).all(|seed| {
            let result = augmented(&step, frames(SHAPE, false), seed);
            result.values().iter().all(|value| (0.0..=1.000_001).contains(value))
        });
        if !inside {
            outside.push(step.name());
        }
    }
    assert_eq!(outside, ["normalize"]);
    assert_eq!(
        AnyAugment::NAMES,
        [
            "crop",
            "flip",
            "normalize",
            "cutout",
            "roll",
            "rotation",
            "shear",
            "auto_augment",
            "rand_augment",
            "one_of"
        ]
    );
}

#[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Recipe {
    augment: Augmentation,
    encoder: AnyEncoder,
}

#[test]
fn recipes_read_and_write_every_component() {
    let text = "
        augment = [{ crop = { padding = 4 } }, { flip = {} }, { normalize = { by = \"cifar10\" } }]
        encoder = { direct = {} }
    ";
    let recipe: Recipe = toml::from_str(text).unwrap();
    let expected = [
        Crop { padding: 4, size: None }.into(),
        Flip { probability: 0.5 }.into(),
        Normalize::by(Statistics::Cifar10).into(),
    ];
    assert_eq!(recipe.augment.steps, expected);
    assert_eq!(recipe.augment.evaluation().steps, expected[2..]);
    let nda: Recipe =
        toml::from_str("augment = [{ flip = {} }, { nda = {} }]\nencoder = { direct = {} }")
            .unwrap();
    assert_eq!(nda.augment.steps[1], OneOf::default().into());
    let mut visited = 0;
    for encoder in AnyEncoder::all() {
        let augment = AnyAugment::all().into_iter().collect();
        let recipe = Recipe { augment, encoder };
        let text = toml::to_string(&recipe).unwrap();
        assert_eq!(toml::from_str::<Recipe>(&text).unwrap(), recipe, "{text}");
        visited += 1;
    }
    assert_eq!(visited, AnyEncoder::NAMES.len());
    let mut refused = 0;
    for (text, expected) in [
        ("augment = [{ crop = { pading = 4 } }]", "unknown field `pading`"),
        ("augment = [{ crops = {} }]", "line 1, column 14"),
        ("augment = [{ crops = {} }]", "unknown augmentation `crops`"),
        ("augment = []\nencoder = { poisson = { rate = 1 } }", "unknown field `rate`"),
    ] {
        let error = toml::from_str::<Recipe>(text).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        refused += 1;
    }
    assert_eq!(refused, 4);
}

#[test]
fn transforms_that_do_not_fit_together_are_refused() {
    let normalize: AnyAugment = Normalize::by(Statistics::Cifar10).into();
    let auto: AnyAugment = AutoAugment::default().into();
    let in_one: AnyAugment = OneOf { of: vec![auto.clone()] }.into();
    let mut refused = 0;
    for (steps, expected) in [
        (
            vec![normalize.clone(), auto.clone()],
            "augment.1.auto_augment: expected before normalize, got after",
        ),
        (vec![normalize.clone(), in_one], "augment.1.one_of: expected before normalize, got after"),
        (
            vec![OneOf { of: vec![] }.into()],
            "augment.0.one_of.of: expected at least one transform, got 0",
        ),
        (
            vec![OneOf { of: vec![Crop { padding: 0, size: Some(5) }.into()] }.into()],
            "augment.0.one_of.of.0.crop: expected frames of [1, 12, 10, 3], got [1, 5, 5, 3]",
        ),
    ] {
        let error = Augmentation { steps }.check(SHAPE).unwrap_err().to_string();
        assert_eq!(error, expected);
        refused += 1;
    }
    assert_eq!(refused, 4);
    assert!(Augmentation { steps: vec![auto.clone(), normalize] }.check(SHAPE).is_ok());
    let events = FrameShape { channels: 2, ..SHAPE };
    let error = auto.check(events).unwrap_err().to_string();
    assert_eq!(error, "auto_augment: expected pictures of 1 or 3 channels, got 2 channels");
}
