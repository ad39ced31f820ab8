//! Data of one's own: recordings with a folder per class, and arrays of numbers.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::fs::{create_dir_all, write};
use std::path::Path;

use candlewick_datasets::event::{Format, encode};
use candlewick_datasets::{
    Dataset, Events, Sample, Shape, Split, census, contact_sheet, identify, open,
};

/// A recording whose one event tells which it is.
fn marked(number: usize, format: Format) -> Vec<u8> {
    let mut events = Events { width: 34, height: 34, ..Events::default() };
    events.push((number % 30) as u16, 2, number as i64, true);
    encode(&events, format).unwrap()
}

fn put(root: &Path, name: &str, bytes: impl AsRef<[u8]>) {
    let path = root.join(name);
    create_dir_all(path.parent().unwrap()).unwrap();
    write(path, bytes).unwrap();
}

/// The number of each recording with its label.
fn numbers(set: &dyn Dataset) -> Vec<(i64, u32)> {
    let number = |index| match set.read(index).unwrap() {
        Sample::Events(events) => events.t[0],
        _ => panic!("not events"),
    };
    (0..set.len()).map(|index| (number(index), set.label(index))).collect()
}

fn error(name: &str, split: Split, root: &Path) -> String {
    open(name, split, Some(root)).unwrap_err().to_string()
}

#[test]
fn recordings_of_any_format_lie_in_folders_of_classes() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    put(root, "train/wave/10.bin", marked(10, Format::Atis));
    put(root, "train/wave/9.aedat", marked(9, Format::Aedat2));
    put(root, "train/clap/1.aedat", marked(1, Format::Aedat3));
    put(root, "train/clap/notes.txt", "no recording");
    put(root, "test/wave/3.bin", marked(3, Format::Atis));
    // Neither the first recording nor its format says what sensor it is of.
    let text = error("event-folder", Split::Train, root);
    assert!(
        text.contains("sensor.txt: sensor: expected the size of the sensor, such as 34x34"),
        "{text}"
    );
    assert!(text.contains("clap") && text.ends_with("does not say, found no such file"), "{text}");
    put(root, "sensor.txt", "34x34\n");
    let train = open("event-folder", Split::Train, Some(root)).unwrap();
    assert_eq!(numbers(&*train), [(1, 0), (9, 1), (10, 1)]);
    assert_eq!(train.info().shape, Shape::Events { width: 34, height: 34 });
    assert_eq!(train.info().classes, ["clap", "wave"]);
    let test = open("event-folder", Split::Test, Some(root)).unwrap();
    assert_eq!(numbers(&*test), [(3, 1)]);
    assert_ne!(train.info().content_hash, test.info().content_hash);
    let found: Vec<_> = identify(root).iter().map(|candidate| candidate.entry.name).collect();
    assert_eq!(found, ["event-folder"]);

    // What is wrong is named.
    put(root, "sensor.txt", "34 by 34");
    assert!(error("event-folder", Split::Train, root).ends_with("such as 34x34, found 34 by 34"));
    put(root, "sensor.txt", "5x5");
    let small = open("event-folder", Split::Train, Some(root)).unwrap();
    let text = small.read(1).unwrap_err().to_string();
    assert!(text.contains("9.aedat: x: expected below 5, found 9 in event 0"), "{text}");
    put(root, "sensor.txt", "34x34");
    put(root, "train/wave/11.aedat", "<html>");
    let broken = census(&*open("event-folder", Split::Train, Some(root)).unwrap()).broken;
    let text = broken[0].1.to_string();
    assert!(
        broken.len() == 1 && text.contains("11.aedat: recording: expected one of aedat1, "),
        "{text}"
    );
    put(root, "test/jump/4.bin", marked(4, Format::Atis));
    let text = error("event-folder", Split::Test, root);
    assert!(text.ends_with("classes: expected the folders of train, found `jump`"), "{text}");
}

#[test]
fn the_first_recording_may_state_the_sensor() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    for part in ["train", "test"] {
        put(root, &format!("{part}/a/1.aedat"), marked(1, Format::Aedat2));
        put(root, &format!("{part}/b/2.bin"), marked(2, Format::Atis));
    }
    // AEDAT 2.0 of the DVS128.
    let set = open("event-folder", Split::Train, Some(root)).unwrap();
    assert_eq!(set.info().shape, Shape::Events { width: 128, height: 128 });
    assert_eq!(numbers(&*set), [(1, 0), (2, 1)]);
}

