//! N-MNIST: MNIST digits on a screen before an ATIS sensor that makes three saccades, and the small
//! set of 1,000 + 100 of its recordings.

use std::path::{Path, PathBuf};

use super::Format;
use super::recordings::{Recording, Recordings, divide, files_in, not_empty};
use crate::entry::{Content, Entry, OFFICIAL, Partition, Request, Source};
use crate::{Dataset, Error, Result, Shape, Split, file};

const SHAPE: Shape = Shape::Events { width: 34, height: 34 };
pub(crate) const CITATION: &str = "G. Orchard, A. Jayawant, G. K. Cohen, N. Thakor, \"Converting static \
                        image datasets to spiking neuromorphic datasets using saccades\", \
                        Frontiers in Neuroscience 9:437, 2015";
const FOLD: &str = "cross-validation over all 1,100: within each class, in the order of the lists, \
                    recording j is tested in fold j mod 5";

pub(crate) const NMNIST: Entry = Entry {
    name: "nmnist",
    description: "N-MNIST: 60,000 + 10,000 event recordings of handwritten digits, 34×34",
    shape: SHAPE,
    classes: 10,
    license: "CC-BY-SA-4.0",
    citation: CITATION,
    content: Content::counted(70_000),
    choices: &[],
    partitions: OFFICIAL,
    source: Source::Folder {
        folders: &["nmnist", "N-MNIST", "NMNIST"],
        layout: "Train/0 to Train/9 and Test/0 to Test/9 with .bin files",
        files: &[],
    },
    open: open_full,
};

pub(crate) const NMNIST_SMALL: Entry = Entry {
    name: "nmnist-small",
    description: "1,000 + 100 recordings of N-MNIST, 34×34",
    shape: SHAPE,
    classes: 10,
    license: "CC-BY-SA-4.0",
    citation: CITATION,
    content: Content::known(
        1_100,
        [
            "6a9d41dad85dc8c93b506bde866fce01536cc5039d7049de2792d2c462ad1dfd",
            "79d73674c42ccda85f2533b4d479fea0f0de5b098b89c61a233c5bac0b07131f",
        ],
    ),
    choices: &[],
    partitions: &[
        Partition { name: "official", source: "the lists train1K.txt and test100.txt" },
        Partition { name: "fold-0", source: FOLD },
        Partition { name: "fold-1", source: FOLD },
        Partition { name: "fold-2", source: FOLD },
        Partition { name: "fold-3", source: FOLD },
        Partition { name: "fold-4", source: FOLD },
    ],
    source: Source::Folder {
        folders: &["NMNISTsmall", "nmnist-small", "nmnist-small/NMNISTsmall"],
        layout: "train1K.txt, test100.txt and the .bs2 files that they list",
        files: &[],
    },
    open: open_small,
};

fn classes() -> Vec<String> {
    (0..10).map(|digit| digit.to_string()).collect()
}

fn open_full(request: &Request<'_>) -> Result<Box<dyn Dataset>> {
    let part = match request.split {
        Split::Train => "Train",
        Split::Test => "Test",
    };
    let mut files = Vec::new();
    for label in 0..10 {
        let folder = request.find(&PathBuf::from(part).join(label.to_string()))?;
        let recordings = files_in(&folder, &["bin"])?;
        not_empty(&folder, &recordings, ".bin file")?;
        files.extend(recordings.into_iter().map(|path| Recording { path, label }));
    }
    Ok(Box::new(Recordings::new(request, classes(), Format::Atis, files)?))
}

fn open_small(request: &Request<'_>) -> Result<Box<dyn Dataset>> {
    let list = |name| listed(&request.find(Path::new(name))?);
    let files = match (request.partition.name.strip_prefix("fold-"), request.split) {
        (None, Split::Train) => list("train1K.txt")?,
        (None, Split::Test) => list("test100.txt")?,
        (Some(fold), split) => {
            let fold: usize = fold.parse().unwrap_or(0);
            let mut files = list("train1K.txt")?;
            files.extend(list("test100.txt")?);
            divide(files, 10, split, |number, _| number % 5 == fold)
        }
    };
    Ok(Box::new(Recordings::new(request, classes(), Format::Atis, files)?))
}

/// Reads a list: a comment line, then number and class on each line.
fn listed(path: &Path) -> Result<Vec<Recording>> {
    let text = file::read_text(path)?;
    let mut files = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty()) {
        let mut words = line.split_whitespace();
        let number = words.next().and_then(|word| word.parse::<u32>().ok());
        let label = words.next().and_then(|word| word.parse().ok()).filter(|&label| label < 10);
        let (Some(number), Some(label), None) = (number, label, words.next()) else {
            let expected = "a number and a class below 10";
            return Err(Error::format(path, "line", expected, format!("{line:?}")));
        };
        files.push(Recording { path: path.with_file_name(format!("{number}.bs2")), label });
    }
    not_empty(path, &files, "recording")?;
    Ok(files)
}
