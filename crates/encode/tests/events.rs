//! Event recordings to frames: laws over all representations, and the numbers of other libraries.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::sync::Arc;

use candlewick_core::Key;
use candlewick_datasets::{Events, Split, open};
use candlewick_encode::augment::{Flip, Roll};
use candlewick_encode::event::{
    EventFrames, EventNormalization, Outside, Remainder, Resize, Slices, SpikeTrain, Way,
};
use candlewick_encode::{AnyRepresentation, Device, EventInput, Frames, Loader, Settings};

/// 5,003 events of a sensor of 34×30, ever denser in time.
fn recording() -> Events {
    let mut events = Events::with_capacity(34, 30, 5_003);
    for i in 0..5_003_i64 {
        let (x, y) = ((i * 7) % 34, (i * 13 + i / 50) % 30);
        events.push(x as u16, y as u16, 1_000 + i * i / 30, (i * 3) % 7 < 3);
    }
    events
}

fn frames(input: &EventInput, events: Events, time_steps: usize) -> Frames {
    let eventizer = input.prepare(events.height, events.width, time_steps).unwrap();
    let mut frames = Frames::default();
    eventizer.apply(events, &mut frames).unwrap();
    assert_eq!(frames.shape(), eventizer.shape());
    frames
}

/// Sum of the values, and sum weighted by `position mod 1009`.
fn sums(frames: &Frames) -> (f64, f64) {
    let weighted = |(place, &value): (usize, &f32)| (place % 1_009) as f64 * f64::from(value);
    let values = frames.values();
    (
        values.iter().map(|&value| f64::from(value)).sum(),
        values.iter().enumerate().map(weighted).sum(),
    )
}

/// Frames `[T, P, H, W]` as `frames.transpose(0, 2, 3, 1).reshape(-1)`, from:
/// * tonic 1.7: `to_frame_numpy(events, (34, 30, 2), n_time_bins=7)`, `n_event_bins=7`;
/// * SpikingJelly 2.0: `integrate_events_by_fixed_frames_number(events, "number", 7, 30, 34)`,
///   `"time"`.
#[test]
fn slices_are_those_of_tonic_and_spikingjelly() {
    let mut compared = 0;
    for (slices, remainder, expected) in [
        (Slices::Time, Remainder::Drop, (5_002.0, 2_500_953.0)),
        (Slices::Number, Remainder::Drop, (4_998.0, 2_504_860.0)),
        (Slices::Number, Remainder::Last, (5_003.0, 2_506_579.0)),
        (Slices::Time, Remainder::Last, (5_003.0, 2_501_900.0)),
    ] {
        let counts = EventFrames { slices, remainder, ..EventFrames::default() };
        let input = EventInput { representation: counts.into(), ..EventInput::default() };
        assert_eq!(sums(&frames(&input, recording(), 7)), expected);
        compared += 1;
    }
    assert_eq!(compared, 4);
}

/// tonic's frames through PyTorch's `interpolate(mode="bilinear", align_corners=True)`.
#[test]
fn msg_as_tonic_and_pytorch_have_it() {
    let frames = frames(&EventInput::msg(), recording(), 7);
    let (sum, weighted) = sums(&frames);
    assert!((sum - 11_298.860_586).abs() < 1e-2, "{sum}");
    assert!((weighted - 5_593_209.855_942).abs() < 5.0, "{weighted}");
}

/// `frames[polarity, y, x] += 1` of `NumPy` with ON at 0, divided by the maximum, and
/// `ToTensor()(Resize((48, 48))(ToPILImage()(frame)))`, in bytes.
#[test]
fn tet_as_its_code_has_it() {
    let mut frames = frames(&EventInput::tet(), recording(), 7);
    for value in frames.values_mut() {
        *value = (*value * 255.0).round();
    }
    assert_eq!(sums(&frames), (2_260_066.0, 1_133_177_160.0));
}

#[test]
fn each_representation_keeps_the_contract() {
    let mut visited = Vec::new();
    for representation in AnyRepresentation::all() {
        let name = representation.name();
        let flat = representation.is_flat();
        let input = EventInput { representation, ..EventInput::default() };
        for time_steps in [1, 2, 5] {
            let whole = frames(&input, recording(), time_steps);
            assert_eq!(whole.shape().time, time_steps, "{name}");
            let pixels = whole.shape().height * whole.shape().width;
            assert_eq!(pixels, if flat { 1 } else { 30 * 34 }, "{name}");
            assert!(whole.values().iter().any(|&value| value > 0.0), "{name}");
            // The order in which the file has the events does not matter where times differ.
            let mut late_first = Events::with_capacity(34, 30, 5_003);
            let events = recording();
            for i in (0..events.len()).rev() {
                if i == 0 || events.t[i] > events.t[i - 1] {
                    late_first.push(events.x[i], events.y[i], events.t[i], events.p[i]);
                }
            }
            let mut early_first = late_first.clone();
            early_first.sort_by_time();
            assert!(early_first.t != late_first.t && late_first.len() > 4_000);
            let late_first = frames(&input, late_first, time_steps);
            let early_first = frames(&input, early_first, time_steps);
            assert_eq!(late_first.values(), early_first.values(), "{name}");
            // Frames that held something before, and no event at all.
            let eventizer = input.prepare(30, 34, time_steps).unwrap();
            let mut used = whole.clone();
            let nothing = Events { width: 34, height: 30, ..Events::default() };
            eventizer.apply(nothing, &mut used).unwrap();
            assert!(used.values().iter().all(|&value| value == 0.0), "{name}");
        }
        visited.push(name);
    }
    assert_eq!(visited, ["frames", "voxel_grid", "time_surface", "spike_train"]);
}