#[test]
fn folds_test_every_recording_once() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    put(root, "sensor.txt", "34x34");
    for (class, count) in [("a", 7), ("b", 5)] {
        for number in 0..count {
            put(root, &format!("all/{class}/{number}.bin"), marked(number, Format::Atis));
        }
    }
    let mut tested = Vec::new();
    for fold in 0..5 {
        let of = |split| {
            numbers(&*open(&format!("event-folder:fold-{fold}"), split, Some(root)).unwrap())
        };
        let (train, test) = (of(Split::Train), of(Split::Test));
        assert_eq!(train.len() + test.len(), 12);
        assert!(train.iter().all(|one| !test.contains(one)));
        tested.extend(test);
    }
    tested.sort_by_key(|&(number, label)| (label, number));
    let all: Vec<_> =
        (0..7).map(|number| (number, 0)).chain((0..5).map(|number| (number, 1))).collect();
    assert_eq!(tested, all);
    assert!(error("event-folder", Split::Train, root).contains("no `train` in "));
}

/// A file of NumPy.
fn npy(kind: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let text = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((text.len() as u16).to_le_bytes());
    bytes.extend(text.as_bytes());
    bytes.extend(data);
    bytes
}

fn floats(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// A file of safetensors with two tensors: 32-bit floats, and labels of 8 bits.
fn tensors(dims: &str, values: &[f32], labels: &[u8]) -> Vec<u8> {
    let (middle, end) = (4 * values.len(), 4 * values.len() + labels.len());
    let count = labels.len();
    let header = format!(
        r#"{{"inputs":{{"dtype":"F32","shape":{dims},"data_offsets":[0,{middle}]}},"labels":{{"dtype":"U8","shape":[{count}],"data_offsets":[{middle},{end}]}}}}"#
    );
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.extend(floats(values));
    bytes.extend(labels);
    bytes
}

fn values(set: &dyn Dataset, index: usize) -> Vec<f32> {
    match set.read(index).unwrap() {
        Sample::Array(array) => array.values.into_owned(),
        _ => panic!("not an array"),
    }
}

/// The same four samples in each of the three ways.
#[test]
fn arrays_are_the_same_in_every_file() {
    let numbers = [0.5, -1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0];
    let mut hashes = Vec::new();
    for way in ["npy", "safetensors", "csv"] {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for part in ["train", "test"] {
            match way {
                "npy" => {
                    let inputs = npy("<f4", "(4, 2)", &floats(&numbers));
                    put(root, &format!("{part}-inputs.npy"), inputs);
                    put(root, &format!("{part}-labels.npy"), npy("|u1", "(4,)", &[0, 1, 2, 1]));
                }
                "safetensors" => {
                    let file = tensors("[4,2]", &numbers, &[0, 1, 2, 1]);
                    put(root, &format!("{part}.safetensors"), file);
                }
                _ => {
                    let rows = "x,y,label\n0.5,-1,0\n2,3,1\n4,5,2\n6,7,1\n";
                    put(root, &format!("{part}.csv"), rows);
                }
            }
        }
        for split in Split::ALL {
            let set = open("arrays", split, Some(root)).unwrap();
            assert_eq!(set.info().shape, Shape::Vector { size: 2 }, "{way}");
            assert_eq!(
                (set.labels(), set.info().classes.join(" ")),
                (&[0, 1, 2, 1][..], "0 1 2".into())
            );
            assert_eq!((values(&*set, 0), values(&*set, 3)), (vec![0.5, -1.0], vec![6.0, 7.0]));
            hashes.push(set.info().content_hash.clone());
            let census = census(&*set);
            assert_eq!((census.numbers, census.per_class), (Some((-1.0, 7.0)), vec![1, 2, 1]));
            assert!((census.channels[0].0 - 26.5 / 8.0).abs() < 1e-6);
            assert!(contact_sheet(&*set, 2, 3).is_ok());
        }
        let found: Vec<_> = identify(root).iter().map(|candidate| candidate.entry.name).collect();
        assert_eq!(found, ["arrays"], "{way}");
    }
    assert!(hashes.len() == 6 && hashes.iter().all(|hash| *hash == hashes[0]), "{hashes:?}");
}

#[test]
fn dimensions_say_what_a_sample_is() {
    let cases = [
        ("(2, 6)", Shape::Vector { size: 6 }),
        ("(2, 2, 3)", Shape::Array { channels: 1, height: 2, width: 3 }),
        ("(2, 3, 2, 1)", Shape::Array { channels: 3, height: 2, width: 1 }),
    ];
    for (dims, shape) in cases {
        let folder = tempfile::tempdir().unwrap();
        let numbers: Vec<f32> = (0..12).map(|number| number as f32).collect();
        put(folder.path(), "train-inputs.npy", npy("<f4", dims, &floats(&numbers)));
        put(
            folder.path(),
            "train-labels.npy",
            npy("<i8", "(2,)", &[[0; 8], [1, 0, 0, 0, 0, 0, 0, 0]].concat()),
        );
        let set = open("arrays", Split::Train, Some(folder.path())).unwrap();
        assert_eq!((set.info().shape, set.read(1).unwrap().shape()), (shape, shape));
        assert_eq!(values(&*set, 1), numbers[6..]);
    }
    assert_eq!(cases.len(), 3);
}

#[test]
fn names_of_a_table_are_classes_in_their_order() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "train.csv", "x,label\n1,10\n2,9\n3,10\n");
    put(folder.path(), "test.csv", "x,label\n1,9\n");
    let set = open("arrays", Split::Train, Some(folder.path())).unwrap();
    assert_eq!((set.labels(), set.info().classes.join(" ")), (&[1, 0, 1][..], "9 10".into()));
    assert_eq!(open("arrays", Split::Test, Some(folder.path())).unwrap().labels(), [0]);
    put(folder.path(), "train.csv", "x,label\n1,dog\n2,Cat\n");
    let set = open("arrays", Split::Train, Some(folder.path())).unwrap();
    assert_eq!((set.labels(), set.info().classes.join(" ")), (&[1, 0][..], "Cat dog".into()));
    let text = error("arrays", Split::Test, folder.path());
    assert!(
        text.ends_with("label: expected a label of the training samples, found 9 of sample 0"),
        "{text}"
    );
}

