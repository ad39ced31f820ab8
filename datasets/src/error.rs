//! What can go wrong between a file and a sample.

use std::path::{Path, PathBuf};

use crate::visible;

/// An error of this crate; it names the file, the field, what was expected and what was found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The name is not in the registry.
    #[error("unknown data set `{}`; known: {known}", visible(name))]
    UnknownDataset {
        /// What was asked for.
        name: String,
        /// All names, separated by commas.
        known: String,
    },
    /// The data set has no partition of that name.
    #[error("data set `{dataset}` has no partition `{}`; known: {known}", visible(partition))]
    UnknownPartition {
        /// Name of the data set.
        dataset: String,
        /// What was asked for.
        partition: String,
        /// All names, separated by commas.
        known: String,
    },
    /// The data set is read from files, and no folder was given.
    #[error("data set `{dataset}` needs a folder (`--data-dir`; in the library `root`): {layout}")]
    FolderNeeded {
        /// Name of the data set.
        dataset: &'static str,
        /// The files that the folder must hold.
        layout: &'static str,
    },
    /// The folder does not hold the files of the data set.
    #[error(
        "data set `{dataset}`: no `{}` in {}; expected: {layout}",
        missing.display(),
        visible(root.display())
    )]
    FilesMissing {
        /// Name of the data set.
        dataset: &'static str,
        /// The folder that was searched.
        root: PathBuf,
        /// The first path that was not found, relative to the folder.
        missing: PathBuf,
        /// The files that the folder must hold.
        layout: &'static str,
    },
    /// The data set needs a feature of this crate that is off.
    #[error(
        "data set `{dataset}` needs the feature `{feature}`, which this program was built without"
    )]
    FeatureMissing {
        /// Name of the data set.
        dataset: &'static str,
        /// Name of the feature.
        feature: &'static str,
    },
    /// The operating system refused.
    #[error("{}: {source}", visible(path.display()))]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
    /// A pipe, a socket or a device in the place of a file.
    #[error("{}: expected a regular file, found {found}", visible(path.display()))]
    NotRegular {
        /// What was to be read.
        path: PathBuf,
        /// What it is.
        found: &'static str,
    },
    /// The content of a file is not what its format demands.
    #[error(
        "{}: {field}: expected {}, found {}",
        visible(path.display()),
        visible(expected),
        visible(found)
    )]
    Format {
        /// The file, or the name that the caller gave to the bytes.
        path: PathBuf,
        /// The part of the file that is wrong.
        field: &'static str,
        /// What would have been right.
        expected: String,
        /// What is there.
        found: String,
    },
    /// Events that a file format cannot hold.
    #[error("cannot write {format}: {field}: expected {expected}, found {found}")]
    NotWritable {
        /// Name of the format.
        format: &'static str,
        /// The part of the events that does not fit.
        field: &'static str,
        /// What would have fitted.
        expected: String,
        /// What is there.
        found: String,
    },
    /// A recording ends before what it announces, or within a record.
    #[error(
        "{}: {field}: expected {}, found {} ({events} events before the cut)",
        visible(path.display()),
        visible(expected),
        visible(found)
    )]
    Truncated {
        /// The file, or the name that the caller gave to the bytes.
        path: PathBuf,
        /// The part of the file that is cut.
        field: &'static str,
        /// What it announces.
        expected: Box<str>,
        /// What is there.
        found: Box<str>,
        /// How many events were decoded before the cut.
        events: usize,
    },
    /// A data set whose files are published nowhere that a program can reach.
    #[error(
        "data set `{dataset}` cannot be downloaded; create the folder {} and put its files there: {layout}",
        folder.display()
    )]
    Unpublished {
        /// Name of the data set.
        dataset: &'static str,
        /// The folder that the files belong in.
        folder: PathBuf,
        /// The files that the folder must hold.
        layout: &'static str,
    },
    /// A file that a person must fetch, because its license wants to be accepted.
    #[error(
        "data set `{dataset}`: its license must be accepted on a page: go to {page}, put {file} into {}, and \
         fetch again: the file is then checked and unpacked",
        folder.display()
    )]
    ByHand {
        /// Name of the data set.
        dataset: &'static str,
        /// Where to go.
        page: &'static str,
        /// What to get there.
        file: &'static str,
        /// Where to put it.
        folder: PathBuf,
    },
    /// A server did not give a file.
    #[error("{url}: expected {expected}, found {found}")]
    Transfer {
        /// What was asked for.
        url: String,
        /// What would have been right.
        expected: &'static str,
        /// What came.
        found: String,
    },
    /// A file is not the one that was published.
    #[error("{}: expected the MD5 {expected}, found {found}", visible(path.display()))]
    Checksum {
        /// The file.
        path: PathBuf,
        /// The published checksum.
        expected: String,
        /// That of the file.
        found: String,
    },
    /// The disk has no room.
    #[error("{}: {needed} bytes are needed, {available} are free", folder.display())]
    NoSpace {
        /// A folder on the disk.
        folder: PathBuf,
        /// What is needed.
        needed: u64,
        /// What is there.
        available: u64,
    },
    /// A sample number beyond the end of the data set.
    #[error("sample {index} of {len}: the index is out of range")]
    NoSuchSample {
        /// What was asked for.
        index: usize,
        /// How many samples there are.
        len: usize,
    },
}

impl Error {
    /// An [`Error::Format`] for a file or a named piece of memory.
    #[expect(clippy::needless_pass_by_value, reason = "callers give literals and fresh strings")]
    pub(crate) fn format(
        path: impl AsRef<Path>,
        field: &'static str,
        expected: impl ToString,
        found: impl ToString,
    ) -> Self {
        Self::Format {
            path: path.as_ref().to_path_buf(),
            field,
            expected: expected.to_string(),
            found: found.to_string(),
        }
    }

    /// An [`Error::Io`] for a path; for use in `map_err`.
    pub(crate) fn io(path: impl AsRef<Path>) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Io { path: path.as_ref().to_path_buf(), source }
    }
}

/// The result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_files_hold_is_escaped_in_messages() {
        let escape = "\u{1b}[2J";
        let path = PathBuf::from(format!("a{escape}"));
        let errors = [
            Error::format(&path, "classes", escape, escape),
            Error::io(&path)(std::io::ErrorKind::NotFound.into()),
            Error::NotRegular { path: path.clone(), found: "a pipe" },
            Error::UnknownDataset { name: escape.into(), known: "mnist".into() },
            Error::Checksum { path: path.clone(), expected: "0".into(), found: "1".into() },
            Error::FilesMissing { dataset: "mnist", root: path, missing: "a".into(), layout: "b" },
        ];
        for error in &errors {
            let text = error.to_string();
            assert!(text.contains("\\u{1b}[2J") && !text.contains('\u{1b}'), "{text:?}");
        }
        assert_eq!(errors.len(), 6);
    }
}