#[test]
fn an_event_outside_of_the_sensor_is_an_error() {
    let mut refused = 0;
    for representation in AnyRepresentation::all() {
        let input = EventInput { representation, ..EventInput::default() };
        let eventizer = input.prepare(30, 34, 3).unwrap();
        for (x, y) in [(34, 0), (0, 30), (u16::MAX, u16::MAX)] {
            let mut events = recording();
            events.push(x, y, 5, true);
            let error = eventizer.apply(events, &mut Frames::default()).unwrap_err();
            assert_eq!(error, Outside { x: x.into(), y: y.into() });
            refused += 1;
        }
    }
    assert_eq!(refused, 12);
}

#[test]
fn binary_is_what_is_above_zero_after_the_resize() {
    let resize = Resize { way: Way::Area, height: 10, width: 11 };
    let gradual = EventInput { resize: Some(resize), ..EventInput::default() };
    let binary = EventInput { binary: true, ..gradual.clone() };
    let (gradual, binary) = (frames(&gradual, recording(), 40), frames(&binary, recording(), 40));
    let mut ones = 0;
    for (&gradual, &binary) in gradual.values().iter().zip(binary.values()) {
        assert_eq!(binary, f32::from(gradual > 0.0));
        ones += usize::from(binary == 1.0);
    }
    assert!(ones > 100 && ones < binary.values().len() - 100, "{ones}");
}

#[test]
fn recipes_name_each_choice() {
    let text = "
        normalize = \"tet\"
        resize = { way = \"pil-la-compat\", height = 48, width = 48 }
        [representation.frames]
        slices = \"number\"
        remainder = \"drop\"
        value = \"occupancy\"
    ";
    assert_eq!(toml::from_str::<EventInput>(text).unwrap(), EventInput::tet());
    let mut presets = 0;
    for input in [EventInput::default(), EventInput::tet(), EventInput::msg()] {
        let text = toml::to_string(&input).unwrap();
        assert_eq!(toml::from_str::<EventInput>(&text).unwrap(), input, "{text}");
        presets += 1;
    }
    assert_eq!(presets, 3);
    let msg: EventInput = toml::from_str("normalize = \"msg\"").unwrap();
    assert_eq!(msg.normalize, EventNormalization::None);
    let error = toml::from_str::<EventInput>("normalise = \"tet\"").unwrap_err();
    assert!(error.to_string().contains("unknown field `normalise`"), "{error}");
}

#[test]
fn the_loader_reads_recordings() {
    let loader = |workers, settings: Settings| {
        let dataset = Arc::from(open("fashion-mnist-dvs", Split::Test, None).unwrap());
        let settings = Settings {
            workers,
            batch_size: 3,
            time_steps: 4,
            subset: Some((0..7).collect()),
            shuffle: true,
            ..settings
        };
        Loader::new(dataset, settings, Device::Cpu)
    };
    let images = Settings {
        augmentation: [Flip::default().into(), Roll::default().into()].into_iter().collect(),
        events: EventInput {
            resize: Some(Resize { way: Way::BilinearAntialias, height: 20, width: 24 }),
            ..EventInput::default()
        },
        ..Settings::new(Key::new(3))
    };
    let units = Settings {
        events: EventInput {
            representation: SpikeTrain { duration: 300_000, ..SpikeTrain::default() }.into(),
            ..EventInput::default()
        },
        ..Settings::new(Key::new(3))
    };
    let mut visited = 0;
    for (settings, dims) in [(images, &[20, 24, 2][..]), (units.clone(), &[34 * 34])] {
        let contents = [0, 2].map(|workers| {
            let loader = loader(workers, settings.clone()).unwrap();
            assert_eq!((loader.input_steps(), loader.input_dims()), (4, dims));
            let mut contents = Vec::new();
            for batch in loader.epoch(0, 0).unwrap() {
                let batch = batch.unwrap();
                let values = batch.input.flatten_all().unwrap().to_vec1::<f32>().unwrap();
                assert!(values.iter().sum::<f32>() > 100.0);
                contents.push((batch.input.dims().to_vec(), batch.indices, values));
            }
            contents
        });
        assert_eq!(contents[0], contents[1]);
        assert_eq!(contents[0].len(), 3);
        assert_eq!(contents[0][0].0[..2], [4, 3]);
        assert_eq!(&contents[0][0].0[2..], dims);
        visited += 1;
    }
    assert_eq!(visited, 2);
    let flipped =
        Settings { augmentation: std::iter::once(Flip::default().into()).collect(), ..units };
    let error = loader(1, flipped).unwrap_err().to_string();
    assert_eq!(
        error,
        "augment: expected nothing but `normalize` for samples without rows and columns, got flip"
    );
}
