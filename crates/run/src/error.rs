//! What can go wrong with a run directory, each variant with the place and what was found there.

use std::path::{Path, PathBuf};

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The operating system refused a file operation.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was attempted, as a verb phrase.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The reason that the operating system gave.
        #[source]
        source: std::io::Error,
    },
    /// A new run was asked for in a directory that already holds one.
    #[error("{} already holds a run: resume it, or choose another directory", path.display())]
    Exists {
        /// The run directory.
        path: PathBuf,
    },
    /// The directory holds no run.
    #[error("{} is not a run directory: it has no {missing}", path.display())]
    NotARun {
        /// The directory.
        path: PathBuf,
        /// The file that every run has.
        missing: &'static str,
    },
    /// Another process is writing the run.
    #[error("{} is being written by another process", path.display())]
    Locked {
        /// The run directory.
        path: PathBuf,
    },
    /// A file is not the one that was written.
    #[error("{}: damaged or edited: expected SHA-256 {}, found {}", path.display(), short(expected), short(found))]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The hash that was recorded when it was written, in hexadecimal.
        expected: String,
        /// The hash of what is there, in hexadecimal.
        found: String,
    },
    /// A file is whole, but was written in another run.
    #[error("{}: written with another {what}: expected {}, found {}", path.display(), short(expected), short(found))]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What is another: `recipe`, `seed` or `metrics.jsonl`.
        what: &'static str,
        /// The one of this run: a hash in hexadecimal, or the seed.
        expected: String,
        /// The one that the file was written with.
        found: String,
    },
    /// A file does not hold what its name promises.
    #[error("{}: {source}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Where and what, with line and column.
        #[source]
        source: serde_json::Error,
    },
    /// A line that is not the torn end of its file cannot be read.
    #[error("{}: line {line}: {source}", path.display())]
    MalformedLine {
        /// The file.
        path: PathBuf,
        /// Line number, from 1.
        line: usize,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// The lines of a file do not count up by one.
    #[error("{}: line {line}: expected epoch {expected}, found epoch {found}", path.display())]
    EpochOrder {
        /// The file.
        path: PathBuf,
        /// Line number, from 1.
        line: usize,
        /// The epoch that follows the line before.
        expected: u32,
        /// The epoch that the line states.
        found: u32,
    },
    /// A checkpoint is of a later epoch than the last one recorded.
    #[error("{}: the checkpoint is of epoch {wanted}, but only {found} epochs are recorded", path.display())]
    MissingEpochs {
        /// The file.
        path: PathBuf,
        /// The epoch of the checkpoint.
        wanted: u32,
        /// The last epoch that the file records.
        found: u32,
    },
    /// The file was written by a version of this library that this one does not understand.
    #[error("{}: schema {found}, but this version reads schema {expected}", path.display())]
    Schema {
        /// The file.
        path: PathBuf,
        /// The schema version of this library.
        expected: u32,
        /// The schema version of the file.
        found: u32,
    },
    /// A record cannot be written, because a number in it is not finite or a value is absent.
    #[error("{}: cannot write the record: {source}", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// Which field, and why.
        #[source]
        source: serde_json::Error,
    },
}

impl RunError {
    /// Wraps an error of the operating system with what was attempted and where.
    pub(crate) fn io(action: &'static str, path: &Path, source: std::io::Error) -> Self {
        Self::Io { action, path: path.to_path_buf(), source }
    }
}

/// The first digits of a hash, enough to tell two apart.
fn short(hash: &str) -> String {
    hash.get(..12).map_or_else(|| hash.to_owned(), |start| format!("{start}…"))
}

/// Result of this crate.
pub type Result<T> = std::result::Result<T, RunError>;
