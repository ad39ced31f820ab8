//! MNIST and the sets that copy its four IDX files, embedded or from a folder; digits 8×8.

use std::path::{Path, PathBuf};

use crate::entry::{Content, Embedded, Entry, FileSpec, OFFICIAL, Partition, Request, Source};
use crate::image::{InMemory, idx};
use crate::{Dataset, Error, Result, Shape, Split};

const DIGIT_NAMES: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
const KUZUSHIJI_NAMES: [&str; 10] = ["o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"];
pub(crate) const FASHION_NAMES: [&str; 10] = [
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
];

const SHAPE: Shape = Shape::Image { channels: 1, height: 28, width: 28 };
const LAYOUT: &str = "train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte \
                      and t10k-labels-idx1-ubyte, each plain or .gz";
pub(crate) const FASHION_CITATION: &str = "H. Xiao, K. Rasul, R. Vollgraf, \"Fashion-MNIST: a \
    Novel Image Dataset for Benchmarking Machine Learning Algorithms\", arXiv:1708.07747, 2017";

pub(crate) const DIGITS: Entry = Entry {
    name: "digits",
    description: "handwritten digits 8×8: 1,297 + 500 images, values 0..16 scaled to 0..255",
    shape: Shape::Image { channels: 1, height: 8, width: 8 },
    classes: 10,
    license: "CC-BY-4.0 (UCI) AND BSD-3-Clause (copy of scikit-learn)",
    citation: "E. Alpaydin, C. Kaynak, \"Optical Recognition of Handwritten Digits\", UCI Machine \
               Learning Repository, 1998, doi:10.24432/C50P49",
    content: Content::counted(1_797),
    choices: &[],
    partitions: &[Partition {
        name: "last-500",
        source: "the first 1,297 images train, the last 500 test; the set has no official split",
    }],
    source: Source::Embedded(&[
        Embedded {
            spec: FileSpec::known(
                "digits/images-idx3-ubyte.gz",
                115_024,
                "359cd13f0f514122884198b78a131df597421cbf5e93a76678fa96fc548f0d96",
            ),
            content: include_bytes!("../../embedded/digits/images-idx3-ubyte.gz"),
        },
        Embedded {
            spec: FileSpec::known(
                "digits/labels-idx1-ubyte.gz",
                1_805,
                "ce71631c1f31ce56fa54f31d1d498fafacff59b001e6c30c4a5e29508aa277ad",
            ),
            content: include_bytes!("../../embedded/digits/labels-idx1-ubyte.gz"),
        },
    ]),
    open: open_digits,
};

const EMNIST_CITATION: &str = "G. Cohen, S. Afshar, J. Tapson, A. van Schaik, \"EMNIST: Extending \
    MNIST to handwritten letters\", IJCNN 2017";
const EMNIST_CHOICES: &[&str] =
    &["orientation = upright; the files hold each image transposed, which is undone"];
/// Of the letters whose small and capital forms differ.
const BALANCED_NAMES: [&str; 47] = [
    "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "A", "B", "C", "D", "E", "F", "G", "H", "I",
    "J", "K", "L", "M", "N", "O", "P", "Q", "R", "S", "T", "U", "V", "W", "X", "Y", "Z", "a", "b",
    "d", "e", "f", "g", "h", "n", "q", "r", "t",
];
const LETTER_NAMES: [&str; 26] = [
    "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q", "r", "s",
    "t", "u", "v", "w", "x", "y", "z",
];

pub(crate) const EMNIST_BALANCED: Entry = Entry {
    name: "emnist-balanced",
    description: "handwritten digits and letters 28×28 grey: 112,800 + 18,800 images, 47 classes",
    shape: SHAPE,
    classes: 47,
    license: "none stated by the authors; the images are NIST's",
    citation: EMNIST_CITATION,
    content: Content::counted(131_600),
    choices: EMNIST_CHOICES,
    partitions: OFFICIAL,
    source: Source::Folder {
        folders: &["emnist", "EMNIST/raw", "emnist/gzip"],
        layout: "emnist-balanced-train-images-idx3-ubyte and the three like it, each plain or .gz",
        files: &[],
    },
    open: |request| open_emnist(request, "balanced", &BALANCED_NAMES, 0),
};

