//! CIFAR-10 and CIFAR-100, binary version (Krizhevsky 2009, "Learning Multiple Layers of Features
//! from Tiny Images").
//!
//! A record is one label byte (two for CIFAR-100: coarse, then fine) and 3,072 bytes
//! `[channel, row, column]`, red first.

use std::path::Path;

use crate::entry::{Content, Entry, FileSpec, OFFICIAL, Request, Source};
use crate::image::InMemory;
use crate::{Dataset, Error, Result, Shape, Split, file};

const DIMS: [usize; 3] = [3, 32, 32];
const SHAPE: Shape = Shape::Image { channels: 3, height: 32, width: 32 };
const CITATION: &str =
    "A. Krizhevsky, \"Learning Multiple Layers of Features from Tiny Images\", 2009";
const TEN_FILE: u64 = 10_000 * 3_073;

const TEN_TRAIN: [&str; 5] = [
    "data_batch_1.bin",
    "data_batch_2.bin",
    "data_batch_3.bin",
    "data_batch_4.bin",
    "data_batch_5.bin",
];

pub(crate) const CIFAR10: Entry = Entry {
    name: "cifar10",
    description: "objects and animals 32×32 color: 50,000 + 10,000 images, 10 classes",
    shape: SHAPE,
    classes: 10,
    license: "none stated by the authors",
    citation: CITATION,
    content: Content::counted(60_000),
    choices: &[],
    partitions: OFFICIAL,
    source: Source::Folder {
        folders: &["cifar10", "cifar-10-batches-bin", "cifar10/cifar-10-batches-bin"],
        layout: "the binary version: data_batch_1.bin to data_batch_5.bin and test_batch.bin",
        files: &[
            FileSpec::known(
                TEN_TRAIN[0],
                TEN_FILE,
                "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5",
            ),
            FileSpec::known(
                TEN_TRAIN[1],
                TEN_FILE,
                "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed",
            ),
            FileSpec::known(
                TEN_TRAIN[2],
                TEN_FILE,
                "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67",
            ),
            FileSpec::known(
                TEN_TRAIN[3],
                TEN_FILE,
                "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48",
            ),
            FileSpec::known(
                TEN_TRAIN[4],
                TEN_FILE,
                "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add",
            ),
            FileSpec::known(
                "test_batch.bin",
                TEN_FILE,
                "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b",
            ),
        ],
    },
    open: |request| {
        let files: &[&str] = match request.split {
            Split::Train => &TEN_TRAIN,
            Split::Test => &["test_batch.bin"],
        };
        open(request, files, 1, &TEN_NAMES)
    },
};

pub(crate) const CIFAR100: Entry = Entry {
    name: "cifar100",
    description: "objects and animals 32×32 color: 50,000 + 10,000 images, 100 fine classes",
    shape: SHAPE,
    classes: 100,
    license: "none stated by the authors",
    citation: CITATION,
    content: Content::counted(60_000),
    choices: &[],
    partitions: OFFICIAL,
    source: Source::Folder {
        folders: &["cifar100", "cifar-100-binary", "cifar100/cifar-100-binary"],
        layout: "the binary version: train.bin and test.bin",
        files: &[
            FileSpec::sized("train.bin", 50_000 * 3_074),
            FileSpec::sized("test.bin", 10_000 * 3_074),
        ],
    },
    open: |request| {
        let file = match request.split {
            Split::Train => "train.bin",
            Split::Test => "test.bin",
        };
        open(request, &[file], 2, &HUNDRED_NAMES)
    },
};

/// Reads whole files of records with `label_bytes` bytes of labels, of which the last counts.
fn open(
    request: &Request<'_>,
    files: &[&str],
    label_bytes: usize,
    names: &[&str],
) -> Result<Box<dyn Dataset>> {
    let record = label_bytes + DIMS.iter().product::<usize>();
    let (mut labels, mut pixels) = (Vec::new(), Vec::new());
    for file in files {
        let path = request.find(Path::new(file))?;
        let bytes = file::read(&path)?;
        if bytes.is_empty() || bytes.len() % record != 0 {
            let expected = format!("a multiple of {record} bytes");
            return Err(Error::format(path, "file size", expected, bytes.len()));
        }
        labels.reserve(bytes.len() / record);
        pixels.reserve(bytes.len() / record * (record - label_bytes));
        for (number, bytes) in bytes.chunks_exact(record).enumerate() {
            let label = bytes[label_bytes - 1];
            if usize::from(label) >= names.len() {
                let found = format!("{label} in record {number}");
                return Err(Error::format(path, "label", format!("below {}", names.len()), found));
            }
            labels.push(u32::from(label));
            pixels.extend_from_slice(&bytes[label_bytes..]);
        }
    }
    let classes = names.iter().map(ToString::to_string).collect();
    Ok(Box::new(InMemory::new(request, classes, DIMS, labels, pixels)))
}

pub(crate) const TEN_NAMES: [&str; 10] =
    ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

#[rustfmt::skip]
const HUNDRED_NAMES: [&str; 100] = [
    "apple", "aquarium_fish", "baby", "bear", "beaver", "bed", "bee", "beetle", "bicycle",
    "bottle", "bowl", "boy", "bridge", "bus", "butterfly", "camel", "can", "castle",
    "caterpillar", "cattle", "chair", "chimpanzee", "clock", "cloud", "cockroach", "couch", "crab",
    "crocodile", "cup", "dinosaur", "dolphin", "elephant", "flatfish", "forest", "fox", "girl",
    "hamster", "house", "kangaroo", "keyboard", "lamp", "lawn_mower", "leopard", "lion", "lizard",
    "lobster", "man", "maple_tree", "motorcycle", "mountain", "mouse", "mushroom", "oak_tree",
    "orange", "orchid", "otter", "palm_tree", "pear", "pickup_truck", "pine_tree", "plain",
    "plate", "poppy", "porcupine", "possum", "rabbit", "raccoon", "ray", "road", "rocket", "rose",
    "sea", "seal", "shark", "shrew", "skunk", "skyscraper", "snail", "snake", "spider",
    "squirrel", "streetcar", "sunflower", "sweet_pepper", "table", "tank", "telephone",
    "television", "tiger", "tractor", "train", "trout", "tulip", "turtle", "wardrobe", "whale",
    "willow_tree", "wolf", "woman", "worm",
];
