//! Event data sets from folders that the tests write: order, labels, partitions, cuts.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::fs::{create_dir_all, write};
use std::path::Path;

use candlewick_datasets::event::{Format, encode};
use candlewick_datasets::{Dataset, Events, Sample, Split, open};

/// A recording whose one event tells which it is.
fn marked(number: usize, format: Format) -> Vec<u8> {
    let mut events = Events { width: 128, height: 128, ..Events::default() };
    events.push((number % 30) as u16, 2, number as i64, true);
    encode(&events, format).unwrap()
}

fn events(set: &dyn Dataset, index: usize) -> Events {
    match set.read(index).unwrap() {
        Sample::Events(events) => events,
        _ => panic!("not events"),
    }
}

/// The numbers of all recordings, class by class.
fn numbers(set: &dyn Dataset, classes: usize) -> Vec<Vec<i64>> {
    let mut numbers = vec![Vec::new(); classes];
    for (index, &label) in set.labels().iter().enumerate() {
        numbers[label as usize].push(events(set, index).t[0]);
    }
    numbers
}

#[test]
fn nmnist_is_read_by_class() {
    let root = tempfile::tempdir().unwrap();
    for part in ["Train", "Test"] {
        for class in 0..10 {
            let folder = root.path().join(format!("NMNIST/{part}/{class}"));
            create_dir_all(&folder).unwrap();
            for number in [10_000 + class, 9_000 + class] {
                let name = format!("{number:05}.bin");
                write(folder.join(name), marked(number, Format::Atis)).unwrap();
            }
        }
    }
    for split in Split::ALL {
        let set = open("nmnist", split, Some(root.path())).unwrap();
        let expected: Vec<_> = (0..10).map(|class| vec![9_000 + class, 10_000 + class]).collect();
        assert_eq!(numbers(&*set, 10), expected);
    }
    let empty = root.path().join("NMNIST/Test/7");
    std::fs::remove_dir_all(&empty).unwrap();
    create_dir_all(&empty).unwrap();
    let text = open("nmnist", Split::Test, Some(root.path())).unwrap_err().to_string();
    assert!(text.ends_with("folder: expected at least one .bin file, found none"), "{text}");
}

#[test]
fn nmnist_small_has_folds_that_cover_it_once() {
    let root = tempfile::tempdir().unwrap();
    let list = |numbers: &[usize]| -> String {
        let lines = numbers.iter().map(|number| format!("{number}\t{}\n", number % 10));
        std::iter::once("#sample #class\n".to_owned()).chain(lines).collect()
    };
    let (train, test): (Vec<_>, Vec<_>) = ((0..50).collect(), (60..70).collect());
    write(root.path().join("train1K.txt"), list(&train)).unwrap();
    write(root.path().join("test100.txt"), list(&test)).unwrap();
    for number in train.iter().chain(&test) {
        write(root.path().join(format!("{number}.bs2")), marked(*number, Format::Atis)).unwrap();
    }
    let read = |name: &str, split| numbers(&*open(name, split, Some(root.path())).unwrap(), 10);
    assert_eq!(read("nmnist-small", Split::Train)[3], [3, 13, 23, 33, 43]);
    assert_eq!(read("nmnist-small", Split::Test)[3], [63]);
    let mut tested = Vec::new();
    for fold in 0..5 {
        let name = format!("nmnist-small:fold-{fold}");
        let (train, test) = (read(&name, Split::Train), read(&name, Split::Test));
        assert_eq!((train[3].len(), test[3].len()), if fold == 0 { (4, 2) } else { (5, 1) });
        assert!(train[3].iter().all(|number| !test[3].contains(number)));
        tested.extend(test[3].clone());
    }
    tested.sort_unstable();
    assert_eq!(tested, [3, 13, 23, 33, 43, 63]);
    write(root.path().join("test100.txt"), "1 10\n").unwrap();
    let text = open("nmnist-small", Split::Test, Some(root.path())).unwrap_err().to_string();
    assert!(text.ends_with("expected a number and a class below 10, found \"1 10\""), "{text}");
}

