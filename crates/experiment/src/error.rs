//! What can be wrong with a recipe or a table.

use std::path::PathBuf;

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The text is not TOML, or has a key or type that does not belong there.
    #[error("{name}: {source}")]
    Parse {
        /// The file or table.
        name: String,
        /// Line, column and reason.
        source: Box<toml::de::Error>,
    },
    /// A file could not be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
    /// A field has a value that makes no sense, or is missing.
    #[error("{name}: {field}: expected {expected}")]
    Field {
        /// The file or table.
        name: String,
        /// Path of the field in the recipe.
        field: String,
        /// What it should be.
        expected: String,
    },
    /// A name is not among the known ones.
    #[error("unknown {kind} `{name}`; known are {known}")]
    Unknown {
        /// `table`, `row` or `scale`.
        kind: &'static str,
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// The data could not be opened or read.
    #[error(transparent)]
    Data(#[from] candlewick_datasets::Error),
    /// The data could not be prepared for the network.
    #[error(transparent)]
    Encode(#[from] candlewick_encode::Error),
    /// A file of another library cannot be read, does not fit, or cannot hold the network.
    #[error("{}: {what}", path.display())]
    Exchange {
        /// The file.
        path: PathBuf,
        /// What is wrong, naming the tensor or layer.
        what: String,
    },
    /// The network does not fit together.
    #[error("{name}: {source}")]
    Network {
        /// The file or table.
        name: String,
        /// What does not fit.
        source: candlewick_core::Error,
    },
    /// The training failed.
    #[error(transparent)]
    Train(#[from] candlewick_train::Error),
    /// The run directory could not be read or written.
    #[error(transparent)]
    Run(#[from] candlewick_run::RunError),
}
