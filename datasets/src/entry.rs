//! What is known of a data set before its files are looked at, and where its files are.

use std::path::{Path, PathBuf};

use crate::event::cifar10_dvs::{CIFAR10_DVS, upright};
use crate::{Dataset, Error, Events, Info, Result, Shape, Split};

/// A data set that this crate can open.
#[derive(Debug)]
#[non_exhaustive]
pub struct Entry {
    /// Name in recipes and on the command line.
    pub name: &'static str,
    /// One line.
    pub description: &'static str,
    /// Kind and common shape of the samples.
    pub shape: Shape,
    /// The number of classes; 0 where the files decide.
    pub classes: usize,
    /// SPDX expression, or words where there is none.
    pub license: &'static str,
    /// What to cite.
    pub citation: &'static str,
    /// How much there is of it in both splits of the default partition.
    pub content: Content,
    /// What its reader decides where others decide differently, as `name = choice`; goes into the
    /// manifest of a run.
    pub choices: &'static [&'static str],
    /// The ways of dividing the set into train and test; the first is the default.
    pub partitions: &'static [Partition],
    /// Where the samples come from.
    pub source: Source,
    pub(crate) open: fn(&Request<'_>) -> Result<Box<dyn Dataset>>,
}

/// What is known of all samples of a data set together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Content {
    /// Samples of train and test together, by the authors of the set; 0 where the files decide.
    pub samples: usize,
    /// [`Info::content_hash`] of train and test; `None` where we have not had the set in hand, or
    /// where [`FileSpec`]s say the same.
    pub hashes: Option<[&'static str; 2]>,
}

impl Content {
    pub(crate) const fn counted(samples: usize) -> Self {
        Self { samples, hashes: None }
    }

    pub(crate) const fn known(samples: usize, hashes: [&'static str; 2]) -> Self {
        Self { samples, hashes: Some(hashes) }
    }
}

/// A way of dividing a data set into train and test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partition {
    /// Name after the colon in `data-set:partition`.
    pub name: &'static str,
    /// What it is, and who uses it.
    pub source: &'static str,
}

/// The partition of sets that come with one.
pub(crate) const OFFICIAL: &[Partition] =
    &[Partition { name: "official", source: "the authors of the set" }];

/// Where the samples of a data set come from.
#[derive(Clone, Copy, Debug)]
pub enum Source {
    /// Compiled into this crate.
    Embedded(&'static [Embedded]),
    /// Read from a folder.
    Folder {
        /// Names under which the set is looked for in the folder, after the folder itself.
        folders: &'static [&'static str],
        /// The files, in words.
        layout: &'static str,
        /// The files with what is known of them; empty for sets of very many files.
        files: &'static [FileSpec],
    },
}

/// A file that is compiled into this crate.
#[derive(Clone, Copy)]
pub struct Embedded {
    /// What is known of the content after decompression.
    pub spec: FileSpec,
    pub(crate) content: &'static [u8],
}

impl Embedded {
    /// What errors call it.
    pub(crate) fn path(&self) -> PathBuf {
        Path::new("embedded").join(self.spec.path)
    }

    /// The file as it is compiled in, gzipped.
    pub fn content(&self) -> &'static [u8] {
        self.content
    }
}

impl std::fmt::Debug for Embedded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Embedded").field("spec", &self.spec).finish_non_exhaustive()
    }
}

/// A file of a data set, and what its content must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileSpec {
    /// Path relative to the folder of the set; the file may also have the suffix `.gz`.
    pub path: &'static str,
    /// Size in bytes after decompression.
    pub bytes: u64,
    /// SHA-256 after decompression in hexadecimal, so that plain and gzipped files compare equal.
    /// `None` where we have not had the original in hand.
    pub sha256: Option<&'static str>,
}

impl FileSpec {
    pub(crate) const fn known(path: &'static str, bytes: u64, sha256: &'static str) -> Self {
        Self { path, bytes, sha256: Some(sha256) }
    }

    pub(crate) const fn sized(path: &'static str, bytes: u64) -> Self {
        Self { path, bytes, sha256: None }
    }
}

/// What was asked for, with the entry and the partition found.
pub(crate) struct Request<'a> {
    pub(crate) entry: &'static Entry,
    pub(crate) partition: &'static Partition,
    pub(crate) split: Split,
    pub(crate) root: Option<&'a Path>,
}

impl Request<'_> {
    /// Everything that a data set says about itself.
    pub(crate) fn info(&self, classes: Vec<String>, shape: Shape, content_hash: String) -> Info {
        Info {
            name: self.entry.name,
            partition: self.partition.name,
            partition_source: self.partition.source,
            choices: self.entry.choices,
            split: self.split,
            classes,
            shape,
            license: self.entry.license,
            citation: self.entry.citation,
            content_hash,
        }
    }

    /// Embedded file number `number`.
    pub(crate) fn embedded(&self, number: usize) -> Result<&'static Embedded> {
        match self.entry.source {
            Source::Embedded(files) if number < files.len() => Ok(&files[number]),
            _ => Err(Error::format("embedded", "file", number, "nothing")),
        }
    }

    /// Where `relative` lies: in the folder, or in a customary folder below it, plain or `.gz`.
    pub(crate) fn find(&self, relative: &Path) -> Result<PathBuf> {
        self.entry.find(self.root, relative)
    }
}

impl Entry {
    /// Whether the set is compiled in and needs no folder.
    pub fn is_embedded(&self) -> bool {
        matches!(self.source, Source::Embedded(_))
    }

    /// Turns a recording of the set, as its file has it, as the reader of the set does.
    pub fn turn(&self, events: &mut Events) {
        if self.name == CIFAR10_DVS.name {
            upright(events);
        }
    }

    /// Where a file or folder of the set lies; see [`Request::find`].
    pub(crate) fn find(&self, root: Option<&Path>, relative: &Path) -> Result<PathBuf> {
        let (folders, layout) = match self.source {
            Source::Embedded(_) => (&[][..], "nothing"),
            Source::Folder { folders, layout, .. } => (folders, layout),
        };
        let Some(root) = root else {
            return Err(Error::FolderNeeded { dataset: self.name, layout });
        };
        for folder in std::iter::once("").chain(folders.iter().copied()) {
            let plain = root.join(folder).join(relative);
            let mut packed = plain.clone().into_os_string();
            packed.push(".gz");
            for path in [plain, packed.into()] {
                if path.exists() {
                    return Ok(path);
                }
            }
        }
        Err(Error::FilesMissing {
            dataset: self.name,
            root: root.to_path_buf(),
            missing: relative.to_path_buf(),
            layout,
        })
    }
}
