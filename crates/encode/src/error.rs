//! What can go wrong between a sample and a batch.

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting is out of range, a shape does not fit, or a tensor operation failed.
    #[error(transparent)]
    Core(#[from] candlewick_core::Error),
    /// A sample could not be read.
    #[error("data set `{dataset}`, sample {index}: {source}")]
    Sample {
        /// Name of the data set.
        dataset: &'static str,
        /// Number of the sample in its split.
        index: usize,
        /// The reason; names the file.
        source: candlewick_datasets::Error,
    },
    /// A sample is not of the kind or size that its data set announced.
    #[error("data set `{dataset}`, sample {index}: expected {expected}, found {found}")]
    Unexpected {
        /// Name of the data set.
        dataset: &'static str,
        /// Number of the sample in its split.
        index: usize,
        /// What the data set announced.
        expected: String,
        /// What the sample is.
        found: String,
    },
    /// The file of decoded frames cannot be written or read.
    #[error("frame cache {}: {source}", path.display())]
    Cache {
        /// The file.
        path: std::path::PathBuf,
        /// The reason.
        source: std::io::Error,
    },
    /// A worker thread ended without handing over its batch.
    #[error("batch {batch}: the worker thread that prepares it ended early")]
    Worker {
        /// Number of the batch in its epoch.
        batch: usize,
    },
    /// A worker thread could not be started.
    #[error("cannot start a worker thread: {source}")]
    Spawn {
        /// The reason.
        source: std::io::Error,
    },
}

impl Error {
    /// The error with the place before the name of its setting, if it is that of a setting.
    pub(crate) fn within(self, place: &str) -> Self {
        match self {
            Self::Core(candlewick_core::Error::Setting { field, expected, got }) => {
                Self::setting(format!("{place}.{field}"), expected, got)
            }
            other => other,
        }
    }

    /// A setting that is out of range.
    pub(crate) fn setting(
        field: impl Into<String>,
        expected: impl Into<String>,
        got: impl std::fmt::Display,
    ) -> Self {
        Self::Core(candlewick_core::Error::Setting {
            field: field.into(),
            expected: expected.into(),
            got: got.to_string(),
        })
    }
}

impl From<candle_core::Error> for Error {
    fn from(error: candle_core::Error) -> Self {
        Self::Core(error.into())
    }
}

/// The result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