#[test]
fn cifar10_dvs_has_the_partitions_of_the_papers() {
    let root = tempfile::tempdir().unwrap();
    let names = "airplane automobile bird cat deer dog frog horse ship truck";
    for name in names.split(' ') {
        let folder = root.path().join(name);
        create_dir_all(&folder).unwrap();
        for number in 0..20 {
            let file = format!("cifar10_{name}_{number}.aedat");
            write(folder.join(file), marked(number, Format::Aedat2)).unwrap();
        }
    }
    let mut visited = 0;
    for (partition, test) in
        [("last-100", [18, 19]), ("first-100", [0, 1]), ("text-order-last-100", [8, 9])]
    {
        let name = format!("cifar10-dvs:{partition}");
        let set = open(&name, Split::Test, Some(root.path())).unwrap();
        assert_eq!(numbers(&*set, 10), vec![test; 10]);
        assert_eq!(set.info().partition, partition);
        let set = open(&name, Split::Train, Some(root.path())).unwrap();
        assert!(numbers(&*set, 10).iter().all(|numbers| {
            numbers.len() == 18 && numbers.iter().all(|number| !test.contains(number))
        }));
        visited += 1;
    }
    assert_eq!(visited, 3);
    // Stored at x = 18, y = 2, and turned upright.
    let set = open("cifar10-dvs", Split::Test, Some(root.path())).unwrap();
    let first = events(&*set, 0);
    assert_eq!((first.x[0], first.y[0]), (125, 109));
}

#[test]
fn cifar10_dvs_in_aedat_4_is_another_set() {
    let root = tempfile::tempdir().unwrap();
    let recording = include_bytes!("fixtures/lz4.aedat4");
    for name in "airplane automobile bird cat deer dog frog horse ship truck".split(' ') {
        create_dir_all(root.path().join(name)).unwrap();
        for number in 0..10 {
            write(root.path().join(format!("{name}/{number}.aedat4")), recording).unwrap();
        }
    }
    let set = open("cifar10-dvs-aedat4", Split::Test, Some(root.path())).unwrap();
    assert_eq!((set.len(), set.info().name), (10, "cifar10-dvs-aedat4"));
    // The fixture comes from a larger camera, which is not that of the set.
    let text = set.read(0).unwrap_err().to_string();
    assert!(text.ends_with("x: expected below 128, found 152 in event 0"), "{text}");
    let text = open("cifar10-dvs", Split::Test, Some(root.path())).unwrap_err().to_string();
    assert!(text.ends_with("folder: expected at least one .aedat file, found none"), "{text}");
}

#[test]
fn gestures_are_cut_by_the_label_files() {
    let root = tempfile::tempdir().unwrap();
    let file = |name: &str| root.path().join("DvsGesture").join(name);
    create_dir_all(root.path().join("DvsGesture")).unwrap();
    let mut recording = Events { width: 128, height: 128, ..Events::default() };
    for time in 0..100 {
        recording.push(127, 0, 10 * time, time % 2 == 0);
    }
    let bytes = encode(&recording, Format::Aedat3).unwrap();
    write(file("user01_led.aedat"), bytes).unwrap();
    let table = "class,startTime_usec,endTime_usec\n1,100,200\n11,195,250\n11,300,300\n";
    write(file("user01_led_labels.csv"), table).unwrap();
    write(file("trials_to_train.txt"), "user01_led.aedat\r\n\r\n").unwrap();
    let open = || open("dvs128-gesture", Split::Train, Some(root.path()));
    let set = open().unwrap();
    assert_eq!(set.labels(), [0, 10, 10]);
    assert_eq!(events(&*set, 0).t, (10..20).map(|time| 10 * time).collect::<Vec<_>>());
    assert_eq!(events(&*set, 1).t, [200, 210, 220, 230, 240]);
    assert!(events(&*set, 2).is_empty());

    write(file("user01_led_labels.csv"), "class\n12,100,200\n").unwrap();
    let text = open().unwrap_err().to_string();
    assert!(text.ends_with("a start and a later end, found \"12,100,200\""), "{text}");
    write(file("trials_to_train.txt"), "../secret.aedat\n").unwrap();
    let text = open().unwrap_err().to_string();
    assert!(text.ends_with("expected the name of a file, found ../secret.aedat"), "{text}");
}

