//! Data sets of one recording per file, decoded when a sample is read.

use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::{Format, decode, read_recording};
use crate::entry::Request;
use crate::{Dataset, Error, Events, Info, Result, Sample, Shape, Split, file, hash};

/// Sets of more bytes than this are hashed by names, sizes and the first [`HEAD`] of each file.
const HASHED_WHOLE: u64 = 1 << 28;
const HEAD: u64 = 4096;

/// A file with a label.
pub(crate) struct Recording {
    pub(crate) path: PathBuf,
    pub(crate) label: u32,
}

/// A data set of recordings in files.
pub struct Recordings {
    info: Info,
    labels: Vec<u32>,
    paths: Vec<PathBuf>,
    /// Told by each file's content and name if `None`.
    format: Option<Format>,
    sensor: (usize, usize),
    turn: fn(&mut Events),
}

impl Recordings {
    /// Makes a data set of `files` in their order.
    ///
    /// # Errors
    /// If a file cannot be read: all are looked at, for the content hash.
    pub(crate) fn new(
        request: &Request<'_>,
        classes: Vec<String>,
        format: Format,
        files: Vec<Recording>,
    ) -> Result<Self> {
        let Shape::Events { width, height } = request.entry.shape else {
            unreachable!("entries of recordings have events")
        };
        Self::of_sensor(request, classes, Some(format), (width, height), files)
    }

    /// Makes a data set of `files` of a sensor of this width and height, each of its own format if `format`
    /// is `None`.
    ///
    /// # Errors
    /// As [`Recordings::new`].
    pub(crate) fn of_sensor(
        request: &Request<'_>,
        classes: Vec<String>,
        format: Option<Format>,
        sensor: (usize, usize),
        files: Vec<Recording>,
    ) -> Result<Self> {
        let shape = Shape::Events { width: sensor.0, height: sensor.1 };
        let (labels, paths): (Vec<_>, Vec<_>) =
            files.into_iter().map(|file| (file.label, file.path)).unzip();
        let mut content = hash::start(shape, &labels);
        hash_files(&mut content, &paths)?;
        let info = request.info(classes, shape, hash::finish(content));
        Ok(Self { info, labels, paths, format, sensor, turn: |_| {} })
    }

    /// Turns the events of each recording after decoding.
    pub(crate) fn turned(self, turn: fn(&mut Events)) -> Self {
        Self { turn, ..self }
    }

    /// The file of sample number `index`, if there is one.
    pub fn path(&self, index: usize) -> Option<&Path> {
        self.paths.get(index).map(PathBuf::as_path)
    }
}

impl Dataset for Recordings {
    fn info(&self) -> &Info {
        &self.info
    }

    fn labels(&self) -> &[u32] {
        &self.labels
    }

    fn read(&self, index: usize) -> Result<Sample<'_>> {
        let Some(path) = self.path(index) else {
            return Err(Error::NoSuchSample { index, len: self.labels.len() });
        };
        let mut events = match self.format {
            Some(format) => decode(path, &file::read(path)?, format, Some(self.sensor))?,
            None => read_recording(path, self.sensor)?,
        };
        (self.turn)(&mut events);
        Ok(Sample::Events(events))
    }
}

impl fmt::Debug for Recordings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recordings")
            .field("info", &self.info)
            .field("len", &self.labels.len())
            .finish_non_exhaustive()
    }
}

/// Takes the content of files into a hash, or of many bytes the beginnings.
pub(crate) fn hash_files(content: &mut Sha256, paths: &[PathBuf]) -> Result<()> {
    let mut sizes = Vec::with_capacity(paths.len());
    for path in paths {
        sizes.push(std::fs::metadata(path).map_err(Error::io(path))?.len());
    }
    let limit = if sizes.iter().sum::<u64>() <= HASHED_WHOLE { u64::MAX } else { HEAD };
    let mut buffer = Vec::new();
    for (path, size) in paths.iter().zip(&sizes) {
        content.update(size.to_le_bytes());
        buffer.clear();
        let file = file::open(path)?;
        file.take(limit).read_to_end(&mut buffer).map_err(Error::io(path))?;
        content.update(&buffer);
    }
    Ok(())
}

/// The files of a folder whose names have one of the extensions, in the order of their names;
/// names that are numbers but for the extension are ordered as numbers.
pub(crate) fn files_in(folder: &Path, extensions: &[&str]) -> Result<Vec<PathBuf>> {
    let mut files = entries(folder)?;
    files.retain(|path| {
        let extension = path.extension().and_then(|text| text.to_str());
        !path.is_dir() && extension.is_some_and(|text| extensions.contains(&text))
    });
    files.sort_by_cached_key(|path| {
        let name = path.file_name().unwrap_or_default().to_owned();
        (number_in(&name.to_string_lossy()), name)
    });
    Ok(files)
}

/// The number at the end of a file's stem, or the largest number if there is none.
fn number_in(name: &str) -> u64 {
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let digits = stem.trim_start_matches(|letter: char| !letter.is_ascii_digit());
    let last = digits.rsplit(|letter: char| !letter.is_ascii_digit()).next().unwrap_or("");
    last.parse().unwrap_or(u64::MAX)
}

/// All entries of a folder, in no order.
pub(crate) fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    std::fs::read_dir(folder)
        .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect())
        .map_err(Error::io(folder))
}

/// An error unless there is at least one file.
pub(crate) fn not_empty(folder: &Path, files: &[impl Sized], what: &str) -> Result<()> {
    if files.is_empty() {
        return Err(Error::format(folder, "folder", format!("at least one {what}"), "none"));
    }
    Ok(())
}

/// Divides files into train and test: test are those whose number among the files of their class,
/// counted from 0, satisfies `is_test(number, files in the class)`.
pub(crate) fn divide(
    files: Vec<Recording>,
    classes: usize,
    split: Split,
    is_test: impl Fn(usize, usize) -> bool,
) -> Vec<Recording> {
    let mut counts = vec![0; classes];
    for file in &files {
        counts[file.label as usize] += 1;
    }
    let mut seen = vec![0; classes];
    files
        .into_iter()
        .filter(|file| {
            let class = file.label as usize;
            let number = seen[class];
            seen[class] += 1;
            is_test(number, counts[class]) == (split == Split::Test)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_ordered_by_number() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["cat_10.bin", "cat_9.bin", "b.bin", "a.bin", "7.bin", "7.txt"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let files = files_in(folder.path(), &["bin"]).unwrap();
        let names: Vec<_> = files.iter().map(|path| path.file_name().unwrap()).collect();
        assert_eq!(names, ["7.bin", "cat_9.bin", "cat_10.bin", "a.bin", "b.bin"]);
    }

    #[test]
    fn a_division_counts_within_each_class() {
        let files = || -> Vec<Recording> {
            let labels = [0, 1, 0, 0, 1];
            labels.iter().map(|&label| Recording { path: PathBuf::new(), label }).collect()
        };
        let labels = |split| -> Vec<u32> {
            let last = |number, count| number + 1 == count;
            divide(files(), 2, split, last).iter().map(|file| file.label).collect()
        };
        assert_eq!((labels(Split::Train), labels(Split::Test)), (vec![0, 1, 0], vec![0, 1]));
    }
}
