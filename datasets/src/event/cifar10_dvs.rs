//! CIFAR10-DVS: 1,000 CIFAR-10 images per class on a moving screen before a DVS128 (Li et al. 2017).
//!
//! The files are AEDAT 2.0; the set has no official split, and papers use several: each is a
//! partition here.
//! The sensor stood on its side: recordings are turned upright, as SpikingJelly does, so that a
//! flip from left to right is one (`x = 127 − y`, `y = 127 − x` of the stored coordinates).
//! A second set of files in AEDAT 4, converted by hand and hosted elsewhere, is what tonic reads; it
//! is a data set of its own here, with coordinates as stored.

use std::path::Path;

use super::recordings::{Recording, Recordings, divide, files_in, not_empty};
use super::{Events, Format};
use crate::entry::{Content, Entry, Partition, Request, Source};
use crate::image::cifar::TEN_NAMES;
use crate::{Dataset, Result, Shape};

const LAST: Partition = Partition {
    name: "last-100",
    source: "per class, files 0 to 899 train and 900 to 999 test, as in the newer script of TET and \
             in MSG",
};
const FIRST: Partition = Partition {
    name: "first-100",
    source: "per class, files 0 to 99 test and 100 to 999 train, as in TEBN",
};
const TEXT: Partition = Partition {
    name: "text-order-last-100",
    source: "per class, the last tenth of the file names in the order of text (10 before 2) test, as \
             split_to_train_test_set(0.9) of SpikingJelly without shuffling",
};

const PARTITIONS: &[Partition] = &[LAST, FIRST, TEXT];

pub(crate) const CIFAR10_DVS: Entry = Entry {
    name: "cifar10-dvs",
    description: "CIFAR10-DVS in AEDAT 2.0: 10,000 event recordings, 128×128, turned upright",
    shape: Shape::Events { width: 128, height: 128 },
    classes: 10,
    license: "CC-BY-4.0",
    citation: "H. Li, H. Liu, X. Ji, G. Li, L. Shi, \"CIFAR10-DVS: An Event-Stream Dataset for \
               Object Classification\", Frontiers in Neuroscience 11:309, 2017",
    content: Content::counted(10_000),
    choices: &[
        "coordinates = turned upright (x = 127 - y, y = 127 - x of the file), as SpikingJelly does",
        "files = the original AEDAT 2.0",
    ],
    partitions: PARTITIONS,
    source: Source::Folder {
        folders: &["cifar10-dvs", "CIFAR10DVS", "CIFAR10DVS/extract"],
        layout: "airplane/ to truck/ with the original files cifar10_airplane_0.aedat and so on",
        files: &[],
    },
    open: |request| open(request, "aedat", Format::Aedat2, upright),
};

pub(crate) const CIFAR10_DVS_AEDAT4: Entry = Entry {
    name: "cifar10-dvs-aedat4",
    description: "CIFAR10-DVS as converted to AEDAT 4: 10,000 event recordings, 128×128, as stored",
    choices: &["files = converted to AEDAT 4 by hand", "coordinates = as stored"],
    source: Source::Folder {
        folders: &["cifar10-dvs-aedat4", "CIFAR10DVS"],
        layout: "airplane/ to truck/ with .aedat4 files",
        files: &[],
    },
    open: |request| open(request, "aedat4", Format::Aedat4, |_| {}),
    ..CIFAR10_DVS
};

/// Opens the files with an extension.
fn open(
    request: &Request<'_>,
    extension: &str,
    format: Format,
    turn: fn(&mut Events),
) -> Result<Box<dyn Dataset>> {
    let mut files = Vec::new();
    for (label, name) in TEN_NAMES.into_iter().enumerate() {
        let folder = request.find(Path::new(name))?;
        let mut paths = files_in(&folder, &[extension])?;
        not_empty(&folder, &paths, &format!(".{extension} file"))?;
        if request.partition == &TEXT {
            paths.sort();
        }
        files.extend(paths.into_iter().map(|path| Recording { path, label: label as u32 }));
    }
    let first = request.partition == &FIRST;
    let files = divide(files, 10, request.split, |number, count| {
        if first { number < count / 10 } else { number >= count - count / 10 }
    });
    let classes = TEN_NAMES.map(str::to_owned).to_vec();
    Ok(Box::new(Recordings::new(request, classes, format, files)?.turned(turn)))
}

/// Turns events of the sensor, or of a part of it, upright.
pub(crate) fn upright(events: &mut Events) {
    std::mem::swap(&mut events.x, &mut events.y);
    std::mem::swap(&mut events.width, &mut events.height);
    let turn = |values: &mut [u16], size: usize| {
        for value in values {
            *value = (size - 1) as u16 - *value;
        }
    };
    turn(&mut events.x, events.width);
    turn(&mut events.y, events.height);
}