#[test]
fn n_caltech101_takes_its_classes_from_the_folders() {
    let root = tempfile::tempdir().unwrap();
    let folder = |class: usize| root.path().join(format!("Caltech101/class{class:03}"));
    let put = |folder: &Path, number: usize| {
        let name = format!("image_{number:04}.bin");
        write(folder.join(name), marked(number, Format::Atis)).unwrap();
    };
    for class in 0..101 {
        create_dir_all(folder(class)).unwrap();
        for number in 1..=if class == 5 { 25 } else { 10 } {
            put(&folder(class), number);
        }
    }
    let set = open("n-caltech101", Split::Test, Some(root.path())).unwrap();
    let found = numbers(&*set, 101);
    assert_eq!((&found[4][..], &found[5][..]), (&[10][..], &[24, 25][..]));
    assert_eq!(set.info().classes[5], "class005");
    std::fs::remove_dir_all(folder(7)).unwrap();
    let text = open("n-caltech101", Split::Test, Some(root.path())).unwrap_err().to_string();
    assert!(text.ends_with("classes: expected 101 folders, one per class, found 100"), "{text}");
}

/// The fixture was made by h5py; the sum is its own, with times cut to whole microseconds.
#[test]
#[cfg(feature = "hdf5")]
fn shd_is_read_as_h5py_reads_it() {
    let root = tempfile::tempdir().unwrap();
    write(root.path().join("shd_test.h5"), include_bytes!("fixtures/shd_test.h5")).unwrap();
    let set = open("shd", Split::Test, Some(root.path())).unwrap();
    assert_eq!((set.labels(), &*set.info().classes[19]), (&[3, 19, 0][..], "key 19"));
    let first = events(&*set, 0);
    assert_eq!((first.width, first.height, &first.x[..]), (700, 1, &[5, 699, 0][..]));
    assert_eq!((&first.t[..], &first.p[..]), (&[99_975, 250_000, 1_000_000][..], &[true; 3][..]));
    assert!(events(&*set, 1).is_empty());
    let last = events(&*set, 2);
    assert_eq!((last.len(), last.t.iter().sum::<i64>()), (400, 159_599_329));
    assert_eq!(last.x, (0..400).collect::<Vec<u16>>());
    // A cut file is an error in words, wherever it ends.
    let bytes = include_bytes!("fixtures/shd_test.h5");
    for end in [1, bytes.len() / 2, bytes.len() - 1] {
        write(root.path().join("shd_test.h5"), &bytes[..end]).unwrap();
        let text = open("shd", Split::Test, Some(root.path())).unwrap_err().to_string();
        let expected = [
            "file: expected HDF5, found ".to_owned(),
            format!("end of the file: expected byte 9070, as the header says, found byte {end}"),
        ];
        assert!(expected.iter().any(|words| text.contains(words)), "{text}");
    }
}

/// A byte that is wrong is an error, or a number that is another one.
#[test]
#[cfg(feature = "hdf5")]
fn a_damaged_shd_file_is_an_error_in_words() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("shd_test.h5");
    let good = include_bytes!("fixtures/shd_test.h5");
    let (mut refused, mut visited) = (0, 0);
    for place in (0..good.len()).step_by(5) {
        for wrong in [0, 0xff] {
            let mut bytes = good.to_vec();
            bytes[place] = wrong;
            write(&path, bytes).unwrap();
            let read = open("shd", Split::Test, Some(root.path()))
                .and_then(|set| (0..set.len()).try_for_each(|index| set.read(index).map(drop)));
            refused += usize::from(read.is_err());
            visited += 1;
        }
    }
    assert_eq!(visited, 2 * good.len().div_ceil(5));
    assert!(refused > 100, "{refused} of {visited}");
}

#[test]
#[cfg(not(feature = "hdf5"))]
fn shd_names_the_feature_that_it_needs() {
    let root = tempfile::tempdir().unwrap();
    write(root.path().join("shd_test.h5"), "").unwrap();
    let text = open("shd", Split::Test, Some(root.path())).unwrap_err().to_string();
    assert!(text.starts_with("data set `shd` needs the feature `hdf5`"), "{text}");
}