pub(crate) const EMNIST_DIGITS: Entry = Entry {
    name: "emnist-digits",
    description: "handwritten digits 28×28 grey: 240,000 + 40,000 images",
    classes: 10,
    content: Content::counted(280_000),
    source: Source::Folder {
        folders: &["emnist", "EMNIST/raw", "emnist/gzip"],
        layout: "emnist-digits-train-images-idx3-ubyte and the three like it, each plain or .gz",
        files: &[],
    },
    open: |request| open_emnist(request, "digits", &DIGIT_NAMES, 0),
    ..EMNIST_BALANCED
};

pub(crate) const EMNIST_LETTERS: Entry = Entry {
    name: "emnist-letters",
    description: "handwritten letters 28×28 grey: 124,800 + 20,800 images, 26 classes",
    classes: 26,
    content: Content::counted(145_600),
    source: Source::Folder {
        folders: &["emnist", "EMNIST/raw", "emnist/gzip"],
        layout: "emnist-letters-train-images-idx3-ubyte and the three like it, each plain or .gz",
        files: &[],
    },
    // The files count from 1.
    open: |request| open_emnist(request, "letters", &LETTER_NAMES, 1),
    ..EMNIST_BALANCED
};

pub(crate) const FASHION_MNIST: Entry = Entry {
    name: "fashion-mnist",
    description: "articles of clothing 28×28 grey: 60,000 + 10,000 images",
    shape: SHAPE,
    classes: 10,
    license: "MIT",
    citation: FASHION_CITATION,
    content: Content::counted(70_000),
    choices: &[],
    partitions: OFFICIAL,
    source: Source::Folder {
        folders: &["fashion-mnist", "FashionMNIST/raw"],
        layout: LAYOUT,
        files: &[
            FileSpec::known(
                "train-images-idx3-ubyte",
                47_040_016,
                "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            ),
            FileSpec::known(
                "train-labels-idx1-ubyte",
                60_008,
                "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            ),
            FileSpec::known(
                "t10k-images-idx3-ubyte",
                7_840_016,
                "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            ),
            FileSpec::known(
                "t10k-labels-idx1-ubyte",
                10_008,
                "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
            ),
        ],
    },
    open: |request| open_folder(request, &FASHION_NAMES),
};

pub(crate) const FASHION_MNIST_SMALL: Entry = Entry {
    name: "fashion-mnist-small",
    description: "the first 500 + 100 images per class of Fashion-MNIST, in official order",
    shape: SHAPE,
    classes: 10,
    license: "MIT",
    citation: FASHION_CITATION,
    content: Content::counted(6_000),
    choices: &[],
    partitions: OFFICIAL,
    source: Source::Embedded(&[
        Embedded {
            spec: FileSpec::known(
                "fashion-mnist-small/train-images-idx3-ubyte.gz",
                3_920_016,
                "444ed5f7ce17397f236f5eba17dd507d3f6912f04edd3e4f1701cdf82f2cc0c5",
            ),
            content: include_bytes!(
                "../../embedded/fashion-mnist-small/train-images-idx3-ubyte.gz"
            ),
        },
        Embedded {
            spec: FileSpec::known(
                "fashion-mnist-small/train-labels-idx1-ubyte.gz",
                5_008,
                "35d691216f65485d010cc635af5574a9dc04aa5060de9be64ab6e5cb5ead38e9",
            ),
            content: include_bytes!(
                "../../embedded/fashion-mnist-small/train-labels-idx1-ubyte.gz"
            ),
        },
        Embedded {
            spec: FileSpec::known(
                "fashion-mnist-small/t10k-images-idx3-ubyte.gz",
                784_016,
                "7cee33c3c6414b1b86c25e665a6c4f41584269de3b7cc9768b1d351922845eef",
            ),
            content: include_bytes!("../../embedded/fashion-mnist-small/t10k-images-idx3-ubyte.gz"),
        },
        Embedded {
            spec: FileSpec::known(
                "fashion-mnist-small/t10k-labels-idx1-ubyte.gz",
                1_008,
                "3128d790775889812b73c4f13923559c8b9e281d112c6ea7862acf60a206a909",
            ),
            content: include_bytes!("../../embedded/fashion-mnist-small/t10k-labels-idx1-ubyte.gz"),
        },
    ]),
    open: open_fashion_small,
};

pub(crate) const KMNIST: Entry = Entry {
    name: "kmnist",
    description: "cursive Japanese characters 28×28 grey: 60,000 + 10,000 images",
    shape: SHAPE,
    classes: 10,
    license: "CC-BY-SA-4.0",
    citation: "T. Clanuwat, M. Bober-Irizar, A. Kitamoto, A. Lamb, K. Yamamoto, D. Ha, \"Deep \
               Learning for Classical Japanese Literature\", arXiv:1812.01718, 2018",
    content: Content::counted(70_000),
    choices: &[],
    partitions: OFFICIAL,
    source: Source::Folder {
        folders: &["kmnist", "KMNIST/raw"],
        layout: LAYOUT,
        files: &[
            FileSpec::sized("train-images-idx3-ubyte", 47_040_016),
            FileSpec::sized("train-labels-idx1-ubyte", 60_008),
            FileSpec::sized("t10k-images-idx3-ubyte", 7_840_016),
            FileSpec::sized("t10k-labels-idx1-ubyte", 10_008),
        ],
    },
    open: |request| open_folder(request, &KUZUSHIJI_NAMES),
};

pub(crate) const MNIST: Entry = Entry {
    name: "mnist",
    description: "handwritten digits 28×28 grey: 60,000 + 10,000 images",
    shape: SHAPE,
    classes: 10,
    license: "CC-BY-SA-3.0",
    citation: "Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, \"Gradient-based learning applied to \
               document recognition\", Proceedings of the IEEE 86(11), 1998",
    content: Content::counted(70_000),
    choices: &[],
    partitions: OFFICIAL,
    source: Source::Folder {
        folders: &["mnist", "MNIST/raw"],
        layout: LAYOUT,
        files: &[
            FileSpec::known(
                "train-images-idx3-ubyte",
                47_040_016,
                "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            ),
            FileSpec::known(
                "train-labels-idx1-ubyte",
                60_008,
                "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            ),
            FileSpec::known(
                "t10k-images-idx3-ubyte",
                7_840_016,
                "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            ),
            FileSpec::known(
                "t10k-labels-idx1-ubyte",
                10_008,
                "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
            ),
        ],
    },
    open: |request| open_folder(request, &DIGIT_NAMES),
};

/// An IDX array and the name that errors call it.
type Named = (PathBuf, idx::Array);

fn open_folder(request: &Request<'_>, names: &[&str]) -> Result<Box<dyn Dataset>> {
    let part = match request.split {
        Split::Train => "train",
        Split::Test => "t10k",
    };
    let read = |suffix| {
        let path = request.find(Path::new(&format!("{part}-{suffix}")))?;
        let array = idx::read(&path)?;
        Ok((path, array))
    };
    let (images, labels) = (read("images-idx3-ubyte")?, read("labels-idx1-ubyte")?);
    assemble(request, names, images, labels)
}

/// Opens a part of EMNIST, whose images are stored column by column and whose labels count from
/// `first`.
fn open_emnist(
    request: &Request<'_>,
    part: &str,
    names: &[&str],
    first: u8,
) -> Result<Box<dyn Dataset>> {
    let read = |suffix| {
        let name = format!("emnist-{part}-{}-{suffix}", request.split.name());
        let path = request.find(Path::new(&name))?;
        let array = idx::read(&path)?;
        Ok((path, array))
    };
    let (mut images, mut labels): (Named, Named) =
        (read("images-idx3-ubyte")?, read("labels-idx1-ubyte")?);
    if let [_, rows, columns] = images.1.dims[..] {
        let mut upright = vec![0; rows * columns];
        for image in images.1.data.chunks_exact_mut(rows * columns) {
            for (place, &value) in image.iter().enumerate() {
                upright[place % columns * rows + place / columns] = value;
            }
            image.copy_from_slice(&upright);
        }
    }
    for label in &mut labels.1.data {
        // A label below the first becomes one that no class has.
        *label = label.wrapping_sub(first);
    }
    assemble(request, names, images, labels)
}

fn open_fashion_small(request: &Request<'_>) -> Result<Box<dyn Dataset>> {
    let first = match request.split {
        Split::Train => 0,
        Split::Test => 2,
    };
    let (images, labels) = (decode_embedded(request, first)?, decode_embedded(request, first + 1)?);
    assemble(request, &FASHION_NAMES, images, labels)
}

fn open_digits(request: &Request<'_>) -> Result<Box<dyn Dataset>> {
    const TRAIN: usize = 1_297;
    let (images, labels) = (decode_embedded(request, 0)?, decode_embedded(request, 1)?);
    let cut = |(path, mut array): Named| {
        let at = (TRAIN * array.data.len()).checked_div(array.dims[0]).unwrap_or(0);
        let (train, test) = array.data.split_at(at.min(array.data.len()));
        (array.data, array.dims[0]) = match request.split {
            Split::Train => (train.to_vec(), TRAIN),
            Split::Test => (test.to_vec(), array.dims[0].saturating_sub(TRAIN)),
        };
        (path, array)
    };
    let (mut images, labels) = (cut(images), cut(labels));
    for value in &mut images.1.data {
        // 0..16 to 0..255, rounded to nearest: 255 v / 16.
        *value = ((u16::from(*value) * 255 + 8) / 16) as u8;
    }
    assemble(request, &DIGIT_NAMES, images, labels)
}

fn decode_embedded(request: &Request<'_>, number: usize) -> Result<Named> {
    let file: &Embedded = request.embedded(number)?;
    let path = file.path();
    let array = idx::decode(&path, file.content)?;
    Ok((path, array))
}

/// Checks that images and labels belong together, and makes a data set of them.
fn assemble(
    request: &Request<'_>,
    names: &[&str],
    (images_path, images): Named,
    (labels_path, labels): Named,
) -> Result<Box<dyn Dataset>> {
    let Shape::Image { channels, height, width } = request.entry.shape else {
        unreachable!("entries of this file are images")
    };
    let [count, rows, columns] = images.dims[..] else {
        return Err(Error::format(images_path, "rank", 3, images.dims.len()));
    };
    if (rows, columns) != (height, width) {
        let (expected, found) = (format!("{height}×{width}"), format!("{rows}×{columns}"));
        return Err(Error::format(images_path, "image size", expected, found));
    }
    let [label_count] = labels.dims[..] else {
        return Err(Error::format(labels_path, "rank", 1, labels.dims.len()));
    };
    if label_count != count {
        let expected = format!("{count}, as there are images in {}", images_path.display());
        return Err(Error::format(labels_path, "number of labels", expected, label_count));
    }
    if let Some(&bad) = labels.data.iter().find(|&&label| usize::from(label) >= names.len()) {
        return Err(Error::format(labels_path, "label", format!("below {}", names.len()), bad));
    }
    let classes = names.iter().map(ToString::to_string).collect();
    let labels = labels.data.into_iter().map(u32::from).collect();
    let dims = [channels, height, width];
    Ok(Box::new(InMemory::new(request, classes, dims, labels, images.data)))
}
