//! N-Caltech101: Caltech101 images on a screen before an ATIS sensor that makes three saccades.

use std::path::Path;

use super::Format;
use super::nmnist::CITATION;
use super::recordings::{Recording, Recordings, divide, entries, files_in, not_empty};
use crate::entry::{Content, Entry, Partition, Request, Source};
use crate::{Dataset, Error, Result, Shape};

/// 100 kinds of things and the background; the faces are there once, as `Faces_easy`.
const CLASSES: usize = 101;

pub(crate) const N_CALTECH101: Entry = Entry {
    name: "n-caltech101",
    description: "N-Caltech101: 8,709 event recordings of 101 classes, 240×180",
    shape: Shape::Events { width: 240, height: 180 },
    classes: CLASSES,
    license: "CC-BY-4.0",
    citation: CITATION,
    content: Content::counted(8_709),
    choices: &[],
    partitions: &[Partition {
        name: "last-tenth",
        source: "per class, the last tenth in the order of the file numbers test, rounded down, as \
                 split_to_train_test_set(0.9) of SpikingJelly; the set has no official split",
    }],
    source: Source::Folder {
        folders: &["n-caltech101", "N-Caltech101", "NCALTECH101"],
        layout: "Caltech101/ with a folder per class and its image_0001.bin and so on",
        files: &[],
    },
    open,
};

/// Classes are the folders in the order of their names, as bytes.
fn open(request: &Request<'_>) -> Result<Box<dyn Dataset>> {
    let folder = request.find(Path::new("Caltech101"))?;
    let mut folders = entries(&folder)?;
    folders.retain(|path| path.is_dir());
    folders.sort();
    if folders.len() != CLASSES {
        let expected = format!("{CLASSES} folders, one per class");
        return Err(Error::format(folder, "classes", expected, folders.len()));
    }
    let (mut classes, mut files) = (Vec::new(), Vec::new());
    for (label, folder) in folders.iter().enumerate() {
        let name = folder.file_name().unwrap_or_default();
        classes.push(name.to_string_lossy().into_owned());
        let paths = files_in(folder, &["bin"])?;
        not_empty(folder, &paths, ".bin file")?;
        files.extend(paths.into_iter().map(|path| Recording { path, label: label as u32 }));
    }
    let files = divide(files, CLASSES, request.split, |number, count| number >= count - count / 10);
    Ok(Box::new(Recordings::new(request, classes, Format::Atis, files)?))
}