#[test]
fn what_is_wrong_with_arrays_is_named() {
    let good = npy("<f4", "(2, 1)", &floats(&[1.0, 2.0]));
    let labels = npy("|u1", "(2,)", &[0, 1]);
    let cases: [(Vec<u8>, Vec<u8>, &str); 8] = [
        (
            npy("<f4", "(2,)", &floats(&[1.0, 2.0])),
            labels.clone(),
            "inputs: expected 2 to 4 dimensions, found [2]",
        ),
        (npy("<f4", "(0, 1)", &[]), labels.clone(), "inputs: expected at least one number"),
        (npy("<f4", "(2, 1)", &floats(&[1.0, f32::NAN])), labels.clone(), "found NaN in sample 1"),
        (
            npy("<f4", "(2, 1)", &[0; 7]),
            labels.clone(),
            "train-inputs.npy: array size: expected (2, 1) numbers of 4 bytes, found 7 bytes",
        ),
        (
            good.clone(),
            npy("|u1", "(3,)", &[0, 1, 1]),
            "labels: expected 2 labels, one for each of the inputs, found 3",
        ),
        (
            good.clone(),
            npy("<f4", "(2,)", &floats(&[0.0, 1.0])),
            "labels: expected one dimension of whole numbers, found [2] of floats of 32 bits",
        ),
        (
            good.clone(),
            npy("|i1", "(2,)", &[0, 255]),
            "labels: expected 0 to 65535, found -1 of sample 1",
        ),
        (b"\x1f\x8b".to_vec(), labels.clone(), "file: expected an unpacked file, found gzip"),
    ];
    for (inputs, labels, words) in &cases {
        let folder = tempfile::tempdir().unwrap();
        put(folder.path(), "train-inputs.npy", inputs);
        put(folder.path(), "train-labels.npy", labels);
        let text = error("arrays", Split::Train, folder.path());
        assert!(text.contains(words), "{words}: {text}");
    }
    assert_eq!(cases.len(), 8);
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "train.safetensors", tensors("[2,2]", &[1.0; 4], &[0, 1]));
    put(folder.path(), "test.safetensors", tensors("[2,1]", &[1.0; 2], &[0, 1]));
    let text = error("arrays", Split::Test, folder.path());
    assert!(text.ends_with("inputs: expected vectors of 2, found vectors of 1"), "{text}");
    put(folder.path(), "test.safetensors", "no tensors");
    let text = error("arrays", Split::Test, folder.path());
    assert!(
        text.contains("file: expected safetensors with the tensors `inputs` and `labels`"),
        "{text}"
    );
}
