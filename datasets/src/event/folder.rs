//! Event recordings in folders: any files of the formats that are read, with a folder per class.
//!
//! The label is the place of the class's folder among all, in the order of their names as bytes.
//! A recording is a sample; `input.events` of a recipe divides it into frames, by time or by number.

use std::path::Path;

use super::recordings::{Recording, Recordings, divide, files_in, not_empty};
use super::{EXTENSIONS, detect_in, stated_sensor};
use crate::entry::{Content, Entry, Partition, Request, Source};
use crate::image::folder::class_names;
use crate::{Dataset, Error, Result, Shape, Split, file};

const FOLD: &str =
    "per class, every fifth recording of all/ in the order of the file numbers tests";
/// The file that states the size of the sensor.
const SENSOR: &str = "sensor.txt";

pub(crate) const EVENT_FOLDER: Entry = Entry {
    name: "event-folder",
    description: "any event recordings with a folder per class",
    shape: Shape::Events { width: 0, height: 0 },
    classes: 0,
    license: "that of the recordings",
    citation: "that of the recordings",
    content: Content::counted(0),
    choices: &[
        "classes = the folders of train/, or of all/, in the order of their names as bytes",
        "sensor = sensor.txt, or what the first recording says",
    ],
    partitions: &[
        Partition { name: "folders", source: "train/ trains, and test/ tests" },
        Partition { name: "fold-0", source: FOLD },
        Partition { name: "fold-1", source: FOLD },
        Partition { name: "fold-2", source: FOLD },
        Partition { name: "fold-3", source: FOLD },
        Partition { name: "fold-4", source: FOLD },
    ],
    source: Source::Folder {
        folders: &["event-folder"],
        layout: "train/CLASS/ and test/CLASS/, or for folds all/CLASS/, with recordings (.aedat, .aedat4, \
                 .bin, .bs2, .dat, .es, .npy, .npz, .raw); sensor.txt with the size of the sensor, such as \
                 34x34, where the recordings do not say it",
        files: &[],
    },
    open,
};

fn open(request: &Request<'_>) -> Result<Box<dyn Dataset>> {
    let fold = request.partition.name.strip_prefix("fold-");
    let fold: Option<usize> = fold.and_then(|fold| fold.parse().ok());
    let known = request.find(Path::new(if fold.is_some() { "all" } else { "train" }))?;
    let classes = class_names(&known)?;
    if classes.is_empty() {
        return Err(Error::format(known, "classes", "a folder per class", "none"));
    }
    let all = files(&known, &classes)?;
    let sensor = sensor(request, &known, &all[0].path)?;
    let files: Vec<Recording> = match (fold, request.split) {
        (None, Split::Train) => all,
        (None, Split::Test) => files(&request.find(Path::new("test"))?, &classes)?,
        (Some(fold), split) => {
            let divided = divide(all, classes.len(), split, |number, _| number % 5 == fold);
            not_empty(
                &known,
                &divided,
                &format!("recording in the {} of fold {fold}", split.name()),
            )?;
            divided
        }
    };
    Ok(Box::new(Recordings::of_sensor(request, classes, None, sensor, files)?))
}

/// The recordings of the classes in a folder, which has no others.
fn files(folder: &Path, classes: &[String]) -> Result<Vec<Recording>> {
    let mut files = Vec::new();
    for name in class_names(folder)? {
        let Ok(label) = classes.binary_search(&name) else {
            let found = format!("`{name}`");
            return Err(Error::format(folder, "classes", "the folders of train", found));
        };
        let paths = files_in(&folder.join(&name), &EXTENSIONS)?;
        files.extend(paths.into_iter().map(|path| Recording { path, label: label as u32 }));
    }
    not_empty(folder, &files, "recording")?;
    Ok(files)
}

/// Width and height by `sensor.txt`, or by the first recording.
fn sensor(request: &Request<'_>, folder: &Path, first: &Path) -> Result<(usize, usize)> {
    let expected = "the size of the sensor, such as 34x34";
    if let Ok(path) = request.find(Path::new(SENSOR)) {
        let text = file::read_text(&path)?;
        return sized(text.trim())
            .ok_or_else(|| Error::format(path, "sensor", expected, text.trim()));
    }
    let bytes = file::read(first)?;
    stated_sensor(detect_in(first, &bytes)?, &bytes).ok_or_else(|| {
        let path = folder.with_file_name(SENSOR);
        let expected = format!("{expected}, which {} does not say", first.display());
        Error::format(path, "sensor", expected, "no such file")
    })
}

/// Reads `34x34`.
fn sized(text: &str) -> Option<(usize, usize)> {
    let side = |text: &str| text.parse().ok().filter(|side| (1..=1 << 16).contains(side));
    let (width, height) = text.split_once('x')?;
    side(width).zip(side(height))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_or_refused() {
        assert_eq!(sized("34x28"), Some((34, 28)));
        let wrong = ["", "34", "34x", "0x4", "34x65537", "34 x 34"];
        assert_eq!(wrong.iter().filter(|text| sized(text).is_none()).count(), 6);
    }
}
