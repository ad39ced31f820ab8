//! What can be wrong with a file of another library.

use std::path::PathBuf;

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A name map is not TOML, or has a key or type that does not belong there.
    #[error("{name}: {source}")]
    Parse {
        /// The map.
        name: String,
        /// Line, column and reason.
        source: Box<toml::de::Error>,
    },
    /// A file could not be read.
    #[error(transparent)]
    Read(Box<candlewick_datasets::Error>),
    /// A file is damaged, does not fit, or cannot hold the network.
    #[error("{}: {what}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong, naming the tensor or layer.
        what: String,
    },
    /// A file could not be written.
    #[error(transparent)]
    Write(#[from] candlewick_run::RunError),
}

impl From<candlewick_datasets::Error> for Error {
    fn from(error: candlewick_datasets::Error) -> Self {
        Self::Read(Box::new(error))
    }
}
