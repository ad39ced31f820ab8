//! Image sets: facts of the embedded ones, and folders made by the tests.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::path::Path;

use candlewick_datasets::{Dataset, Image, Sample, Split, Verdict, find, open, verify};

fn image(set: &dyn Dataset, index: usize) -> Image<'_> {
    match set.read(index).unwrap() {
        Sample::Image(image) => image,
        _ => panic!("not an image"),
    }
}

#[test]
fn fashion_mnist_small_is_the_official_order() {
    let set = open("fashion-mnist-small", Split::Train, None).unwrap();
    // The first ten labels of the official training set.
    let labels: Vec<u32> = (0..10).map(|index| set.label(index)).collect();
    assert_eq!(labels, [9, 0, 0, 3, 0, 2, 7, 2, 5, 5]);
    let mut counts = [0; 10];
    set.labels().iter().for_each(|&label| counts[label as usize] += 1);
    assert_eq!(counts, [500; 10]);
    // The first image of the official file: sum and one row, by numpy.
    let first = image(&*set, 0);
    assert_eq!(first.pixels.iter().map(|&value| u32::from(value)).sum::<u32>(), 76_247);
}

#[test]
fn digits_are_scaled_to_bytes() {
    let set = open("digits", Split::Train, None).unwrap();
    assert_eq!(set.labels()[..10], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    // First row of the first digit: 0 0 5 13 9 1 0 0, times 255 / 16, rounded.
    assert_eq!(image(&*set, 0).pixels[..8], [0, 0, 80, 207, 143, 16, 0, 0]);
}

fn write_idx(path: &Path, dims: &[u32], data: &[u8]) {
    let mut bytes = vec![0, 0, 8, dims.len() as u8];
    bytes.extend(dims.iter().flat_map(|dim| dim.to_be_bytes()));
    bytes.extend(data);
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn idx_folders_are_read_and_checked() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("MNIST/raw");
    std::fs::create_dir_all(&folder).unwrap();
    let images: Vec<u8> = (0..2 * 784).map(|value| (value % 251) as u8).collect();
    write_idx(&folder.join("train-images-idx3-ubyte"), &[2, 28, 28], &images);
    let error = |name: &str| open(name, Split::Train, Some(root.path())).unwrap_err().to_string();
    let text = error("mnist");
    assert!(text.contains("no `train-labels-idx1-ubyte` in "), "{text}");

    let labels = folder.join("train-labels-idx1-ubyte");
    write_idx(&labels, &[3], &[1, 2, 3]);
    let text = error("mnist");
    assert!(text.contains("number of labels: expected 2, as there are images in "), "{text}");
    write_idx(&labels, &[2], &[1, 10]);
    assert!(error("mnist").ends_with("label: expected below 10, found 10"));
    write_idx(&labels, &[1, 2], &[1, 2]);
    assert!(error("mnist").ends_with("rank: expected 1, found 2"));

    write_idx(&labels, &[2], &[1, 9]);
    for root in [root.path(), &folder] {
        let set = open("mnist", Split::Train, Some(root)).unwrap();
        assert_eq!(set.labels(), [1, 9]);
        assert_eq!(image(&*set, 1).pixels, &images[784..]);
    }
    write_idx(&folder.join("train-images-idx3-ubyte"), &[2, 4, 196], &images);
    assert!(error("mnist").ends_with("image size: expected 28×28, found 4×196"));

    let checks = verify(find("mnist").unwrap().0, Some(root.path())).unwrap();
    let verdicts: Vec<_> = checks.iter().map(|check| check.verdict).collect();
    let different = Verdict::Different;
    assert_eq!(verdicts, [different, different, Verdict::Missing, Verdict::Missing]);
}

#[test]
fn cifar_records_are_read_and_checked() {
    let root = tempfile::tempdir().unwrap();
    let pixels: Vec<u8> = (0..3_072).map(|value| (value % 241) as u8).collect();
    let mut record = vec![7];
    record.extend(&pixels);
    std::fs::write(root.path().join("test_batch.bin"), record.repeat(2)).unwrap();
    let set = open("cifar10", Split::Test, Some(root.path())).unwrap();
    assert_eq!(set.labels(), [7, 7]);
    assert_eq!(image(&*set, 1).pixels, pixels);
    assert_eq!(set.info().classes[7], "horse");

    // CIFAR-100: the fine label is the second byte.
    record.insert(0, 19);
    record[1] = 99;
    std::fs::write(root.path().join("train.bin"), &record).unwrap();
    let set = open("cifar100", Split::Train, Some(root.path())).unwrap();
    assert_eq!((set.labels(), &*set.info().classes[99]), (&[99][..], "worm"));
    assert_eq!(image(&*set, 0).pixels, pixels);

    record[1] = 100;
    std::fs::write(root.path().join("train.bin"), &record).unwrap();
    let text = open("cifar100", Split::Train, Some(root.path())).unwrap_err().to_string();
    assert!(text.ends_with("label: expected below 100, found 100 in record 0"), "{text}");
    std::fs::write(root.path().join("train.bin"), &record[..3_000]).unwrap();
    let text = open("cifar100", Split::Train, Some(root.path())).unwrap_err().to_string();
    assert!(text.ends_with("file size: expected a multiple of 3074 bytes, found 3000"), "{text}");
}

/// The files hold images transposed, and letters count from 1.
#[test]
fn emnist_is_turned_upright() {
    let root = tempfile::tempdir().unwrap();
    let mut stored = vec![0; 784];
    // Column 2, row 1 of the image is row 2, column 1 of the file.
    stored[2 * 28 + 1] = 7;
    let file = |name: &str| root.path().join(format!("emnist-letters-{name}-ubyte"));
    write_idx(&file("train-images-idx3"), &[1, 28, 28], &stored);
    write_idx(&file("train-labels-idx1"), &[1], &[26]);
    let set = open("emnist-letters", Split::Train, Some(root.path())).unwrap();
    assert_eq!((set.labels(), &set.info().classes[25][..]), (&[25][..], "z"));
    let upright = image(&*set, 0);
    assert_eq!(upright.pixels.iter().position(|&value| value == 7), Some(28 + 2));
    write_idx(&file("train-labels-idx1"), &[1], &[0]);
    let text = open("emnist-letters", Split::Train, Some(root.path())).unwrap_err().to_string();
    assert!(text.contains("label: expected below 26"), "{text}");
}
